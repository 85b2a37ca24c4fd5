// exp and what is made of it, on four f32 lanes: exp exp2 expm1 sinh cosh tanh erf.
// Method: x = n ln2 + t with |t| <= ln2 / 2; e^t - 1 = t + t^2 q(t); the power 2^n is built from the bits of the sum
// x / ln2 + magic, whose last mantissa bits are the integer n. Coefficients are own minimax fits, the constant ones
// rounded first. Bounds stated as ulp are measured against f64. Knows no loops. Read next: lanes-logarithm.ts.
import { Vector } from "./lanes-vector";

/** 3 * 2^22: adding it to a small x leaves the nearest integer of x in the last bits. */
const MAGIC: f32 = 12582912;

// Reduction: 1/ln2, ln2 in two parts (the first of 15 bits: n times it is exact), then the polynomial q (error 2^-26).
const EXPONENTIAL: usize = memory.data<f32>(
  [1.44269504, 0.693145752, 1.42860677e-6, 0.5, 0.16666539, 0.0416664258, 0.00836715382, 0.00139387161],
  16,
);
// Bounds of the arguments beyond which the results are 0, -1 or infinity already.
const BOUND: usize = memory.data<f32>([-105, 89, -151, 129, -26, 89.5, -20, 3.95, 2.4e-4, 5.9e-8, 0.25, 4, 2, -2], 16);
// 2^t - 1 = t p(t) for |t| <= 1/2, error 2^-28.
const POWER_OF_TWO: usize = memory.data<f32>(
  [0.693147182, 0.240226507, 0.0555035807, 0.00961805973, 0.00133919029, 0.000154641457],
  16,
);
// erf(x) = x + x p(x^2) for |x| < 1, error 2^-29; then -log(erfc(x)) for 1 <= x <= 3.95, error of erf 2^-30.
const ERROR_FUNCTION: usize = memory.data<f32>(
  [
    0.128379166,
    -0.37612626,
    0.112835787,
    -0.0268533472,
    0.0051871622,
    -0.00079978531,
    7.80690389e-5, //
    0.000341512961,
    1.12708926,
    0.638144672,
    0.103106916,
    -0.0218381416,
    0.0029476746,
    -0.000186380174,
  ],
  16,
);
// The magic number plus what the bits of n are offset by: 254 = two biased halves, 253 the same halved,
// 125 = bias for a quarter of 2^n, 127 = bias for 2^n.
const OFFSET: usize = memory.data<f32>([MAGIC + 254, MAGIC + 253, MAGIC + 125, MAGIC + 127], 16);

export class ExponentialLanes {
  /** The n of x = n ln2 + t, plus magic and offset: its bits are used for the power, its value gives n. */
  @inline private static shifted(x: v128, offset: v128): v128 {
    return Vector.madd(x, Vector.at(EXPONENTIAL, 0), offset);
  }

  /** e^t - 1 of the remainder t of x. */
  @inline private static remainder(x: v128, shifted: v128, offset: v128): v128 {
    const n = f32x4.sub(shifted, offset);
    let t = Vector.nmadd(n, Vector.at(EXPONENTIAL, 1), x);
    t = Vector.nmadd(n, Vector.at(EXPONENTIAL, 2), t);
    return Vector.madd(f32x4.mul(t, t), Vector.polynomial(t, EXPONENTIAL, 3, 4), t);
  }

  /** y * 2^n for n from -151 to 130 in two factors, so that subnormal and infinite results come out by themselves. */
  @inline private static scale(y: v128, shifted: v128): v128 {
    const half = i32x4.shr_s(shifted, 1);
    const rest = i32x4.sub(shifted, half);
    return f32x4.mul(f32x4.mul(y, i32x4.shl(half, 23)), i32x4.shl(rest, 23));
  }

  /** e^x, at most 1.1 ulp. */
  @inline static exp(x: v128): v128 {
    x = Vector.atLeast(Vector.atMost(x, Vector.at(BOUND, 1)), Vector.at(BOUND, 0));
    const offset = Vector.at(OFFSET, 0);
    const shifted = ExponentialLanes.shifted(x, offset);
    const y = f32x4.add(Vector.one(), ExponentialLanes.remainder(x, shifted, offset));
    return ExponentialLanes.scale(y, shifted);
  }

  /** e^x for -87 <= x <= 88 only: no bounds, no subnormals. */
  @inline private static expInside(x: v128): v128 {
    const offset = Vector.at(OFFSET, 3);
    const shifted = ExponentialLanes.shifted(x, offset);
    const power = i32x4.shl(shifted, 23);
    return Vector.madd(power, ExponentialLanes.remainder(x, shifted, offset), power);
  }

