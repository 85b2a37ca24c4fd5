// The recorded graph: nodes and the values between them, with counts of who still needs what.
// A pending value holds no device memory; a stored one holds storage on one device or on both.
// Knows no engine and no backend's insides. Read next: capture.ts, which reads the graph; engine/run.ts, which stores results.
import type { DType, TypedArray } from "../core/dtype.ts";
import type { Shape } from "../core/shape.ts";
import { sizeOf } from "../core/shape.ts";
import type { Op } from "../ops/descriptor.ts";
import type { Copies } from "./copies.ts";
import { noCopies } from "./copies.ts";

/** The devices there are. */
export type DeviceName = "wasm" | "webgpu";

/** A piece of device memory with a count of its holders; it goes back to the device when the last lets go. */
export interface Stored {
  readonly backend: { readonly name: DeviceName };
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  /** Bytes on the device. */
  readonly bytes: number;
  /** True if more than one holds it. */
  readonly isShared: boolean;
  retain(): void;
  release(): void;
}

/** One result of a node, or data from the host. */
export class Value {
  readonly shape: Shape;
  readonly dtype: DType;
  /** The node that computes it; undefined for host data. */
  readonly node: Node | undefined;
  /** Copies on devices; equal where there are two. */
  copies: Copies = noCopies;
  /** The host's own copy, until a device has one. */
  host: TypedArray | undefined;
  /** Tensors and pending nodes that need the value. */
  holders = 0;
  /** How many of the holders are pending nodes. */
  consumers = 0;
  /** Notes of the capture that met the value last: which one that was, the value's index there, and consumers inside of it. */
  capture = 0;
  captureIndex = -1;
  captureConsumers = 0;

  constructor(shape: Shape, dtype: DType, node: Node | undefined, host?: TypedArray) {
    this.shape = shape;
    this.dtype = dtype;
    this.node = node;
    this.host = host;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** True if the elements exist somewhere. */
  get isStored(): boolean {
    return this.copies !== noCopies || this.host !== undefined;
  }

  /** True for a number that the host knows and that no device needs to store. */
  get isConstant(): boolean {
    return this.node?.op.kind === "constant";
  }

  retain(): void {
    this.holders++;
  }

  /** Lets go once. What nobody holds any more is freed, together with pending work that only it needed. */
  release(): void {
    if (--this.holders !== 0) return;
    if (this.node === undefined) {
      this.free();
      return;
    }
    const dropped: Value[] = [this];
    for (let value = dropped.pop(); value !== undefined; value = dropped.pop()) {
      value.free();
      const node = value.node;
      if (node === undefined || node.outputs.some((output) => output.holders > 0)) continue;
      for (const freed of node.letGo()) dropped.push(freed);
    }
  }

  /** Frees the device copies. The value can still be computed again while its node has inputs. */
  free(): void {
    this.copies.release();
    this.copies = noCopies;
    this.host = undefined;
  }

  /** Takes over one hold on `storage` as the copy on its device. */
  store(storage: Stored): void {
    if (this.copies.has(storage.backend.name)) storage.release();
    else this.copies = this.copies.with(storage);
  }
}

/** One recorded op. */
export class Node {
  readonly op: Op<unknown>;
  readonly attributes: unknown;
  readonly outputs: readonly Value[];
  /** Empty once the outputs are stored, unless a transform keeps them. */
  inputs: readonly Value[];
  /** Pending nodes on the longest path below; recording flushes when it grows too deep. */
  readonly depth: number;
  /** The device `withDevice` asked for when it was recorded. */
  device: DeviceName | undefined;
  /** Open transforms that will walk through this node. */
  keepers = 0;
  /** Where it was recorded, in debug mode. */
  site: string | undefined;

  constructor(
    op: Op<unknown>,
    attributes: unknown,
    inputs: readonly Value[],
    outputs: readonly { shape: Shape; dtype: DType }[],
  ) {
    this.op = op;
    this.attributes = attributes;
    this.inputs = inputs;
    this.outputs = outputs.map(({ shape, dtype }) => new Value(shape, dtype, this));
    let depth = 0;
    for (const value of inputs) {
      value.holders++;
      value.consumers++;
      if (value.node !== undefined && !value.isStored) depth = Math.max(depth, value.node.depth);
    }
    this.depth = depth + 1;
  }

  /** Lets go of the inputs if every held output is stored and no transform needs them. */
  settle(): void {
    if (this.keepers > 0 || this.outputs.some((output) => output.holders > 0 && !output.isStored)) return;
    releaseAll(this.letGo());
  }

  /** One transform less needs the node: what it alone kept is let go. */
  unkeep(): void {
    if (--this.keepers > 0) return;
    if (this.outputs.some((output) => output.holders > 0)) this.settle();
    else releaseAll(this.letGo());
  }

  /** Gives up the inputs; returns those that nobody holds any more, still to be freed. */
  letGo(): Value[] {
    if (this.keepers > 0) return [];
    const inputs = this.inputs;
    this.inputs = [];
    const unheld: Value[] = [];
    for (const value of inputs) {
      value.consumers--;
      if (--value.holders === 0) unheld.push(value);
    }
    return unheld;
  }
}

/** Frees values that nobody holds any more. */
function releaseAll(values: readonly Value[]): void {
  for (const value of values) {
    // release() counts down from one holder.
    value.holders = 1;
    value.release();
  }
}
