// A compiled segment: a run is one command encoder, one compute pass and one submit. Shaders, bind groups and the uniform
// words outlive a run; buffers for results and temporaries come from the pool each time.
// Knows launches, not ops. Read next: dispatches.ts, which turns steps into launches; submission.ts for errors.
import { BackendError } from "../../core/errors.ts";
import { bitsOfFloat } from "../../expr/to-wgsl.ts";
import type { Segment, Slot } from "../../graph/step.ts";
import type { Backend, Program, Storage } from "../backend.ts";
import type { BufferPool, PooledBuffer } from "./buffer-pool.ts";
import { usages } from "./buffer-pool.ts";
import type { Device } from "./device.ts";
import type { Launches, ScalarOperand } from "./dispatches.ts";
import { dispatchesOf } from "./dispatches.ts";
import { foldGrid } from "./limits.ts";
import type { Binding, Dispatch, Word } from "./operands.ts";
import type { Pipeline, Pipelines } from "./pipelines.ts";
import { used } from "./pipelines.ts";
import type { ShaderLibrary } from "./shader-library.ts";
import { elementBytes, GPUStorage } from "./storage.ts";
import type { Submission } from "./submission.ts";
import type { Temporaries } from "./temporaries.ts";
import { assignTemporaries } from "./temporaries.ts";

/** What a program needs of its backend. */
export interface Machine {
  readonly backend: Backend;
  readonly device: Device;
  readonly pool: BufferPool;
  readonly pipelines: Pipelines;
  readonly library: ShaderLibrary;
}

/** A launch with what is kept between runs. */
interface Launch {
  readonly dispatch: Dispatch;
  readonly bindings: readonly Binding[];
  readonly grid: readonly [number, number];
  /** Byte offset of each uniform block in the program's uniform buffer. */
  readonly blockOffsets: readonly number[];
  readonly groups: Map<string, GPUBindGroup>;
  pipeline: Pipeline | undefined;
}

/** Bind groups kept for a launch. Outputs usually alternate between a few buffers. */
const keptGroups = 16;

export class GPUProgram implements Program {
  readonly #machine: Machine;
  readonly #label: string;
  readonly #slots: readonly Slot[];
  readonly #launches: readonly Launch[];
  readonly #temporaries: Temporaries;
  readonly #scalarOperands: readonly ScalarOperand[];
  /** Words that are numbers of a run: where they lie, and which number. */
  readonly #scalarWords: readonly { readonly at: number; readonly word: Word & { readonly scalar: number } }[];
  readonly #words: Uint32Array<ArrayBuffer>;
  #uniform: GPUBuffer | undefined;

