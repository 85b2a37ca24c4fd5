// log and what is made of it, for f32: log log2 log10 log1p asinh acosh atanh.
// Method: x = 2^k m with m in [√½, √2), f = m − 1, log(m) = f − f² / 2 + f³ p(f), p an own minimax fit (error 2^-27 of the
// result). log2 and log10 multiply in two parts so that powers of two come out exact. The bounds stated are of the error
// against f64, as test/functions.test.ts measures it. Read next: wasm-exponentials.ts.
import type { Expression } from "./expression.ts";
import { constant } from "./expression.ts";
import { add, div, mul, sqrt, sub } from "./primitives/index.ts";
import type { Vector } from "./wasm-vector.ts";
import {
  andBits,
  andNotBits,
  floatFromBits,
  floatOfBits,
  hasUnsignedBitsFrom,
  isEqual,
  isGreater,
  isLess,
  magnitudeOf,
  orBits,
  shiftLeft,
  shiftRight,
  subtractBits,
  withSign,
} from "./wasm-vector.ts";

const series = [
  0.333333313, -0.250008196, 0.200012401, -0.166234076, 0.142016277, -0.131596833, 0.127618611, -0.0763575062,
];
/** A factor in two parts, the first of few bits. */
interface Parts {
  readonly high: number;
  readonly low: number;
}
const ln2: Parts = { high: 0.693145752, low: 1.42860677e-6 };
const inverseLn2: Parts = { high: 1.4428710938, low: -1.7605285393e-4 };
const inverseLn10: Parts = { high: 4.3432617188e-1, low: -3.1689971365e-5 };
const logOf2: Parts = { high: 3.0102920532e-1, low: 7.9034151668e-7 };

const smallestNormal = 2 ** -126;
/** Bits from the smallest normal number to infinity. */
const normalBits = floatFromBits(0x7f000000);
/** Beyond it the rounding error of 1 + x is nothing to the logarithm. */
const large = 2 ** 60;
/** Bits from the smallest normal number to `large`. */
const bitsToLarge = floatFromBits(0x5d800000 - 0x00800000);
const rootOfHalf = floatFromBits(0x3f3504f3);
/** The last twelve bits of a mantissa. */
const lowBits = floatFromBits(0xfff);

/** f of x = 2^k (1 + f), and k as a float, for positive x. */
function split(vector: Vector, x: Expression): { readonly f: Expression; readonly k: Expression } {
  if (vector.spares(hasUnsignedBitsFrom(subtractBits(x, smallestNormal), normalBits))) {
    const exponent = shiftRight(subtractBits(x, rootOfHalf), 23);
    return { f: sub(subtractBits(x, shiftLeft(exponent, 23)), 1), k: floatOfBits(exponent) };
  }
  const subnormal = isLess(x, smallestNormal);
  const lifted = vector.select(subnormal, mul(x, 2 ** 24), x);
  const exponent = shiftRight(subtractBits(lifted, rootOfHalf), 23);
  const f = sub(subtractBits(lifted, shiftLeft(exponent, 23)), 1);
  return { f, k: sub(floatOfBits(exponent), andBits(subnormal, 24)) };
}

/** f³ p(f) */
function tail(vector: Vector, f: Expression, square: Expression): Expression {
  return mul(mul(square, f), vector.polynomial(f, series));
}

/** log(1 + f) + k ln2 */
function sum(vector: Vector, f: Expression, k: Expression): Expression {
  const square = mul(f, f);
  const low = vector.madd(square, -0.5, tail(vector, f, square));
  return vector.madd(k, ln2.high, add(f, vector.madd(k, ln2.low, low)));
}

/** What every logarithm does outside (0, ∞): NaN below, −∞ at 0, infinity and NaN as they are. */
function specials(vector: Vector, x: Expression, y: Expression): Expression {
  if (vector.isShort) return y;
  const inside = orBits(vector.select(isLess(x, Infinity), y, x), isLess(x, 0));
  return vector.select(isEqual(x, 0), -Infinity, inside);
}

