// What may follow a matrix product or a convolution: a bias and an activation. They are ordinary ops recorded behind it;
// the planner pastes them into the kernel. Read next: contraction.ts, convolution.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { broadcastPair, sameShape, show } from "../core/shape.ts";
import {
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
} from "./activation.ts";
import { add } from "./arithmetic.ts";
import { reshaped } from "./broadcasting.ts";
import { tanh } from "./exponential.ts";
import type { Tensor } from "./tensor.ts";

/** Activations that can be named as an option. */
export type ActivationName =
  | "elu"
  | "gelu"
  | "hardSigmoid"
  | "hardSwish"
  | "leakyRelu"
  | "mish"
  | "relu"
  | "relu6"
  | "selu"
  | "sigmoid"
  | "silu"
  | "softplus"
  | "softsign"
  | "tanh";

const activations: Readonly<Record<ActivationName, (x: Tensor) => Tensor>> = {
  elu: (x) => elu(x),
  gelu: (x) => gelu(x),
  hardSigmoid,
  hardSwish,
  leakyRelu: (x) => leakyRelu(x),
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
};

/** Options of the ops that end in bias and activation. */
export interface EpilogueOptions {
  /** Added to the result; broadcasts with it, so [n] is one number for each column or output channel. */
  readonly bias?: Tensor;
  /** Applied last. */
  readonly activation?: ActivationName;
}

/** Refuses options that do not fit a result of this shape: called before anything is recorded. */
export function checkEpilogue(op: string, shape: readonly number[], options: EpilogueOptions): void {
  const { bias, activation } = options;
  const common = bias === undefined ? shape : broadcastPair(shape, bias.shape);
  if (bias !== undefined && (common === undefined || !sameShape(common, shape))) {
    throw new ShapeError(
      op,
      `bias ${show(bias.shape)} does not broadcast to the result ${show(shape)}. Expected [${String(shape.at(-1) ?? 1)}]`,
    );
  }
  if (activation !== undefined && !Object.hasOwn(activations, activation)) {
    throw new ParameterError(
      op,
      `activation must be one of ${Object.keys(activations).join(", ")}, got ${JSON.stringify(activation)}. Call any other function on the result`,
    );
  }
}

/** The result with its bias and activation. */
export function applyEpilogue(result: Tensor, options: EpilogueOptions): Tensor {
  const biased = options.bias === undefined ? result : add(result, options.bias);
  return options.activation === undefined ? biased : activations[options.activation](biased);
}

/**
 * The same, as a tensor of `shape`: its leading axes were merged or one was put in. A bias of one axis is added before,
 * where the planner can paste it into the kernel.
 */
export function finished(result: Tensor, shape: Shape, options: EpilogueOptions): Tensor {
  const early = options.bias === undefined || options.bias.rank <= 1;
  return early ? reshaped(applyEpilogue(result, options), shape) : applyEpilogue(reshaped(result, shape), options);
}
