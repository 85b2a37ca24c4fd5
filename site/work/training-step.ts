// A compiled training step out of athanor's public parts: the plain loop that `fit` saves its users, here because the page
// decides step by step who computes next. Read next: learner.ts, which trains with it.
import type { Tensor, TensorLike } from "../../bindings/index.ts";
import { jit, valueAndGrad } from "../../bindings/index.ts";
import type { Batch } from "../../bindings/data/index.ts";
import { crossEntropy, withValues } from "../../bindings/nn/index.ts";
import type { Optimizer, RuleState } from "../../bindings/optim/index.ts";
import type { LeNet5 } from "../../bindings/zoo/index.ts";

export interface TrainingStep {
  /** Updates the model's parameters; returns the loss before the update, not read yet. */
  run(batch: Batch): Tensor;
  /** Loss and gradients of a step, recorded and not run. */
  record(batch: Batch): readonly Tensor[];
  dispose(): void;
}

export function compileStep(model: LeNet5, optimizer: Optimizer): TrainingStep {
  const values = (): Tensor[] => optimizer.parameters.map((parameter) => parameter.value);
  const differentiate = (current: readonly Tensor[], { x, y }: Batch): [Tensor, readonly Tensor[]] =>
    valueAndGrad((inner: readonly Tensor[]) =>
      withValues(optimizer.parameters, inner, () => crossEntropy(model.forward(x), y)),
    )(current);
  const compiled = jit(
    (current: readonly Tensor[], state: RuleState, batch: Batch, rate: TensorLike) => {
      const [loss, gradients] = differentiate(current, batch);
      return { loss, ...optimizer.update(current, gradients, state, rate) };
    },
    // Parameters and state are used up and written over where they lie.
    { donate: [0, 1] },
  );
  return {
    run: (batch) => {
      const next = compiled(values(), optimizer.state, batch, optimizer.lr);
      optimizer.adopt(next.parameters, next.state);
      return next.loss;
    },
    record: (batch) => differentiate(values(), batch).flat(),
    dispose: () => {
      compiled.dispose();
    },
  };
}
