// sin cos tan and their inverses on four f32 lanes.
// Method: n = nearest(2x / pi), r = x - n pi/2 in f64 with pi/2 in two parts (25 + 53 bits), so that r keeps full f32
// precision next to every multiple of pi/2; then minimax polynomials on [-pi/4, pi/4]. Lanes above 1e5, rare, go
// through the scalar f64 functions, which reduce exactly. Knows no loops. Read next: lanes.ts.
import { Vector } from "./lanes-vector";

/** 3 * 2^22: adding it to a small x leaves the nearest integer of x in the last bits. */
const MAGIC: f32 = 12582912;

// 2/pi, the magic number, the largest argument of the fast path.
const REDUCTION: usize = memory.data<f32>([0.636619772, MAGIC, 1e5], 16);
// pi/2 in two parts: 25 bits, so that n times it is exact, and the remainder.
const HALF_PI: usize = memory.data<f64>([1.5707963109016418, 1.5893254773528197e-8], 16);
// sin(r) = r + r^3 p(r^2), error 2^-28; cos(r) = 1 - r^2 / 2 + r^4 q(r^2), error 2^-33.
const SINE: usize = memory.data<f32>([-0.166666552, 0.00833218452, -0.000195172062], 16);
const COSINE: usize = memory.data<f32>([0.0416666456, -0.00138873048, 2.44314251e-5], 16);
// asin(s) = s + s z p(z), z = s^2 <= 1/4, error 2^-27.
const ARCSINE: usize = memory.data<f32>([0.166667536, 0.0749524981, 0.045476526, 0.0241488852, 0.0422184356], 16);
// atan(t) = t + t z p(z), z = t^2 <= 1, error 2^-28.
const ARCTANGENT: usize = memory.data<f32>(
  [
    -0.333332986, 0.19998531, -0.142640516, 0.109511748, -0.0840047523, 0.0579065457, -0.0311270021, 0.0108873611,
    -0.0017875476,
  ],
  16,
);
// pi/2, pi and pi/2, pi minus their f32 values.
const PI: usize = memory.data<f32>([1.57079637, 3.14159274, -4.37113883e-8, -8.74227766e-8], 16);

/** The three functions that one out-of-line path serves; a call of it is rare, its inlining would not pay. */
const SINE_KIND = 0;
const COSINE_KIND = 1;
const TANGENT_KIND = 2;

function exact(x: f32, kind: i32): f32 {
  const wide: f64 = x;
  if (kind == SINE_KIND) return NativeMath.sin(wide) as f32;
  if (kind == COSINE_KIND) return NativeMath.cos(wide) as f32;
  return NativeMath.tan(wide) as f32;
}

/** The fast result y, replaced by the exact one in the lanes where |x| > 1e5. */
function replaceLarge(x: v128, y: v128, kind: i32): v128 {
  const limit: f32 = 1e5;
  const x0 = f32x4.extract_lane(x, 0);
  const x1 = f32x4.extract_lane(x, 1);
  const x2 = f32x4.extract_lane(x, 2);
  const x3 = f32x4.extract_lane(x, 3);
  if (abs(x0) > limit) y = f32x4.replace_lane(y, 0, exact(x0, kind));
  if (abs(x1) > limit) y = f32x4.replace_lane(y, 1, exact(x1, kind));
  if (abs(x2) > limit) y = f32x4.replace_lane(y, 2, exact(x2, kind));
  if (abs(x3) > limit) y = f32x4.replace_lane(y, 3, exact(x3, kind));
  return y;
}

export class TrigonometricLanes {
  /** n plus the magic number: the last two bits are the quadrant. */
  @inline private static shifted(x: v128): v128 {
    return f32x4.add(f32x4.mul(x, Vector.at(REDUCTION, 0)), Vector.at(REDUCTION, 1));
  }

  @inline private static remainderPair(x: v128, n: v128): v128 {
    const r = f64x2.sub(x, f64x2.mul(n, Vector.at64(HALF_PI, 0)));
    return f64x2.sub(r, f64x2.mul(n, Vector.at64(HALF_PI, 1)));
  }

