// Training: epochs over a dataset with a compiled step, a history, callbacks.
// Steps are submitted without waiting; losses are read a window at a time, one window behind.
// Read next: step.ts for what a step computes, callbacks.ts, evaluate.ts.
import { ParameterError } from "../core/errors.ts";
import { requireInteger } from "../core/shape.ts";
import type { Dataset } from "../data/index.ts";
import { evaluate as compute, withDevice } from "../engine/index.ts";
import type { Module } from "../nn/index.ts";
import type { Optimizer } from "../optim/index.ts";
import { defaultGenerator } from "../random/index.ts";
import type { Callback, EpochLog } from "./callbacks.ts";
import type { EvaluateOptions, Evaluation } from "./evaluate.ts";
import { disposeBatch, evaluateWith, stepOptions } from "./evaluate.ts";
import { defaultTarget, progressBar } from "./progress.ts";
import type { Interruption } from "./recovery.ts";
import { Recovery } from "./recovery.ts";
import type { CompiledEvaluation, TrainingStep, Window } from "./step.ts";
import { compileEvaluation, compileStep, emptyWindow, windowLength } from "./step.ts";

export interface FitOptions extends EvaluateOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  /** Samples in a step where the dataset has no batches yet (it is then shuffled too); 32 when absent. */
  readonly batchSize?: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  readonly callbacks?: readonly Callback[];
  /** Seeds the default generator, and with it shuffling and dropout. Parameters were drawn before: see `manualSeed`. */
  readonly seed?: number;
  /** A bar on a terminal, a line an epoch elsewhere; on a terminal only when absent. */
  readonly progress?: boolean;
}

/** What a training run leaves. */
export interface History {
  readonly epochs: readonly EpochLog[];
  /** The loss of every step, but of those that were lost. */
  readonly losses: readonly number[];
  /** True if a callback ended the training. */
  readonly stopped: boolean;
  /** Losses of the GPU after which the training went on, on the CPU, from the last copy of the parameters on the host. */
  readonly interruptions: readonly Interruption[];
}

/** Trains the model in place and puts it back into the mode it was in. Same seed and start, same losses to the last bit. */
export async function fit(model: Module, data: Dataset, options: FitOptions): Promise<History> {
  requireInteger("fit", "epochs", options.epochs, 0);
  if (data.size === 0) throw new ParameterError("fit", "the dataset is empty");
  if (options.seed !== undefined) defaultGenerator().reset(options.seed);
  const batched =
    data.batchSize === undefined ? data.shuffle(defaultGenerator().nextSeed()).batch(options.batchSize ?? 32) : data;
  const wasTraining = model.training;
  const run = new Run(model.train(), batched, options);
  try {
    return await run.epochs();
  } finally {
    run.dispose();
    for (const callback of run.callbacks) callback.onTrainEnd?.();
    model.train(wasTraining);
  }
}

/** A window that is full or at an epoch's end, being read. */
interface PendingWindow {
  readonly counts: readonly number[];
  readonly values: Promise<readonly [losses: ArrayLike<number>, right: ArrayLike<number>]>;
}

/** What was read of an epoch's steps. */
interface Sums {
  loss: number;
  right: number;
  samples: number;
}

const noSums = (): Sums => ({ loss: 0, right: 0, samples: 0 });

/** A batch of an epoch, counted from 1. */
interface Position {
  readonly epoch: number;
  readonly batch: number;
}

/** Milliseconds of submitting after which timers and input get their turn. */
const patience = 100;

/** The state of one call of `fit`. */
class Run {
  readonly callbacks: readonly Callback[];
  readonly #model: Module;
  readonly #data: Dataset;
  readonly #options: FitOptions;
  readonly #step: TrainingStep;
  readonly #evaluation: CompiledEvaluation | undefined;
  #window: Window = emptyWindow();
  #counts: number[] = [];
  #pending: PendingWindow | undefined;
  readonly #losses: number[] = [];
  #sums = noSums();
  #kept = { epoch: 0, losses: 0, sums: noSums() };
  #lastYield = performance.now();
  readonly #recovery: Recovery;
  readonly #interruptions: Interruption[] = [];

  constructor(model: Module, data: Dataset, options: FitOptions) {
    const shows = options.progress ?? defaultTarget().isTerminal;
    this.callbacks = [...(shows ? [progressBar()] : []), ...(options.callbacks ?? [])];
    this.#model = model;
    this.#data = data;
    this.#options = options;
    this.#recovery = new Recovery(model, options.optimizer);
    this.#step = compileStep(model, options.optimizer, stepOptions(options));
    this.#evaluation = options.validation === undefined ? undefined : compileEvaluation(model, stepOptions(options));
  }

