// Reductions over axes. Four monoids have kernels (sum stands in broadcasting.ts); mean, variance, norm and the rest are
// compositions. Read next: positions.ts for argMax and argMin, cumulative.ts, softmax.ts;
// ../graph/lower.ts, which turns any set of axes into folds of [outer, length, inner].
import { floatOf, isFloating } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import { normalizeAxes, reducedShape, show, sizeOf } from "../core/shape.ts";
import { constant } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";
import { abs, div, maximum, mul, square, sub } from "./arithmetic.ts";
import { broadcasted, recordReduce, reshaped, spread, sum, widened } from "./broadcasting.ts";
import { converted, equal, greater, notEqual } from "./comparison.ts";
import { productOfOthers } from "./cumulative.ts";
import type { UnaryFunction } from "./define.ts";
import { elementwise } from "./define.ts";
import type { Gradient, ReduceAttributes, ReduceOp } from "./descriptor.ts";
import { inSingle } from "./single.ts";
import { stopGradient } from "./stop-gradient.ts";
import type { AxisOptions, Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

export { argMax, argMin } from "./positions.ts";
export { cumProd, cumSum } from "./cumulative.ts";
export { sum } from "./broadcasting.ts";

/** The gradient goes to the extreme elements of a slice, shared equally among ties as PyTorch's amax does. */
const extremeGradient: Gradient<ReduceAttributes> = ({
  inputs: [x],
  outputs: [y],
  cotangents: [dy],
  attributes: { axes },
}) => {
  if (x === undefined || y === undefined || dy === undefined || !isFloating(x.dtype)) return [];
  const mask = converted(equal(x, spread(y, x, axes)), x.dtype);
  // A slice that holds NaN equals its extreme nowhere; it passes nothing on.
  const ties = maximum(sum(mask, { axis: axes, keepDims: true }), 1);
  const kept = reshaped(dy, reducedShape(x.shape, axes, true));
  return [mul(mask, broadcasted(div(kept, ties), x.shape))];
};

const maxOp: ReduceOp = { kind: "reduce", name: "max", combiner: "max", gradient: extremeGradient };
const minOp: ReduceOp = { kind: "reduce", name: "min", combiner: "min", gradient: extremeGradient };

const prodOp: ReduceOp = {
  kind: "reduce",
  name: "prod",
  combiner: "prod",
  gradient: ({ inputs: [x], cotangents: [dy], attributes: { axes } }) =>
    x !== undefined && dy !== undefined && isFloating(x.dtype)
      ? [mul(spread(dy, x, axes), productOfOthers(x, axes))]
      : [],
};

/** Number of elements in each slice along the axes; checks the axes. */
function lengthOf(op: string, x: Tensor, options: AxisOptions): number {
  return sizeOf(normalizeAxes(op, options.axis, x.rank).map((axis) => x.shape[axis] ?? 1));
}

/** Refuses slices without elements where that leaves nothing to return. */
function requireElements(op: string, x: Tensor, options: AxisOptions): void {
  const axes = normalizeAxes(op, options.axis, x.rank);
  const empty = axes.find((axis) => x.shape[axis] === 0);
  const isAsked = sizeOf(reducedShape(x.shape, axes, false)) > 0;
  if (empty !== undefined && isAsked) {
    throw new ShapeError(
      op,
      `axis ${String(empty)} of ${show(x.shape)} has no elements, so there is no ${op}. Leave empty slices out, or pad them`,
    );
  }
}

/** Product over axes (all by default). Products of bool and u8 are i32. The empty product is 1. */
export function prod(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("prod", { x }, options);
  return recordReduce(prodOp, widened(x), options);
}

/** The largest element along axes (all by default); NaN if there is one. Throws a ShapeError where there are no elements. */
export function max(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("max", { x }, options);
  requireElements("max", x, options);
  return converted(recordReduce(maxOp, widened(x), options), x.dtype);
}

/** The smallest element along axes (all by default); NaN if there is one. Throws a ShapeError where there are no elements. */
export function min(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("min", { x }, options);
  requireElements("min", x, options);
  return converted(recordReduce(minOp, widened(x), options), x.dtype);
}

/** x as truth values 0 and 1, i32. */
const truths = (x: Tensor): Tensor => widened(converted(x, "bool"));

/** True where all elements along the axes are true (not 0); true for none. */
export function all(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("all", { x }, options);
  lengthOf("all", x, options);
  return notEqual(recordReduce(minOp, truths(x), options), 0);
}

/** True where one or more elements along the axes are true (not 0); false for none. */
export function any(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("any", { x }, options);
  lengthOf("any", x, options);
  // The fold of no elements is the lowest number, which is not above 0 either.
  return greater(recordReduce(maxOp, truths(x), options), 0);
}

/** The mean over axes (all by default). Integers give floats; no elements give NaN. */
export function mean(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("mean", { x }, options);
  const length = lengthOf("mean", x, options);
  return x.recorder.compose("mean", () =>
    inSingle([x], (own) => div(sum(converted(own, floatOf(own.dtype)), options), length)),
  );
}

/** Options of `variance` and `std`: the divisor is the number of elements less `ddof`. */
export interface VarianceOptions extends AxisOptions {
  readonly ddof?: number;
}

/**
 * The mean squared distance from the mean, Σ(x − mean)² / (n − ddof), the mean first and corrected once, so that
 * values far from 0 lose nothing. `ddof: 1` gives the unbiased estimate. NaN where n ≤ ddof.
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  requireArguments("variance", { x }, options);
  return x.recorder.compose("variance", () => inSingle([x], (own) => spreadAround("variance", own, options)));
}

/** √variance. The gradient where it is 0 is 0. */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  requireArguments("std", { x }, options);
  return x.recorder.compose("std", () => inSingle([x], (own) => flatRoot(spreadAround("std", own, options))));
}

