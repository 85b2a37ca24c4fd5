// Ops that put elements in order: sort, argSort, topK and searchSorted. One order for all of them: stable, the two zeros equal,
// NaN the greatest, as in NumPy and PyTorch. Kernels work along the last axis; other axes are moved there and back.
// Gradients go where elements came from: `picked` and `placed` move elements by positions that are all different, and are each
// other's gradients. Read next: assembly/sort.ts, shaders/sort.wgsl for the kernels; indexing.ts for positions that repeat.
import type { DType } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { normalizeAxis, sizeOf } from "../core/shape.ts";
import type { KernelCall, KernelOp } from "./descriptor.ts";
import { permuted } from "./movement.ts";
import { sortScratch } from "./scratch.ts";
import type { Spec, Tensor } from "./tensor.ts";
import { describe, recorderOf, requireArguments } from "./tensor.ts";

interface OrderAttributes {
  readonly descending: boolean;
}

/** Rows along the last axis. */
const rowsOf = (shape: Shape): number => sizeOf(shape.slice(0, -1));
const lengthOf = (shape: Shape): number => shape.at(-1) ?? 1;

/** The type that a kernel sees: truth values are bytes. */
const carrier = (dtype: DType = "f32"): DType => (dtype === "bool" ? "u8" : dtype);

/** Bytes of a key with a position. */
const entryBytes = (dtype: DType): number => (dtype === "f64" ? 16 : 8);

/** Elements in which the temporary entries of the GPU's kernels still fit into one buffer of any device. */
const mostOnGpu = 2 ** 25;

function orderCall(kernel: "sort" | "argSort", { shape, dtype }: Spec, descending: boolean): KernelCall {
  const [rows, length] = [rowsOf(shape), lengthOf(shape)];
  const own = carrier(dtype);
  const entry = kernel === "argSort" ? entryBytes(own) : own === "f64" ? 8 : 4;
  return {
    kernel,
    dtype: own,
    words: [rows, length, descending ? 1 : 0],
    workgroups: rows,
    scratch: sortScratch(rows, length, entry),
    ...limited(kernel, shape),
  };
}

function limited(op: string, shape: Shape): Pick<KernelCall, "unsupported"> {
  if (sizeOf(shape) <= mostOnGpu) return {};
  return { unsupported: { webgpu: `${op} on webgpu takes up to ${String(mostOnGpu)} elements` } };
}

/** Comparisons of a sort by merging, which is what all methods are held against. */
const comparisons = (shape: Shape): number => sizeOf(shape) * Math.max(1, Math.log2(lengthOf(shape)));

const sortOp: KernelOp<OrderAttributes> = {
  kind: "kernel",
  name: "sort",
  call: ([x = empty], _, { descending }) => orderCall("sort", x, descending),
  gradient: ({ inputs: [x], cotangents: [dy], attributes: { descending } }) =>
    x && dy && isFloating(x.dtype) ? [placed(dy, positionsInRows(x, descending), lengthOf(x.shape))] : [],
  flops: ([x]) => comparisons(x?.shape ?? []),
  work: "stream",
};

const argSortOp: KernelOp<OrderAttributes> = {
  kind: "kernel",
  name: "argSort",
  call: ([x = empty], _, { descending }) => orderCall("argSort", x, descending),
  flops: ([x]) => comparisons(x?.shape ?? []),
  work: "stream",
};

const empty: Spec = { shape: [0], dtype: "f32" };

const sortedRows = (x: Tensor, descending: boolean): Tensor =>
  recorderOf("sort", [x]).record(sortOp, [x], { descending }, [{ shape: x.shape, dtype: x.dtype }])[0] ?? x;

const positionsInRows = (x: Tensor, descending: boolean): Tensor =>
  recorderOf("argSort", [x]).record(argSortOp, [x], { descending }, [{ shape: x.shape, dtype: "i32" }])[0] ?? x;

interface SizedAttributes {
  /** Extent of the last axis in the output. */
  readonly size: number;
}

const pickedOp: KernelOp<null> = {
  kind: "kernel",
  name: "gather",
  call: ([x, index], [output]) => ({
    kernel: "gather",
    dtype: x?.dtype ?? "f32",
    words: [rowsOf(x?.shape ?? []), lengthOf(x?.shape ?? []), 1, lengthOf(index?.shape ?? [])],
    workgroups: Math.ceil(sizeOf(output?.shape ?? []) / 64),
  }),
  gradient: ({ inputs: [x, index], cotangents: [dy] }) =>
    x && index && dy ? [placed(dy, index, lengthOf(x.shape)), undefined] : [],
  flops: () => 0,
  work: "stream",
};

const placedOp: KernelOp<SizedAttributes> = {
  kind: "kernel",
  name: "place",
  call: ([source], _, { size }) => {
    const shape = source?.shape ?? [];
    return {
      kernel: "place",
      dtype: source?.dtype ?? "f32",
      words: [rowsOf(shape), size, lengthOf(shape)],
      workgroups: Math.ceil(sizeOf(shape) / 64),
    };
  },
  gradient: ({ inputs: [source, index], cotangents: [dy] }) =>
    source && index && dy ? [picked(dy, index), undefined] : [],
  flops: () => 0,
  work: "stream",
};

/** Elements of rows by positions that are all different. */
const picked = (x: Tensor, index: Tensor): Tensor =>
  recorderOf("gather", [x]).record(pickedOp, [x, index], null, [{ shape: index.shape, dtype: x.dtype }])[0] ?? x;

/** Rows of `size` elements that have those of `source` at positions which are all different, and 0 elsewhere. */
function placed(source: Tensor, index: Tensor, size: number): Tensor {
  const spec = { shape: [...source.shape.slice(0, -1), size], dtype: source.dtype };
  return recorderOf("place", [source]).record(placedOp, [source, index], { size }, [spec])[0] ?? source;
}

/** x with `axis` last; the same puts it back where it was the last. */
function axisLast(x: Tensor, axis: number): Tensor {
  return permuted(x, [...x.shape.map((_, index) => index).filter((index) => index !== axis), axis]);
}

function axisBack(x: Tensor, axis: number): Tensor {
  const order = x.shape.map((_, index) => (index < axis ? index : index - 1));
  order[axis] = x.rank - 1;
  return permuted(x, order);
}

function requireFlag(op: string, name: string, value: unknown): void {
  if (typeof value !== "boolean") throw new ParameterError(op, `${name} must be true or false, got ${describe(value)}`);
}

/** Options of `sort` and `argSort`: the last axis, ascending, unless said otherwise. */
export interface SortOptions {
  readonly axis?: number;
  readonly descending?: boolean;
}

function ordered(op: "sort" | "argSort", x: Tensor, options: SortOptions): Tensor {
  requireArguments(op, { x }, options);
  const { axis = -1, descending = false } = options;
  requireFlag(op, "descending", descending);
  const along = normalizeAxis(op, axis, x.rank);
  const order = op === "sort" ? sortedRows : positionsInRows;
  return axisBack(order(axisLast(x, along), descending), along);
}

/**
 * The elements along an axis in ascending or descending order: those of x at `argSort(x, options)`. Equal elements keep their
 * order, the two zeros are equal, and NaN is the greatest. The gradient goes to where the elements came from.
 */
export function sort(x: Tensor, options: SortOptions = {}): Tensor {
  return ordered("sort", x, options);
}

/** The positions along an axis that `sort` takes elements from, i32; `gather(x, axis, argSort(x, { axis }))` is sorted. */
export function argSort(x: Tensor, options: SortOptions = {}): Tensor {
  return ordered("argSort", x, options);
}
