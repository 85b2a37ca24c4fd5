// The two compiled functions of training: one step (forward, backward, update) and one evaluation.
// A step leaves its loss in a window of the last few losses on the device, so that nothing has to be read step by step.
// Knows no data, no epochs and no terminal. Read next: fit.ts, ../optim/optimizer.ts.
import { valueAndGrad } from "../autodiff/index.ts";
import { tensor, zeros } from "../engine/creation.ts";
import { jit } from "../engine/index.ts";
import type { Batch } from "../data/index.ts";
import type { Loss, Module } from "../nn/index.ts";
import { withValues } from "../nn/index.ts";
import { cast, equal, where } from "../ops/comparison.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/index.ts";
import type { RuleState } from "../optim/index.ts";
import { countRight } from "./metrics.ts";

/** Steps whose losses are read together. */
export const windowLength = 32;

/** Losses and numbers of right predictions of up to `windowLength` steps. */
export interface Window {
  readonly losses: Tensor;
  readonly right: Tensor;
}

/** Tensors a compiled step takes and returns. The first three are donated. */
interface Carried {
  readonly values: readonly Tensor[];
  readonly state: RuleState;
  readonly window: Window;
}

/** A step for one model. */
export interface TrainingStep {
  /** Updates the parameters; returns the window with this step's loss at `position`. The old window is used up. */
  run(batch: Batch, window: Window, position: number): Window;
  /** Lets go of what was compiled. */
  dispose(): void;
}

export function emptyWindow(): Window {
  return { losses: zeros([windowLength]), right: zeros([windowLength]) };
}

export interface StepOptions {
  readonly loss: Loss;
  readonly accuracy: boolean;
}

export function compileStep(model: Module, optimizer: Optimizer, options: StepOptions): TrainingStep {
  const positions = tensor(Float32Array.from({ length: windowLength }, (_, index) => index));
  const compiled = jit(
    (
      values: readonly Tensor[],
      state: RuleState,
      window: Window,
      batch: Batch,
      rate: TensorLike,
      position: TensorLike,
    ): Carried => {
      const forward = valueAndGrad(
        (current: readonly Tensor[]): [Tensor, { readonly right: Tensor | null }] =>
          withValues(optimizer.parameters, current, () => {
            const prediction = model.forward(batch.x);
            const right = options.accuracy ? countRight(prediction, batch.y) : null;
            return [options.loss(prediction, batch.y), { right }];
          }),
        { hasAux: true },
      );
      const [[loss, { right }], gradients] = forward(values);
      const next = optimizer.update(values, gradients, state, rate);
      const here = equal(positions, position);
      const put = (entries: Tensor, entry: Tensor | null): Tensor =>
        entry === null ? entries : where(here, cast(entry, "f32"), entries);
      return {
        values: next.parameters,
        state: next.state,
        window: { losses: put(window.losses, loss), right: put(window.right, right) },
      };
    },
    { donate: [0, 1, 2] },
  );
  return {
    run: (batch, window, position) => {
      const values = optimizer.parameters.map((parameter) => parameter.value);
      const next = compiled(values, optimizer.state, window, batch, optimizer.lr, position);
      optimizer.adopt(next.values, next.state);
      return next.window;
    },
    dispose: () => {
      compiled.dispose();
      positions.dispose();
    },
  };
}

/** Loss and number of right predictions of one batch. */
export interface Score {
  readonly loss: Tensor;
  readonly right: Tensor | null;
}

/** A model's loss and metrics, compiled. */
export interface CompiledEvaluation {
  run(batch: Batch): Score;
  dispose(): void;
}

/** An evaluation that takes the model's current parameters as inputs, so it is traced once for all epochs. */
export function compileEvaluation(model: Module, options: StepOptions): CompiledEvaluation {
  const cells = model.parameters();
  const compiled = jit((values: readonly Tensor[], batch: Batch): Score =>
    withValues(cells, values, () => {
      const prediction = model.forward(batch.x);
      return {
        loss: options.loss(prediction, batch.y),
        right: options.accuracy ? countRight(prediction, batch.y) : null,
      };
    }),
  );
  return {
    run: (batch) =>
      compiled(
        cells.map((cell) => cell.value),
        batch,
      ),
    dispose: () => compiled.dispose(),
  };
}