/** Natural logarithm, at most 1.2 ulp. */
export function log(vector: Vector, x: Expression): Expression {
  const { f, k } = split(vector, x);
  return specials(vector, x, sum(vector, f, k));
}

/** log(x) · factor + k · step: the scheme of fdlibm's e_log2f and e_log10f. */
function inBase(vector: Vector, x: Expression, factor: Parts, step?: Parts): Expression {
  const { f, k } = split(vector, x);
  const square = mul(f, f);
  const half = mul(square, 0.5);
  const high = andNotBits(sub(f, half), lowBits);
  const low = add(sub(sub(f, high), half), tail(vector, f, square));
  let y = mul(add(low, high), factor.low);
  if (step !== undefined) y = vector.madd(k, step.low, y);
  y = vector.madd(high, factor.high, vector.madd(low, factor.high, y));
  y = step !== undefined ? vector.madd(k, step.high, y) : add(k, y);
  return specials(vector, x, y);
}

/** Base 2, at most 1.5 ulp, exact for powers of two. */
export function log2(vector: Vector, x: Expression): Expression {
  return inBase(vector, x, inverseLn2);
}

/** Base 10, at most 2 ulp. */
export function log10(vector: Vector, x: Expression): Expression {
  return inBase(vector, x, inverseLn10, logOf2);
}

/** log(1 + x), at most 2 ulp: the rounding error c of u = 1 + x is carried into f. */
export function log1p(vector: Vector, x: Expression): Expression {
  const u = add(x, 1);
  const c = sub(x, sub(u, 1));
  const exponent = shiftRight(subtractBits(u, rootOfHalf), 23);
  const shifted = shiftLeft(exponent, 23);
  // c · 2^−k, the power made of its bits, which end before the range of f32 does; c is nothing there.
  const carried = mul(c, subtractBits(constant(1, "f32"), shifted));
  const isShort = vector.spares(hasUnsignedBitsFrom(subtractBits(u, smallestNormal), bitsToLarge));
  const correction = isShort ? carried : andBits(carried, isLess(u, large));
  const f = add(sub(subtractBits(u, shifted), 1), correction);
  const y = specials(vector, u, sum(vector, f, floatOfBits(exponent)));
  return vector.select(isLess(magnitudeOf(x), 2 ** -24), x, y);
}

/** The logarithm of x where it is large and else log(1 + small): beyond 2^28 1 + x² is x². */
function logOfLarge(vector: Vector, isLarge: Expression, x: Expression, small: Expression): Expression {
  return add(log1p(vector, vector.select(isLarge, x, small)), andBits(isLarge, 0.69314718));
}

/** log1p(|x| + x² / (1 + √(1 + x²))), at most 3 ulp. */
export function asinh(vector: Vector, x: Expression): Expression {
  const magnitude = magnitudeOf(x);
  const square = mul(magnitude, magnitude);
  const small = add(magnitude, div(square, add(sqrt(add(square, 1)), 1)));
  return withSign(logOfLarge(vector, isGreater(magnitude, 2 ** 28), magnitude, small), x);
}

/** log1p(t + √(2t + t²)) with t = x − 1, at most 3 ulp. */
export function acosh(vector: Vector, x: Expression): Expression {
  const t = sub(x, 1);
  const small = add(t, sqrt(mul(t, add(t, 2))));
  return orBits(logOfLarge(vector, isGreater(x, 2 ** 28), x, small), isLess(x, 1));
}

/** log1p(2|x| / (1 − |x|)) / 2, at most 3 ulp. */
export function atanh(vector: Vector, x: Expression): Expression {
  const magnitude = magnitudeOf(x);
  const ratio = div(add(magnitude, magnitude), sub(1, magnitude));
  return withSign(mul(log1p(vector, ratio), 0.5), x);
}
