// Division, remainder and power of integers, four lanes: floorDivide mod pow for i32 and u32.
// Division goes through f64, which holds every 32-bit integer: the rounded quotient is never on the wrong side of an
// integer, because it differs from one by at least 1 / divisor. Division by zero gives 0. Knows no loops over arrays.
import { Vector } from "./lanes-vector";

/** 3 * 2^51: adding it leaves an integer, modulo 2^32, in the low word. */
const MAGIC: f64 = 6755399441055744;

export class IntegerLanes {
  /** The low 32 bits of four integers given as two pairs of f64. */
  @inline private static words(low: v128, high: v128): v128 {
    const magic = f64x2.splat(MAGIC);
    return Vector.joinLowWords(f64x2.add(low, magic), f64x2.add(high, magic));
  }

  @inline private static swap(x: v128): v128 {
    return v128.shuffle<i64>(x, x, 1, 0);
  }

  /** 0 where the divisor is 0. */
  @inline private static guard(quotient: v128, divisor: v128): v128 {
    return v128.andnot(quotient, i32x4.eq(divisor, i32x4.splat(0)));
  }

  /** Shifts by a count of its own for every lane, modulo 32. */
  @inline static shiftLeft(x: v128, y: v128): v128 {
    let result = i32x4.splat(((i32x4.extract_lane(x, 0) as u32) << ((i32x4.extract_lane(y, 0) & 31) as u32)) as i32);
    result = i32x4.replace_lane(
      result,
      1,
      ((i32x4.extract_lane(x, 1) as u32) << ((i32x4.extract_lane(y, 1) & 31) as u32)) as i32,
    );
    result = i32x4.replace_lane(
      result,
      2,
      ((i32x4.extract_lane(x, 2) as u32) << ((i32x4.extract_lane(y, 2) & 31) as u32)) as i32,
    );
    return i32x4.replace_lane(
      result,
      3,
      ((i32x4.extract_lane(x, 3) as u32) << ((i32x4.extract_lane(y, 3) & 31) as u32)) as i32,
    );
  }

  @inline static shiftRightSigned(x: v128, y: v128): v128 {
    let result = i32x4.splat(((i32x4.extract_lane(x, 0) as i32) >> ((i32x4.extract_lane(y, 0) & 31) as i32)) as i32);
    result = i32x4.replace_lane(
      result,
      1,
      ((i32x4.extract_lane(x, 1) as i32) >> ((i32x4.extract_lane(y, 1) & 31) as i32)) as i32,
    );
    result = i32x4.replace_lane(
      result,
      2,
      ((i32x4.extract_lane(x, 2) as i32) >> ((i32x4.extract_lane(y, 2) & 31) as i32)) as i32,
    );
    return i32x4.replace_lane(
      result,
      3,
      ((i32x4.extract_lane(x, 3) as i32) >> ((i32x4.extract_lane(y, 3) & 31) as i32)) as i32,
    );
  }

  @inline static shiftRightUnsigned(x: v128, y: v128): v128 {
    let result = i32x4.splat(((i32x4.extract_lane(x, 0) as u32) >> ((i32x4.extract_lane(y, 0) & 31) as u32)) as i32);
    result = i32x4.replace_lane(
      result,
      1,
      ((i32x4.extract_lane(x, 1) as u32) >> ((i32x4.extract_lane(y, 1) & 31) as u32)) as i32,
    );
    result = i32x4.replace_lane(
      result,
      2,
      ((i32x4.extract_lane(x, 2) as u32) >> ((i32x4.extract_lane(y, 2) & 31) as u32)) as i32,
    );
    return i32x4.replace_lane(
      result,
      3,
      ((i32x4.extract_lane(x, 3) as u32) >> ((i32x4.extract_lane(y, 3) & 31) as u32)) as i32,
    );
  }

  /** floor(x / y); -2^31 / -1 wraps to -2^31. */
  @inline static floorDivideSigned(x: v128, y: v128): v128 {
    const low = f64x2.div(f64x2.convert_low_i32x4_s(x), f64x2.convert_low_i32x4_s(y));
    const high = f64x2.div(
      f64x2.convert_low_i32x4_s(IntegerLanes.swap(x)),
      f64x2.convert_low_i32x4_s(IntegerLanes.swap(y)),
    );
    return IntegerLanes.guard(IntegerLanes.words(f64x2.floor(low), f64x2.floor(high)), y);
  }

  @inline static floorDivideUnsigned(x: v128, y: v128): v128 {
    const low = f64x2.div(f64x2.convert_low_i32x4_u(x), f64x2.convert_low_i32x4_u(y));
    const high = f64x2.div(
      f64x2.convert_low_i32x4_u(IntegerLanes.swap(x)),
      f64x2.convert_low_i32x4_u(IntegerLanes.swap(y)),
    );
    return IntegerLanes.guard(IntegerLanes.words(f64x2.floor(low), f64x2.floor(high)), y);
  }

  /** x - floor(x / y) y: the sign of y. */
  @inline static modSigned(x: v128, y: v128): v128 {
    return IntegerLanes.guard(i32x4.sub(x, i32x4.mul(IntegerLanes.floorDivideSigned(x, y), y)), y);
  }

  @inline static modUnsigned(x: v128, y: v128): v128 {
    return IntegerLanes.guard(i32x4.sub(x, i32x4.mul(IntegerLanes.floorDivideUnsigned(x, y), y)), y);
  }

  /** x^y modulo 2^32 by squaring, all lanes until the longest exponent is used up. */
  @inline static powUnsigned(x: v128, y: v128): v128 {
    const one = i32x4.splat(1);
    let power = one;
    let rest = y;
    while (v128.any_true(rest)) {
      const odd = i32x4.eq(v128.and(rest, one), one);
      power = v128.bitselect(i32x4.mul(power, x), power, odd);
      x = i32x4.mul(x, x);
      rest = i32x4.shr_u(rest, 1);
    }
    return power;
  }

  /** As powUnsigned; a negative exponent gives the truncated fraction: 0, but 1 or -1 for the bases 1 and -1. */
  @inline static powSigned(x: v128, y: v128): v128 {
    const one = i32x4.splat(1);
    const power = IntegerLanes.powUnsigned(x, i32x4.abs(y));
    const unit = i32x4.eq(i32x4.abs(x), one);
    return v128.andnot(power, v128.andnot(i32x4.lt_s(y, i32x4.splat(0)), unit));
  }
}
