// Scalar functions of the reference that JavaScript's Math does not have, in f64 from their definitions.
// Imports nothing from bindings/. Read next: test/specs/elementwise.ts, which uses them.

/** 2/√π ∫₀ˣ e^(−t²) dt: a series of positive terms below 0.8, a continued fraction of the complement above. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 0.8) {
    let term = a;
    let sum = a;
    for (let n = 1; term > sum * 1e-18; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return x === 0 ? x : Math.sign(x) * (2 / Math.sqrt(Math.PI)) * gaussian(a) * sum;
  }
  return Math.sign(x) * (1 - complement(a));
}

/** 1 − erf(x), without cancellation for large x. */
export function erfc(x: number): number {
  return x < 0.8 ? 1 - erf(x) : complement(x);
}

/** e^(−x²): the square of the leading 24 bits is exact, so its rounding is not blown up by the exponential. */
function gaussian(x: number): number {
  const lead = Math.fround(x);
  return Math.exp(-lead * lead) * Math.exp(-(x - lead) * (x + lead));
}

function complement(x: number): number {
  if (x > 30) return 0;
  let fraction = 0;
  for (let n = 800; n > 0; n--) fraction = n / 2 / (x + fraction);
  return gaussian(x) / Math.sqrt(Math.PI) / (x + fraction);
}

/** The nearest whole number, halves to even. */
export function roundHalfEven(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const floor = Math.floor(x);
  const fraction = x - floor;
  const rounded = fraction < 0.5 || (fraction === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

/** Python's x % y: the remainder with the sign of y. */
export function floorMod(x: number, y: number): number {
  const remainder = x % y;
  if (remainder === 0) return y < 0 ? -0 : 0;
  return remainder < 0 !== y < 0 ? remainder + y : remainder;
}

/** 1 / (1 + e^−x). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** log(1 + eˣ). */
export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** IEEE pow: JavaScript's `**` but for 1^y and (−1)^±∞, which IEEE defines as 1. */
export function power(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

/** log(eˣ + e^y). */
export function logAddExp(x: number, y: number): number {
  if (x === y) return x + Math.LN2;
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN;
  return Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
}

/** sin(πx)/(πx), with the zeros of the sine where they are. */
export function sinc(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) === Infinity) return NaN;
  // The argument is reduced exactly before π comes in.
  const nearest = roundHalfEven(x);
  const sine = Math.sin(Math.PI * (x - nearest)) * (Math.abs(nearest % 2) === 1 ? -1 : 1);
  return sine / (Math.PI * x);
}
