// Metrics that a compiled step computes beside the loss. Read next: step.ts.
import { isFloating } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { sameShape, show } from "../core/shape.ts";
import { cast, equal, greater } from "../ops/comparison.ts";
import { argMax, sum } from "../ops/reduction.ts";
import type { Tensor } from "../ops/tensor.ts";

/** Metrics `fit` and `evaluate` know by name. */
export type Metric = "accuracy";

/**
 * The number of right predictions, an f32 scalar: the class with the largest score against an integer label or against
 * the largest entry of a dense target; a single score counts as class 1 where it is positive (a logit).
 */
export function countRight(scores: Tensor, target: Tensor): Tensor {
  const isDense = sameShape(scores.shape, target.shape);
  if (isDense && scores.shape[scores.rank - 1] === 1) {
    return total(equal(greater(scores, 0), greater(target, isFloating(target.dtype) ? 0.5 : 0)));
  }
  if (!isDense && !sameShape(scores.shape.slice(0, -1), target.shape)) {
    throw new ShapeError(
      "accuracy",
      `scores are ${show(scores.shape)}, targets ${show(target.shape)}; expected labels without the class axis, or equal shapes`,
    );
  }
  const label = isDense ? argMax(target, { axis: -1 }) : cast(target, "i32");
  return total(equal(argMax(scores, { axis: -1 }), label));
}

function total(right: Tensor): Tensor {
  return cast(sum(right), "f32");
}
