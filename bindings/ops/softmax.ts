// Softmax and its relatives: compositions of a maximum, exponentials and a sum, which the planner fuses.
// The maximum is subtracted as a constant, so that nothing overflows and gradients stay those of the formula.
// Read next: reduction.ts; activation.ts, which exports these beside the elementwise activations.
import { floatOf } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { normalizeAxes, normalizeAxis, reducedShape, requireInteger, show, sizeOf } from "../core/shape.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { reshaped, sum } from "./broadcasting.ts";
import { converted, isFinite, where } from "./comparison.ts";
import { exp, log } from "./exponential.ts";
import { max } from "./reduction.ts";
import { inSingle } from "./single.ts";
import { stopGradient } from "./stop-gradient.ts";
import type { AxisOptions, Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

/** x less its maximum along the axis, as floats. */
function shifted(op: string, x: Tensor, axis: number): { readonly values: Tensor; readonly axis: number } {
  const index = normalizeAxis(op, axis, x.rank);
  const floats = converted(x, floatOf(x.dtype));
  if (x.size === 0) return { values: floats, axis: index };
  return { values: sub(floats, stopGradient(max(floats, { axis: index, keepDims: true }))), axis: index };
}

/** e^x / Σ e^x along an axis, the last by default. */
export function softmax(x: Tensor, options: { readonly axis?: number } = {}): Tensor {
  requireArguments("softmax", { x }, options);
  return x.recorder.compose("softmax", () =>
    inSingle([x], (own) => {
      const { values, axis } = shifted("softmax", own, options.axis ?? -1);
      const powers = exp(values);
      // One division for each sum: as many as elements would take a quarter of the time.
      return mul(powers, div(1, sum(powers, { axis, keepDims: true })));
    }),
  );
}

/** log(softmax(x)), accurate where the softmax itself would be rounded to 0. */
export function logSoftmax(x: Tensor, options: { readonly axis?: number } = {}): Tensor {
  requireArguments("logSoftmax", { x }, options);
  return x.recorder.compose("logSoftmax", () =>
    inSingle([x], (own) => {
      const { values, axis } = shifted("logSoftmax", own, options.axis ?? -1);
      return sub(values, log(sum(exp(values), { axis, keepDims: true })));
    }),
  );
}

/** log Σ e^x over axes (all by default) without overflow. −∞ where all elements are −∞ or there are none. */
export function logSumExp(x: Tensor, options: AxisOptions = {}): Tensor {
  requireArguments("logSumExp", { x }, options);
  const axes = normalizeAxes("logSumExp", options.axis, x.rank);
  return x.recorder.compose("logSumExp", () => inSingle([x], (own) => logOfSum(own, axes, options.keepDims ?? false)));
}

function logOfSum(x: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
  const floats = converted(x, floatOf(x.dtype));
  const shape = reducedShape(x.shape, axes, keepDims);
  if (x.size === 0) return reshaped(log(sum(exp(floats), { axis: axes })), shape);
  const largest = stopGradient(max(floats, { axis: axes, keepDims: true }));
  // An infinite maximum is not subtracted: ∞ − ∞ has no value, and the exponentials are right without it.
  const base = where(isFinite(largest), largest, 0);
  const total = log(sum(exp(sub(floats, base)), { axis: axes, keepDims: true }));
  return reshaped(add(total, base), shape);
}

/**
 * The largest of every `groups` neighbouring elements along an axis: [..., n] → [..., n / groups] (Goodfellow et al., 2013).
 */
export function maxout(x: Tensor, options: { readonly groups: number; readonly axis?: number }): Tensor {
  requireArguments("maxout", { x }, options);
  const { groups, axis = -1 } = options;
  const index = normalizeAxis("maxout", axis, x.rank);
  requireInteger("maxout", "groups", groups, 1);
  const extent = x.shape[index] ?? 0;
  if (extent % groups !== 0) {
    throw new ShapeError(
      "maxout",
      `axis ${String(index)} of ${show(x.shape)} does not divide into pieces of ${String(groups)}. The size must be a multiple of groups`,
    );
  }
  const before = x.shape.slice(0, index);
  const after = x.shape.slice(index + 1);
  const pieces = reshaped(x, [sizeOf(before), extent / groups, groups, sizeOf(after)]);
  return reshaped(max(pieces, { axis: 2 }), [...before, extent / groups, ...after]);
}
