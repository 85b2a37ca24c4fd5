// One kernel of a program: its pipeline, where its numbers lie, and the bind groups made for it so far.
// Numbers that never change lie in the program's own uniform buffer; blocks with numbers of the run go along the ring.
// Knows buffers by slot and no storage. Read next: program.ts, ../memory/uniform-ring.ts, pipelines.ts.
import type { DType } from "../../../core/dtype.ts";
import { BackendError } from "../../../core/errors.ts";
import { roundToHalf } from "../../../core/half.ts";
import { bitsOfFloat } from "../../../expr/to-wgsl.ts";
import type { GPULimits } from "../device/description.ts";
import type { Device } from "../device/device.ts";
import { foldGrid } from "../device/limits.ts";
import type { PooledBuffer } from "../memory/buffer-pool.ts";
import type { UniformRing } from "../memory/uniform-ring.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";
import type { PassFor } from "./batches.ts";
import type { Pipeline } from "./pipelines.ts";
import { isMoving, used } from "./pipelines.ts";

/** The buffers of every slot that has some. */
export type Bound = readonly (readonly PooledBuffer[] | undefined)[];

/** The numbers of a program that never change. */
export interface Numbers {
  readonly words: Uint32Array<ArrayBuffer>;
  buffer: GPUBuffer | undefined;
}

/** A block with numbers of the run: its words, and which of them the run fills in. */
interface MovingBlock {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly scalars: readonly { readonly at: number; readonly scalar: number; readonly dtype: DType }[];
}

/** Bind groups kept for a launch. */
const keptGroups = 64;

export class Launch {
  readonly dispatch: Dispatch;
  readonly #bindings: readonly Binding[];
  readonly #grid: readonly [number, number];
  /** Byte offset of each block that does not move. */
  readonly #offsets: readonly number[];
  /** Blocks that move, in the order of their bindings, and where each lies in the ring at this run. */
  readonly #moving: readonly MovingBlock[];
  readonly #places: number[];
  /** Room they take in the ring. */
  readonly movingBytes: number;
  readonly #groups = new Map<string, GPUBindGroup>();
  pipeline: Pipeline | undefined;

