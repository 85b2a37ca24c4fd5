// A compiled segment: a run adds its kernels to the open command list. Shaders, bind groups and numbers outlive a run; buffers
// come from the pool each time. A run with operands that were bound before takes the very buffers it took then, if they are
// free: its bind groups are there already, and a training loop makes none once it has gone round.
// Knows launches, not ops. Read next: launch.ts for one kernel, ../kernels/dispatches.ts, batches.ts, ../device/submission.ts for errors.
import { BackendError } from "../../../core/errors.ts";
import type { Segment, Slot } from "../../../graph/step.ts";
import type { Backend, Program, Storage } from "../../backend.ts";
import type { Forms } from "../../forms.ts";
import type { Device } from "../device/device.ts";
import type { Submission } from "../device/submission.ts";
import { usages } from "../device/usages.ts";
import { dispatchesOf } from "../kernels/dispatches.ts";
import type { BufferPool, Owner, PooledBuffer } from "../memory/buffer-pool.ts";
import { partBytes, wordBytes } from "../memory/parts.ts";
import type { GPUForm } from "../memory/storage.ts";
import { GPUStorage } from "../memory/storage.ts";
import type { Temporaries } from "../memory/temporaries.ts";
import { assignTemporaries } from "../memory/temporaries.ts";
import type { UniformRing } from "../memory/uniform-ring.ts";
import { wordsOf } from "../memory/words.ts";
import type { Choose } from "../variants/tuner.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";
import type { Batches } from "./batches.ts";
import type { Bound, Numbers } from "./launch.ts";
import { Launch, withFixed, wordOf } from "./launch.ts";
import type { Pipelines } from "./pipelines.ts";

/** What a program needs of its backend. */
export interface Machine {
  readonly backend: Backend;
  readonly device: Device;
  readonly pool: BufferPool;
  readonly batches: Batches;
  readonly ring: UniformRing;
  readonly pipelines: Pipelines;
  readonly library: ShaderLibrary;
  readonly forms: Forms<GPUForm>;
  readonly choose: Choose;
  /** Told of every bind group that is made. */
  readonly count: (what: "bindGroup") => void;
}

/** A run as it was last carried out on certain operands. */
interface Frame {
  /** The operands' buffers, and those of prepared forms behind the slots they are for. */
  readonly key: readonly number[];
  /** The buffers of every output, by its index, and of every temporary buffer. */
  readonly outputs: readonly (readonly PooledBuffer[])[];
  readonly temporaries: readonly (readonly PooledBuffer[])[];
  /** All of these, and the bytes each is needed for: others may have held them meanwhile. */
  readonly owned: readonly { readonly buffer: PooledBuffer; readonly bytes: number }[];
  /** The buffers of every slot, and all of them. */
  readonly bound: Bound;
  readonly touched: readonly PooledBuffer[];
  /** A bind group for every launch, made when the frame is first encoded: there the errors of a run are collected. */
  readonly groups: GPUBindGroup[];
  /** Of the ring that the bind groups hold. */
  readonly generation: number;
  /** Whether all that is touched is known to have got its memory. */
  isAllocated: boolean;
  /** The first list that it was encoded into and that did not fail. Once that went well, so will all. */
  proof: Submission | undefined;
}

/** What a run is given prepared. */
interface Prepared {
  /** The buffers of temporary slots that hold a form of an input. */
  readonly bound: ReadonlyMap<number, readonly PooledBuffer[]>;
  /** Launches whose results are there. */
  readonly done: ReadonlySet<number>;
  /** Forms that this run fills, and whose they are. */
  readonly fresh: readonly { readonly form: GPUForm; readonly owner: GPUStorage }[];
}

const nothingPrepared: Prepared = { bound: new Map(), done: new Set(), fresh: [] };

/** Frames kept. A loop that trains meets two sets of parameters and a few buffers for its batches. */
const keptFrames = 24;

/** Buffers remembered for each output. */
const keptBefore = 4;

type OutputSlot = Slot & { readonly kind: "output" };

