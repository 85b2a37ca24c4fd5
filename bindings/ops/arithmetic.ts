// Elementwise ops: arithmetic, roots, rounding and extremes.
// One definition each; see README.md in this folder for what follows from it, and exponential.ts, activation.ts for more.
import { ParameterError } from "../core/errors.ts";
import { isFloating } from "../core/dtype.ts";
import type { Expression } from "../expr/expression.ts";
import { constant } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";
import type { BinaryFunction, UnaryFunction } from "./define.ts";
import { elementwise } from "./define.ts";
import type { Tensor, TensorLike } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

/** Sum x + y. */
export const add: BinaryFunction = elementwise("add", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.add(x, y),
});

/** Difference x − y. */
export const sub: BinaryFunction = elementwise("sub", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.sub(x, y),
});

/** Product x · y. */
export const mul: BinaryFunction = elementwise("mul", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.mul(x, y),
});

/** Quotient x / y; integers are divided as floats. */
export const div: BinaryFunction = elementwise("div", {
  operands: ["x", "y"],
  dtypes: "floating",
  expression: (x, y) => scalar.div(x, y),
});

/**
 * The largest whole number ≤ x / y. Floats go through the exact remainder, so that the rounding of x / y cannot lift the
 * result over a whole number. Integers divided by 0 give 0.
 */
export const floorDivide: BinaryFunction = elementwise("floorDivide", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => {
    if (!isFloating(x.dtype)) return scalar.integerFloorDivide(x, y);
    const quotient = scalar.div(x, y);
    const whole = scalar.nearest(scalar.div(scalar.sub(x, scalar.mod(x, y)), y));
    const opposite = scalar.and(scalar.less(scalar.mul(x, y), 0), scalar.less(scalar.abs(x), Infinity));
    const byInfinity = scalar.select(opposite, constant(-1, x.dtype), quotient);
    return scalar.select(
      scalar.equal(y, 0),
      quotient,
      scalar.select(scalar.equal(scalar.abs(y), Infinity), byInfinity, whole),
    );
  },
  gradient: () => [],
});

/** Remainder x − ⌊x / y⌋ · y with the sign of y, as Python's `%`. Integers modulo 0 give 0. */
export const mod: BinaryFunction = elementwise("mod", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.mod(x, y),
});

/** x to the power y, with IEEE pow's special cases. Integers stay integers and wrap. */
export const pow: BinaryFunction = elementwise("pow", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.pow(x, y),
});

/** −x. */
export const neg: UnaryFunction = elementwise("neg", {
  operands: ["x"],
  dtypes: ["f32", "f64", "i32"],
  expression: (x) => scalar.neg(x),
});

const isUnsigned = (x: Expression): boolean => x.dtype === "u8" || x.dtype === "u32";

/** |x|. Its derivative is sign(x), 0 at 0. */
export const abs: UnaryFunction = elementwise("abs", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => (isUnsigned(x) ? x : scalar.abs(x)),
  gradient: ([x], _, cotangent) => [scalar.mul(cotangent, signOf(x))],
});

/** −1, ±0 or 1 by the sign of x; NaN for NaN. */
export const sign: UnaryFunction = elementwise("sign", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => (isUnsigned(x) ? scalar.min(x, 1) : scalar.sign(x)),
  gradient: () => [],
});

// Unlike scalar.sign, whose middle branch is x itself, this is constant: its derivative is 0 everywhere.
function signOf(x: Expression): Expression {
  const literal = (value: number): Expression => constant(value, x.dtype);
  return scalar.select(scalar.greater(x, 0), literal(1), scalar.select(scalar.less(x, 0), literal(-1), literal(0)));
}

/** x². */
export const square: UnaryFunction = elementwise("square", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => scalar.mul(x, x),
});

/** 1 / x. */
export const reciprocal: UnaryFunction = elementwise("reciprocal", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.div(1, x),
  gradient: (_, y, cotangent) => [scalar.neg(scalar.mul(cotangent, scalar.mul(y, y)))],
});

/** Square root; NaN below 0. */
export const sqrt: UnaryFunction = elementwise("sqrt", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.sqrt(x),
});

/** 1 / √x. */
export const rsqrt: UnaryFunction = elementwise("rsqrt", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => scalar.div(1, scalar.sqrt(x)),
  gradient: (_, y, cotangent) => [scalar.mul(scalar.mul(cotangent, -0.5), scalar.mul(y, scalar.mul(y, y)))],
});

/**
 * Cube root, of negative numbers too. A power of two near the root is improved by one step of Newton's method, which
 * leaves about one ulp: y − (y − |x|/y²)/3. A GPU that takes subnormal numbers for zero gives them back as they are.
 */
export const cbrt: UnaryFunction = elementwise("cbrt", {
  operands: ["x"],
  dtypes: "floating",
  expression: (x) => {
    const size = scalar.abs(x);
    const guess = scalar.exp2(scalar.div(scalar.log2(size), 3));
    const quotient = scalar.div(size, scalar.mul(guess, guess));
    const root = scalar.sub(guess, scalar.div(scalar.sub(guess, quotient), 3));
    const signed = scalar.select(scalar.less(x, 0), scalar.neg(root), root);
    // Beside a guess that is not zero the quotient is zero only where arithmetic takes x for zero, which the guess did not.
    const isLost = scalar.or(scalar.equal(guess, 0), scalar.equal(quotient, 0));
    return scalar.select(scalar.or(isLost, scalar.equal(guess, Infinity)), x, signed);
  },
  gradient: (_, y, cotangent) => [scalar.div(cotangent, scalar.mul(scalar.mul(y, y), 3))],
});