  /** r = x - n pi/2 */
  @inline private static remainder(x: v128, shifted: v128): v128 {
    const n = f32x4.sub(shifted, Vector.at(REDUCTION, 1));
    return Vector.join32(
      TrigonometricLanes.remainderPair(Vector.low64(x), Vector.low64(n)),
      TrigonometricLanes.remainderPair(Vector.high64(x), Vector.high64(n)),
    );
  }

  @inline private static sinePolynomial(r: v128, square: v128): v128 {
    return Vector.madd(f32x4.mul(r, square), Vector.polynomial(square, SINE, 0, 2), r);
  }

  @inline private static cosinePolynomial(square: v128): v128 {
    const head = Vector.nmadd(square, Vector.half(), Vector.one());
    return Vector.madd(f32x4.mul(square, square), Vector.polynomial(square, COSINE, 0, 2), head);
  }

  /** Ones in the lanes where sine and cosine of the remainder change places. */
  @inline private static isOdd(quadrant: v128): v128 {
    return i32x4.shr_s(i32x4.shl(quadrant, 31), 31);
  }

  /** The sign bit of quadrants 2 and 3. */
  @inline private static halfTurn(quadrant: v128): v128 {
    return v128.and(i32x4.shl(quadrant, 30), Vector.signBit());
  }

  @inline private static hasLarge(x: v128): bool {
    return v128.any_true(f32x4.gt(Vector.abs(x), Vector.at(REDUCTION, 2)));
  }

  /** Sine of the remainder of x turned by a number of quadrants. */
  @inline private static wave(x: v128, shifted: v128, quadrant: v128): v128 {
    const r = TrigonometricLanes.remainder(x, shifted);
    const square = f32x4.mul(r, r);
    const sine = TrigonometricLanes.sinePolynomial(r, square);
    const cosine = TrigonometricLanes.cosinePolynomial(square);
    const y = Vector.select(TrigonometricLanes.isOdd(quadrant), cosine, sine);
    return v128.xor(y, TrigonometricLanes.halfTurn(quadrant));
  }

  /** At most 1.6 ulp for every finite x; -0 for -0, NaN for infinities. */
  @inline static sin(x: v128): v128 {
    const shifted = TrigonometricLanes.shifted(x);
    let y = TrigonometricLanes.wave(x, shifted, shifted);
    // -0 has become 0 in the reduction.
    y = Vector.select(f32x4.eq(x, f32x4.splat(0)), x, y);
    if (TrigonometricLanes.hasLarge(x)) y = replaceLarge(x, y, SINE_KIND);
    return y;
  }

  /** At most 1.6 ulp for every finite x. */
  @inline static cos(x: v128): v128 {
    const shifted = TrigonometricLanes.shifted(x);
    let y = TrigonometricLanes.wave(x, shifted, i32x4.add(shifted, i32x4.splat(1)));
    if (TrigonometricLanes.hasLarge(x)) y = replaceLarge(x, y, COSINE_KIND);
    return y;
  }

  /** At most 3.7 ulp for every finite x. */
  @inline static tan(x: v128): v128 {
    const shifted = TrigonometricLanes.shifted(x);
    const r = TrigonometricLanes.remainder(x, shifted);
    const square = f32x4.mul(r, r);
    const sine = TrigonometricLanes.sinePolynomial(r, square);
    const cosine = TrigonometricLanes.cosinePolynomial(square);
    const odd = TrigonometricLanes.isOdd(shifted);
    const ratio = f32x4.div(Vector.select(odd, cosine, sine), Vector.select(odd, sine, cosine));
    let y = v128.xor(ratio, v128.and(odd, Vector.signBit()));
    y = Vector.select(f32x4.eq(x, f32x4.splat(0)), x, y);
    if (TrigonometricLanes.hasLarge(x)) y = replaceLarge(x, y, TANGENT_KIND);
    return y;
  }

  @inline private static arcsinePolynomial(s: v128, square: v128): v128 {
    return Vector.madd(f32x4.mul(s, square), Vector.polynomial(square, ARCSINE, 0, 4), s);
  }