export class GPUProgram implements Program {
  readonly #machine: Machine;
  readonly #label: string;
  readonly #slots: readonly Slot[];
  readonly #outputs: readonly OutputSlot[];
  readonly #launches: readonly Launch[];
  readonly #temporaries: Temporaries;
  /** Numbers of the run that hand-written shaders read as a buffer of one element. */
  readonly #scalarOperands: readonly { readonly slot: number; readonly index: number; readonly dtype: Slot["dtype"] }[];
  readonly #numbers: Numbers;
  /** Room in the ring that a run takes. */
  readonly #movingBytes: number;
  /** Whether a launch makes another form of an input. */
  readonly #canPrepare: boolean;
  readonly #frames: Frame[] = [];
  /** The numbers of the last run, as long as they are in the ring: its round at that time. */
  #kept: { readonly scalars: readonly number[]; readonly round: number } | undefined;
  readonly #owner: Owner = { isGone: false };
  /** Buffers that temporaries and outputs had before, the latest first. */
  readonly #before: (readonly PooledBuffer[])[][] = [];
  /** Whether all pipelines are there; none ever goes. */
  #isReady = false;
  /** Whether all shaders are known to have compiled. */
  #isCompiled = false;

  constructor(machine: Machine, segment: Segment) {
    this.#machine = machine;
    const { limits } = machine.device;
    const { slots, scalarOperands, ...made } = dispatchesOf(segment, machine.library, limits, machine.choose);
    const dispatches = made.dispatches.map((dispatch) => withFixed(dispatch, segment.fixed ?? []));
    this.#slots = slots;
    this.#outputs = slots.filter((slot) => slot.kind === "output").sort((a, b) => a.index - b.index);
    this.#scalarOperands = scalarOperands;
    this.#temporaries = assignTemporaries(dispatches, slots, limits);
    this.#label = labelOf(dispatches);
    const words: number[] = [];
    this.#launches = dispatches.map((dispatch) => new Launch(dispatch, limits, words));
    this.#canPrepare = dispatches.some(({ form }) => form !== undefined);
    this.#movingBytes = this.#launches.reduce((sum, { movingBytes }) => sum + movingBytes, 0);
    this.#numbers = { words: Uint32Array.from(words), buffer: undefined };
  }

  /** Whether all shaders are compiled, so that a run does not wait for a compiler. */
  get isReady(): boolean {
    this.#isReady ||= this.#launches.every(({ dispatch }) => this.#machine.pipelines.has(dispatch));
    return this.#isReady;
  }

