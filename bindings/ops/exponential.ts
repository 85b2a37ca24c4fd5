// Elementwise ops: exponentials, logarithms, trigonometric and hyperbolic functions, the error function.
// Most are one primitive; accuracy and special values are those of the primitive. Read next: ../expr/primitives/functions.ts.
import type { Expression } from "../expr/expression.ts";
import { constant } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";
import type { BinaryFunction, UnaryFunction } from "./define.ts";
import { elementwise } from "./define.ts";
import { sigmoidOf } from "./sigmoid-expression.ts";

/** eˣ. */
export const exp: UnaryFunction = elementwise("exp", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.exp(x),
});

/** 2ˣ. */
export const exp2: UnaryFunction = elementwise("exp2", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.exp2(x),
});

/** eˣ − 1, accurate near 0. */
export const expm1: UnaryFunction = elementwise("expm1", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.expm1(x),
});

/** Natural logarithm. */
export const log: UnaryFunction = elementwise("log", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.log(x),
});

/** Logarithm to base 2. */
export const log2: UnaryFunction = elementwise("log2", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.log2(x),
});

/** Logarithm to base 10. */
export const log10: UnaryFunction = elementwise("log10", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.log10(x),
});

/** log(1 + x), accurate near 0. */
export const log1p: UnaryFunction = elementwise("log1p", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.log1p(x),
});

/** log(eˣ + e^y) without overflow: max(x, y) + log(1 + e^−|x−y|). */
export const logAddExp: BinaryFunction = elementwise("logAddExp", {
  operands: ["x", "y"],
  dtypes: "floating",
  expression: (x, y) =>
    scalar.add(scalar.max(x, y), scalar.log1p(scalar.exp(scalar.neg(scalar.abs(difference(x, y)))))),
  gradient: ([x, y], _, cotangent) => {
    const d = difference(x, y);
    return [scalar.mul(cotangent, sigmoidOf(d)), scalar.mul(cotangent, sigmoidOf(scalar.neg(d)))];
  },
});

/** x − y, but 0 for equal infinities. */
function difference(x: Expression, y: Expression): Expression {
  const sameInfinity = scalar.and(scalar.equal(x, y), scalar.equal(scalar.abs(x), Infinity));
  return scalar.select(sameInfinity, 0, scalar.sub(x, y));
}

/** Sine of x radians. */
export const sin: UnaryFunction = elementwise("sin", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.sin(x),
});

/** Cosine of x radians. */
export const cos: UnaryFunction = elementwise("cos", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.cos(x),
});

/** Tangent of x radians. */
export const tan: UnaryFunction = elementwise("tan", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.tan(x),
});

/** Arc sine in [−π/2, π/2]; NaN outside [−1, 1]. */
export const asin: UnaryFunction = elementwise("asin", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.asin(x),
});

/** Arc cosine in [0, π]; NaN outside [−1, 1]. */
export const acos: UnaryFunction = elementwise("acos", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.acos(x),
});

/** Arc tangent in [−π/2, π/2]. */
export const atan: UnaryFunction = elementwise("atan", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.atan(x),
});

/** The angle of the point (x, y) from the positive x axis, in [−π, π]. The ordinate comes first: atan2(y, x). */
export const atan2: BinaryFunction = elementwise("atan2", {
  operands: ["y", "x"],
  dtypes: "floating",
  expression: (y, x) => scalar.atan2(y, x),
});

/** Hyperbolic sine. */
export const sinh: UnaryFunction = elementwise("sinh", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.sinh(x),
});

/** Hyperbolic cosine. */
export const cosh: UnaryFunction = elementwise("cosh", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.cosh(x),
});

/** Hyperbolic tangent. */
export const tanh: UnaryFunction = elementwise("tanh", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.tanh(x),
});

/** Inverse hyperbolic sine. */
export const asinh: UnaryFunction = elementwise("asinh", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.asinh(x),
});

/** Inverse hyperbolic cosine; NaN below 1. */
export const acosh: UnaryFunction = elementwise("acosh", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.acosh(x),
});

/** Inverse hyperbolic tangent; NaN outside [−1, 1]. */
export const atanh: UnaryFunction = elementwise("atanh", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.atanh(x),
});

/** Error function 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf: UnaryFunction = elementwise("erf", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.erf(x),
});

/** sin(πx) / (πx), 1 at 0. The whole part of x is taken off before π comes in, so the zeros are where they should be. */
export const sinc: UnaryFunction = elementwise("sinc", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => {
    // Below 1e-20 the function is 1 to the last bit of f64, and πx might be lost to subnormal numbers.
    const isTiny = scalar.less(scalar.abs(x), 1e-20);
    const angle = scalar.mul(scalar.select(isTiny, 1, x), Math.PI);
    return scalar.select(isTiny, constant(1, x.dtype), scalar.div(halfTurns(x, scalar.sin), angle));
  },
  gradient: ([x], y, cotangent) => {
    // (cos πx − sinc x) / x cancels near 0, where the derivative of the power series takes over.
    const isNear = scalar.less(scalar.abs(x), 0.3);
    const far = scalar.div(scalar.sub(halfTurns(x, scalar.cos), y), scalar.select(isNear, 1, x));
    return [scalar.mul(cotangent, scalar.select(isNear, sincSlopeSeries(scalar.select(isNear, x, 0)), far))];
  },
});

/** sin πx or cos πx by the distance of x to the nearest whole number. */
function halfTurns(x: Expression, f: (angle: Expression) => Expression): Expression {
  const whole = scalar.nearest(x);
  const isOdd = scalar.notEqual(whole, scalar.mul(scalar.nearest(scalar.mul(whole, 0.5)), 2));
  const value = f(scalar.mul(scalar.sub(x, whole), Math.PI));
  return scalar.select(isOdd, scalar.neg(value), value);
}

/** d/dx Σ (−1)ᵏ (πx)²ᵏ / (2k+1)! = 2π²x Σ (−1)ᵏ k tᵏ⁻¹ / (2k+1)! with t = (πx)²; nine terms reach f64 for |x| ≤ 0.3. */
function sincSlopeSeries(x: Expression): Expression {
  const angle = scalar.mul(x, Math.PI);
  const t = scalar.mul(angle, angle);
  const coefficients: number[] = [];
  let factorial = 1;
  for (let k = 1; k <= 9; k++) {
    factorial *= 2 * k * (2 * k + 1);
    coefficients.push(((k % 2 === 0 ? 1 : -1) * k) / factorial);
  }
  const last = constant(coefficients.pop() ?? 0, x.dtype);
  const sum = coefficients.reduceRight<Expression>(
    (rest, coefficient) => scalar.add(scalar.mul(rest, t), coefficient),
    last,
  );
  return scalar.mul(scalar.mul(x, 2 * Math.PI ** 2), sum);
}
