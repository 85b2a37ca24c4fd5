// exp and what is made of it, for f32: exp exp2 expm1 sinh cosh tanh sigmoid erf.
// Method: x = n ln2 + t with |t| ≤ ln2 / 2, e^t by a polynomial, 2^n from the bits of n. Coefficients are own minimax fits,
// the constant ones rounded first. The bounds stated are of the error against f64, as test/functions.test.ts measures it.
// Read next: wasm-vector.ts for the vocabulary, wasm-logarithms.ts.
import type { Expression } from "./expression.ts";
import { add, div, max, min, mul, sub } from "./primitives/index.ts";
import type { Vector } from "./wasm-vector.ts";
import {
  addBits,
  hasGreaterBits,
  isLess,
  magic,
  magnitudeOf,
  power,
  shiftRight,
  subtractBits,
  withSign,
} from "./wasm-vector.ts";

/** (e^t − 1 − t) / t² for |t| ≤ ln2 / 2, error of e^t 2^-26. */
const growth = [0.5, 0.16666539, 0.0416664258, 0.00836715382, 0.00139387161];
/** 2^t for |t| ≤ 1/2, error 2^-28. */
const powerOfTwo = [1, 0.693147182, 0.240226507, 0.0555035807, 0.00961805973, 0.00133919029, 0.000154641457];
/** erf(x) / x − 1 by x² for |x| < 1, error 2^-29. */
const errorNear = [0.128379166, -0.37612626, 0.112835787, -0.0268533472, 0.0051871622, -0.00079978531, 7.80690389e-5];
/** −log(erfc(x)) for 1 ≤ x ≤ 3.95, error of erf 2^-30. */
const errorFar = [0.000341512961, 1.12708926, 0.638144672, 0.103106916, -0.0218381416, 0.0029476746, -0.000186380174];

/** y · 2^n for n from −151 to 130, given n + 254, in two factors: subnormal and infinite results come out by themselves. */
function scaled(y: Expression, shifted: Expression): Expression {
  const half = shiftRight(shifted, 1);
  return mul(mul(y, power(half)), power(subtractBits(shifted, half)));
}

/** e^u, or e^−u, of a remainder u. With two roundings for each product the short sum has to come last. */
function exponentialOf(vector: Vector, u: Expression, sign: 1 | -1): Expression {
  if (!vector.fuses) return sign === 1 ? add(growthOf(vector, u, 1), 1) : sub(1, growthOf(vector, u, -1));
  return vector.polynomial(u, [1, sign, ...growth.map((coefficient, degree) => coefficient * sign ** degree)]);
}

/** e^u − 1, or 1 − e^−u, of a remainder u, exact to the last bits of itself. */
function growthOf(vector: Vector, u: Expression, sign: 1 | -1): Expression {
  const series = growth.map((coefficient, degree) => coefficient * sign ** (degree + 1));
  return vector.madd(mul(u, u), vector.polynomial(u, series), u);
}

/** e^x, at most 1.1 ulp. */
export function exp(vector: Vector, x: Expression): Expression {
  if (vector.spares(hasGreaterBits(magnitudeOf(x), 87))) {
    const { shifted, u } = vector.reduce(x, 1, 0);
    return addBits(exponentialOf(vector, u, 1), power(shifted));
  }
  const { shifted, u } = vector.reduce(max(min(x, 89), -105), 1, 254);
  return scaled(exponentialOf(vector, u, 1), shifted);
}

/** 2^x, at most 1.1 ulp; exact for integers. */
export function exp2(vector: Vector, x: Expression): Expression {
  const z = max(min(x, 129), -151);
  const shifted = add(z, magic + 254);
  const t = sub(z, sub(shifted, magic + 254));
  return scaled(vector.polynomial(t, powerOfTwo), shifted);
}

/** (e^x − 1) / 4: the quarter keeps 2^n finite up to the largest argument. Loses the sign of −0. */
function quarter(vector: Vector, x: Expression): Expression {
  const { shifted, u } = vector.reduce(max(min(x, 89.5), -26), 1, 125);
  const scale = power(shifted);
  return vector.madd(scale, growthOf(vector, u, 1), sub(scale, 0.25));
}

/** e^x − 1, at most 2 ulp; −0 for −0. */
export function expm1(vector: Vector, x: Expression): Expression {
  return vector.select(isLess(magnitudeOf(x), 5.9e-8), x, mul(quarter(vector, x), 4));
}

/** (e^x − e^−x) / 2 = (E + E / (E + 1)) / 2 with E = e^|x| − 1; at most 2.5 ulp. */
export function sinh(vector: Vector, x: Expression): Expression {
  const magnitude = magnitudeOf(x);
  const fourth = quarter(vector, magnitude);
  const half = add(fourth, fourth);
  // E / (E + 1) / 2 with quarters: finite over infinite at the upper end, never infinite over infinite.
  const y = add(half, div(fourth, add(half, 0.5)));
  return withSign(vector.select(isLess(magnitude, 2.4e-4), magnitude, y), x);
}

/** (e^x + e^−x) / 2, at most 2 ulp. */
export function cosh(vector: Vector, x: Expression): Expression {
  const { shifted, u } = vector.reduce(min(magnitudeOf(x), 89.5), 1, 253);
  const half = scaled(exponentialOf(vector, u, 1), shifted);
  return add(half, div(0.25, half));
}

/** F / (2 − F) with F = 1 − e^−2|x|: one path, accurate near 0; at most 3 ulp. */
export function tanh(vector: Vector, x: Expression): Expression {
  const magnitude = min(magnitudeOf(x), 10);
  const { shifted, u } = vector.reduce(add(magnitude, magnitude), -1, 127);
  const scale = power(shifted);
  const F = vector.madd(scale, growthOf(vector, u, -1), sub(1, scale));
  return withSign(div(F, sub(2, F)), x);
}

/** 1 / (1 + e^−x), both times 2^-32, which lets e^−x grow until the result is subnormal; at most 2.5 ulp. */
export function sigmoid(vector: Vector, x: Expression): Expression {
  const { shifted, u } = vector.reduce(max(min(x, 50), -105), -1, 127 - 32);
  return div(2 ** -32, vector.madd(power(shifted), exponentialOf(vector, u, -1), 2 ** -32));
}

/** The error function, at most 2 ulp: a polynomial below 1, 1 − exp(−polynomial) above. */
export function erf(vector: Vector, x: Expression): Expression {
  const magnitude = magnitudeOf(x);
  const near = vector.madd(magnitude, vector.polynomial(mul(magnitude, magnitude), errorNear), magnitude);
  const exponent = vector.polynomial(min(magnitude, 3.95), errorFar);
  const { shifted, u } = vector.reduce(exponent, -1, 127);
  const far = sub(1, mul(power(shifted), exponentialOf(vector, u, -1)));
  return withSign(vector.select(isLess(magnitude, 1), near, far), x);
}
