// Starting values of parameters. Weights have their output axis last ([in, out], [height, width, in, out]), so
// fan-in is the product of all axes but the last and fan-out the product of all but the last-but-one.
// Knows no layer. Read next: linear.ts.
import { ParameterError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { show, sizeOf } from "../core/shape.ts";
import { full } from "../engine/creation.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { DrawOptions } from "../random/index.ts";
import { normal, truncatedNormal, uniform } from "../random/index.ts";

/** Makes the starting value of a parameter of a shape. */
export type Initialiser = (shape: Shape, options?: DrawOptions) => Tensor;

/** Inputs and outputs of one unit of a weight. */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  if (shape.length < 2) throw new ParameterError("fans", `a weight has at least two axes, got ${show(shape)}`);
  const receptive = sizeOf(shape.slice(0, -2));
  return { fanIn: receptive * shape[shape.length - 2]!, fanOut: receptive * shape[shape.length - 1]! };
}

/** The factor by which a nonlinearity shrinks variance: √2 for relu, √(2 / (1 + slope²)) for leaky relu, 5/3 for tanh. */
export function gainOf(
  nonlinearity: "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu",
  negativeSlope = 0.01,
): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + negativeSlope ** 2));
    case "selu":
      return 3 / 4;
    case "linear":
    case "sigmoid":
      return 1;
  }
}

/** The same number everywhere. */
export function constant(value: number): Initialiser {
  return (shape) => full(shape, value);
}

/** U(−bound, bound). */
export function uniformWithin(bound: number): Initialiser {
  return (shape, options) => uniform(shape, { ...options, low: -bound, high: bound });
}

/** Glorot and Bengio 2010: U(−b, b), b = gain · √(6 / (fanIn + fanOut)). */
export function xavierUniform(gain = 1): Initialiser {
  return (shape, options) => {
    const { fanIn, fanOut } = fans(shape);
    return uniformWithin(gain * Math.sqrt(6 / (fanIn + fanOut)))(shape, options);
  };
}

/** Glorot and Bengio 2010: N(0, σ²), σ = gain · √(2 / (fanIn + fanOut)). */
export function xavierNormal(gain = 1): Initialiser {
  return (shape, options) => {
    const { fanIn, fanOut } = fans(shape);
    return normal(shape, { ...options, std: gain * Math.sqrt(2 / (fanIn + fanOut)) });
  };
}

/** He et al. 2015: U(−b, b), b = gain · √(3 / fanIn). */
export function kaimingUniform(gain: number = Math.SQRT2): Initialiser {
  return (shape, options) => uniformWithin(gain * Math.sqrt(3 / fans(shape).fanIn))(shape, options);
}

/** He et al. 2015: N(0, σ²), σ = gain / √fanIn. */
export function kaimingNormal(gain: number = Math.SQRT2): Initialiser {
  return (shape, options) => normal(shape, { ...options, std: gain / Math.sqrt(fans(shape).fanIn) });
}

/** N(0, σ²) cut at two standard deviations. */
export function truncated(std: number): Initialiser {
  return (shape, options) => truncatedNormal(shape, { ...options, std });
}

/**
 * What torch gives to linear and convolution weights: kaiming-uniform with leaky slope √5, which is U(±1/√fanIn). Biases
 * get the same bound, that of their weight.
 */
export const layerDefault: Initialiser = (shape, options) =>
  uniformWithin(1 / Math.sqrt(fans(shape).fanIn))(shape, options);
