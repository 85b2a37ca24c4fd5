// What an op sees of a tensor: shape, element type, and the recorder that notes what happens to it.
// Knows no engine: engine/tensor.ts implements these interfaces. Read next: descriptor.ts, define.ts.
import type { ArrayOf, DType, TypedArray } from "../core/dtype.ts";
import { BackendError, DisposedError, ParameterError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { show } from "../core/shape.ts";
import type { Op } from "./descriptor.ts";

/** Shape and element type of a value. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Values of any nesting depth, as `toArray` returns them. */
export type Nested = number | boolean | readonly Nested[];

/** Notes ops down; nothing is computed. Implemented by the engine. */
export interface Recorder {
  /** Records a node and returns one tensor for each of its outputs. Attributes are plain data: they are part of the plan's key. */
  record<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, outputs: readonly Spec[]): Tensor[];
  /** Runs a composition of ops; the tensors it makes on the way are let go, so that they do not stand in the way of fusion. */
  compose<T>(op: string, body: () => T): T;
  /** A scalar known to the host. Its value is data, not structure: plans are reused when only scalars change. */
  scalar(value: number, dtype: DType): Tensor;
  /** A tensor holding a copy of host data. For f16 a Uint16Array holds bits, any other array numbers. */
  fromArray(data: TypedArray, shape: Shape, dtype: DType): Tensor;
}

/** What ops accept: a number takes the type of the tensor beside it. */
export type TensorLike = Tensor | number;

/**
 * An immutable array of numbers on some device, computed when it is read.
 * Made by `tensor`, `zeros`, `randn` and the like, and by every op.
 */
