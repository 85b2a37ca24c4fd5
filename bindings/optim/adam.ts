// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), as torch.optim defines them.
// Read next: rule.ts for the contract, sgd.ts.
import { ParameterError } from "../core/errors.ts";
import { tensor, zerosLike } from "../engine/creation.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { add, div, mul, neg, sqrt, square, sub } from "../ops/arithmetic.ts";
import { expm1 } from "../ops/exponential.ts";
import type { Rule } from "./rule.ts";
import { mapTrees, mapTreesInto } from "./rule.ts";

export interface AdamOptions {
  /** β₁, β₂: how slowly the means of gradient and squared gradient forget; 0.9 and 0.999 when absent. */
  readonly betas?: readonly [number, number];
  /** ε, added to the denominator; 1e-8 when absent. */
  readonly epsilon?: number;
  /** λ; for Adam it is added to the gradient (0 when absent), for AdamW it shrinks the parameters (0.01 when absent). */
  readonly weightDecay?: number;
}

/**
 * g ← g + λp;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
 * p ← p − γ / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 */
export function adam(options: AdamOptions = {}): Rule {
  return moments("adam", { weightDecay: 0, ...options }, false);
}

/** p ← p − γλp, then Adam's update without λ in the gradient. */
export function adamW(options: AdamOptions = {}): Rule {
  return moments("adamW", { weightDecay: 0.01, ...options }, true);
}

function moments(name: string, options: AdamOptions & { readonly weightDecay: number }, decoupled: boolean): Rule {
  const { betas: [beta1, beta2] = [0.9, 0.999], epsilon = 1e-8, weightDecay } = options;
  for (const [label, beta] of Object.entries({ "betas[0]": beta1, "betas[1]": beta2 })) {
    if (!(beta >= 0 && beta < 1)) throw new ParameterError(name, `${label} must be in [0, 1), got ${beta}`);
  }
  for (const [label, value] of Object.entries({ epsilon, weightDecay })) {
    if (!(value >= 0)) throw new ParameterError(name, `${label} must be ≥ 0, got ${value}`);
  }
  return {
    name,
    initialState: (parameters) => ({
      step: tensor(0),
      mean: mapTrees([parameters], (p) => zerosLike(p)),
      square: mapTrees([parameters], (p) => zerosLike(p)),
    }),
    update: (parameters, gradients, state, rate) => {
      const step = add(state.step as Tensor, 1);
      const stepSize = div(rate, correction(beta1, step));
      // Times the reciprocal rather than by the root: one division for all elements.
      const rootCorrection = div(1, sqrt(correction(beta2, step)));
      const shrink = decoupled && weightDecay !== 0 ? decayFactor(rate, weightDecay) : 1;
      const [next, mean, squares] = mapTreesInto(
        3,
        [parameters, gradients, state.mean!, state.square!],
        (p, gradient, m, v) => {
          const g = !decoupled && weightDecay !== 0 ? add(gradient, mul(p, weightDecay)) : gradient;
          const nextM = add(mul(m, beta1), mul(g, 1 - beta1));
          const nextV = add(mul(v, beta2), mul(square(g), 1 - beta2));
          const denominator = add(mul(sqrt(nextV), rootCorrection), epsilon);
          const kept = shrink === 1 ? p : mul(p, shrink);
          return [sub(kept, mul(div(nextM, denominator), stepSize)), nextM, nextV];
        },
      );
      return { parameters: next!, state: { step, mean: mean!, square: squares! } };
    },
  };
}

/** 1 − γλ. */
function decayFactor(rate: TensorLike, weightDecay: number): TensorLike {
  return typeof rate === "number" ? 1 - rate * weightDecay : sub(1, mul(rate, weightDecay));
}

/** 1 − βᵗ, as −expm1(t · log β): near t = 1 the difference itself would lose four of f32's seven digits. */
function correction(beta: number, step: Tensor): Tensor {
  return beta === 0 ? add(mul(step, 0), 1) : neg(expm1(mul(step, Math.log(beta))));
}