  async epochs(): Promise<History> {
    const { epochs, validation } = this.#options;
    const logs: EpochLog[] = [];
    // Starts the devices: a step is compiled for those that are there.
    await this.#recovery.begin();
    let stopped = false;
    for (let epoch = 1; epoch <= epochs && !stopped; epoch++) {
      const begun = performance.now();
      stopped = await this.#epoch(epoch);
      const at = { epoch, batch: this.#data.length };
      // What follows may wait for long; the next epoch begins with the same parameters unless a callback changes them.
      if (epoch < epochs || validation !== undefined) await this.#recovering(at, () => this.#keep(epoch));
      const { loss, right, samples } = this.#sums;
      const seconds = (performance.now() - begun) / 1000;
      const accuracy = this.#options.metrics === "accuracy" ? { accuracy: right / samples } : {};
      let log: EpochLog = { epoch, loss: loss / samples, ...accuracy, seconds };
      if (validation !== undefined && this.#evaluation !== undefined) {
        const result = await this.#validate(at, this.#evaluation, validation);
        log = {
          ...log,
          validationLoss: result.loss,
          ...(result.accuracy === undefined ? {} : { validationAccuracy: result.accuracy }),
        };
      }
      logs.push(log);
      for (const callback of this.callbacks) if ((await callback.onEpochEnd?.(log)) === "stop") stopped = true;
    }
    return { epochs: logs, losses: this.#losses, stopped, interruptions: this.#interruptions };
  }

  async #validate(at: Position, evaluation: CompiledEvaluation, data: Dataset): Promise<Evaluation> {
    const evaluated = (): Promise<Evaluation> =>
      evaluateWith(evaluation, this.#model, data, { ...this.#options, device: this.#device });
    let result: Evaluation | undefined;
    await this.#recovering(at, async () => {
      result = await evaluated();
    });
    return result ?? evaluated();
  }

  dispose(): void {
    this.#window.losses.dispose();
    this.#window.right.dispose();
    this.#step.dispose();
    this.#evaluation?.dispose();
  }

  /** One pass over the data. Returns true if a callback asked to stop. */
  async #epoch(epoch: number): Promise<boolean> {
    this.#sums = noSums();
    const batches = this.#data.length;
    let stopped = false;
    let batch = 0;
    // Where nothing was read yet there is nothing to lose but a few steps: the copy is made once an epoch and now and then.
    await this.#recovering({ epoch, batch }, () => this.#keep(epoch));
    for await (const current of this.#data.batches(epoch - 1)) {
      batch += 1;
      await this.#recovering({ epoch, batch }, async () => {
        this.#window = withDevice(this.#device, () => this.#step.run(current, this.#window, this.#counts.length));
        this.#counts.push(current.x.shape[0] ?? 1);
        // Nothing to wait for where the step ran. A plan that crosses to the GPU and back is only recorded until here.
        await compute(
          this.#window.losses,
          this.#window.right,
          ...this.#options.optimizer.parameters.map((parameter) => parameter.value),
        );
        if (this.#counts.length === windowLength) {
          await this.#turnWindow();
          if (this.#recovery.isDue) await this.#keep(epoch);
        }
      });
      disposeBatch(current);
      if (this.#tell({ epoch, epochs: this.#options.epochs, batch, batches })) {
        stopped = true;
        break;
      }
      await this.#giveWay();
    }
    await this.#recovering({ epoch, batch }, async () => {
      await this.#turnWindow();
      await this.#settle();
    });
    return stopped;
  }

  /** The device that was asked for; any where that one was lost. */
  get #device(): NonNullable<FitOptions["device"]> {
    return this.#interruptions.length > 0 ? "auto" : (this.#options.device ?? "auto");
  }

  /** Copies the parameters, and notes what was found of the steps up to there. */
  async #keep(epoch: number): Promise<void> {
    await this.#settle();
    await this.#recovery.copy();
    this.#kept = { epoch, losses: this.#losses.length, sums: { ...this.#sums } };
  }

  /** Carries out a part of the training. If the GPU is lost in it, the training goes on from the last copy. */
  async #recovering(at: Position, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      const stepsLost = await this.#recovery.restore(error);
      if (stepsLost === undefined) throw error;
      this.#interruptions.push({ ...at, stepsLost });
      // The losses of these steps are gone with them, read or not.
      this.#losses.length = this.#kept.losses;
      this.#sums = this.#kept.epoch === at.epoch ? { ...this.#kept.sums } : noSums();
      this.#pending?.values.catch(() => undefined);
      this.#pending = undefined;
      for (const old of [this.#window.losses, this.#window.right]) if (!old.isDisposed) old.dispose();
      this.#window = emptyWindow();
      this.#counts = [];
    }
  }

  #tell(at: {
    readonly epoch: number;
    readonly epochs: number;
    readonly batch: number;
    readonly batches: number;
  }): boolean {
    const { right, samples } = this.#sums;
    const accuracy = this.#options.metrics === "accuracy" && samples > 0 ? right / samples : undefined;
    const log = { ...at, loss: this.#losses.at(-1), accuracy };
    return this.callbacks.map((callback) => callback.onBatchEnd?.(log)).includes("stop");
  }

  /** Starts reading the current window, waits for the one before, and goes on with an empty one. */
  async #turnWindow(): Promise<void> {
    if (this.#counts.length === 0) return;
    const full = this.#window;
    const values = Promise.all([full.losses.data(), full.right.data()]);
    const pending = { counts: this.#counts, values };
    this.#window = emptyWindow();
    this.#counts = [];
    await this.#settle();
    this.#pending = pending;
    void values
      .finally(() => {
        full.losses.dispose();
        full.right.dispose();
      })
      .catch(() => undefined);
  }

  /** Takes the values of the window that is being read. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    const [read, right] = await pending.values;
    pending.counts.forEach((count, index) => {
      const loss = read[index] ?? 0;
      this.#losses.push(loss);
      this.#sums.loss += loss * count;
      this.#sums.right += right[index] ?? 0;
      this.#sums.samples += count;
    });
  }

  async #giveWay(): Promise<void> {
    if (performance.now() - this.#lastYield < patience) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#lastYield = performance.now();
  }
}