  constructor(machine: Machine, segment: Segment) {
    this.#machine = machine;
    const launches: Launches = dispatchesOf(segment, machine.library, machine.device.limits);
    this.#slots = launches.slots;
    this.#scalarOperands = launches.scalarOperands;
    this.#temporaries = assignTemporaries(launches.dispatches, launches.slots);
    this.#label = labelOf(launches.dispatches);
    const { uniformAlignment } = machine.device.limits;
    const scalarWords: { at: number; word: Word & { readonly scalar: number } }[] = [];
    const values: number[] = [];
    this.#launches = launches.dispatches.map((dispatch) => {
      const blockOffsets = dispatch.blocks.map((block) => {
        while ((values.length * 4) % uniformAlignment !== 0) values.push(0);
        const offset = values.length * 4;
        for (const word of block) {
          if ("scalar" in word) scalarWords.push({ at: values.length, word });
          values.push("scalar" in word ? 0 : word.value >>> 0);
        }
        return offset;
      });
      return {
        dispatch,
        bindings: used(dispatch),
        blockOffsets,
        grid: foldGrid(dispatch.groups, machine.device.limits),
        groups: new Map(),
        pipeline: undefined,
      };
    });
    this.#scalarWords = scalarWords;
    this.#words = Uint32Array.from(values);
  }

  /** Compiles the shaders without blocking. A run before that is done compiles what it needs itself. */
  async prepare(): Promise<void> {
    await Promise.all(this.#launches.map(({ dispatch }) => this.#machine.pipelines.prepare(dispatch)));
  }

  run(inputs: readonly Storage[], scalars: readonly number[]): Storage[] {
    const { device, pool } = this.#machine;
    device.requireAlive(this.#label);
    const results: GPUStorage[] = [];
    const borrowed: PooledBuffer[] = [];
    try {
      const parents: Submission[] = [];
      const bound = this.#bind(inputs, results, borrowed, parents);
      for (const { slot, index, dtype } of this.#scalarOperands) {
        const buffer = pool.acquire(this.#label, elementBytes);
        borrowed.push(buffer);
        bound[slot] = buffer;
        device.gpu.queue.writeBuffer(buffer.buffer, 0, Uint32Array.of(wordOf(scalars[index] ?? 0, dtype)));
      }
      if (this.#launches.length > 0) {
        for (const launch of this.#launches) parents.push(this.#pipelineOf(launch).compilation);
        const explain = (message: string): BackendError =>
          new BackendError(this.#label, `the GPU refused the work: ${message}`);
        const submission = device.guard(parents, "validation", explain, () => this.#submit(bound, scalars));
        for (const result of results) result.origin = submission;
      }
      return results;
    } catch (error) {
      // By index: the list has holes where an allocation failed.
      results.forEach((result) => result.release());
      throw error;
    } finally {
      // What is submitted later comes later on the queue too, so these may be used again at once.
      for (const buffer of borrowed) pool.release(buffer);
    }
  }

  dispose(): void {
    this.#uniform?.destroy();
    this.#uniform = undefined;
    for (const launch of this.#launches) launch.groups.clear();
  }

  /** The buffer of every slot that has one. */
  #bind(
    inputs: readonly Storage[],
    results: GPUStorage[],
    borrowed: PooledBuffer[],
    parents: Submission[],
  ): (PooledBuffer | undefined)[] {
    const { backend, pool } = this.#machine;
    const temporaries = this.#temporaries.bytes.map((bytes) => {
      const buffer = pool.acquire(this.#label, bytes);
      borrowed.push(buffer);
      if (buffer.allocation !== undefined) parents.push(buffer.allocation);
      return buffer;
    });
    return this.#slots.map((slot, number) => {
      switch (slot.kind) {
        case "scalar":
          return undefined;
        case "temporary":
          return temporaries[this.#temporaries.bufferOf.get(number) ?? -1];
        case "output": {
          const made = new GPUStorage(backend, pool, slot.dtype, slot.size, this.#label);
          results[slot.index] = made;
          if (made.origin !== undefined) parents.push(made.origin);
          return made.pooled;
        }
        case "input": {
          const storage = inputs[slot.index];
          if (!(storage instanceof GPUStorage) || storage.backend !== backend) {
            throw new BackendError(this.#label, `input ${String(slot.index)} is not on this GPU`);
          }
          storage.requireHeld(this.#label);
          if (storage.origin !== undefined) parents.push(storage.origin);
          return storage.pooled;
        }
      }
    });
  }

  #submit(bound: readonly (PooledBuffer | undefined)[], scalars: readonly number[]): void {
    const { gpu } = this.#machine.device;
    this.#writeWords(scalars);
    const encoder = gpu.createCommandEncoder({ label: this.#label });
    const pass = encoder.beginComputePass({ label: this.#label });
    for (const launch of this.#launches) {
      pass.setPipeline(this.#pipelineOf(launch).pipeline);
      pass.setBindGroup(0, this.#groupOf(launch, bound));
      pass.dispatchWorkgroups(...launch.grid);
    }
    pass.end();
    gpu.queue.submit([encoder.finish({ label: this.#label })]);
  }

  /** Brings the uniform buffer up to date: everything at the first run, later only where a scalar changed. */
  #writeWords(scalars: readonly number[]): void {
    const { gpu } = this.#machine.device;
    let hasChanged = this.#uniform === undefined;
    for (const { at, word } of this.#scalarWords) {
      const value = "dtype" in word ? wordOf(scalars[word.scalar] ?? 0, word.dtype) : 0;
      hasChanged ||= this.#words[at] !== value;
      this.#words[at] = value;
    }
    if (!hasChanged || this.#words.length === 0) return;
    this.#uniform ??= gpu.createBuffer({
      label: `${this.#label} (numbers)`,
      size: this.#words.byteLength,
      usage: usages.uniform,
    });
    gpu.queue.writeBuffer(this.#uniform, 0, this.#words);
  }

  #pipelineOf(launch: Launch): Pipeline {
    launch.pipeline ??= this.#machine.pipelines.get(launch.dispatch);
    return launch.pipeline;
  }

  #groupOf(launch: Launch, bound: readonly (PooledBuffer | undefined)[]): GPUBindGroup {
    const { dispatch, bindings, groups, blockOffsets } = launch;
    const key = bindings.map(({ access, source }) => (access === "uniform" ? "" : String(bound[source]?.id))).join(" ");
    const known = groups.get(key);
    if (known !== undefined) return known;
    const entries = bindings.map(({ binding, access, source }): GPUBindGroupEntry => {
      const buffer = access === "uniform" ? this.#uniform : bound[source]?.buffer;
      if (buffer === undefined)
        throw new BackendError(dispatch.label, `slot ${String(source)} has no buffer on the GPU`);
      if (access !== "uniform") return { binding, resource: { buffer } };
      const size = (dispatch.blocks[source]?.length ?? 0) * 4;
      return { binding, resource: { buffer, offset: blockOffsets[source] ?? 0, size } };
    });
    const made = this.#machine.device.gpu.createBindGroup({
      label: dispatch.label,
      layout: this.#pipelineOf(launch).layout,
      entries,
    });
    const [oldest] = groups.keys();
    if (groups.size >= keptGroups && oldest !== undefined) groups.delete(oldest);
    groups.set(key, made);
    return made;
  }
}

/** A number of the host as the 32-bit word of a type. */
function wordOf(value: number, dtype: Slot["dtype"]): number {
  if (dtype === "f32") return bitsOfFloat(value);
  if (dtype === "bool") return value === 0 ? 0 : 1;
  return dtype === "u8" ? value & 255 : value >>> 0;
}

function labelOf(dispatches: readonly Dispatch[]): string {
  const labels = [...new Set(dispatches.map(({ label }) => label))];
  return labels.length === 0 ? "webgpu" : labels.slice(0, 8).join(", ") + (labels.length > 8 ? ", …" : "");
}
