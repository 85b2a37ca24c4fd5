// pow and mod on four f32 lanes, computed as two pairs in f64: the power needs log2 with more bits than f32 has, and the
// remainder of f32 numbers is exact in f64 while the quotient stays below 2^28. Knows no loops.
// Read next: lanes-integer.ts for the same trick on integers.
import { Vector } from "./lanes-vector";

// log2(m) = s p(s^2) with s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)), error 2^-43.
const LOGARITHM: usize = memory.data<f64>(
  [
    2.88539008177785, 0.9617966941137106, 0.5770779422460552, 0.41220926410740283, 0.31990524010335125,
    0.2829063165947277,
  ],
  16,
);
// 2^t for |t| <= 1/2, error 2^-29.
const POWER_OF_TWO: usize = memory.data<f64>(
  [
    1.0000000005541865, 0.6931472057371975, 0.24022646890481758, 0.05550328777078031, 0.00961848897368869,
    0.001339993116186268, 0.00015345806768975824,
  ],
  16,
);
// 1; 2^52 + 1023; 3 * 2^51 + 1023; the bounds of the exponent; 2^28; infinity.
const NUMBER: usize = memory.data<f64>([1, 4503599627371519, 6755399441056767, 200, -200, 268435456, Infinity], 16);
// Bits of 1 minus bits of sqrt(1/2); bits of 2^52; bits of 1023 as an integer.
const BITS: usize = memory.data<u64>([0x00095f619980c433, 0x4330000000000000, 1023], 16);

/** The exact floored remainder of one lane, for quotients that f64 does not hold and infinite arguments. */
function floored(x: f32, y: f32): f32 {
  const r = NativeMath.mod(x as f64, y as f64) as f32;
  if (r == 0) return copysign<f32>(0, y);
  return r < 0 != y < 0 ? (((r as f64) + (y as f64)) as f32) : r;
}

function exactRemainder(x: v128, y: v128): v128 {
  let r = f32x4.splat(floored(f32x4.extract_lane(x, 0), f32x4.extract_lane(y, 0)));
  r = f32x4.replace_lane(r, 1, floored(f32x4.extract_lane(x, 1), f32x4.extract_lane(y, 1)));
  r = f32x4.replace_lane(r, 2, floored(f32x4.extract_lane(x, 2), f32x4.extract_lane(y, 2)));
  return f32x4.replace_lane(r, 3, floored(f32x4.extract_lane(x, 3), f32x4.extract_lane(y, 3)));
}

export class PowerLanes {
  /** log2 of two non-negative numbers, -infinity at 0; infinity and NaN as they are. */
  @inline private static logarithm(x: v128): v128 {
    const biased = i64x2.shr_u(i64x2.add(x, Vector.at64(BITS, 0)), 52);
    const k = f64x2.sub(v128.or(biased, Vector.at64(BITS, 1)), Vector.at64(NUMBER, 1));
    const m = i64x2.sub(x, i64x2.shl(i64x2.sub(biased, Vector.at64(BITS, 2)), 52));
    const s = f64x2.div(f64x2.sub(m, Vector.at64(NUMBER, 0)), f64x2.add(m, Vector.at64(NUMBER, 0)));
    let y = Vector.madd64(s, Vector.polynomial64(f64x2.mul(s, s), LOGARITHM, 0, 5), k);
    y = Vector.select64(f64x2.lt(x, Vector.at64(NUMBER, 6)), y, x);
    return Vector.select64(f64x2.eq(x, f64x2.splat(0)), f64x2.neg(Vector.at64(NUMBER, 6)), y);
  }

  /** 2^w, the result in the range of f32 and a little beyond. */
  @inline private static exponential(w: v128): v128 {
    w = f64x2.pmax(f64x2.pmin(w, Vector.at64(NUMBER, 3)), Vector.at64(NUMBER, 4));
    const shifted = f64x2.add(w, Vector.at64(NUMBER, 2));
    const t = f64x2.sub(w, f64x2.sub(shifted, Vector.at64(NUMBER, 2)));
    return f64x2.mul(i64x2.shl(shifted, 52), Vector.polynomial64(t, POWER_OF_TWO, 0, 6));
  }

  @inline private static powPair(x: v128, y: v128): v128 {
    return PowerLanes.exponential(f64x2.mul(y, PowerLanes.logarithm(x)));
  }

  /** x^y, at most 1 ulp; every special case as C's pow: 1 for y = 0 and for x = 1, NaN for x < 0 with a fraction y. */
  @inline static pow(x: v128, y: v128): v128 {
    const magnitude = Vector.abs(x);
    let power = Vector.join32(
      PowerLanes.powPair(Vector.low64(magnitude), Vector.low64(y)),
      PowerLanes.powPair(Vector.high64(magnitude), Vector.high64(y)),
    );
    const zero = f32x4.splat(0);
    const fraction = f32x4.ne(f32x4.trunc(y), y);
    const half = f32x4.mul(y, Vector.half());
    const odd = v128.andnot(f32x4.ne(f32x4.trunc(half), half), fraction);
    power = v128.xor(power, v128.and(v128.and(x, odd), Vector.signBit()));
    const undefined = v128.and(v128.and(f32x4.lt(x, zero), f32x4.gt(x, Vector.minusInfinity())), fraction);
    power = v128.or(power, undefined);
    const endless = f32x4.eq(Vector.abs(y), Vector.infinity());
    const one = v128.or(f32x4.eq(x, Vector.one()), v128.and(endless, f32x4.eq(magnitude, Vector.one())));
    return Vector.select(v128.or(one, f32x4.eq(y, zero)), Vector.one(), power);
  }

  @inline private static quotient(x: v128, y: v128): v128 {
    return f64x2.floor(f64x2.div(x, y));
  }

  @inline private static isHuge(quotient: v128): v128 {
    return f64x2.ge(f64x2.abs(quotient), Vector.at64(NUMBER, 5));
  }

  /** x - floor(x / y) y, exact before the last rounding; the sign of y, also for 0; NaN for y = 0. */
  @inline static mod(x: v128, y: v128): v128 {
    const x0 = Vector.low64(x);
    const x1 = Vector.high64(x);
    const y0 = Vector.low64(y);
    const y1 = Vector.high64(y);
    const q0 = PowerLanes.quotient(x0, y0);
    const q1 = PowerLanes.quotient(x1, y1);
    let r = Vector.join32(f64x2.sub(x0, f64x2.mul(q0, y0)), f64x2.sub(x1, f64x2.mul(q1, y1)));
    r = Vector.withSign(Vector.abs(r), y);
    const endless = f32x4.eq(Vector.abs(y), Vector.infinity());
    const rare = v128.or(endless, v128.or(PowerLanes.isHuge(q0), PowerLanes.isHuge(q1)));
    if (v128.any_true(rare)) r = exactRemainder(x, y);
    return r;
  }
}