  /** Compiles the shaders without blocking. A run before that is done compiles what it needs itself. */
  async compileAhead(): Promise<void> {
    await Promise.all(this.#launches.map(({ dispatch }) => this.#machine.pipelines.prepare(dispatch)));
  }

  run(inputs: readonly Storage[], scalars: readonly number[]): Storage[] {
    const { device, pool, backend, batches, ring } = this.#machine;
    device.requireAlive(this.#label);
    if (!this.#isKept(scalars)) ring.reserve(this.#movingBytes, () => batches.submit());
    const parents: Submission[] = [];
    const operands: GPUStorage[] = [];
    for (const input of inputs) operands.push(this.#operand(input, operands.length, parents));
    const prepared = this.#canPrepare ? this.#prepare(operands, parents) : nothingPrepared;
    const frame = this.#frame(operands, prepared, scalars, parents);
    const results = this.#outputs.map(
      ({ dtype, size }, index) => new GPUStorage(backend, pool, dtype, size, frame.outputs[index] ?? []),
    );
    try {
      if (this.#launches.length > 0) {
        const submission = this.#record(frame, operands, prepared, scalars, parents);
        for (const result of results) result.origin = submission;
        for (const { form } of prepared.fresh) form.origin = submission;
      }
      return results;
    } catch (error) {
      for (const result of results) result.release();
      for (const { owner } of prepared.fresh) owner.forgetForms();
      throw error;
    } finally {
      // What is submitted later comes later on the queue too, so these may be used again at once.
      for (const parts of frame.temporaries) for (const part of parts) pool.release(part);
    }
  }

  dispose(): void {
    this.#numbers.buffer?.destroy();
    this.#numbers.buffer = undefined;
    this.#frames.length = 0;
    this.#before.length = 0;
    this.#owner.isGone = true;
    for (const launch of this.#launches) launch.forget();
  }

  #operand(storage: Storage | undefined, index: number, parents: Submission[]): GPUStorage {
    if (!(storage instanceof GPUStorage) || storage.backend !== this.#machine.backend)
      throw new BackendError(this.#label, `input ${String(index)} is not on this GPU`);
    storage.requireHeld(this.#label);
    if (storage.origin !== undefined) parents.push(storage.origin);
    return storage;
  }

  /** Finds what is there of the forms of inputs, and what this run is to fill. */
  #prepare(operands: readonly GPUStorage[], parents: Submission[]): Prepared {
    const { forms } = this.#machine;
    const bound = new Map<number, readonly PooledBuffer[]>();
    const done = new Set<number>();
    const fresh: { form: GPUForm; owner: GPUStorage }[] = [];
    forms.beginRun();
    for (const [at, { dispatch }] of this.#launches.entries()) {
      const { key = "", input = -1, target = -1 } = dispatch.form ?? {};
      const [owner, slot] = [operands[input], this.#slots[target]];
      if (owner === undefined || slot === undefined) continue;
      const before = fresh.length;
      const form = owner.prepared(forms, key, wordsOf(slot) * wordBytes, (made) => {
        fresh.push({ form: made, owner });
      });
      if (form?.origin?.failure !== undefined) {
        owner.forgetForms();
        continue;
      }
      if (form === undefined) continue;
      bound.set(target, form.parts);
      if (fresh.length === before) done.add(at);
      if (form.origin?.hasSucceeded === true) form.origin = undefined;
      else if (form.origin !== undefined) parents.push(form.origin);
      for (const { allocation } of form.parts) if (allocation?.hasSucceeded === false) parents.push(allocation);
    }
    return { bound, done, fresh };
  }

  /** Buffers and bind groups for a run: those of the last run on these operands if they can be had. */
  #frame(
    operands: readonly GPUStorage[],
    { bound }: Prepared,
    scalars: readonly number[],
    parents: Submission[],
  ): Frame {
    const { ring } = this.#machine;
    const key: number[] = [];
    for (const { parts } of operands) for (const { id } of parts) key.push(id);
    for (const [slot, parts] of bound) {
      key.push(-1 - slot);
      for (const { id } of parts) key.push(id);
    }
    const at = this.#frames.findIndex((frame) => isSame(frame.key, key));
    const known = this.#frames[at];
    if (known?.generation === ring.generation && this.#reclaim(known)) return known;
    const made = this.#acquire(key, operands, bound, scalars, parents);
    // A number that lies in a buffer of its own lies in another one at every run.
    if (this.#scalarOperands.length > 0) return made;
    if (known !== undefined) this.#frames.splice(at, 1);
    if (this.#frames.push(made) > keptFrames) this.#frames.shift();
    return made;
  }

  #reclaim({ owned }: Frame): boolean {
    const { pool } = this.#machine;
    const taken: PooledBuffer[] = [];
    for (const { buffer, bytes } of owned) {
      if (pool.reclaim(buffer, bytes)) taken.push(buffer);
      else {
        for (const other of taken) pool.release(other);
        return false;
      }
    }
    return true;
  }

  #acquire(
    key: readonly number[],
    operands: readonly GPUStorage[],
    forms: Prepared["bound"],
    scalars: readonly number[],
    parents: Submission[],
  ): Frame {
    const { pool, device, batches, ring } = this.#machine;
    const outputs: (readonly PooledBuffer[])[] = [];
    const temporaries: (readonly PooledBuffer[])[] = [];
    try {
      for (const bytes of this.#temporaries.bytes) temporaries.push(this.#again(temporaries.length, bytes));
      const numbers = new Map<number, readonly PooledBuffer[]>();
      for (const { slot, index, dtype } of this.#scalarOperands) {
        const buffer = pool.acquire(this.#label, wordBytes, "written");
        temporaries.push([buffer]);
        numbers.set(slot, [buffer]);
        if (!pool.isFreeToWrite(buffer)) batches.submit();
        device.queue.writeBuffer(buffer.buffer, 0, Uint32Array.of(wordOf(scalars[index] ?? 0, dtype)));
      }
      const before = this.#temporaries.bytes.length;
      for (const slot of this.#outputs) outputs.push(this.#again(before + outputs.length, wordsOf(slot) * wordBytes));
      for (const { allocation } of [...outputs, ...temporaries].flat())
        if (allocation !== undefined) parents.push(allocation);
      const bound: Bound = this.#slots.map((slot, number) => {
        switch (slot.kind) {
          case "scalar":
            return numbers.get(number);
          case "temporary":
            return forms.get(number) ?? temporaries[this.#temporaries.bufferOf.get(number) ?? -1];
          case "output":
            return outputs[slot.index];
          case "input":
            return operands[slot.index]?.parts;
        }
      });
      const touched = [...new Set(bound.flatMap((parts) => parts ?? []))];
      const owned = [...outputs, ...temporaries].flat().map((buffer) => ({ buffer, bytes: buffer.bytes }));
      return {
        ...{ key, outputs, temporaries, owned, bound, touched, groups: [], generation: ring.generation },
        ...{ isAllocated: false, proof: undefined },
      };
    } catch (error) {
      for (const part of [...outputs, ...temporaries].flat()) pool.release(part);
      throw error;
    }
  }

  /**
   * Buffers for a temporary or an output, by its place among both: the ones it had before if they are free, so that a loop
   * comes back to the same operands.
   */
  #again(place: number, bytes: number): readonly PooledBuffer[] {
    const { pool, device } = this.#machine;
    const before = (this.#before[place] ??= []);
    const known = before.find((parts) => parts.every(({ isFree }) => isFree));
    if (
      known?.every((part, index) => pool.reclaim(part, partBytes(this.#label, bytes, device.limits)[index] ?? 0)) ===
      true
    )
      return known;
    const made = pool.acquireParts(this.#label, bytes, "exact", this.#owner);
    before.unshift(made);
    for (const forgotten of before.splice(keptBefore))
      for (const part of forgotten) if (part.owner === this.#owner) part.owner = undefined;
    return made;
  }

  #record(
    frame: Frame,
    operands: readonly GPUStorage[],
    { done }: Prepared,
    scalars: readonly number[],
    parents: Submission[],
  ): Submission {
    const { batches, ring, pipelines } = this.#machine;
    if (!this.#isCompiled) for (const launch of this.#launches) launch.pipeline ??= pipelines.get(launch.dispatch);
    if (!this.#isCompiled) {
      for (const { pipeline } of this.#launches) if (pipeline !== undefined) parents.push(pipeline.compilation);
      this.#isCompiled = this.#launches.every(({ pipeline }) => pipeline?.compilation.hasSucceeded === true);
    }
    frame.isAllocated ||= frame.touched.every(({ allocation }) => allocation === undefined || allocation.hasSucceeded);
    const isSettled =
      this.#isCompiled && frame.isAllocated && operands.every(({ origin }) => origin?.failure === undefined);
    const isProven = isSettled && frame.proof?.hasSucceeded === true;
    const dispatches = this.#launches.length - done.size;
    const moving = this.#isKept(scalars) ? undefined : scalars;
    if (moving !== undefined) this.#kept = undefined;
    const run = { label: this.#label, parents, isSettled, isProven, dispatches };
    const submission = batches.record(run, (passFor) => {
      this.#writeNumbers();
      for (const launch of this.#launches.slice(frame.groups.length))
        frame.groups.push(launch.group(frame.bound, this.#machine, this.#numbers));
      const list = batches.current;
      for (const buffer of frame.touched) buffer.lastList = list;
      for (let at = 0; at < this.#launches.length; at++)
        if (!done.has(at)) this.#launches[at]!.encode(passFor, frame.groups[at]!, ring, moving);
    });
    // What was left out this time proves nothing, and has put no numbers.
    if (done.size > 0) return submission;
    this.#kept ??= { scalars, round: ring.round };
    if (frame.proof === undefined || frame.proof.failure !== undefined) frame.proof = submission;
    return submission;
  }

  /** Whether the numbers of this run are those of the last, and still in the ring. */
  #isKept(scalars: readonly number[]): boolean {
    const kept = this.#kept;
    return kept?.round === this.#machine.ring.round && isSame(kept.scalars, scalars);
  }

  /** The numbers that never change, written once. */
  #writeNumbers(): void {
    const { words, buffer } = this.#numbers;
    if (buffer !== undefined || words.length === 0) return;
    const { gpu, queue } = this.#machine.device;
    const made = gpu.createBuffer({
      label: `${this.#label} (numbers)`,
      size: words.byteLength,
      usage: usages.uniform,
    });
    queue.writeBuffer(made, 0, words);
    this.#numbers.buffer = made;
  }
}

/** Whether two lists have the same numbers; NaN is the same as NaN. */
function isSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}

function labelOf(dispatches: readonly Dispatch[]): string {
  const labels = [...new Set(dispatches.map(({ label }) => label))];
  return labels.length === 0 ? "webgpu" : labels.slice(0, 8).join(", ") + (labels.length > 8 ? ", …" : "");
}
