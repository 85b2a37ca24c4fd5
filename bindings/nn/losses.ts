// Losses: functions of a prediction and a target, reduced to their mean unless told otherwise.
// All are compositions of ops, so their gradients are too. Classes lie on the last axis.
// Read next: ../ops/activation.ts for logSoftmax and softplus, which keep them accurate at the extremes.
import { isFloating } from "../core/dtype.ts";
import { DTypeError, ParameterError, ShapeError } from "../core/errors.ts";
import { sameShape, show } from "../core/shape.ts";
import { logSoftmax, softplus } from "../ops/activation.ts";
import { add, mul, neg, sub } from "../ops/arithmetic.ts";
import { cast } from "../ops/comparison.ts";
import { gather } from "../ops/indexing.ts";
import { mean, sum } from "../ops/reduction.ts";
import { expandDims, squeeze } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";

/** What becomes of the losses of single samples. */
export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** "mean" when absent. */
  readonly reduction?: Reduction;
}

/** A loss as `fit` takes it. */
export type Loss = (prediction: Tensor, target: Tensor) => Tensor;

function reduce(losses: Tensor, reduction: Reduction = "mean"): Tensor {
  if (reduction === "none") return losses;
  return reduction === "sum" ? sum(losses) : mean(losses);
}

/** Shapes must be equal: [n] against [n, 1] would broadcast to n² silently. */
function requireEqualShapes(op: string, prediction: Tensor, target: Tensor): void {
  if (sameShape(prediction.shape, target.shape)) return;
  throw new ShapeError(
    op,
    `prediction is ${show(prediction.shape)}, target ${show(target.shape)}: they must be equal. Reshape one of them`,
  );
}

/** The target in the prediction's type, so that integer targets do not turn an f32 loss into f64. */
function alike(target: Tensor, prediction: Tensor): Tensor {
  return cast(target, prediction.dtype);
}

/** Mean squared error: (p − t)². */
export function mse(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  requireEqualShapes("mse", prediction, target);
  return reduce(sub(prediction, alike(target, prediction)).square(), options.reduction);
}

/** Mean absolute error: |p − t|. */
export function mae(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  requireEqualShapes("mae", prediction, target);
  return reduce(sub(prediction, alike(target, prediction)).abs(), options.reduction);
}

/** Huber's loss: ½d² where |d| ≤ delta, else delta · (|d| − ½ delta), with d = p − t. */
export function huber(
  prediction: Tensor,
  target: Tensor,
  options: LossOptions & { readonly delta?: number } = {},
): Tensor {
  const { delta = 1 } = options;
  if (!(delta > 0)) throw new ParameterError("huber", `delta must be > 0, got ${delta}`);
  requireEqualShapes("huber", prediction, target);
  const distance = sub(prediction, alike(target, prediction)).abs();
  // With m = min(|d|, delta) both branches are m · (|d| − m / 2).
  const inner = distance.minimum(delta);
  return reduce(mul(inner, sub(distance, mul(inner, 0.5))), options.reduction);
}

/**
 * Binary cross entropy of logits x and targets t in [0, 1]: −t log σ(x) − (1 − t) log(1 − σ(x)), computed as
 * w · t · softplus(−x) + (1 − t) · softplus(x), which cancels nowhere. `positiveWeight` is w, 1 when absent.
 */
export function bceWithLogits(
  logits: Tensor,
  target: Tensor,
  options: LossOptions & { readonly positiveWeight?: Tensor | number } = {},
): Tensor {
  requireEqualShapes("bceWithLogits", logits, target);
  const { positiveWeight = 1 } = options;
  const t = alike(target, logits);
  const positive = mul(mul(t, softplus(neg(logits))), positiveWeight);
  return reduce(add(positive, mul(sub(1, t), softplus(logits))), options.reduction);
}

/** Negative log likelihood: −logProbabilities[label] for integer labels, one for each row of the last axis. */
export function nll(logProbabilities: Tensor, labels: Tensor, options: LossOptions = {}): Tensor {
  return reduce(neg(pick("nll", logProbabilities, labels)), options.reduction);
}

function pick(op: string, x: Tensor, labels: Tensor): Tensor {
  if (isFloating(labels.dtype))
    throw new DTypeError(op, `labels must be integers, got ${labels.dtype}. Convert them: cast(labels, "i32")`);
  if (x.rank === 0 || !sameShape(labels.shape, x.shape.slice(0, -1))) {
    const wanted = x.rank === 0 ? "scores with a class axis" : `labels of shape ${show(x.shape.slice(0, -1))}`;
    throw new ShapeError(op, `scores are ${show(x.shape)} and labels ${show(labels.shape)}; expected ${wanted}`);
  }
  return squeeze(gather(x, -1, expandDims(cast(labels, "i32"), -1)), -1);
}

export interface CrossEntropyOptions extends LossOptions {
  /** ε in [0, 1]: the target becomes (1 − ε) · target + ε / classes. 0 when absent. */
  readonly labelSmoothing?: number;
}

/**
 * Cross entropy of logits [..., classes] against integer labels [...], or against probabilities (or one-hot rows)
 * [..., classes]: −Σ target · log softmax(logits), averaged over all rows.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ParameterError("crossEntropy", `labelSmoothing must be in [0, 1], got ${labelSmoothing}`);
  }
  if (!isFloating(logits.dtype))
    throw new DTypeError(
      "crossEntropy",
      `logits must be f16, f32 or f64, got ${logits.dtype}. Convert them: cast(logits, "f32")`,
    );
  const logProbabilities = logSoftmax(logits);
  const isDense = logits.rank > 0 && sameShape(logits.shape, target.shape);
  const likelihood = isDense
    ? sum(mul(alike(target, logits), logProbabilities), { axis: -1 })
    : pick("crossEntropy", logProbabilities, target);
  if (labelSmoothing === 0) return reduce(neg(likelihood), options.reduction);
  const even = mean(logProbabilities, { axis: -1 });
  return reduce(neg(add(mul(likelihood, 1 - labelSmoothing), mul(even, labelSmoothing))), options.reduction);
}