  /** 2^x, at most 1.1 ulp; exact for integers. */
  @inline static exp2(x: v128): v128 {
    x = Vector.atLeast(Vector.atMost(x, Vector.at(BOUND, 3)), Vector.at(BOUND, 2));
    const offset = Vector.at(OFFSET, 0);
    const shifted = f32x4.add(x, offset);
    const t = f32x4.sub(x, f32x4.sub(shifted, offset));
    const y = Vector.madd(t, Vector.polynomial(t, POWER_OF_TWO, 0, 5), Vector.one());
    return ExponentialLanes.scale(y, shifted);
  }

  /** (e^x - 1) / 4: the quarter keeps 2^n finite up to the largest argument. Loses the sign of -0. */
  @inline private static expm1Quarter(x: v128): v128 {
    x = Vector.atLeast(Vector.atMost(x, Vector.at(BOUND, 5)), Vector.at(BOUND, 4));
    const offset = Vector.at(OFFSET, 2);
    const shifted = ExponentialLanes.shifted(x, offset);
    const power = i32x4.shl(shifted, 23);
    const rest = f32x4.sub(power, Vector.at(BOUND, 10));
    return Vector.madd(power, ExponentialLanes.remainder(x, shifted, offset), rest);
  }

  /** e^x - 1, at most 2 ulp, -0 for -0. */
  @inline static expm1(x: v128): v128 {
    const y = f32x4.mul(ExponentialLanes.expm1Quarter(x), Vector.at(BOUND, 11));
    return Vector.select(f32x4.lt(Vector.abs(x), Vector.at(BOUND, 9)), x, y);
  }

  /** (e^x - e^-x) / 2 = (E + E / (E + 1)) / 2 with E = e^|x| - 1; at most 2.5 ulp. */
  @inline static sinh(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const quarter = ExponentialLanes.expm1Quarter(magnitude);
    const half = f32x4.add(quarter, quarter);
    // E / (E + 1) / 2 with quarters: finite over infinite at the upper end, never infinite over infinite.
    const y = f32x4.add(half, f32x4.div(quarter, f32x4.add(half, Vector.half())));
    return Vector.withSign(Vector.select(f32x4.lt(magnitude, Vector.at(BOUND, 8)), magnitude, y), x);
  }

  /** (e^x + e^-x) / 2, at most 2 ulp. */
  @inline static cosh(x: v128): v128 {
    const magnitude = Vector.atMost(Vector.abs(x), Vector.at(BOUND, 5));
    const offset = Vector.at(OFFSET, 1);
    const shifted = ExponentialLanes.shifted(magnitude, offset);
    const y = f32x4.add(Vector.one(), ExponentialLanes.remainder(magnitude, shifted, offset));
    const half = ExponentialLanes.scale(y, shifted);
    return f32x4.add(half, f32x4.div(Vector.at(BOUND, 10), half));
  }

  /** -E / (E + 2) with E = e^(-2|x|) - 1: one path, accurate near 0; at most 3 ulp. */
  @inline static tanh(x: v128): v128 {
    const z = Vector.atLeast(f32x4.mul(Vector.abs(x), Vector.at(BOUND, 13)), Vector.at(BOUND, 6));
    const offset = Vector.at(OFFSET, 3);
    const shifted = ExponentialLanes.shifted(z, offset);
    const power = i32x4.shl(shifted, 23);
    const rest = f32x4.sub(power, Vector.one());
    const E = Vector.madd(power, ExponentialLanes.remainder(z, shifted, offset), rest);
    const y = f32x4.div(Vector.abs(E), f32x4.add(E, Vector.at(BOUND, 12)));
    return Vector.withSign(y, x);
  }

  /** The error function, at most 2 ulp: a polynomial below 1, 1 - exp(-polynomial) above. */
  @inline static erf(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const near = Vector.madd(
      magnitude,
      Vector.polynomial(f32x4.mul(magnitude, magnitude), ERROR_FUNCTION, 0, 6),
      magnitude,
    );
    const bounded = Vector.atMost(magnitude, Vector.at(BOUND, 7));
    const exponent = f32x4.neg(Vector.polynomial(bounded, ERROR_FUNCTION, 7, 6));
    const far = f32x4.sub(Vector.one(), ExponentialLanes.expInside(exponent));
    return Vector.withSign(Vector.select(f32x4.lt(magnitude, Vector.one()), near, far), x);
  }
}