  /** Above 1/2: pi/2 - 2 asin(sqrt((1 - |x|) / 2)). At most 2.4 ulp; NaN outside [-1, 1] through the root. */
  @inline static asin(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const far = f32x4.gt(magnitude, Vector.half());
    const complement = Vector.nmadd(magnitude, Vector.half(), Vector.half());
    const square = Vector.select(far, complement, f32x4.mul(magnitude, magnitude));
    const s = Vector.select(far, f32x4.sqrt(complement), magnitude);
    const angle = TrigonometricLanes.arcsinePolynomial(s, square);
    const turned = f32x4.sub(Vector.at(PI, 0), f32x4.sub(f32x4.add(angle, angle), Vector.at(PI, 2)));
    return Vector.withSign(Vector.select(far, turned, angle), x);
  }

  /** 2 asin(sqrt((1 - x) / 2)) above 1/2, pi minus that of -x below -1/2, pi/2 - asin(x) between; at most 2 ulp. */
  @inline static acos(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const far = f32x4.gt(magnitude, Vector.half());
    const complement = Vector.nmadd(magnitude, Vector.half(), Vector.half());
    const square = Vector.select(far, complement, f32x4.mul(magnitude, magnitude));
    const s = Vector.select(far, f32x4.sqrt(complement), magnitude);
    const angle = TrigonometricLanes.arcsinePolynomial(s, square);
    const sign = v128.and(x, Vector.signBit());
    const middle = f32x4.sub(Vector.at(PI, 0), f32x4.sub(v128.xor(angle, sign), Vector.at(PI, 2)));
    const twice = f32x4.add(angle, angle);
    const below = f32x4.sub(Vector.at(PI, 1), f32x4.sub(twice, Vector.at(PI, 3)));
    const negative = f32x4.lt(x, f32x4.splat(0));
    return Vector.select(far, Vector.select(negative, below, twice), middle);
  }

  @inline private static arctangentPolynomial(t: v128): v128 {
    const square = f32x4.mul(t, t);
    return Vector.madd(f32x4.mul(t, square), Vector.polynomial(square, ARCTANGENT, 0, 8), t);
  }

  /** Above 1: pi/2 - atan(1 / |x|). At most 2 ulp. */
  @inline static atan(x: v128): v128 {
    const magnitude = Vector.abs(x);
    const far = f32x4.gt(magnitude, Vector.one());
    const t = Vector.select(far, f32x4.div(Vector.one(), magnitude), magnitude);
    const angle = TrigonometricLanes.arctangentPolynomial(t);
    const turned = f32x4.sub(Vector.at(PI, 0), f32x4.sub(angle, Vector.at(PI, 2)));
    return Vector.withSign(Vector.select(far, turned, angle), x);
  }

  /** The angle of the point (x, y), quadrants and signed zeros as C's atan2; at most 1.6 ulp. */
  @inline static atan2(y: v128, x: v128): v128 {
    const width = Vector.abs(x);
    const height = Vector.abs(y);
    const steep = f32x4.gt(height, width);
    const smaller = Vector.select(steep, width, height);
    const larger = Vector.select(steep, height, width);
    let t = f32x4.div(smaller, larger);
    // 0 / 0 counts as 0 and infinity / infinity as 1; a NaN argument comes back through the sum below.
    t = v128.andnot(t, f32x4.eq(larger, f32x4.splat(0)));
    t = Vector.select(f32x4.eq(smaller, Vector.infinity()), Vector.one(), t);
    let angle = TrigonometricLanes.arctangentPolynomial(t);
    const turned = f32x4.sub(Vector.at(PI, 0), f32x4.sub(angle, Vector.at(PI, 2)));
    angle = Vector.select(steep, turned, angle);
    const left = i32x4.shr_s(x, 31);
    const mirrored = f32x4.sub(Vector.at(PI, 1), f32x4.sub(angle, Vector.at(PI, 3)));
    angle = Vector.withSign(Vector.select(left, mirrored, angle), y);
    const sum = f32x4.add(x, y);
    const unordered = v128.or(f32x4.ne(x, x), f32x4.ne(y, y));
    return Vector.select(unordered, sum, angle);
  }
}
