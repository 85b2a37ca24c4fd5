// Ops that pick and place elements by whole numbers: take and gather, their adjoints, and oneHot.
// take and indexAdd are each other's gradients, and so are gather and scatterAdd, so gradients of every order exist.
// Read next: assembly/indexing/indexing.ts for the kernels.
import type { DType } from "../core/dtype.ts";
import { dtypes, integers, isDType, isFloating, promote } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { normalizeAxis, requireInteger, show, sizeOf } from "../core/shape.ts";
import { add } from "./arithmetic.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import { converted, equal } from "./comparison.ts";
import type { KernelOp } from "./descriptor.ts";
import { iota } from "./iota.ts";
import { assemble, expandDims, region } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { isTensor, recorderOf, requireArguments, requireList } from "./tensor.ts";

interface AxisAttributes {
  readonly axis: number;
}

interface SizedAttributes extends AxisAttributes {
  /** Extent of the axis in the output. */
  readonly size: number;
}

// Elements that are only moved are moved as bits, and sums of integers that wrap have the same bits with and without sign.
const carriers: Readonly<Partial<Record<DType, DType>>> = { bool: "u8", u32: "i32" };

const carrier = (dtype: DType = "f32"): DType => carriers[dtype] ?? dtype;

const outerOf = (shape: Shape, axis: number): number => sizeOf(shape.slice(0, axis));
const innerOf = (shape: Shape, axis: number): number => sizeOf(shape.slice(axis + 1));
const threads = (count: number): number => Math.ceil(count / 64);

/** A kernel over [outer, size, inner] and [outer, count, inner]; `wide` is the operand or result with `size`. */
function words(wide: Shape, axis: number, count: number): number[] {
  return [outerOf(wide, axis), wide[axis] ?? 1, innerOf(wide, axis), count];
}

const takeOp: KernelOp<AxisAttributes> = {
  kind: "kernel",
  name: "take",
  call: ([x, indices], [output], { axis }) => ({
    kernel: "take",
    dtype: carrier(x?.dtype),
    words: words(x?.shape ?? [], axis, sizeOf(indices?.shape ?? [])),
    workgroups: threads(sizeOf(output?.shape ?? [])),
  }),
  readsHalves: "everywhere",
  gradient: ({ inputs: [x, indices], cotangents: [dy], attributes: { axis } }) =>
    x && indices && dy && isFloating(x.dtype) ? [indexAdd(dy, indices, axis, x.shape[axis] ?? 0), undefined] : [],
  flops: () => 0,
  work: "stream",
};

const indexAddOp: KernelOp<SizedAttributes> = {
  kind: "kernel",
  name: "indexAdd",
  call: ([source, indices], [output], { axis }) => ({
    kernel: "indexAdd",
    dtype: carrier(source?.dtype),
    words: words(output?.shape ?? [], axis, sizeOf(indices?.shape ?? [])),
    workgroups: threads(sizeOf(output?.shape ?? [])),
  }),
  gradient: ({ inputs: [source, indices], cotangents: [dy], attributes: { axis } }) =>
    source && indices && dy && isFloating(source.dtype) ? [takeRows(dy, indices, axis), undefined] : [],
  flops: ([source]) => sizeOf(source?.shape ?? []),
  work: "indexed",
};

/** take for indices that are an i32 vector. */
function takeRows(x: Tensor, indices: Tensor, axis: number): Tensor {
  const shape = x.shape.map((extent, index) => (index === axis ? indices.size : extent));
  const [result] = recorderOf("take", [x]).record(takeOp, [x, indices], { axis }, [{ shape, dtype: x.dtype }]);
  return result ?? x;
}

/** Rows of `source` added up where their index says: the adjoint of take. */
function indexAdd(source: Tensor, indices: Tensor, axis: number, size: number): Tensor {
  const shape = source.shape.map((extent, index) => (index === axis ? size : extent));
  const [result] = recorderOf("indexAdd", [source]).record(indexAddOp, [source, indices], { axis, size }, [
    { shape, dtype: source.dtype },
  ]);
  return result ?? source;
}

function requireIndices(op: string, name: string, indices: Tensor): Tensor {
  if (!integers.includes(indices.dtype)) {
    throw new DTypeError(
      op,
      `${name} must be whole numbers (i32, u32 or u8), got ${indices.dtype}. Convert it: cast(${name}, "i32")`,
    );
  }
  return converted(indices, "i32");
}

/**
 * Slices of x at `indices` along an axis, as NumPy's take: the axis is replaced by the axes of `indices`. Negative indices
 * count from the end. An index outside gives NaN, or 0 for integers: values are not known when the op is recorded.
 */
export function take(x: Tensor, indices: Tensor | readonly number[], options: { readonly axis?: number } = {}): Tensor {
  requireArguments("take", { x }, options);
  const axis = normalizeAxis("take", options.axis ?? 0, x.rank);
  if (isTensor(indices)) requireArguments("take", { indices });
  else requireList("take", "indices", indices);
  const list = isTensor(indices) ? requireIndices("take", "indices", indices) : listed(x, indices);
  const rows = takeRows(x, list.rank === 1 ? list : reshaped(list, [list.size]), axis);
  return list.rank === 1
    ? rows
    : reshaped(rows, [...x.shape.slice(0, axis), ...list.shape, ...x.shape.slice(axis + 1)]);
}

function listed(x: Tensor, indices: readonly number[]): Tensor {
  for (const index of indices) requireInteger("take", "an index", index, -(2 ** 31), 2 ** 31 - 1);
  return x.recorder.fromArray(Int32Array.from(indices), [indices.length], "i32");
}

