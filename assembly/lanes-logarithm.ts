// log and what is made of it, on four f32 lanes: log log2 log10 log1p asinh acosh atanh.
// Method: x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, log(m) = f - f^2 / 2 + f^3 p(f), p an own minimax fit
// (error 2^-27 of the result). log2 and log10 multiply in two parts so that powers of two come out exact.
// Knows no loops. Read next: lanes-power.ts.
import { Vector } from "./lanes-vector";

const LOGARITHM: usize = memory.data<f32>(
  [0.333333313, -0.250008196, 0.200012401, -0.166234076, 0.142016277, -0.131596833, 0.127618611, -0.0763575062],
  16,
);
/** ln2, 1/ln2, log10(2) and 1/ln10, each as a part of few bits and its remainder. */
const FACTOR: usize = memory.data<f32>(
  [
    0.693145752, 1.42860677e-6, 1.4428710938, -1.7605285393e-4, 3.0102920532e-1, 7.9034151668e-7, 4.3432617188e-1,
    -3.1689971365e-5,
  ],
  16,
);
// The bits of sqrt(1/2), the smallest normal number and 2^24 to lift the subnormals, a mask of 12 mantissa bits.
const SPLIT: usize = memory.data<u32>([0x3f3504f3, 0x00800000, 0x4b800000, 24, 0xfffff000], 16);
// 2^-24 below which log1p(x) = x; 2^28 above which 1 + x^2 = x^2; 2; 0.69314718.
const BOUND: usize = memory.data<f32>([5.9604644775390625e-8, 268435456, 2, 0.69314718], 16);

export class LogarithmLanes {
  /** k as integers: x = 2^k m. For positive normal x. */
  @inline private static exponent(x: v128): v128 {
    return i32x4.shr_s(i32x4.sub(x, Vector.at(SPLIT, 0)), 23);
  }

  /** m of x = 2^k m. */
  @inline private static mantissa(x: v128, k: v128): v128 {
    return i32x4.sub(x, i32x4.shl(k, 23));
  }

  /** Ones in the lanes below the smallest normal number (negative ones too: their result is replaced anyway). */
  @inline private static isSubnormal(x: v128): v128 {
    return f32x4.lt(x, Vector.at(SPLIT, 1));
  }

  /** x, times 2^24 where it is subnormal. */
  @inline private static lift(x: v128, subnormal: v128): v128 {
    return Vector.select(subnormal, f32x4.mul(x, Vector.at(SPLIT, 2)), x);
  }

  /** f^3 p(f) */
  @inline private static tail(f: v128, square: v128): v128 {
    return f32x4.mul(f32x4.mul(square, f), Vector.polynomial(f, LOGARITHM, 0, 7));
  }

  /** log(1 + f) + k ln2 */
  @inline private static sum(f: v128, k: v128): v128 {
    const square = f32x4.mul(f, f);
    let low = Vector.nmadd(square, Vector.half(), LogarithmLanes.tail(f, square));
    low = Vector.madd(k, Vector.at(FACTOR, 1), low);
    return Vector.madd(k, Vector.at(FACTOR, 0), f32x4.add(f, low));
  }

  /** What every logarithm does outside (0, infinity): NaN below, -infinity at 0, infinity and NaN as they are. */
  @inline private static specials(x: v128, y: v128): v128 {
    y = Vector.select(f32x4.lt(x, Vector.infinity()), y, x);
    y = v128.or(y, f32x4.lt(x, f32x4.splat(0)));
    return Vector.select(f32x4.eq(x, f32x4.splat(0)), Vector.minusInfinity(), y);
  }

  /** Natural logarithm, at most 1.2 ulp. */
  @inline static log(x: v128): v128 {
    const subnormal = LogarithmLanes.isSubnormal(x);
    const lifted = LogarithmLanes.lift(x, subnormal);
    const k = LogarithmLanes.exponent(lifted);
    const f = f32x4.sub(LogarithmLanes.mantissa(lifted, k), Vector.one());
    const count = f32x4.convert_i32x4_s(i32x4.sub(k, v128.and(subnormal, Vector.at(SPLIT, 3))));
    return LogarithmLanes.specials(x, LogarithmLanes.sum(f, count));
  }

