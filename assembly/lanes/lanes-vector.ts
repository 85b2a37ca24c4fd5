// The vocabulary that the scalar mathematics is written in: four f32 lanes (or two f64 lanes) in one v128.
// Knows nothing of any particular function, of loops or of memory layout.
// Constants come from tables in memory, read by a broadcasting load: V8 rebuilds every v128.const of a loop in each
// turn, which costs more than the load. Read next: lanes-trigonometric.ts for how a function looks in it.

/** The sign bit, all other bits, ±infinity, 1 and 1/2: read by the methods below. */
const COMMON: usize = memory.data<u32>([0x80000000, 0x7fffffff, 0x7f800000, 0xff800000, 0x3f800000, 0x3f000000], 16);

export class Vector {
  /** The constant number `index` of a table of f32 words, in all four lanes. */
  @inline static at(table: usize, index: i32): v128 {
    return v128.load32_splat(table + (index << 2));
  }

  /** The constant number `index` of a table of f64 words, in both lanes. */
  @inline static at64(table: usize, index: i32): v128 {
    return v128.load64_splat(table + (index << 3));
  }

  @inline static signBit(): v128 {
    return Vector.at(COMMON, 0);
  }

  @inline static infinity(): v128 {
    return Vector.at(COMMON, 2);
  }

  @inline static minusInfinity(): v128 {
    return Vector.at(COMMON, 3);
  }

  @inline static one(): v128 {
    return Vector.at(COMMON, 4);
  }

  @inline static half(): v128 {
    return Vector.at(COMMON, 5);
  }

  /** |x| */
  @inline static abs(x: v128): v128 {
    return v128.and(x, Vector.at(COMMON, 1));
  }

  /** The magnitude of a non-negative x with the sign of y. */
  @inline static withSign(x: v128, y: v128): v128 {
    return v128.or(x, v128.and(y, Vector.signBit()));
  }

  /** x * y + z: one rounding where relaxed SIMD fuses, two elsewhere; no result may depend on which. */
  @inline static madd(x: v128, y: v128, z: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      return f32x4.relaxed_madd(x, y, z);
    } else {
      return f32x4.add(f32x4.mul(x, y), z);
    }
  }

  /** z - x * y */
  @inline static nmadd(x: v128, y: v128, z: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      return f32x4.relaxed_nmadd(x, y, z);
    } else {
      return f32x4.sub(z, f32x4.mul(x, y));
    }
  }

  @inline static madd64(x: v128, y: v128, z: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      return f64x2.relaxed_madd(x, y, z);
    } else {
      return f64x2.add(f64x2.mul(x, y), z);
    }
  }

  /** `chosen` where the mask lane is all ones, `otherwise` where it is all zeros. */
  @inline static select(mask: v128, chosen: v128, otherwise: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      return i32x4.relaxed_laneselect(chosen, otherwise, mask);
    } else {
      return v128.bitselect(chosen, otherwise, mask);
    }
  }

  @inline static select64(mask: v128, chosen: v128, otherwise: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      return i64x2.relaxed_laneselect(chosen, otherwise, mask);
    } else {
      return v128.bitselect(chosen, otherwise, mask);
    }
  }

  /** min(x, bound), NaN in x stays: one instruction where f32x4.min needs eight. */
  @inline static atMost(x: v128, bound: v128): v128 {
    return f32x4.pmin(x, bound);
  }

  /** max(x, bound), NaN in x stays. */
  @inline static atLeast(x: v128, bound: v128): v128 {
    return f32x4.pmax(x, bound);
  }

  /** Lanes 0 and 1 as f64. */
  @inline static low64(x: v128): v128 {
    return f64x2.promote_low_f32x4(x);
  }

  /** Lanes 2 and 3 as f64. */
  @inline static high64(x: v128): v128 {
    return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
  }

  /** Four f32 lanes from two pairs of f64. */
  @inline static join32(low: v128, high: v128): v128 {
    return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
  }

  /** Two i64 masks to four i32 masks, or any low words of four i64. */
  @inline static joinLowWords(low: v128, high: v128): v128 {
    return v128.shuffle<i32>(low, high, 0, 2, 4, 6);
  }

  /**
   * Horner's rule: table[first + degree] is the leading coefficient, table[first] the constant one. The degree is a
   * literal at every call, so the tests below vanish when the call is inlined.
   */
  @inline static polynomial(x: v128, table: usize, first: i32, degree: i32): v128 {
    let sum = Vector.at(table, first + degree);
    if (degree > 0) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 1));
    if (degree > 1) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 2));
    if (degree > 2) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 3));
    if (degree > 3) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 4));
    if (degree > 4) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 5));
    if (degree > 5) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 6));
    if (degree > 6) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 7));
    if (degree > 7) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 8));
    if (degree > 8) sum = Vector.madd(sum, x, Vector.at(table, first + degree - 9));
    return sum;
  }

  /** The same in f64, from a table of f64 words. */
  @inline static polynomial64(x: v128, table: usize, first: i32, degree: i32): v128 {
    let sum = Vector.at64(table, first + degree);
    if (degree > 0) sum = Vector.madd64(sum, x, Vector.at64(table, first + degree - 1));
    if (degree > 1) sum = Vector.madd64(sum, x, Vector.at64(table, first + degree - 2));
    if (degree > 2) sum = Vector.madd64(sum, x, Vector.at64(table, first + degree - 3));
    if (degree > 3) sum = Vector.madd64(sum, x, Vector.at64(table, first + degree - 4));
    if (degree > 4) sum = Vector.madd64(sum, x, Vector.at64(table, first + degree - 5));
    if (degree > 5) sum = Vector.madd64(sum, x, Vector.at64(table, first + degree - 6));
    return sum;
  }
}
