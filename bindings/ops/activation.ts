// Elementwise ops: the activation functions of neural networks. Derivatives at kinks are PyTorch's.
// Many gradients read the result instead of the operand: behind a matrix product the operand then need not be stored.
// Read next: softmax.ts for the activations that are not elementwise, sigmoid-expression.ts.
import { ParameterError } from "../core/errors.ts";
import type { Expression } from "../expr/expression.ts";
import { constant } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";
import type { BinaryFunction, UnaryFunction } from "./define.ts";
import { elementwise } from "./define.ts";
import { decay, sigmoidOf } from "./sigmoid-expression.ts";
import type { Tensor, TensorLike } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

export { logSoftmax, logSumExp, maxout, softmax } from "./softmax.ts";

/**
 * x limited to where the smooth gates below have not yet become 0 or 1 to the last bit. x · gate(x) then has its limit −0
 * at −∞, where the formula says −∞ · 0.
 */
function within(x: Expression): Expression {
  const bound = x.dtype === "f64" ? 800 : 128;
  return scalar.min(scalar.max(x, -bound), bound);
}

/** The same from below only. */
function above(x: Expression): Expression {
  return scalar.max(x, x.dtype === "f64" ? -800 : -128);
}

/** The logistic function 1 / (1 + e^−x). */
export const sigmoid: UnaryFunction = elementwise("sigmoid", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => sigmoidOf(x),
  gradient: (_, y, cotangent) => [scalar.mul(cotangent, scalar.mul(y, scalar.sub(1, y)))],
});

/** The rectifier max(x, 0); NaN stays NaN. Derivative 0 at 0. */
export const relu: UnaryFunction = elementwise("relu", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => scalar.max(x, 0),
  gradient: (_, y, cotangent) => [scalar.select(scalar.lessEqual(y, 0), 0, cotangent)],
});

/** min(max(x, 0), 6). Derivative 0 at both kinks. */
export const relu6: UnaryFunction = elementwise("relu6", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => scalar.min(scalar.max(x, 0), 6),
  gradient: (_, y, cotangent) => [scalar.select(scalar.and(scalar.greater(y, 0), scalar.less(y, 6)), cotangent, 0)],
});

// PyTorch takes the slope at 0 from the left.
const leaky = (x: Expression, slope: Expression): Expression =>
  scalar.select(scalar.greater(x, 0), x, scalar.mul(x, slope));

const leakyReluOp: BinaryFunction = elementwise("leakyRelu", {
  operands: ["x", "negativeSlope"],
  dtypes: "floating",
  expression: leaky,
});

/** Rectifier whose slope for negative x is learned: x where x > 0, else slope · x. `slope` broadcasts with x. */
export const prelu: BinaryFunction = elementwise("prelu", {
  operands: ["x", "slope"],
  dtypes: "floating",
  expression: leaky,
});

/** x where x > 0, else negativeSlope · x (0.01 by default). */
export function leakyRelu(x: TensorLike, options: { readonly negativeSlope?: number } = {}): Tensor {
  requireArguments("leakyRelu", {}, options);
  return leakyReluOp(x, finite("leakyRelu", "negativeSlope", options.negativeSlope ?? 0.01));
}

/** The negative part of x, 0 above: keeps exponentials of the branch that is not taken from overflowing. NaN stays NaN. */
const negativePart = (x: Expression): Expression => scalar.select(scalar.greater(x, 0), 0, x);

const eluOp: BinaryFunction = elementwise("elu", {
  operands: ["x", "alpha"],
  dtypes: "floating",
  expression: (x, alpha) => scalar.select(scalar.greater(x, 0), x, scalar.mul(alpha, scalar.expm1(negativePart(x)))),
  gradient: ([x, alpha], _, cotangent) => {
    const slope = scalar.mul(alpha, scalar.exp(negativePart(x)));
    return [scalar.select(scalar.greater(x, 0), cotangent, scalar.mul(cotangent, slope)), undefined];
  },
});

/** Exponential linear unit: x where x > 0, else alpha · (eˣ − 1). */
export function elu(x: TensorLike, options: { readonly alpha?: number } = {}): Tensor {
  requireArguments("elu", {}, options);
  return eluOp(x, finite("elu", "alpha", options.alpha ?? 1));
}

const celuOp: BinaryFunction = elementwise("celu", {
  operands: ["x", "alpha"],
  dtypes: "floating",
  expression: (x, alpha) =>
    scalar.select(scalar.greater(x, 0), x, scalar.mul(alpha, scalar.expm1(scalar.div(negativePart(x), alpha)))),
  gradient: ([x, alpha], _, cotangent) => {
    const slope = scalar.exp(scalar.div(negativePart(x), alpha));
    return [scalar.select(scalar.greater(x, 0), cotangent, scalar.mul(cotangent, slope)), undefined];
  },
});

