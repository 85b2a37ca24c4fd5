// Ops that put elements in order: sort, argSort, topK and searchSorted. One order for all of them: stable, the two zeros equal,
// NaN the greatest, as in NumPy and PyTorch. Kernels work along the last axis; other axes are moved there and back.
// Gradients go where elements came from: `picked` and `placed` move elements by positions that are all different, and are each
// other's gradients. Read next: assembly/sorting/sort.ts, shaders/sort.wgsl for the kernels; indexing.ts for positions that repeat.
import type { DType } from "../core/dtype.ts";
import { isFloating, promote } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { normalizeAxis, show, sizeOf } from "../core/shape.ts";
import { converted } from "./comparison.ts";
import type { KernelCall, KernelOp } from "./descriptor.ts";
import { look } from "./descriptor.ts";
import { permuted } from "./movement.ts";
import { sortParts, sortScratch, topParts, topScratch } from "./scratch.ts";
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
    parts: sortParts(rows, length),
    scratch: sortScratch(rows, length, entry),
    ...limited(kernel, shape),
  };
}

function limited(op: string, shape: Shape): Pick<KernelCall, "unsupported"> {
  if (sizeOf(shape) <= mostOnGpu) return {};
  return { unsupported: { webgpu: `${op} on webgpu takes up to ${String(mostOnGpu)} elements` } };
}

/** Operations of a sort: as many looks as merging takes comparisons. */
const operations = (shape: Shape): number => look * sizeOf(shape) * Math.max(1, Math.log2(lengthOf(shape)));

const sortOp: KernelOp<OrderAttributes> = {
  kind: "kernel",
  name: "sort",
  call: ([x = empty], _, { descending }) => orderCall("sort", x, descending),
  gradient: ({ inputs: [x], cotangents: [dy], attributes: { descending } }) =>
    x && dy && isFloating(x.dtype) ? [placed(dy, positionsInRows(x, descending), lengthOf(x.shape))] : [],
  flops: ([x]) => operations(x?.shape ?? []),
  work: "sorting",
};

const argSortOp: KernelOp<OrderAttributes> = {
  kind: "kernel",
  name: "argSort",
  call: ([x = empty], _, { descending }) => orderCall("argSort", x, descending),
  flops: ([x]) => operations(x?.shape ?? []),
  work: "sorting",
};

const empty: Spec = { shape: [0], dtype: "f32" };

const sortedRows = (x: Tensor, descending: boolean): Tensor =>
  recorderOf("sort", [x]).record(sortOp, [x], { descending }, [{ shape: x.shape, dtype: x.dtype }])[0] ?? x;

const positionsInRows = (x: Tensor, descending: boolean): Tensor =>
  recorderOf("argSort", [x]).record(argSortOp, [x], { descending }, [{ shape: x.shape, dtype: "i32" }])[0] ?? x;

interface TopAttributes {
  readonly k: number;
  readonly largest: boolean;
}

const topOp: KernelOp<TopAttributes> = {
  kind: "kernel",
  name: "topK",
  call: ([x = empty], _, { k, largest }) => {
    const [rows, length, dtype] = [rowsOf(x.shape), lengthOf(x.shape), carrier(x.dtype)];
    return {
      kernel: "topK",
      dtype,
      words: [rows, length, largest ? 1 : 0, k],
      workgroups: rows,
      parts: topParts(rows, length, k),
      scratch: topScratch(rows, length, k, entryBytes(dtype)),
      ...limited("topK", x.shape),
    };
  },
  gradient: ({ inputs: [x], outputs: [, indices], cotangents: [dValues] }) =>
    x && indices && dValues && isFloating(x.dtype) ? [placed(dValues, indices, lengthOf(x.shape))] : [],
  flops: ([x], _, { k }) => look * sizeOf(x?.shape ?? []) * Math.max(2, Math.log2(k)),
  work: "sorting",
};

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

/** Options of `topK`: the largest elements along the last axis unless said otherwise. */
export interface TopKOptions {
  readonly axis?: number;
  /** False chooses the smallest. */
  readonly largest?: boolean;
  /** False leaves the order of the elements open; they come in order all the same, as that costs next to nothing. */
  readonly sorted?: boolean;
}

/**
 * The k largest (or smallest) elements along an axis, in order, and their positions, i32: the first k of `sort` and `argSort`,
 * so NaN is the greatest, and of equal elements the first ones are chosen. Throws a ParameterError unless 1 ≤ k ≤ the axis.
 */
export function topK(
  x: Tensor,
  k: number,
  options: TopKOptions = {},
): { readonly values: Tensor; readonly indices: Tensor } {
  requireArguments("topK", { x }, options);
  const { axis = -1, largest = true, sorted = true } = options;
  requireFlag("topK", "largest", largest);
  requireFlag("topK", "sorted", sorted);
  const along = normalizeAxis("topK", axis, x.rank);
  const length = x.shape[along] ?? 0;
  const named = `axis ${String(along)} of ${show(x.shape)}`;
  if (length === 0) throw new ShapeError("topK", `${named} has no elements to choose from. Leave empty slices out`);
  if (!Number.isInteger(k) || k < 1 || k > length) {
    throw new ParameterError(
      "topK",
      `k must be a whole number in [1, ${String(length)}], the size of ${named}, got ${String(k)}`,
    );
  }
  const rows = axisLast(x, along);
  const shape = [...rows.shape.slice(0, -1), k];
  const specs = [
    { shape, dtype: x.dtype },
    { shape, dtype: "i32" },
  ] as const;
  const [values, indices] = recorderOf("topK", [x]).record(topOp, [rows], { k, largest }, specs);
  return { values: axisBack(values ?? x, along), indices: axisBack(indices ?? x, along) };
}

interface SearchAttributes {
  readonly side: "left" | "right";
}

const searchOp: KernelOp<SearchAttributes> = {
  kind: "kernel",
  name: "searchSorted",
  call: ([sorted, values = empty], _, { side }) => {
    const count = sizeOf(values.shape);
    const words = [lengthOf(sorted?.shape ?? []), count, side === "right" ? 1 : 0];
    return { kernel: "searchSorted", dtype: values.dtype, words, workgroups: Math.ceil(count / 64) };
  },
  flops: ([sorted, values]) => look * sizeOf(values?.shape ?? []) * Math.log2(2 + sizeOf(sorted?.shape ?? [])),
  work: "indexed",
};

/**
 * Where each value would have to be inserted into the ascending vector `sorted` to keep it ascending, i32: before equal
 * elements with side "left", behind them with "right". The order is that of `sort`: NaN is the greatest. Where `sorted` is not
 * ascending the positions mean nothing.
 */
export function searchSorted(
  sorted: Tensor,
  values: Tensor,
  options: { readonly side?: "left" | "right" } = {},
): Tensor {
  requireArguments("searchSorted", { sorted, values }, options);
  const { side = "left" } = options;
  if (!["left", "right"].includes(side))
    throw new ParameterError("searchSorted", `side must be "left" or "right", got ${JSON.stringify(side)}`);
  if (sorted.rank !== 1) throw new ShapeError("searchSorted", `sorted must be a vector, got ${show(sorted.shape)}`);
  const common = promote(sorted.dtype, values.dtype);
  const dtype = common === "bool" || common === "u8" ? "i32" : common;
  const operands = [converted(sorted, dtype), converted(values, dtype)];
  const spec = { shape: values.shape, dtype: "i32" } as const;
  return recorderOf("searchSorted", [values]).record(searchOp, operands, { side }, [spec])[0] ?? values;
}