/** The larger of x and y; NaN if one is NaN. Where they are equal each gets half of the gradient. */
export const maximum: BinaryFunction = elementwise("maximum", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.max(x, y),
});

/** The smaller of x and y; NaN if one is NaN. Where they are equal each gets half of the gradient. */
export const minimum: BinaryFunction = elementwise("minimum", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.min(x, y),
});

// At a bound the gradient still belongs to x, and NaN has none, as in PyTorch's clamp.
const clipBelow: BinaryFunction = elementwise("clip", {
  operands: ["x", "min"],
  dtypes: "any",
  expression: (x, low) => scalar.max(x, low),
  gradient: ([x, low], _, cotangent) => share(scalar.greaterEqual(x, low), scalar.less(x, low), cotangent),
});

const clipAbove: BinaryFunction = elementwise("clip", {
  operands: ["x", "max"],
  dtypes: "any",
  expression: (x, high) => scalar.min(x, high),
  gradient: ([x, high], _, cotangent) => share(scalar.lessEqual(x, high), scalar.greater(x, high), cotangent),
});

function share(kept: Expression, clipped: Expression, cotangent: Expression): Expression[] {
  return [scalar.select(kept, cotangent, 0), scalar.select(clipped, cotangent, 0)];
}

/** Bounds of `clip`; numbers or tensors that broadcast with x. */
export interface ClipOptions {
  readonly min?: TensorLike;
  readonly max?: TensorLike;
}

/** x limited to [min, max]; one of the bounds may be left out. NaN stays NaN. */
export function clip(x: Tensor, options: ClipOptions): Tensor {
  requireArguments("clip", { x }, options);
  const { min: low, max: high } = options;
  if (low === undefined && high === undefined) throw new ParameterError("clip", "needs min, max or both, got neither");
  for (const [name, bound] of [
    ["min", low],
    ["max", high],
  ] as const) {
    if (typeof bound === "number" && Number.isNaN(bound))
      throw new ParameterError("clip", `${name} must be a number, got NaN`);
  }
  if (typeof low === "number" && typeof high === "number" && low > high) {
    throw new ParameterError("clip", `min must not exceed max, got min ${String(low)} and max ${String(high)}`);
  }
  const raised = low === undefined ? x : clipBelow(x, low);
  return high === undefined ? raised : clipAbove(raised, high);
}

/**
 * √(x² + y²) without overflow: very large and very small pairs are scaled by a power of two, which is exact. Infinite if
 * one operand is, even beside NaN. The gradient at (0, 0) is 0.
 */
export const hypot: BinaryFunction = elementwise("hypot", {
  operands: ["x", "y"],
  dtypes: "floating",
  expression: (x, y) => {
    const isDouble = x.dtype === "f64";
    const largest = scalar.max(scalar.abs(x), scalar.abs(y));
    const isLarge = scalar.greater(largest, isDouble ? 2 ** 500 : 2 ** 60);
    const isSmall = scalar.less(largest, isDouble ? 2 ** -500 : 2 ** -50);
    const [down, up] = isDouble ? [2 ** -600, 2 ** 700] : [2 ** -70, 2 ** 100];
    const literal = (value: number): Expression => constant(value, x.dtype);
    const factor = scalar.select(isLarge, literal(down), scalar.select(isSmall, literal(up), literal(1)));
    const inverse = scalar.select(isLarge, literal(1 / down), scalar.select(isSmall, literal(1 / up), literal(1)));
    const [a, b] = [scalar.mul(x, factor), scalar.mul(y, factor)];
    const length = scalar.mul(scalar.sqrt(scalar.add(scalar.mul(a, a), scalar.mul(b, b))), inverse);
    const isInfinite = scalar.or(scalar.equal(scalar.abs(x), Infinity), scalar.equal(scalar.abs(y), Infinity));
    return scalar.select(isInfinite, literal(Infinity), length);
  },
  gradient: ([x, y], length, cotangent) => {
    const isZero = scalar.equal(length, 0);
    const divisor = scalar.select(isZero, 1, length);
    return [x, y].map((part) => scalar.mul(cotangent, scalar.div(part, divisor)));
  },
});

const rounding = (name: string, primitive: (x: Expression) => Expression): UnaryFunction =>
  /* @__PURE__ */ elementwise(name, {
    operands: ["x"],
    dtypes: "any",
    expression: (x) => (isFloating(x.dtype) ? primitive(x) : x),
    gradient: () => [],
  });

/** The largest whole number ≤ x. Integers are left as they are, here and in the other roundings. */
export const floor: UnaryFunction = /* @__PURE__ */ rounding("floor", scalar.floor);

/** The smallest whole number ≥ x. */
export const ceil: UnaryFunction = /* @__PURE__ */ rounding("ceil", scalar.ceil);

/** The nearest whole number, halves to the even one. */
export const round: UnaryFunction = /* @__PURE__ */ rounding("round", scalar.nearest);

/** x without its fraction. */
export const trunc: UnaryFunction = /* @__PURE__ */ rounding("trunc", scalar.trunc);
