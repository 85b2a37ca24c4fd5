// The f64 functions that AssemblyScript's NativeMath lacks or defines otherwise: erf, the floored remainder, pow by C's
// rules, and sin, cos, tan where NativeMath's are wrong. Knows no lanes.
// Read next: functions.ts, which exports them beside NativeMath's.

// Coefficients of the rational approximations published with Sun's fdlibm (s_erf.c, 1993), constant term first; each
// has an error below 2^-57 on its interval.
/** |x| < 0.84375: erf(x) = x + x P(x^2) / Q(x^2). */
const NEAR_P: usize = memory.data<f64>([
  1.28379167095512558561e-1, -3.2504210724700149937e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3,
  -2.37630166566501626084e-5,
]);
const NEAR_Q: usize = memory.data<f64>([
  1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4,
  -3.9602282787753681232e-6,
]);
/** 0.84375 <= |x| < 1.25: erf(x) = 0.845... + P(|x| - 1) / Q(|x| - 1). */
const MIDDLE_P: usize = memory.data<f64>([
  -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1,
  -1.10894694282396677476e-1, 3.54783043256182359371e-2, -2.166375594868790843e-3,
]);
const MIDDLE_Q: usize = memory.data<f64>([
  1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1,
  1.36370839120290507362e-2, 1.1984499846799107417e-2,
]);
const MIDDLE_VALUE: f64 = 8.45062911510467529297e-1;
/** 1.25 <= |x| < 1 / 0.35: erfc(x) = exp(-x^2 - 0.5625 + P(1 / x^2) / Q(1 / x^2)) / x. */
const FAR_P: usize = memory.data<f64>([
  -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1,
  -1.62396669462573470355e2, -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592,
]);
const FAR_Q: usize = memory.data<f64>([
  1, 1.96512716674392571292e1, 1.376577541435190426e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
  4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2,
]);
/** 1 / 0.35 <= |x| < 6: the same with other coefficients. */
const FARTHEST_P: usize = memory.data<f64>([
  -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2,
  -6.37566443368389627722e2, -1.02509513161107724954e3, -4.83519191608651397019e2,
]);
const FARTHEST_Q: usize = memory.data<f64>([
  1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
  2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1,
]);

/** Horner's rule over a table of f64, constant term first. */
function polynomial(x: f64, table: usize, degree: i32): f64 {
  let sum: f64 = 0;
  for (let power = degree; power >= 0; power--) sum = sum * x + load<f64>(table + ((power as usize) << 3));
  return sum;
}

/** erf for 1.25 <= x < 6. The square is split so that its rounding does not reach the exponential. */
function farErf(x: f64): f64 {
  const inverse = 1 / (x * x);
  const ratio =
    x < 1 / 0.35
      ? polynomial(inverse, FAR_P, 7) / polynomial(inverse, FAR_Q, 8)
      : polynomial(inverse, FARTHEST_P, 6) / polynomial(inverse, FARTHEST_Q, 7);
  const head = reinterpret<f64>(reinterpret<u64>(x) & 0xffffffff00000000);
  const power = NativeMath.exp(-head * head - 0.5625) * NativeMath.exp((head - x) * (head + x) + ratio);
  return 1 - power / x;
}

// For 2^20 pi/2 <= |x| < 2^21 the reduction of NativeMath (AssemblyScript 0.28) reads the word in front of its table, and
// the sign of the result depends on what lies there. In that gap the reduction is done here: pi/2 in parts of 33, 33 and
// 53 bits, and the number of quadrants as 2^20 + n, so that every product with a part of 33 bits is exact.
const GAP_FROM: f64 = 1647000;
const GAP_TO: f64 = 2097152;
const QUADRANTS: f64 = 1048576;
const HALF_PI_1: f64 = 1.57079632673412561417;
const HALF_PI_2: f64 = 6.0771005063039659766e-11;
const HALF_PI_3: f64 = 2.02226624879595063154e-21;

function isInGap(x: f64): bool {
  return abs(x) >= GAP_FROM && abs(x) < GAP_TO;
}

/** What the rounded difference of x and y lost (Knuth's exact sum). */
function differenceError(x: f64, y: f64, difference: f64): f64 {
  const back = difference - x;
  return x - (difference - back) - (y + back);
}

/** sin(x + turn pi/2) for a positive x in the gap. */
function gapWave(x: f64, turn: i32): f64 {
  const n = nearest(x / (HALF_PI_1 + HALF_PI_2)) - QUADRANTS;
  const exact = x - QUADRANTS * HALF_PI_1 - n * HALF_PI_1;
  const first = exact - QUADRANTS * HALF_PI_2;
  const second = first - n * HALF_PI_2;
  const low =
    differenceError(exact, QUADRANTS * HALF_PI_2, first) +
    differenceError(first, n * HALF_PI_2, second) -
    (QUADRANTS + n) * HALF_PI_3;
  const angle = second + low;
  const rest = second - angle + low;
  const quadrant = (n as i32) + turn;
  const sine = NativeMath.sin(angle);
  const cosine = NativeMath.cos(angle);
  const wave = quadrant & 1 ? cosine - rest * sine : sine + rest * cosine;
  return quadrant & 2 ? -wave : wave;
}

function gapSine(x: f64): f64 {
  return x < 0 ? -gapWave(-x, 0) : gapWave(x, 0);
}

function gapCosine(x: f64): f64 {
  return gapWave(abs(x), 1);
}

export class Scalar {
  /** Sine, at most 1 ulp. */
  static sin(x: f64): f64 {
    return isInGap(x) ? gapSine(x) : NativeMath.sin(x);
  }

  /** Cosine, at most 1 ulp. */
  static cos(x: f64): f64 {
    return isInGap(x) ? gapCosine(x) : NativeMath.cos(x);
  }

  /** Tangent, at most 1.7 ulp, 2.4 in the gap. */
  static tan(x: f64): f64 {
    return isInGap(x) ? gapSine(x) / gapCosine(x) : NativeMath.tan(x);
  }

  /** The error function, at most 1 ulp. */
  static erf(x: f64): f64 {
    const magnitude = abs(x);
    if (magnitude < 0.84375) {
      const square = x * x;
      return x + x * (polynomial(square, NEAR_P, 4) / polynomial(square, NEAR_Q, 5));
    }
    if (magnitude < 1.25) {
      const s = magnitude - 1;
      return copysign(MIDDLE_VALUE + polynomial(s, MIDDLE_P, 6) / polynomial(s, MIDDLE_Q, 6), x);
    }
    if (magnitude < 6) return copysign(farErf(magnitude), x);
    return magnitude >= 6 ? copysign<f64>(1, x) : x;
  }

  /** The exact floored remainder: the sign of y, also for 0; NaN for y = 0 and for infinite x. */
  static mod(x: f64, y: f64): f64 {
    const remainder = NativeMath.mod(x, y);
    if (remainder == 0) return copysign<f64>(0, y);
    return remainder < 0 != y < 0 ? remainder + y : remainder;
  }

  /** C's pow: unlike JavaScript's, 1 to any power is 1 and so is -1 to an infinite one. */
  static pow(x: f64, y: f64): f64 {
    if (x == 1 || (x == -1 && abs(y) == Infinity)) return 1;
    return NativeMath.pow(x, y);
  }
}
