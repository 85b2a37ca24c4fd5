// Gradient clipping. Read next: optimizer.ts, whose option clipNorm uses it.
import type { Tree } from "../engine/scopes.ts";
import { tensorsOf } from "../engine/scopes.ts";
import { ParameterError } from "../core/errors.ts";
import { add, div, minimum, mul, sqrt, square } from "../ops/arithmetic.ts";
import { sum } from "../ops/broadcasting.ts";
import { cast } from "../ops/comparison.ts";
import type { Tensor } from "../ops/tensor.ts";
import { mapTrees } from "./rule.ts";

/** √ Σ g² over all elements of all leaves. Throws a ParameterError for a tree without tensors. */
export function globalNorm(gradients: Tree): Tensor {
  const squares = tensorsOf(gradients).map((gradient) => sum(square(gradient)));
  const [first, ...rest] = squares;
  if (first === undefined) throw new ParameterError("globalNorm", "there are no gradients");
  return sqrt(rest.reduce((total, next) => add(total, next), first));
}

/** All gradients times min(1, maxNorm / (norm + 1e-6)): their direction is kept, their common norm is at most maxNorm. */
export function clipGradients(gradients: Tree, maxNorm: number): Tree {
  if (!(maxNorm > 0)) throw new ParameterError("clipGradients", `maxNorm must be > 0, got ${maxNorm}`);
  const scale = minimum(div(maxNorm, add(globalNorm(gradients), 1e-6)), 1);
  return mapTrees([gradients], (gradient) => mul(gradient, cast(scale, gradient.dtype)));
}
