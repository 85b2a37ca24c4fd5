// Broadcasting and its adjoint, summation: the two ops whose gradients are each other, with reshape between them.
// They stand in one file because each needs the other. Read next: movement.ts and reduction.ts, which build on them.
import { isFloating } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { broadcastLayout, reshapeLayout } from "../core/layout.ts";
import { input } from "../expr/expression.ts";
import { cast } from "../expr/primitives/logic.ts";
import type { Shape } from "../core/shape.ts";
import {
  broadcastPair,
  checkShape,
  normalizeAxes,
  reducedShape,
  resolveShape,
  sameShape,
  show,
} from "../core/shape.ts";
import { own, recordView } from "./alias.ts";
import type { MapAttributes, MapOp, ReduceAttributes, ReduceOp, ViewOp } from "./descriptor.ts";
import type { AxisOptions, Tensor } from "./tensor.ts";
import { recorderOf, requireArguments, requireList } from "./tensor.ts";

const reshapeOp: ViewOp<null> = {
  kind: "view",
  name: "reshape",
  layout: (source, shape) => reshapeLayout(source, shape),
  gradient: ({ inputs: [x], cotangents: [dy] }) => (x && dy ? [reshaped(dy, x.shape)] : []),
};

/** The same elements in row-major order under another shape; one size may be −1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireArguments("reshape", { x });
  requireList("reshape", "shape", shape);
  return own(reshaped(x, shape), x);
}

/** reshape for callers inside: x itself where nothing changes. */
export function reshaped(x: Tensor, shape: Shape): Tensor {
  const target = resolveShape("reshape", shape, x.size, x.shape);
  return sameShape(target, x.shape) ? x : recordView(reshapeOp, x, target, null);
}

const broadcastOp: ViewOp<null> = {
  kind: "view",
  name: "broadcastTo",
  layout: (source, shape) => broadcastLayout(source, shape),
  gradient: ({ inputs: [x], cotangents: [dy] }) => (x && dy ? [sumTo(dy, x.shape)] : []),
};

/** The tensor repeated along axes of size 1 and along new leading axes, without a copy. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  requireArguments("broadcastTo", { x });
  return own(broadcasted(x, shape), x);
}

/** broadcastTo for callers inside: x itself where nothing changes. */
export function broadcasted(x: Tensor, shape: Shape): Tensor {
  checkShape("broadcastTo", shape);
  const common = broadcastPair(x.shape, shape);
  if (common === undefined || !sameShape(common, shape)) {
    throw new ShapeError(
      "broadcastTo",
      `cannot broadcast ${show(x.shape)} to ${show(shape)}: each axis must be equal or 1`,
    );
  }
  return sameShape(shape, x.shape) ? x : recordView(broadcastOp, x, shape, null);
}

const widenOp: MapOp = { kind: "map", name: "cast" };

/** Folds of bool and u8 are kept in 32 bits: x as i32. Other types stay. Comparison.ts has the conversion users call. */
export function widened(x: Tensor): Tensor {
  if (x.dtype !== "bool" && x.dtype !== "u8") return x;
  const expression = cast(input(0, x.dtype), "i32");
  const [result] = recorderOf("cast", [x]).record<MapAttributes>(widenOp, [x], { expression }, [
    { shape: x.shape, dtype: "i32" },
  ]);
  return result ?? x;
}

const sumOp: ReduceOp = {
  kind: "reduce",
  name: "sum",
  combiner: "sum",
  gradient: ({ inputs: [x], cotangents: [dy], attributes }) =>
    x !== undefined && dy !== undefined && isFloating(x.dtype) ? [spread(dy, x, attributes.axes)] : [],
};

/** The cotangent of a reduction, repeated along the reduced axes. */
export function spread(dy: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  return broadcasted(reshaped(dy, reducedShape(x.shape, axes, true)), x.shape);
}

/** Records a fold over axes; the result has the type of x. */
export function recordReduce(op: ReduceOp, x: Tensor, options: AxisOptions): Tensor {
  const axes = normalizeAxes(op.name, options.axis, x.rank);
  const keepDims = options.keepDims ?? false;
  const shape = reducedShape(x.shape, axes, keepDims);
  const [result] = recorderOf(op.name, [x]).record<ReduceAttributes>(op, [x], { axes, keepDims }, [
    { shape, dtype: x.dtype },
  ]);
  return result ?? x;
}

/**
 * Sum over axes (all by default). Sums of bool and u8 are i32. Floats are summed in blocks, so the error does not grow
 * with the length as a plain loop's does.
 */
export function sum(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("sum", { x }, options);
  return recordReduce(sumOp, widened(x), options);
}

/** Sums a gradient over the axes along which an operand of `shape` was broadcast. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axis = x.shape.flatMap((extent, index) =>
    index < lead || (shape[index - lead] === 1 && extent !== 1) ? [index] : [],
  );
  return reshaped(axis.length === 0 ? x : sum(x, { axis, keepDims: true }), shape);
}