export interface Tensor extends TensorMethods {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  /** Number of axes. */
  readonly rank: number;
  /** The recorder that ops on this tensor go to. */
  readonly recorder: Recorder;
  /** The tensor with its last two axes exchanged; a vector or scalar is returned as it is. */
  readonly T: Tensor;
  /** True after `dispose`. */
  readonly isDisposed: boolean;
  /** Computes the tensor and copies its elements to the host, row-major. Those of f16 come as a Float32Array. */
  data(): Promise<TypedArray>;
  /** The same, at once. Throws a BackendError where the work involves the GPU. */
  dataSync(): TypedArray;
  /** The only element of a tensor of size 1. */
  item(): Promise<number>;
  /** Nested JavaScript arrays. Booleans become true and false. */
  toArray(): Promise<Nested>;
  /** Lets go of the tensor. Using it afterwards throws a DisposedError. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** The closed set of ops that are also methods; each is the function of the same name applied to the tensor. */
export interface TensorMethods {
  add(y: TensorLike): Tensor;
  sub(y: TensorLike): Tensor;
  mul(y: TensorLike): Tensor;
  div(y: TensorLike): Tensor;
  pow(y: TensorLike): Tensor;
  neg(): Tensor;
  abs(): Tensor;
  square(): Tensor;
  sqrt(): Tensor;
  exp(): Tensor;
  log(): Tensor;
  sigmoid(): Tensor;
  tanh(): Tensor;
  relu(): Tensor;
  maximum(y: TensorLike): Tensor;
  minimum(y: TensorLike): Tensor;
  equal(y: TensorLike): Tensor;
  less(y: TensorLike): Tensor;
  greater(y: TensorLike): Tensor;
  cast(dtype: DType): Tensor;
  sum(options?: AxisOptions): Tensor;
  mean(options?: AxisOptions): Tensor;
  max(options?: AxisOptions): Tensor;
  min(options?: AxisOptions): Tensor;
  argMax(options?: { readonly axis?: number; readonly keepDims?: boolean }): Tensor;
  softmax(options?: { readonly axis?: number }): Tensor;
  reshape(...shape: number[] | [Shape]): Tensor;
  flatten(startAxis?: number): Tensor;
  transpose(axis0?: number, axis1?: number): Tensor;
  permute(...order: number[] | [readonly number[]]): Tensor;
  expandDims(axis: number): Tensor;
  squeeze(axis?: number | readonly number[]): Tensor;
  slice(begin: readonly number[], end?: readonly (number | undefined)[], step?: readonly number[]): Tensor;
  broadcastTo(shape: Shape): Tensor;
  take(indices: Tensor | readonly number[], options?: { readonly axis?: number }): Tensor;
  matmul(b: Tensor): Tensor;
  dot(b: Tensor): Tensor;
}

/** Axes of a reduction: all when absent. `keepDims` leaves them with size 1. */
export interface AxisOptions {
  readonly axis?: number | readonly number[];
  readonly keepDims?: boolean;
}

/** True for a tensor, false for a number. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "recorder" in value && "dtype" in value;
}

/** The recorder of the first tensor among the operands. Throws a ParameterError if all are numbers. */
export function recorderOf(op: string, operands: readonly unknown[]): Recorder {
  const first = operands.find(isTensor);
  if (first === undefined) {
    const got = operands.map((operand) => (typeof operand === "number" ? String(operand) : typeof operand)).join(", ");
    throw new ParameterError(op, `expects a tensor, got ${got}. Wrap the value: tensor(value)`);
  }
  return first.recorder;
}

/** What a value is, for messages. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (value === null || value === undefined) return String(value);
  return isTensor(value) ? "a tensor" : typeof value;
}

/** What PyTorch and NumPy call options; passed over in silence, another result would come of it. */
const foreignNames = { dim: "axis", keepdim: "keepDims", keepdims: "keepDims" } as const;

/**
 * Throws unless every one of `tensors` is a tensor that is not disposed and `options` is an object whose axes and flags
 * have the right types, so that compositions refuse under the name the user called.
 */
export function requireArguments(
  op: string,
  tensors: Readonly<Record<string, unknown>> | readonly unknown[],
  ...rest: readonly [options?: unknown]
): void {
  let recorder: Recorder | undefined;
  // A list is copied so that its holes are looked at too.
  for (const [name, value] of Object.entries(Array.isArray(tensors) ? [...(tensors as unknown[])] : tensors)) {
    const what = Array.isArray(tensors) ? `tensors[${name}]` : name;
    if (!isTensor(value))
      throw new ParameterError(op, `${what} must be a tensor, got ${describe(value)}. Wrap it: tensor(value)`);
    if (value.isDisposed) throw new DisposedError(op, wasDisposed(value));
    recorder ??= value.recorder;
    if (value.recorder !== recorder)
      throw new BackendError(op, "a tensor belongs to another engine. Copy it: tensor(await x.data())");
  }
  if (rest.length === 0) return;
  const [options] = rest;
  if (typeof options !== "object" || options === null || Array.isArray(options) || isTensor(options))
    throw new ParameterError(op, `options must be an object of names and values, got ${describe(options)}`);
  for (const foreign in foreignNames)
    if (foreign in options) {
      const ours = foreignNames[foreign as keyof typeof foreignNames];
      throw new ParameterError(op, `there is no option ${foreign}. It is called ${ours}`);
    }
  const { axis, keepDims } = options as { readonly axis?: unknown; readonly keepDims?: unknown };
  if (axis !== undefined && typeof axis !== "number" && !Array.isArray(axis))
    throw new ParameterError(op, `axis must be a whole number or a list of them, got ${describe(axis)}`);
  if (keepDims !== undefined && typeof keepDims !== "boolean")
    throw new ParameterError(op, `keepDims must be true or false, got ${describe(keepDims)}`);
}

/** The complaint about a disposed tensor, with the way out. */
export function wasDisposed(tensor: Spec): string {
  return `tensor ${show(tensor.shape)} ${tensor.dtype} was disposed. Keep it: return it from scope(), or dispose it later`;
}

/** Throws a ParameterError unless `value` is an array. */
export function requireList(op: string, name: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw new ParameterError(op, `${name} must be an array, got ${describe(value)}`);
}

/** The elements a read of dtype `D` returns: of halves their values. */
export type DataOf<D extends DType> = D extends "f16" ? Float32Array : ArrayOf[D];
