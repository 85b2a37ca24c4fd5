// Random bits made into numbers: elementwise ops from (index, key) to one value. The bits, the uniform floats and the
// integers are the same on every backend to the last bit; normals differ by what log, cos and sqrt differ (a few ulp).
// Knows no generator: keys arrive as operands. Read next: draw.ts, the functions users call.
import type { Expression } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";
import type { ElementwiseFunction } from "../ops/define.ts";
import { elementwise } from "../ops/define.ts";
import type { TensorLike } from "../ops/tensor.ts";
import { threefryExpression } from "./threefry.ts";

/** A value for every index of a draw, from the draw's key. */
export type Draw = ElementwiseFunction<[index: TensorLike, key0: TensorLike, key1: TensorLike]>;

/** A draw that takes one more operand of type u32. */
export type BoundedDraw = ElementwiseFunction<
  [index: TensorLike, key0: TensorLike, key1: TensorLike, bound: TensorLike]
>;

/** The upper 24 bits as a float in [0, 1): every value is a multiple of 2^-24, so the conversion is exact. */
function fraction(bits: Expression): Expression {
  return scalar.mul(scalar.cast(scalar.shiftRight(bits, 8), "f32"), 2 ** -24);
}

/** The same in (0, 1], for logarithms. */
function positiveFraction(bits: Expression): Expression {
  return scalar.mul(scalar.add(scalar.cast(scalar.shiftRight(bits, 8), "f32"), 1), 2 ** -24);
}

/** The upper 32 bits of the 64-bit product of two u32, by halves. */
function highProduct(x: Expression, y: Expression): Expression {
  const { add, and, mul, shiftRight } = scalar;
  const [xHigh, xLow] = [shiftRight(x, 16), and(x, 0xffff)];
  const [yHigh, yLow] = [shiftRight(y, 16), and(y, 0xffff)];
  const first = add(mul(xHigh, yLow), shiftRight(mul(xLow, yLow), 16));
  const second = add(mul(xLow, yHigh), and(first, 0xffff));
  return add(add(mul(xHigh, yHigh), shiftRight(first, 16)), shiftRight(second, 16));
}

const operands = ["index", "key0", "key1"] as const;

/** 32 random bits, u32. */
export const randomBits: Draw = elementwise("randomBits", {
  operands,
  dtypes: ["u32"],
  expression: (index, key0, key1) => threefryExpression(key0, key1, index)[0],
});

/** Uniform in [0, 1) with 24 bits, f32. */
export const randomUniform: Draw = elementwise("randomUniform", {
  operands,
  dtypes: ["u32"],
  expression: (index, key0, key1) => fraction(threefryExpression(key0, key1, index)[0]),
});

/** Uniform in [0, 1) with the 11 bits that every f16 there can have. */
export const randomUniformHalf: Draw = elementwise("randomUniformHalf", {
  operands,
  dtypes: ["u32"],
  expression: (index, key0, key1) => {
    const [bits] = threefryExpression(key0, key1, index);
    return scalar.cast(scalar.mul(scalar.cast(scalar.shiftRight(bits, 21), "f32"), 2 ** -11), "f16");
  },
});

/**
 * Standard normal, f32, after Box and Muller: √(−2 ln u) · cos 2πv with u in (0, 1] and v in [0, 1) from the two words
 * of one threefry value. With 24 bits in u no value lies beyond 5.77.
 */
export const randomNormal: Draw = elementwise("randomNormal", {
  operands,
  dtypes: ["u32"],
  expression: (index, key0, key1) => {
    const [first, second] = threefryExpression(key0, key1, index);
    const radius = scalar.sqrt(scalar.mul(scalar.log(positiveFraction(first)), -2));
    return scalar.mul(radius, scalar.cos(scalar.mul(fraction(second), 2 * Math.PI)));
  },
});

/** Uniform whole numbers in [0, bound), u32: ⌊bits · bound / 2^32⌋, which favours no value by more than bound / 2^32. */
export const randomBelow: BoundedDraw = elementwise("randomBelow", {
  operands: [...operands, "bound"] as const,
  dtypes: ["u32"],
  expression: (index, key0, key1, bound) => highProduct(threefryExpression(key0, key1, index)[0], bound),
});

/** Coefficients of Giles (2010) for erf⁻¹ in single precision: the central region, then the tails, highest power first. */
const central = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 2.1858087e-4, -1.25372503e-3, -4.17768164e-3,
  0.246640727, 1.50140941,
];
const tail = [
  -2.00214257e-4, 1.00950558e-4, 1.34934322e-3, -3.67342844e-3, 5.73950773e-3, -7.6224613e-3, 9.43887047e-3, 1.00167406,
  2.83297682,
];

function horner(coefficients: readonly number[], x: Expression): Expression {
  const [first = 0, second = 0, ...rest] = coefficients;
  return rest.reduce(
    (sum, coefficient) => scalar.add(scalar.mul(sum, x), coefficient),
    scalar.add(scalar.mul(x, first), second),
  );
}

/** erf⁻¹(x) for |x| < 1 within 6 ulp or so (Giles, "Approximating the erfinv function", 2010). */
function inverseErf(x: Expression): Expression {
  const w = scalar.neg(scalar.log(scalar.mul(scalar.sub(1, x), scalar.add(1, x))));
  const near = horner(central, scalar.sub(w, 2.5));
  const far = horner(tail, scalar.sub(scalar.sqrt(w), 3));
  return scalar.mul(x, scalar.select(scalar.less(w, 5), near, far));
}

/** √2 · erf⁻¹(x): the standard normal whose distribution function is (1 + x) / 2. f32. */
export const normalQuantile: ElementwiseFunction<[x: TensorLike]> = elementwise("normalQuantile", {
  operands: ["x"],
  dtypes: ["f32"],
  expression: (x) => scalar.mul(inverseErf(x), Math.SQRT2),
});