  /** Appends the numbers that never change to `words`, which becomes the program's uniform buffer. */
  constructor(dispatch: Dispatch, limits: GPULimits, words: number[]) {
    this.dispatch = dispatch;
    this.#bindings = used(dispatch);
    this.#grid = foldGrid(dispatch.groups, limits);
    const unit = limits.uniformAlignment / 4;
    this.#offsets = dispatch.blocks.map((block) => {
      if (block.length === 0 || isMoving(block)) return 0;
      while (words.length % unit !== 0) words.push(0);
      const offset = words.length * 4;
      for (const word of block) words.push("value" in word ? word.value >>> 0 : 0);
      return offset;
    });
    const blocks = this.#bindings
      .filter(({ access, source }) => access === "uniform" && isMoving(dispatch.blocks[source]))
      .sort((a, b) => a.binding - b.binding)
      .map(({ source }) => dispatch.blocks[source] ?? []);
    this.#moving = blocks.map(movingBlock);
    this.#places = blocks.map(() => 0);
    this.movingBytes = blocks.reduce((sum, block) => sum + Math.ceil(block.length / unit) * unit * 4, 0);
  }

  /** Lets go of the bind groups. */
  forget(): void {
    this.#groups.clear();
  }

  /** The bind group for these buffers. */
  group(
    bound: Bound,
    machine: { readonly device: Device; readonly ring: UniformRing; readonly count: (what: "bindGroup") => void },
    numbers: Numbers,
  ): GPUBindGroup {
    let key = String(machine.ring.generation);
    for (const { access, source, part = 0 } of this.#bindings)
      if (access !== "uniform") key += ` ${String(bound[source]?.[part]?.id)}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const layout = this.pipeline?.layout;
    if (layout === undefined) throw new BackendError(this.dispatch.label, "no pipeline was made");
    const entries = this.#bindings.map((binding) => this.#entry(binding, bound, machine.ring, numbers));
    const made = machine.device.gpu.createBindGroup({ label: this.dispatch.label, layout, entries });
    machine.count("bindGroup");
    const [oldest] = this.#groups.keys();
    if (this.#groups.size >= keptGroups && oldest !== undefined) this.#groups.delete(oldest);
    this.#groups.set(key, made);
    return made;
  }

  /** Adds the kernel to a pass. Without `scalars` those of the run before, which are still in the ring. */
  encode(passFor: PassFor, group: GPUBindGroup, ring: UniformRing, scalars: readonly number[] | undefined): void {
    const pass = passFor(this.dispatch.label, this.dispatch.step ?? 0);
    const { encoder } = pass;
    const pipeline = this.pipeline?.pipeline;
    if (pipeline !== undefined && pipeline !== pass.pipeline) {
      encoder.setPipeline(pipeline);
      pass.pipeline = pipeline;
    }
    if (this.#moving.length === 0) encoder.setBindGroup(0, group);
    else {
      if (scalars !== undefined) this.#put(ring, scalars);
      encoder.setBindGroup(0, group, this.#places);
    }
    const [width, height] = this.#grid;
    if (height === 1) encoder.dispatchWorkgroups(width);
    else encoder.dispatchWorkgroups(width, height);
  }

  /** Puts the numbers of this run into the ring. */
  #put(ring: UniformRing, values: readonly number[]): void {
    for (let block = 0; block < this.#moving.length; block++) {
      const { words, scalars } = this.#moving[block]!;
      for (const { at, scalar, dtype } of scalars) words[at] = wordOf(values[scalar] ?? 0, dtype);
      this.#places[block] = ring.put(words);
    }
  }

  #entry(
    { binding, access, source, part = 0 }: Binding,
    bound: Bound,
    ring: UniformRing,
    numbers: Numbers,
  ): GPUBindGroupEntry {
    if (access === "uniform") {
      const block = this.dispatch.blocks[source] ?? [];
      const buffer = isMoving(block) ? ring.buffer : numbers.buffer;
      if (buffer === undefined) throw new BackendError(this.dispatch.label, "its numbers are not on the GPU");
      return { binding, resource: { buffer, offset: this.#offsets[source] ?? 0, size: block.length * 4 } };
    }
    const buffer = bound[source]?.[part]?.buffer;
    if (buffer === undefined)
      throw new BackendError(this.dispatch.label, `slot ${String(source)} has no buffer on the GPU`);
    return { binding, resource: { buffer } };
  }
}

/** The dispatch with what is the same at every run in place of numbers of the run. */
export function withFixed(dispatch: Dispatch, fixed: readonly (number | undefined)[]): Dispatch {
  if (!dispatch.blocks.some(isMoving)) return dispatch;
  const fix = (word: Word): Word => {
    const value = "scalar" in word ? fixed[word.scalar] : undefined;
    return value === undefined || "value" in word ? word : { value: wordOf(value, word.dtype) };
  };
  return { ...dispatch, blocks: dispatch.blocks.map((block) => block.map(fix)) };
}

function movingBlock(block: readonly Word[]): MovingBlock {
  return {
    words: Uint32Array.from(block, (word) => ("value" in word ? word.value >>> 0 : 0)),
    scalars: block.flatMap((word, at) => ("scalar" in word ? [{ at, scalar: word.scalar, dtype: word.dtype }] : [])),
  };
}

/** A number of the host as the 32-bit word in which a shader finds it: of a half its value, which is an f32. */
export function wordOf(value: number, dtype: DType): number {
  if (dtype === "f32") return bitsOfFloat(value);
  if (dtype === "f16") return bitsOfFloat(roundToHalf(value));
  if (dtype === "bool") return value === 0 ? 0 : 1;
  return dtype === "u8" ? value & 255 : value >>> 0;
}
