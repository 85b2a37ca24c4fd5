// One command list for the runs of several programs. The first is submitted at once; while the device is busy with it, what
// follows is collected, and submitted when the device is done, when enough has come together, or when somebody reads.
// A run that may still be refused (a shader not yet known to compile, memory not yet known to be there) has a list of its
// own, so that nothing else fails with it; a list of nothing but runs that went well before is not asked for errors.
// Knows no programs and no storage. Read next: program.ts, readback.ts.
import { BackendError } from "../../../core/errors.ts";
import type { KernelTiming } from "../../backend.ts";
import type { Device } from "../device/device.ts";
import { Submission } from "../device/submission.ts";
import type { UniformRing } from "../memory/uniform-ring.ts";
import { Timer } from "./timer.ts";

/** Runs and kernels of one list at most: more would keep the device waiting for them. */
const mostRuns = 8;
const mostDispatches = 512;

interface Open {
  readonly encoder: GPUCommandEncoder;
  readonly submission: Submission;
  readonly label: string;
  pass: Pass | undefined;
  /** Whether the device is asked what is wrong with it. */
  isGuarded: boolean;
  runs: number;
  dispatches: number;
}

/** A pass, and the pipeline that was set in it last: setting it again would cost as much as a launch. */
export interface Pass {
  readonly encoder: GPUComputePassEncoder;
  pipeline: GPUComputePipeline | undefined;
}

/** The pass that a kernel of a step is encoded into. */
export type PassFor = (label: string, step: number) => Pass;

export class Batches {
  readonly #device: Device;
  readonly #ring: UniformRing;
  #open: Open | undefined;
  /** Open while kernels are timed. */
  #timer: Timer | undefined;
  /** Lists submitted that the device has not finished. */
  #underWay = 0;
  /** Number of the list that is being written, or comes next. */
  current = 1;
  submits = 0;
  dispatches = 0;

  constructor(device: Device, ring: UniformRing) {
    this.#device = device;
    this.#ring = ring;
  }

  /** Work that is collected and not yet submitted. */
  get isPending(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Adds a run of `dispatches` kernels to the list. `isSettled` tells that nothing of it is expected to be refused, `isProven`
   * that the same was recorded before and went well. Returns what became of the list.
   */
  record(
    run: {
      readonly label: string;
      readonly parents: readonly Submission[];
      readonly isSettled: boolean;
      readonly isProven: boolean;
      readonly dispatches: number;
    },
    encode: (passFor: PassFor) => void,
  ): Submission {
    if (!run.isSettled) this.submit();
    const open = this.#begin(run.label, !run.isProven || this.#timer !== undefined);
    for (const parent of run.parents) open.submission.dependOn(parent);
    try {
      encode((label, step) => this.#passFor(open, label, step));
    } catch (error) {
      // What is encoded by halves would fail others: nobody waits for it.
      this.submit();
      throw error;
    }
    open.runs += 1;
    open.dispatches += run.dispatches;
    this.dispatches += run.dispatches;
    const isEnough = open.runs >= mostRuns || open.dispatches >= mostDispatches;
    if (!run.isSettled || isEnough || this.#underWay === 0) this.submit();
    return open.submission;
  }

  /** Adds commands other than kernels, after all work so far, and submits. */
  finishWith(label: string, parents: readonly Submission[], encode: (encoder: GPUCommandEncoder) => void): Submission {
    const open = this.#begin(label, true);
    for (const parent of parents) open.submission.dependOn(parent);
    open.pass?.encoder.end();
    open.pass = undefined;
    try {
      encode(open.encoder);
    } finally {
      this.submit();
    }
    return open.submission;
  }

  /** Gives the queue what was collected. */
  submit(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.current += 1;
    const { queue } = this.#device;
    try {
      open.pass?.encoder.end();
      this.#ring.write();
      queue.submit([open.encoder.finish()]);
    } finally {
      if (open.isGuarded)
        this.#device.closeScope(
          open.submission,
          (message) => new BackendError(open.label, `the GPU refused the work: ${message}`),
        );
      else this.#device.follow(open.submission);
    }
    this.submits += 1;
    this.#underWay += 1;
    const done = (): void => {
      this.#underWay -= 1;
      if (this.#underWay === 0 && !this.#device.hasEnded) this.submit();
    };
    queue.onSubmittedWorkDone().then(done, done);
  }

  /** The times of the kernels that `body` runs, by the device's own clock. */
  async time(body: () => void): Promise<readonly KernelTiming[]> {
    this.submit();
    const timer = new Timer(this.#device);
    this.#timer = timer;
    try {
      body();
    } finally {
      this.#timer = undefined;
    }
    const { encode, read } = timer.finish();
    const submission = this.finishWith("times", [], encode);
    const times = await read();
    await this.#device.confirm(submission);
    return times;
  }

  #passFor(open: Open, label: string, step: number): Pass {
    const { encoder, pass } = open;
    if (this.#timer === undefined)
      return pass ?? (open.pass = { encoder: encoder.beginComputePass(), pipeline: undefined });
    pass?.encoder.end();
    open.pass = { encoder: encoder.beginComputePass(this.#timer.next(label, step)), pipeline: undefined };
    return open.pass;
  }

  /**
   * The open list, or a new one. What is wrong with a list shows at its end, so it may be guarded at any time before. A label is
   * for those who ask what is wrong: to begin with one takes as long as a launch.
   */
  #begin(label: string, isGuarded: boolean): Open {
    const open = (this.#open ??= {
      encoder: this.#device.gpu.createCommandEncoder(isGuarded ? { label } : undefined),
      submission: new Submission(),
      label,
      pass: undefined,
      isGuarded: false,
      runs: 0,
      dispatches: 0,
    });
    if (isGuarded && !open.isGuarded) {
      this.#device.openScope("validation");
      open.isGuarded = true;
    }
    return open;
  }
}
