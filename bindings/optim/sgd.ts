// Gradient descent, with momentum and Nesterov's variant, as torch.optim.SGD defines it.
// Read next: rule.ts for the contract, adam.ts.
import { ParameterError } from "../core/errors.ts";
import { tensor, zerosLike } from "../engine/creation.ts";
import type { Tensor } from "../ops/tensor.ts";
import { add, mul, sub } from "../ops/arithmetic.ts";
import { equal, where } from "../ops/comparison.ts";
import type { Rule } from "./rule.ts";
import { mapTrees, mapTreesInto } from "./rule.ts";

export interface SgdOptions {
  /** μ; 0 when absent, which is plain gradient descent. */
  readonly momentum?: number;
  /** τ: how much of a new gradient the momentum buffer leaves out after the first step; 0 when absent. */
  readonly dampening?: number;
  /** λ: adds λ·p to the gradient; 0 when absent. */
  readonly weightDecay?: number;
  /** Looks ahead along the momentum; needs momentum > 0 and no dampening. */
  readonly nesterov?: boolean;
}

/**
 * g ← g + λp;  without momentum  p ← p − γg;  with it  b ← μb + (1 − τ)g (b ← g at the first step),
 * p ← p − γb, or with nesterov p ← p − γ(g + μb).
 */
export function sgd(options: SgdOptions = {}): Rule {
  const { momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
  for (const [name, value] of Object.entries({ momentum, weightDecay })) {
    if (!(value >= 0)) throw new ParameterError("sgd", `${name} must be ≥ 0, got ${value}`);
  }
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new ParameterError("sgd", `nesterov needs momentum > 0 and dampening 0, got ${momentum} and ${dampening}`);
  }
  const decayed = (p: Tensor, g: Tensor): Tensor => (weightDecay === 0 ? g : add(g, mul(p, weightDecay)));
  if (momentum === 0) {
    return {
      name: "sgd",
      initialState: () => ({}),
      update: (parameters, gradients, state, rate) => ({
        parameters: mapTrees([parameters, gradients], (p, g) => sub(p, mul(decayed(p, g), rate))),
        state,
      }),
    };
  }
  return {
    name: "sgd",
    initialState: (parameters) => ({
      momentum: mapTrees([parameters], (p) => zerosLike(p)),
      // Only dampening treats the first step apart, so only then are steps counted.
      ...(dampening === 0 ? {} : { step: tensor(0) }),
    }),
    update: (parameters, gradients, state, rate) => {
      const step = state.step as Tensor | undefined;
      const [next, buffers] = mapTreesInto(2, [parameters, gradients, state.momentum!], (p, gradient, buffer) => {
        const g = decayed(p, gradient);
        const fresh = step === undefined ? g : where(equal(step, 0), g, mul(g, 1 - dampening));
        const b = add(mul(buffer, momentum), fresh);
        const direction = nesterov ? add(g, mul(b, momentum)) : b;
        return [sub(p, mul(direction, rate)), b];
      });
      return {
        parameters: next!,
        state: { momentum: buffers!, ...(step === undefined ? {} : { step: add(step, 1) }) },
      };
    },
  };
}