function spreadAround(op: string, x: Tensor, options: VarianceOptions): Tensor {
  const { ddof = 0 } = options;
  if (typeof ddof !== "number" || !(ddof >= 0))
    throw new ParameterError(op, `ddof must be a number ≥ 0, got ${String(ddof)}`);
  const length = lengthOf(op, x, options);
  return x.recorder.compose(op, () => {
    const values = converted(x, floatOf(x.dtype));
    const centre = (from: Tensor): Tensor => mean(from, { ...options, keepDims: true });
    // Far from 0 the mean itself is rounded by more than the distances may be wrong; their own mean is what it lacks.
    const near = sub(values, stopGradient(centre(values)));
    const distances = sub(near, centre(near));
    return div(sum(square(distances), options), length > ddof ? length - ddof : Number.NaN);
  });
}

/** √x with derivative 0 at 0, where a norm or a deviation has its corner. */
const flatRoot: UnaryFunction = elementwise("sqrt", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.sqrt(x),
  gradient: (_, y, cotangent) => {
    const isZero = scalar.equal(y, 0);
    return [
      scalar.select(isZero, constant(0, y.dtype), scalar.div(scalar.mul(cotangent, 0.5), scalar.select(isZero, 1, y))),
    ];
  },
});

/** Options of `norm`: ord 2 is √Σx², 1 is Σ|x|, Infinity is max|x|. */
export interface NormOptions extends AxisOptions {
  readonly ord?: number;
}

/** Length of vectors along axes; over all axes, and so of a whole matrix, by default. The gradient at 0 is 0. */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  requireArguments("norm", { x }, options);
  const { ord = 2 } = options;
  lengthOf("norm", x, options);
  if (ord !== 1 && ord !== 2 && ord !== Infinity)
    throw new ParameterError("norm", `ord must be 1, 2 or Infinity, got ${String(ord)}`);
  if (ord === Infinity) requireElements("norm", x, options);
  return x.recorder.compose("norm", () =>
    inSingle([x], (own) => {
      const values = converted(own, floatOf(own.dtype));
      if (ord === 1) return sum(abs(values), options);
      return ord === 2 ? flatRoot(sum(square(values), options)) : max(abs(values), options);
    }),
  );
}