/** Continuously differentiable ELU: x where x > 0, else alpha · (e^(x/alpha) − 1). alpha must be above 0. */
export function celu(x: TensorLike, options: { readonly alpha?: number } = {}): Tensor {
  requireArguments("celu", {}, options);
  const { alpha = 1 } = options;
  if (!(alpha > 0)) throw new ParameterError("celu", `alpha must be above 0, got ${String(alpha)}`);
  return celuOp(x, finite("celu", "alpha", alpha));
}

const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

/** The self-normalising ELU of Klambauer et al. (2017): scale · (x where x > 0, else alpha · (eˣ − 1)). */
export const selu: UnaryFunction = elementwise("selu", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) =>
    scalar.select(
      scalar.greater(x, 0),
      scalar.mul(x, seluScale),
      scalar.mul(scalar.expm1(negativePart(x)), seluScale * seluAlpha),
    ),
  gradient: ([x], _, cotangent) => {
    const slope = scalar.mul(scalar.exp(negativePart(x)), seluScale * seluAlpha);
    return [scalar.mul(cotangent, scalar.select(scalar.greater(x, 0), seluScale, slope))];
  },
});

/** Φ(x) = (1 + erf(x/√2)) / 2. Cancels for negative x: the error of gelu is at most 2^-24 · |x|, not relative to the result. */
const normalDistribution = (x: Expression): Expression =>
  scalar.mul(scalar.add(scalar.erf(scalar.mul(x, Math.SQRT1_2)), 1), 0.5);

const exactGelu: UnaryFunction = elementwise("gelu", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.mul(above(x), normalDistribution(x)),
  gradient: ([x], _, cotangent) => {
    const z = within(x);
    const density = scalar.mul(scalar.exp(scalar.mul(scalar.mul(z, z), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [scalar.mul(cotangent, scalar.add(normalDistribution(x), scalar.mul(z, density)))];
  },
});

// (1 + tanh u) / 2 is the logistic function of 2u, which does not cancel for negative x.
const gateArgument = (x: Expression): Expression =>
  scalar.mul(
    x,
    scalar.add(scalar.mul(scalar.mul(x, x), 2 * 0.044715 * Math.sqrt(2 / Math.PI)), 2 * Math.sqrt(2 / Math.PI)),
  );

const tanhGelu: UnaryFunction = elementwise("gelu", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.mul(above(x), sigmoidOf(gateArgument(x))),
  gradient: ([x], _, cotangent) => {
    const z = within(x);
    const u = gateArgument(z);
    const slope = scalar.add(
      scalar.mul(scalar.mul(z, z), 6 * 0.044715 * Math.sqrt(2 / Math.PI)),
      2 * Math.sqrt(2 / Math.PI),
    );
    const gate = sigmoidOf(u);
    const bend = scalar.mul(scalar.mul(z, slope), sigmoidOf(scalar.neg(u)));
    return [scalar.mul(cotangent, scalar.mul(gate, scalar.add(bend, 1)))];
  },
});

/**
 * Gaussian error linear unit x · Φ(x), with Φ the standard normal distribution; `approximate: "tanh"` replaces Φ(x) by
 * (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2.
 */
export function gelu(x: TensorLike, options: { readonly approximate?: "none" | "tanh" } = {}): Tensor {
  requireArguments("gelu", {}, options);
  const { approximate = "none" } = options;
  if (!["none", "tanh"].includes(approximate)) {
    throw new ParameterError("gelu", `approximate must be "none" or "tanh", got ${JSON.stringify(approximate)}`);
  }
  return approximate === "tanh" ? tanhGelu(x) : exactGelu(x);
}

/** d/dx x·σ(x) = σ(x) · (1 + x·σ(−x)). */
function gatedSlope(x: Expression): Expression {
  const z = within(x);
  return scalar.mul(sigmoidOf(z), scalar.add(scalar.mul(z, sigmoidOf(scalar.neg(z))), 1));
}

/** Sigmoid linear unit x · sigmoid(x); its limit −0 at −∞. */
export const silu: UnaryFunction = elementwise("silu", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.mul(above(x), sigmoidOf(x)),
  gradient: ([x], _, cotangent) => [scalar.mul(cotangent, gatedSlope(x))],
});

const swishOp: BinaryFunction = elementwise("swish", {
  operands: ["x", "beta"],
  dtypes: "floating",
  expression: (x, beta) => scalar.mul(x, sigmoidOf(scalar.mul(x, beta))),
  gradient: ([x, beta], _, cotangent) => [scalar.mul(cotangent, gatedSlope(scalar.mul(x, beta))), undefined],
});