const gatherOp: KernelOp<AxisAttributes> = {
  kind: "kernel",
  name: "gather",
  call: ([x, index], [output], { axis }) => ({
    kernel: "gather",
    dtype: carrier(x?.dtype),
    words: words(x?.shape ?? [], axis, index?.shape[axis] ?? 1),
    workgroups: threads(sizeOf(output?.shape ?? [])),
  }),
  readsHalves: "everywhere",
  gradient: ({ inputs: [x, index], cotangents: [dy], attributes: { axis } }) =>
    x && index && dy && isFloating(x.dtype) ? [scatterInto(zerosOf(dy, x.shape), axis, index, dy), undefined] : [],
  flops: () => 0,
  work: "indexed",
};

const scatterAddOp: KernelOp<AxisAttributes> = {
  kind: "kernel",
  name: "scatterAdd",
  call: ([x, index], [output], { axis }) => ({
    kernel: "scatterAdd",
    dtype: carrier(x?.dtype),
    words: words(x?.shape ?? [], axis, index?.shape[axis] ?? 1),
    workgroups: threads(sizeOf(output?.shape ?? [])),
  }),
  gradient: ({ inputs: [x, index], cotangents: [dy], attributes: { axis } }) =>
    x && index && dy && isFloating(x.dtype) ? [dy, undefined, gatherWhole(dy, axis, index)] : [],
  flops: ([, index]) => sizeOf(index?.shape ?? []),
  work: "indexed",
};

const zerosOf = (like: Tensor, shape: Shape): Tensor => broadcasted(like.recorder.scalar(0, like.dtype), shape);

/** gather where x and index agree outside the axis. */
function gatherWhole(x: Tensor, axis: number, index: Tensor): Tensor {
  const [result] = recorderOf("gather", [x]).record(gatherOp, [x, index], { axis }, [
    { shape: index.shape, dtype: x.dtype },
  ]);
  return result ?? x;
}

/** scatterAdd where x and index agree outside the axis, and index and source everywhere. */
function scatterInto(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  const [result] = recorderOf("scatterAdd", [x]).record(scatterAddOp, [x, index, source], { axis }, [
    { shape: x.shape, dtype: x.dtype },
  ]);
  return result ?? x;
}

/** The corner of x that has the given shape. */
const corner = (x: Tensor, shape: Shape): Tensor =>
  x.shape.every((extent, axis) => extent === shape[axis])
    ? x
    : region(
        x,
        x.shape.map(() => 0),
        x.shape.map(() => 1),
        shape,
      );

function requireWithin(op: string, index: Tensor, name: string, other: Tensor, free: number): void {
  const fits =
    index.rank === other.rank &&
    index.shape.every((extent, axis) => axis === free || extent <= (other.shape[axis] ?? 0));
  if (fits) return;
  const where = free < 0 ? "in any axis" : `outside axis ${String(free)}`;
  throw new ShapeError(
    op,
    `index ${show(index.shape)} must have as many axes as ${name} ${show(other.shape)} and must not be larger ${where}`,
  );
}

/** out[i][j] = x[i][index[i][j]] for axis 1, and so for any: one index for every element of the result (torch.gather). */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  requireArguments("gather", { x, index });
  const along = normalizeAxis("gather", axis, x.rank);
  const positions = requireIndices("gather", "index", index);
  requireWithin("gather", index, "x", x, along);
  const shape = index.shape.map((extent, i) => (i === along ? (x.shape[i] ?? 0) : extent));
  return gatherWhole(corner(x, shape), along, positions);
}

/**
 * x with source[i][j] added at x[i][index[i][j]] for axis 1, and so for any (torch.scatter_add, but x stays as it was).
 * Sums have a fixed order, so results repeat to the last bit. Indices outside are ignored.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  requireArguments("scatterAdd", { x, index, source });
  const along = normalizeAxis("scatterAdd", axis, x.rank);
  const positions = requireIndices("scatterAdd", "index", index);
  requireWithin("scatterAdd", index, "x", x, along);
  requireWithin("scatterAdd", index, "source", source, -1);
  const common = promote(x.dtype, source.dtype);
  const dtype = common === "bool" || common === "u8" ? "i32" : common;
  const target = converted(x, dtype);
  const added = converted(corner(source, index.shape), dtype);
  const shape = index.shape.map((extent, i) => (i === along ? (x.shape[i] ?? 0) : extent));
  if (shape.every((extent, i) => extent === x.shape[i])) return scatterInto(target, along, positions, added);
  // Rows beyond the index are left alone: the sums are made in the corner that it covers and added to the rest.
  const sums = scatterInto(zerosOf(target, shape), along, positions, added);
  const piece = { begin: shape.map(() => 0), step: shape.map(() => 1) };
  return add(target, assemble([sums], x.shape, { pieces: [piece], fill: 0 }));
}

/** A new last axis of size `depth` with 1 at the index and 0 elsewhere; all 0 where the index lies outside. */
export function oneHot(indices: Tensor, depth: number, options: { readonly dtype?: DType } = {}): Tensor {
  requireArguments("oneHot", { indices }, options);
  const positions = requireIndices("oneHot", "indices", indices);
  if (options.dtype !== undefined && !isDType(options.dtype))
    throw new DTypeError("oneHot", `unknown dtype ${String(options.dtype)}. Known: ${dtypes.join(", ")}`);
  requireInteger("oneHot", "depth", depth, 1, 2 ** 31 - 1);
  return converted(equal(expandDims(positions, -1), iota(indices.recorder, depth)), options.dtype ?? "f32");
}