  /** log(x) * factor + k * step, both constants in two parts of FACTOR: the scheme of fdlibm's e_log2f and e_log10f. */
  @inline private static scaled(x: v128, factor: i32, step: i32): v128 {
    const subnormal = LogarithmLanes.isSubnormal(x);
    const lifted = LogarithmLanes.lift(x, subnormal);
    const k = LogarithmLanes.exponent(lifted);
    const f = f32x4.sub(LogarithmLanes.mantissa(lifted, k), Vector.one());
    const count = f32x4.convert_i32x4_s(i32x4.sub(k, v128.and(subnormal, Vector.at(SPLIT, 3))));
    const square = f32x4.mul(f, f);
    const halfSquare = f32x4.mul(square, Vector.half());
    const high = v128.and(f32x4.sub(f, halfSquare), Vector.at(SPLIT, 4));
    const low = f32x4.add(f32x4.sub(f32x4.sub(f, high), halfSquare), LogarithmLanes.tail(f, square));
    let sum = f32x4.mul(f32x4.add(low, high), Vector.at(FACTOR, factor + 1));
    if (step >= 0) sum = Vector.madd(count, Vector.at(FACTOR, step + 1), sum);
    sum = Vector.madd(low, Vector.at(FACTOR, factor), sum);
    sum = Vector.madd(high, Vector.at(FACTOR, factor), sum);
    sum = step >= 0 ? Vector.madd(count, Vector.at(FACTOR, step), sum) : f32x4.add(count, sum);
    return LogarithmLanes.specials(x, sum);
  }

  /** Base 2, at most 1.5 ulp, exact for powers of two. */
  @inline static log2(x: v128): v128 {
    return LogarithmLanes.scaled(x, 2, -1);
  }

  /** Base 10, at most 2 ulp. */
  @inline static log10(x: v128): v128 {
    return LogarithmLanes.scaled(x, 6, 4);
  }

  /** log(1 + x), at most 2 ulp: the rounding error c of u = 1 + x is carried into f. */
  @inline static log1p(x: v128): v128 {
    const u = f32x4.add(Vector.one(), x);
    const c = f32x4.sub(x, f32x4.sub(u, Vector.one()));
    const k = LogarithmLanes.exponent(u);
    // c * 2^-k, the power made of its bits, 0 where k reaches 127 (c is 0 there too).
    const bits = i32x4.max_s(i32x4.sub(i32x4.splat(127), k), i32x4.splat(0));
    const correction = f32x4.mul(c, i32x4.shl(bits, 23));
    const f = f32x4.add(f32x4.sub(LogarithmLanes.mantissa(u, k), Vector.one()), correction);
    const y = LogarithmLanes.specials(u, LogarithmLanes.sum(f, f32x4.convert_i32x4_s(k)));
    return Vector.select(f32x4.lt(Vector.abs(x), Vector.at(BOUND, 0)), x, y);
  }

  /** log1p(|x| + x^2 / (1 + sqrt(1 + x^2))), log(|x|) + ln2 where the square would leave the range; at most 3 ulp. */
  @inline static asinh(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const square = f32x4.mul(magnitude, magnitude);
    const root = f32x4.sqrt(f32x4.add(square, Vector.one()));
    const sum = f32x4.add(magnitude, f32x4.div(square, f32x4.add(root, Vector.one())));
    const large = f32x4.gt(magnitude, Vector.at(BOUND, 1));
    const y = LogarithmLanes.log1p(Vector.select(large, magnitude, sum));
    return Vector.withSign(f32x4.add(y, v128.and(large, Vector.at(BOUND, 3))), x);
  }

  /** log1p(t + sqrt(2t + t^2)) with t = x - 1; at most 3 ulp. */
  @inline static acosh(x: v128): v128 {
    const t = f32x4.sub(x, Vector.one());
    const sum = f32x4.add(t, f32x4.sqrt(f32x4.mul(t, f32x4.add(t, Vector.at(BOUND, 2)))));
    const large = f32x4.gt(x, Vector.at(BOUND, 1));
    const y = f32x4.add(LogarithmLanes.log1p(Vector.select(large, x, sum)), v128.and(large, Vector.at(BOUND, 3)));
    return v128.or(y, f32x4.lt(x, Vector.one()));
  }

  /** log1p(2|x| / (1 - |x|)) / 2; at most 3 ulp. */
  @inline static atanh(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const ratio = f32x4.div(f32x4.add(magnitude, magnitude), f32x4.sub(Vector.one(), magnitude));
    return Vector.withSign(f32x4.mul(LogarithmLanes.log1p(ratio), Vector.half()), x);
  }
}