/** x · sigmoid(beta · x); silu for beta 1. */
export function swish(x: TensorLike, options: { readonly beta?: number } = {}): Tensor {
  requireArguments("swish", {}, options);
  const { beta = 1 } = options;
  return beta === 1 ? silu(x) : swishOp(x, finite("swish", "beta", beta));
}

/**
 * tanh(softplus(x)) without exponentials that overflow: (1 + 2e) / (1 + 2e + 2e²) for x ≥ 0 and e(e + 2) / (e(e + 2) + 2)
 * below, with e = e^−|x|.
 */
function mishGate(x: Expression): Expression {
  const { isPositive, e } = decay(x);
  const twice = scalar.add(e, e);
  const square = scalar.mul(e, e);
  const numerator = scalar.add(twice, scalar.select(isPositive, constant(1, x.dtype), square));
  return scalar.div(
    numerator,
    scalar.add(numerator, scalar.mul(scalar.select(isPositive, square, constant(1, x.dtype)), 2)),
  );
}

/** x · tanh(softplus(x)); its limit −0 at −∞. */
export const mish: UnaryFunction = elementwise("mish", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.mul(above(x), mishGate(x)),
  gradient: ([x], _, cotangent) => {
    const z = within(x);
    const gate = mishGate(z);
    const bend = scalar.mul(scalar.mul(z, sigmoidOf(z)), scalar.mul(scalar.sub(1, gate), scalar.add(gate, 1)));
    return [scalar.mul(cotangent, scalar.add(gate, bend))];
  },
});

/** log(1 + eˣ) as max(x, 0) + log1p(e^−|x|). */
const softplusOf = (x: Expression): Expression =>
  scalar.add(scalar.max(x, 0), scalar.log1p(scalar.exp(scalar.neg(scalar.abs(x)))));

/** Smooth rectifier log(1 + eˣ), which overflows for no x. */
export const softplus: UnaryFunction = elementwise("softplus", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => softplusOf(x),
  // sigmoid(x) = 1 − e^−y, without cancellation.
  gradient: (_, y, cotangent) => [scalar.neg(scalar.mul(cotangent, scalar.expm1(scalar.neg(y))))],
});

/** log(sigmoid(x)) = −softplus(−x). */
export const logSigmoid: UnaryFunction = elementwise("logSigmoid", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.neg(softplusOf(scalar.neg(x))),
  // sigmoid(−x) = 1 − e^y.
  gradient: (_, y, cotangent) => [scalar.neg(scalar.mul(cotangent, scalar.expm1(y)))],
});

/** x / (1 + |x|); ±1 at ±∞. */
export const softsign: UnaryFunction = elementwise("softsign", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => {
    // From 2^100 on the quotient is 1 to the last bit, and ∞/∞ is avoided.
    const z = scalar.min(scalar.max(x, -(2 ** 100)), 2 ** 100);
    return scalar.div(z, scalar.add(scalar.abs(z), 1));
  },
  gradient: ([x], _, cotangent) => {
    const part = scalar.div(1, scalar.add(scalar.abs(x), 1));
    return [scalar.mul(cotangent, scalar.mul(part, part))];
  },
});

/** relu6(x + 3), the gate of the two ops below. */
const hardGate = (x: Expression): Expression => scalar.div(scalar.min(scalar.max(scalar.add(x, 3), 0), 6), 6);

/** relu6(x + 3) / 6. Derivative 0 at both kinks. */
export const hardSigmoid: UnaryFunction = elementwise("hardSigmoid", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => hardGate(x),
  gradient: ([x], _, cotangent) => {
    const isInside = scalar.and(scalar.greater(x, -3), scalar.less(x, 3));
    return [scalar.select(isInside, scalar.div(cotangent, 6), 0)];
  },
});

/** x · relu6(x + 3) / 6. Derivative 0 at −3 and 1 at 3. */
export const hardSwish: UnaryFunction = elementwise("hardSwish", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.mul(scalar.max(x, -3), hardGate(x)),
  gradient: ([x], _, cotangent) => {
    const inside = scalar.mul(cotangent, scalar.add(scalar.div(x, 3), 0.5));
    return [scalar.select(scalar.lessEqual(x, -3), 0, scalar.select(scalar.greaterEqual(x, 3), cotangent, inside))];
  },
});

/** 1 where x > 0, else 0; NaN for NaN. Derivative 0 everywhere. */
export const step: UnaryFunction = elementwise("step", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => {
    const literal = (value: number): Expression => constant(value, x.dtype);
    return scalar.select(scalar.greater(x, 0), literal(1), scalar.select(scalar.lessEqual(x, 0), literal(0), x));
  },
  gradient: () => [],
});

function finite(op: string, name: string, value: number): number {
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new ParameterError(op, `${name} must be a finite number, got ${String(value)}`);
  return value;
}
