// Scalar functions that every shader may call: index arithmetic, tests on bits, the f32 transcendental functions with
// their own polynomials (WGSL bounds its builtins loosely: sin only to 2^-11 absolute), and integer division and
// powers. The file is cut at the lines "@function": a block holds one function with what it needs, and the WebGPU
// backend prints only the blocks a shader reaches by name. Knows no buffers. Error bounds are in README.md; the kernels
// are the other files here.

// @function linear_workgroup
// The host folds a long row of workgroups into two dimensions; this unfolds it.
fn linear_workgroup(id: vec3<u32>, count: vec3<u32>) -> u32 {
  return id.x + id.y * count.x;
}

// @function is_nan
// Compilers may assume that NaN does not occur and drop x != x, so all such tests read the bits.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// @function is_inf
fn is_inf(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

// @function infinity_f32
// WGSL has no literal for infinity or NaN and rejects a constant bitcast to them, so the bits pass through a variable.
fn infinity_f32() -> f32 {
  var bits = 0x7f800000u;
  return bitcast<f32>(bits);
}

// @function nan_f32
fn nan_f32() -> f32 {
  var bits = 0x7fc00000u;
  return bitcast<f32>(bits);
}

// @function opaque_f32
// Returns a finite value (below 2^127) unchanged in a way that no compiler can see through: some run WGSL with
// fast-math rules, under which (x - k * high) - k * low would become x - k * (high + low) and lose what the split is
// for.
fn opaque_f32(value: f32) -> f32 {
  let bits = bitcast<u32>(value);
  return bitcast<f32>(bits ^ (((bits & 0x7fffffffu) + 0x00ffffffu) >> 31u));
}

// @function leading_f32
// The leading 12 significant bits: products of two such values are exact.
fn leading_f32(value: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(value) & 0xfffff000u);
}

// @function with_sign_f32
// The magnitude of one value with the sign bit of another.
fn with_sign_f32(magnitude: f32, sign: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(magnitude) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}

// @function scale_f32
// value * 2^exponent for |exponent| <= 250, in two steps so that neither factor overflows.
fn scale_f32(value: f32, exponent: i32) -> f32 {
  let half = exponent >> 1u;
  return value * bitcast<f32>(u32(half + 127) << 23u) * bitcast<f32>(u32(exponent - half + 127) << 23u);
}

// @function sign_f32
fn sign_f32(x: f32) -> f32 {
  if ((bitcast<u32>(x) << 1u) == 0u || is_nan(x)) {
    return x;
  }
  return with_sign_f32(1.0, x);
}

// @function round_f32
// To the nearest integer, halves to even, keeping the sign of zero.
fn round_f32(x: f32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) >= 0x4b000000u) {
    return x;
  }
  return with_sign_f32(round(x), x);
}

// @function ordered_f32
// An integer that orders as the value does, with -0 below +0. Not for NaN.
fn ordered_f32(x: f32) -> i32 {
  let bits = bitcast<i32>(x);
  return bits ^ ((bits >> 31u) & 0x7fffffff);
}

// @function max_f32
fn max_f32(x: f32, y: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  if (is_nan(y)) {
    return y;
  }
  return select(y, x, ordered_f32(x) >= ordered_f32(y));
}

// @function min_f32
fn min_f32(x: f32, y: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  if (is_nan(y)) {
    return y;
  }
  return select(y, x, ordered_f32(x) <= ordered_f32(y));
}

// @function exp_scaled_f32
// exp(x) * 2^exponent for |x| <= 110. x = k ln 2 + r, |r| <= ln(2)/2; exp(r) = 1 + r + r^2 P(r), P within 2^-28.
fn exp_scaled_f32(x: f32, exponent: i32) -> f32 {
  let k = round(x * 1.44269504);
  // The high part of ln 2 has 15 bits, so k * high is exact.
  let r = opaque_f32(x - k * 0.693145752) - k * 1.42860677e-6;
  let p = 0.49999994 + r * (0.16666518 + r * (0.04166828 + r * (0.008369063 + r * 0.0013820346)));
  return scale_f32(1.0 + (r + r * r * p), i32(k) + exponent);
}

// @function exp_f32
fn exp_f32(x: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  if (x > 88.72284) {
    return infinity_f32();
  }
  if (x < -103.98) {
    return 0.0;
  }
  return exp_scaled_f32(x, 0);
}

// @function exp2_f32
fn exp2_f32(x: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  if (x >= 128.0) {
    return infinity_f32();
  }
  if (x < -150.0) {
    return 0.0;
  }
  let k = round(x);
  let r = x - k;
  let p = 0.6931472 + r * (0.24022648 + r * (0.055503596 + r * (0.009618499 + r * (0.0013390969 + r * 0.00015329264))));
  return scale_f32(1.0 + r * p, i32(k));
}

// @function expm1_f32
fn expm1_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u || magnitude < 0x33000000u) {
    return x;
  }
  if (x > 17.5) {
    return exp_f32(x);
  }
  if (x < -17.5) {
    return -1.0;
  }
  let k = round(x * 1.44269504);
  let high = opaque_f32(x - k * 0.693145752);
  let low = k * 1.42860677e-6;
  let r = opaque_f32(high - low);
  // What rounding r lost: it would show in results near zero.
  let lost = (high - r) - low;
  let p = 0.5 + r * (0.16666666 + r * (0.04166649 + r * (0.008333541 + r * (0.0013932821 + r * 0.00019766562))));
  let tail = r * r * p + lost;
  if (k == 0.0) {
    return r + tail;
  }
  // 2^k exp(r) - 1 = 2^k (r + tail) + (2^k - 1)
  let power = bitcast<f32>(u32(i32(k) + 127) << 23u);
  return (power - 1.0 + power * r) + power * tail;
}

// @function split_f32
// A positive finite x as mantissa * 2^exponent with the mantissa in [sqrt(1/2), sqrt(2)). Subnormal numbers go through
// an integer conversion, because arithmetic may flush them to zero.
struct Split {
  mantissa: f32,
  exponent: i32,
}
fn split_f32(x: f32) -> Split {
  var bits = bitcast<u32>(x);
  var bias = 127;
  if (bits < 0x00800000u) {
    bits = bitcast<u32>(f32(bits));
    bias = 127 + 149;
  }
  bits += 0x3f800000u - 0x3f3504f3u;
  return Split(bitcast<f32>((bits & 0x007fffffu) + 0x3f3504f3u), i32(bits >> 23u) - bias);
}

// @function log_tail_f32
// With s = f / (2 + f): log(1 + f) = f - f^2/2 + log_tail(f), the tail being s (f^2/2 + R(s^2)), for 1 + f in
// [sqrt(1/2), sqrt(2)]; R within 2^-34.
fn log_tail_f32(f: f32) -> f32 {
  let s = f / (2.0 + f);
  let z = s * s;
  let r = z * (0.6666666 + z * (0.40000966 + z * (0.28499553 + z * 0.24257456)));
  return s * (0.5 * f * f + r);
}

// @function log_special_f32
// What log, log2 and log10 give outside the positive finite numbers.
fn log_special_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits << 1u) == 0u) {
    return -infinity_f32();
  }
  if (is_nan(x) || bits == 0x7f800000u) {
    return x;
  }
  return nan_f32();
}

// @function log_f32
fn log_f32(x: f32) -> f32 {
  // One unsigned comparison finds zero, negative numbers, infinity and NaN.
  if (bitcast<u32>(x) - 1u >= 0x7f7fffffu) {
    return log_special_f32(x);
  }
  let parts = split_f32(x);
  let k = f32(parts.exponent);
  let f = parts.mantissa - 1.0;
  return k * 0.693145752 - ((0.5 * f * f - (log_tail_f32(f) + k * 1.42860677e-6)) - f);
}

// @function log2_f32
fn log2_f32(x: f32) -> f32 {
  if (bitcast<u32>(x) - 1u >= 0x7f7fffffu) {
    return log_special_f32(x);
  }
  let parts = split_f32(x);
  let f = parts.mantissa - 1.0;
  let square = 0.5 * f * f;
  let high = leading_f32(f - square);
  let low = ((f - high) - square) + log_tail_f32(f);
  // 1 / ln 2 in 12 bits and the rest.
  return ((low + high) * 0.0003122284 + low * 1.4423828) + high * 1.4423828 + f32(parts.exponent);
}

// @function log10_f32
fn log10_f32(x: f32) -> f32 {
  if (bitcast<u32>(x) - 1u >= 0x7f7fffffu) {
    return log_special_f32(x);
  }
  let parts = split_f32(x);
  let k = f32(parts.exponent);
  let f = parts.mantissa - 1.0;
  let square = 0.5 * f * f;
  let high = leading_f32(f - square);
  let low = ((f - high) - square) + log_tail_f32(f);
  // 1 / ln 10 and log10(2), each in 12 bits and the rest.
  let rest = (k * 4.605039e-6 + (low + high) * 9.038034e-5) + low * 0.4342041;
  return (rest + high * 0.4342041) + k * 0.3010254;
}

// @function log1p_f32
fn log1p_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u || magnitude < 0x33000000u || bitcast<u32>(x) == 0x7f800000u) {
    return x;
  }
  if (x <= -1.0) {
    if (x == -1.0) {
      return -infinity_f32();
    }
    return nan_f32();
  }
  if (x > -0.29 && x < 0.41) {
    return x - (0.5 * x * x - log_tail_f32(x));
  }
  let sum = opaque_f32(1.0 + x);
  // What rounding 1 + x lost, relative to it.
  let lost = select(x - (sum - 1.0), 1.0 - (sum - x), sum >= 2.0) / sum;
  let parts = split_f32(sum);
  let k = f32(parts.exponent);
  let f = parts.mantissa - 1.0;
  return k * 0.693145752 - ((0.5 * f * f - (log_tail_f32(f) + (k * 1.42860677e-6 + lost))) - f);
}

// @function multiply_high_u32
// The upper 32 bits of the product of a 24-bit and a 32-bit number.
fn multiply_high_u32(small: u32, wide: u32) -> u32 {
  let smallLow = small & 0xffffu;
  let smallHigh = small >> 16u;
  let wideLow = wide & 0xffffu;
  let wideHigh = wide >> 16u;
  let first = smallHigh * wideLow + ((smallLow * wideLow) >> 16u);
  let second = smallLow * wideHigh + (first & 0xffffu);
  return smallHigh * wideHigh + (first >> 16u) + (second >> 16u);
}

// @function reduce_angle_f32
// x = (4 j + quadrant) pi/2 + r with |r| <= pi/4, for finite x >= 1/2: Payne and Hanek's reduction in integers. The
// 24-bit mantissa is multiplied by those 96 bits of 2/pi that decide the result modulo 4; 62 fraction bits remain,
// where no f32 cancels more than 30. Exact for every x, and out of reach of fast-math.
struct Angle {
  quadrant: u32,
  r: f32,
}
fn reduce_angle_f32(x: f32) -> Angle {
  let bits = bitcast<u32>(x);
  // The first bit of 2/pi that matters is (exponent - 23) - 2 places behind the point; 32 zeros stand before it.
  let position = (bits >> 23u) - 150u + 30u;
  let mantissa = (bits & 0x007fffffu) | 0x00800000u;
  var window = vec4<u32>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u);
  switch (position >> 5u) {
    case 1u: {
      window = vec4<u32>(0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u);
    }
    case 2u: {
      window = vec4<u32>(0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u);
    }
    case 3u: {
      window = vec4<u32>(0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u);
    }
    case 4u: {
      window = vec4<u32>(0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
    }
    default: {
    }
  }
  let shift = position & 31u;
  let words = (window.xyz << vec3<u32>(shift)) | ((window.yzw >> vec3<u32>(1u)) >> vec3<u32>(31u - shift));
  let low = mantissa * words.y;
  let second = low + multiply_high_u32(mantissa, words.z);
  let first = mantissa * words.x + multiply_high_u32(mantissa, words.y) + select(0u, 1u, second < low);
  // Two bits of quadrant, then the fraction of a quadrant; above one half the next quadrant is nearer.
  var high = (first << 2u) | (second >> 30u);
  var rest = second << 2u;
  let isAbove = high >= 0x80000000u;
  if (isAbove) {
    high = ~high;
    rest = ~rest;
  }
  let zeros = min(countLeadingZeros(high), 31u);
  let fraction = (high << zeros) | ((rest >> 1u) >> (31u - zeros));
  // times pi/2 in two parts, so that r is off by little more than its own rounding.
  let top = f32(fraction >> 20u) * 0.000244140625;
  let bottom = f32(fraction & 0xfffffu) * 2.3283064365386963e-10;
  let r = (top * 1.5703125 + (top * 0.0004838268 + bottom * 1.57079633)) * bitcast<f32>((127u - zeros) << 23u);
  return Angle(((first >> 30u) + select(0u, 1u, isAbove)) & 3u, select(r, -r, isAbove));
}

// @function angle_f32
// The reduced angle for |x|; small ones are their own.
fn angle_f32(x: f32) -> Angle {
  let magnitude = abs(x);
  if (magnitude < 0.785398) {
    return Angle(0u, magnitude);
  }
  return reduce_angle_f32(magnitude);
}

// @function sin_core_f32
// |r| <= pi/4, within 2^-32 before rounding.
fn sin_core_f32(r: f32) -> f32 {
  let z = r * r;
  return r + r * z * (-0.16666667 + z * (0.00833338 + z * (-0.00019853498 + z * 2.8372472e-6)));
}

// @function cos_core_f32
// |r| <= pi/4, within 2^-33 before rounding; 1 - z/2 is rounded once and its error added back.
fn cos_core_f32(r: f32) -> f32 {
  let z = r * r;
  let half = 0.5 * z;
  let main = opaque_f32(1.0 - half);
  return main + (((1.0 - main) - half) + z * z * (0.041666646 + z * (-0.0013887301 + z * 2.4430668e-5)));
}

// @function sin_f32
fn sin_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude >= 0x7f800000u) {
    return nan_f32();
  }
  if (magnitude < 0x39000000u) {
    return x;
  }
  let angle = angle_f32(x);
  var value = 0.0;
  if ((angle.quadrant & 1u) == 0u) {
    value = sin_core_f32(angle.r);
  } else {
    value = cos_core_f32(angle.r);
  }
  return select(value, -value, (angle.quadrant >= 2u) != (x < 0.0));
}

// @function cos_f32
fn cos_f32(x: f32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u) {
    return nan_f32();
  }
  let angle = angle_f32(x);
  var value = 0.0;
  if ((angle.quadrant & 1u) == 0u) {
    value = cos_core_f32(angle.r);
  } else {
    value = sin_core_f32(angle.r);
  }
  return select(value, -value, angle.quadrant == 1u || angle.quadrant == 2u);
}

// @function tan_f32
fn tan_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude >= 0x7f800000u) {
    return nan_f32();
  }
  if (magnitude < 0x39000000u) {
    return x;
  }
  let angle = angle_f32(x);
  let sine = sin_core_f32(angle.r);
  let cosine = cos_core_f32(angle.r);
  var value = 0.0;
  if ((angle.quadrant & 1u) == 0u) {
    value = sine / cosine;
  } else {
    value = -cosine / sine;
  }
  return select(value, -value, x < 0.0);
}

// @function asin_tail_f32
// (asin(x) - x) / x for x^2 = z <= 1/4, within 2^-31 of asin.
fn asin_tail_f32(z: f32) -> f32 {
  return z * (0.1666666 + z * (0.0750052 + z * (0.044513922 + z * (0.03183263 + z * (0.014345432 + z * 0.03764635)))));
}

// @function root_f32
// The square root of z <= 1 as 12 leading bits and a correction, whatever the builtin's own error.
fn root_f32(z: f32) -> vec2<f32> {
  let estimate = sqrt(z);
  let high = leading_f32(estimate);
  return vec2<f32>(high, (z - high * high) / (estimate + high));
}

// @function asin_f32
fn asin_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude >= 0x3f800000u) {
    if (magnitude == 0x3f800000u) {
      return with_sign_f32(1.57079633, x);
    }
    return nan_f32();
  }
  if (magnitude < 0x39000000u) {
    return x;
  }
  let a = abs(x);
  if (a < 0.5) {
    return x + x * asin_tail_f32(x * x);
  }
  // asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)), with pi/2 as twice pi/4 so that the subtraction of near values is
  // exact.
  let z = 0.5 - 0.5 * a;
  let root = root_f32(z);
  let tail = (root.x + root.y) * asin_tail_f32(z);
  let value = 0.785398185 - 2.0 * root.x - (2.0 * (tail + root.y) + 4.37113883e-8);
  return with_sign_f32(0.785398185 + value, x);
}

// @function acos_f32
fn acos_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude >= 0x3f800000u) {
    if (magnitude > 0x3f800000u) {
      return nan_f32();
    }
    return select(0.0, 3.14159274, x < 0.0);
  }
  let a = abs(x);
  if (a < 0.5) {
    return 1.57079637 - (x + (x * asin_tail_f32(x * x) + 4.37113883e-8));
  }
  let z = 0.5 - 0.5 * a;
  let root = root_f32(z);
  let tail = (root.x + root.y) * asin_tail_f32(z) + root.y;
  if (x < 0.0) {
    return 2.0 * (1.57079637 - (root.x + (tail + 4.37113883e-8)));
  }
  return 2.0 * (root.x + tail);
}

// @function atan_core_f32
// atan(t) for 0 <= t <= 1: below tan(pi/8) a polynomial within 2^-30, above it pi/4 + atan((t - 1) / (t + 1)).
fn atan_core_f32(t: f32) -> f32 {
  let isLarge = t > 0.41421356;
  let u = select(t, (t - 1.0) / (t + 1.0), isLarge);
  let z = u * u;
  let tail = u * z * (-0.33333313 + z * (0.19998357 + z * (-0.14241228 + z * (0.10575906 + z * -0.060309622))));
  return select(u + tail, 0.785398185 + (u + (tail - 2.18556941e-8)), isLarge);
}

// @function atan_f32
fn atan_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u || magnitude < 0x39000000u) {
    return x;
  }
  if (magnitude > 0x4c800000u) {
    return with_sign_f32(1.57079633, x);
  }
  let a = abs(x);
  if (a <= 1.0) {
    return with_sign_f32(atan_core_f32(a), x);
  }
  return with_sign_f32(1.57079637 - (atan_core_f32(1.0 / a) + 4.37113883e-8), x);
}

// @function lifted_f32
// 2^64 times the nonnegative number with these bits (below 2^63), subnormal ones included, which arithmetic may flush.
fn lifted_f32(bits: u32) -> f32 {
  if (bits < 0x00800000u) {
    return f32(bits) * 2.5849394142282115e-26;
  }
  return bitcast<f32>(bits) * 18446744073709551616.0;
}

// @function atan2_f32
fn atan2_f32(y: f32, x: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  if (is_nan(y)) {
    return y;
  }
  let bitsY = bitcast<u32>(y) & 0x7fffffffu;
  let bitsX = bitcast<u32>(x) & 0x7fffffffu;
  let isSteep = bitsY > bitsX;
  let large = max(bitsY, bitsX);
  let small = min(bitsY, bitsX);
  var t = 0.0;
  if (small == 0x7f800000u) {
    t = 1.0;
  } else if (small != 0u && large != 0x7f800000u) {
    // Division is only dependable away from the ends of the range.
    if (large < 0x5e800000u) {
      t = lifted_f32(small) / lifted_f32(large);
    } else {
      let factor = select(1.0, 2.3283064365386963e-10, large > 0x6f800000u);
      t = (bitcast<f32>(small) * factor) / (bitcast<f32>(large) * factor);
    }
  }
  var angle = atan_core_f32(t);
  if (isSteep) {
    angle = 1.57079637 - (angle + 4.37113883e-8);
  }
  if (bitcast<u32>(x) >= 0x80000000u) {
    angle = 3.14159274 - (angle + 8.74227766e-8);
  }
  return with_sign_f32(angle, y);
}

// @function sinh_f32
fn sinh_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude >= 0x7f800000u || magnitude < 0x39000000u) {
    return x;
  }
  let a = abs(x);
  if (a < 1.0) {
    let z = x * x;
    return x + x * z * (0.16666667 + z * (0.008333311 + z * (0.00019842635 + z * 2.7839255e-6)));
  }
  if (a > 89.42) {
    return with_sign_f32(infinity_f32(), x);
  }
  let half = exp_scaled_f32(a, -1);
  return with_sign_f32(half - 0.25 / half, x);
}

// @function cosh_f32
fn cosh_f32(x: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  let a = abs(x);
  if (a > 89.42) {
    return infinity_f32();
  }
  let half = exp_scaled_f32(a, -1);
  return half + 0.25 / half;
}

// @function tanh_f32
fn tanh_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u || magnitude < 0x39000000u) {
    return x;
  }
  let a = abs(x);
  if (a < 0.625) {
    let z = x * x;
    let high = 0.021702452 + z * (-0.008177048 + z * 0.0021393257);
    let p = -0.3333333 + z * (0.13333218 + z * (-0.053947553 + z * high));
    return x + x * z * p;
  }
  if (a > 9.02) {
    return with_sign_f32(1.0, x);
  }
  return with_sign_f32(1.0 - 2.0 / (exp_scaled_f32(2.0 * a, 0) + 1.0), x);
}

// @function asinh_f32
fn asinh_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude >= 0x7f800000u || magnitude < 0x39000000u) {
    return x;
  }
  let a = abs(x);
  if (a > 4096.0) {
    return with_sign_f32(log_f32(a) + 0.693147182, x);
  }
  let square = a * a;
  return with_sign_f32(log1p_f32(a + square / (1.0 + sqrt(1.0 + square))), x);
}

// @function acosh_f32
fn acosh_f32(x: f32) -> f32 {
  if (is_nan(x) || bitcast<u32>(x) == 0x7f800000u) {
    return x;
  }
  if (x < 1.0) {
    return nan_f32();
  }
  if (x > 4096.0) {
    return log_f32(x) + 0.693147182;
  }
  let t = x - 1.0;
  return log1p_f32(t + sqrt(t * (t + 2.0)));
}

// @function atanh_f32
fn atanh_f32(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude < 0x39000000u) {
    return x;
  }
  if (magnitude >= 0x3f800000u) {
    if (magnitude == 0x3f800000u) {
      return with_sign_f32(infinity_f32(), x);
    }
    return nan_f32();
  }
  let a = abs(x);
  return with_sign_f32(0.5 * log1p_f32(2.0 * a + 2.0 * a * a / (1.0 - a)), x);
}

// @function erf_f32
// Below 0.92 an odd polynomial within 2^-29; above it 1 - exp(Q), Q the logarithm of erfc within 2^-34 absolute in the
// result.
fn erf_f32(x: f32) -> f32 {
  if (is_nan(x)) {
    return x;
  }
  let a = abs(x);
  if (a < 0.000122) {
    // One product, since x * 0.128 could vanish below the normal range.
    return x * 1.12837917;
  }
  if (a < 0.92) {
    let z = x * x;
    let high = 0.0051919078 + z * (-0.0008043008 + z * 7.9643774e-5);
    let p = -0.3761263 + z * (0.11283624 + z * (-0.026855582 + z * high));
    return x + x * (0.12837917 + z * p);
  }
  if (a > 4.0) {
    return with_sign_f32(1.0, x);
  }
  let low = 0.025091307 + a * (-0.0041604214 + a * (0.00043227331 + a * -2.090624e-5));
  let q = 0.00017055203 + a * (-1.1294951 + a * (-0.63338673 + a * (-0.10823644 + a * low)));
  return with_sign_f32(1.0 - exp_scaled_f32(q, 0), x);
}

// @function power_core_f32
// x^y for finite x > 0 and finite y: log2(x) in two floats (relative error about 2^-31), times y in two floats, then
// 2^that.
fn power_core_f32(x: f32, exponent: f32) -> f32 {
  // Beyond 2^32 the result overflows or vanishes for every x but 1, so nothing is lost by stopping there.
  let y = clamp(exponent, -4294967296.0, 4294967296.0);
  let parts = split_f32(x);
  let u = parts.mantissa - 1.0;
  // s = u / (mantissa + 1) in two floats: 12 bits, and the remainder of that division, whose products are all exact.
  let v = opaque_f32(parts.mantissa + 1.0);
  let vLow = parts.mantissa - (v - 1.0);
  let vLeading = leading_f32(v);
  let s = leading_f32(u / v);
  let sLow = (((u - s * vLeading) - s * (v - vLeading)) - s * vLow) / v;
  // log2(mantissa) = 2/ln 2 (s + s^3/3 + ...)
  let whole = s + sLow;
  let z = whole * whole;
  let tail = whole * z * (0.9617967 + z * (0.57709206 + z * (0.41116162 + z * 0.34996112)));
  let high = s * 2.8847656;
  let low = (s * 0.0006244568 + sLow * 2.88539008) + tail;
  // Add the exponent and make the pair canonical again.
  let k = f32(parts.exponent);
  let sum = opaque_f32(k + high);
  let lost = select(k - (sum - high), high - (sum - k), parts.exponent != 0) + low;
  let logHigh = leading_f32(sum + lost);
  let logLow = (sum - logHigh) + lost;
  if (abs(y * (logHigh + logLow)) > 160.0) {
    return select(0.0, infinity_f32(), (y > 0.0) == (logHigh > 0.0));
  }
  let yHigh = leading_f32(y);
  let product = yHigh * logHigh;
  let rest = (y - yHigh) * logHigh + y * logLow;
  let n = round(product + rest);
  if (n > 128.0) {
    return infinity_f32();
  }
  let r = (product - n) + rest;
  let last = 0.0013335776 + r * (0.00015470249 + r * 1.4920192e-5);
  let p = 0.2402265 + r * (0.05550407 + r * (0.009618049 + r * last));
  return scale_f32(1.0 + r * (0.6931472 + r * p), i32(n));
}

// @function pow_f32
fn pow_f32(x: f32, y: f32) -> f32 {
  let bitsX = bitcast<u32>(x);
  let bitsY = bitcast<u32>(y);
  let magnitudeX = bitsX & 0x7fffffffu;
  let magnitudeY = bitsY & 0x7fffffffu;
  if (magnitudeY == 0u || bitsX == 0x3f800000u) {
    return 1.0;
  }
  if (magnitudeX > 0x7f800000u) {
    return x;
  }
  if (magnitudeY > 0x7f800000u) {
    return y;
  }
  let isShrinking = bitsY >= 0x80000000u;
  if (magnitudeY == 0x7f800000u) {
    if (magnitudeX == 0x3f800000u) {
      return 1.0;
    }
    return select(0.0, infinity_f32(), (magnitudeX > 0x3f800000u) != isShrinking);
  }
  // From 2^23 on every f32 is an integer, from 2^24 on an even one.
  let isInteger = magnitudeY >= 0x4b000000u || (magnitudeY >= 0x3f800000u && y == trunc(y));
  let isOdd = isInteger && magnitudeY < 0x4b800000u && (i32(clamp(y, -16777216.0, 16777216.0)) & 1) == 1;
  var magnitude = 0.0;
  if (magnitudeX == 0u || magnitudeX == 0x7f800000u) {
    magnitude = select(0.0, infinity_f32(), (magnitudeX == 0u) == isShrinking);
  } else if (bitsX >= 0x80000000u && !isInteger) {
    return nan_f32();
  } else if (magnitudeX == 0x3f800000u) {
    magnitude = 1.0;
  } else {
    magnitude = power_core_f32(bitcast<f32>(magnitudeX), y);
  }
  return bitcast<f32>(bitcast<u32>(magnitude) | select(0u, bitsX & 0x80000000u, isOdd));
}

// @function mod_f32
// x - floor(x / y) y with the sign of y, from the exact remainder: long division of the mantissas, eight bits a step.
fn mod_f32(x: f32, y: f32) -> f32 {
  let bitsX = bitcast<u32>(x) & 0x7fffffffu;
  let bitsY = bitcast<u32>(y) & 0x7fffffffu;
  if (bitsX >= 0x7f800000u || bitsY > 0x7f800000u || bitsY == 0u) {
    return nan_f32();
  }
  let isOpposite = ((bitcast<u32>(x) ^ bitcast<u32>(y)) & 0x80000000u) != 0u;
  var bits = bitsX;
  if (bitsX >= bitsY) {
    let exponentX = max(bitsX >> 23u, 1u);
    let exponentY = max(bitsY >> 23u, 1u);
    let divisor = (bitsY & 0x007fffffu) | select(0u, 0x00800000u, bitsY >= 0x00800000u);
    var remainder = ((bitsX & 0x007fffffu) | select(0u, 0x00800000u, bitsX >= 0x00800000u)) % divisor;
    var left = exponentX - exponentY;
    while (left > 0u && remainder != 0u) {
      let step = min(left, 8u);
      remainder = (remainder << step) % divisor;
      left -= step;
    }
    // Normalise: as far up as the exponent allows, a subnormal result otherwise.
    let shift = min(select(0u, countLeadingZeros(remainder) - 8u, remainder != 0u), exponentY - 1u);
    let mantissa = remainder << shift;
    bits = select(mantissa, mantissa + ((exponentY - shift - 1u) << 23u), mantissa >= 0x00800000u);
  }
  if (isOpposite && bits != 0u) {
    if (bitsY < 0x20000000u) {
      // Down here the remainder may be subnormal: subtract far above, come back through the bits.
      let difference = lifted_f32(bitsY) - lifted_f32(bits);
      if (difference < 2.168404344971009e-19) {
        return with_sign_f32(bitcast<f32>(u32(difference * 3.8685626227668134e25)), y);
      }
      return with_sign_f32(difference * 5.421010862427522e-20, y);
    }
    return with_sign_f32(abs(y) - bitcast<f32>(bits), y);
  }
  return with_sign_f32(bitcast<f32>(bits), y);
}

// @function floorDivide_i32
// Rounded towards minus infinity; division by zero gives 0, and the one overflow, -2^31 / -1, wraps.
fn floorDivide_i32(x: i32, y: i32) -> i32 {
  if (y == 0) {
    return 0;
  }
  if (y == -1) {
    return i32(0u - bitcast<u32>(x));
  }
  let quotient = x / y;
  return quotient - select(0, 1, quotient * y != x && ((x ^ y) < 0));
}

// @function mod_i32
// The remainder with the sign of the divisor; 0 for a divisor of zero.
fn mod_i32(x: i32, y: i32) -> i32 {
  if (y == 0 || y == -1) {
    return 0;
  }
  let remainder = x % y;
  return remainder + select(0, y, remainder != 0 && ((remainder ^ y) < 0));
}

// @function pow_i32
// Wraps on overflow. A negative exponent gives the truncated 1 / x^|y|: nonzero for 1 and -1 only.
fn pow_i32(x: i32, y: i32) -> i32 {
  if (y < 0) {
    if (x == 1) {
      return 1;
    }
    return select(0, select(1, -1, (y & 1) == 1), x == -1);
  }
  return bitcast<i32>(pow_u32(bitcast<u32>(x), u32(y)));
}

// @function floorDivide_u32
fn floorDivide_u32(x: u32, y: u32) -> u32 {
  return select(x / max(y, 1u), 0u, y == 0u);
}

// @function mod_u32
fn mod_u32(x: u32, y: u32) -> u32 {
  return select(x % max(y, 1u), 0u, y == 0u);
}

// @function pow_u32
fn pow_u32(x: u32, y: u32) -> u32 {
  var result = 1u;
  var base = x;
  var left = y;
  while (left != 0u) {
    if ((left & 1u) == 1u) {
      result *= base;
    }
    base *= base;
    left >>= 1u;
  }
  return result;
}

// @function order_key
// An unsigned integer that orders as the values of any Scalar do: NaN above all, the two zeros equal.
fn order_key(value: Scalar) -> u32 {
  let bits = bitcast<u32>(value);
  // Only a floating Scalar keeps the half, and only an unsigned one is large below zero.
  if (Scalar(0.5) != Scalar(0)) {
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
      return 0xffffffffu;
    }
    if ((bits << 1u) == 0u) {
      return 0x80000000u;
    }
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
  }
  var one = Scalar(1);
  return select(bits ^ 0x80000000u, bits, Scalar(0) - one > one);
}

// @function invalid_scalar
// What an index out of range reads: NaN for floating types, 0 for the others.
fn invalid_scalar() -> Scalar {
  var bits = select(0u, 0x7fc00000u, Scalar(0.5) != Scalar(0));
  return bitcast<Scalar>(bits);
}

// @function div_f32
// x / y. WGSL allows an error of 2.5 ulp, enough for 6 / 3 to fall below 2; one step of Newton's method on the exact remainder
// (products of 12-bit halves) brings it to the nearest float, or next to it, wherever no half can under- or overflow.
fn div_f32(x: f32, y: f32) -> f32 {
  let bitsX = bitcast<u32>(x) & 0x7fffffffu;
  let bitsY = bitcast<u32>(y) & 0x7fffffffu;
  // Divisors above 2^125 have a subnormal reciprocal, which may be flushed.
  if (bitsY >= 0x7e000000u && bitsY < 0x7f800000u) {
    return (x * 0.25) / (y * 0.25);
  }
  let quotient = x / y;
  let bitsQ = bitcast<u32>(quotient) & 0x7fffffffu;
  // All three between 2^-75 and 2^100: one unsigned comparison each. Infinities, NaN and zeros are outside.
  if (bitsX - 0x1a000000u >= 0x57800000u || bitsY - 0x1a000000u >= 0x57800000u || bitsQ - 0x1a000000u >= 0x57800000u) {
    return quotient;
  }
  let high = leading_f32(quotient);
  let low = quotient - high;
  let yHigh = leading_f32(y);
  let yLow = y - yHigh;
  let rest = opaque_f32(opaque_f32(opaque_f32(x - high * yHigh) - high * yLow) - low * yHigh) - low * yLow;
  return quotient + rest / y;
}

// @function sqrt_f32
// WGSL takes the root through a reciprocal one; corrected as in div_f32.
fn sqrt_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits << 1u) == 0u || is_nan(x) || bits == 0x7f800000u) {
    return x;
  }
  if (bits >= 0x80000000u) {
    return nan_f32();
  }
  let root = sqrt(x);
  if (bits - 0x1a000000u >= 0x57800000u) {
    return root;
  }
  let high = leading_f32(root);
  let low = root - high;
  let rest = opaque_f32(opaque_f32(x - high * high) - 2.0 * high * low) - low * low;
  return root + 0.5 * rest / root;
}

// @function i32_from_f32
// Truncates and saturates; NaN gives 0. Bounds are compared as floats: 2^31 is the first value above all i32.
fn i32_from_f32(x: f32) -> i32 {
  if (is_nan(x)) {
    return 0;
  }
  if (x >= 2147483648.0) {
    return 2147483647;
  }
  if (x <= -2147483648.0) {
    return i32(-2147483648);
  }
  return i32(x);
}

// @function u32_from_f32
fn u32_from_f32(x: f32) -> u32 {
  if (is_nan(x) || x <= 0.0) {
    return 0u;
  }
  if (x >= 4294967296.0) {
    return 4294967295u;
  }
  return u32(x);
}

// @function u8_from_f32
fn u8_from_f32(x: f32) -> u32 {
  return min(u32_from_f32(x), 255u);
}

// @function half_bits
// The half nearest to x, ties to the even one, in the low 16 bits. Integers all the way: what pack2x16float does between two
// halves and beyond the largest is left to the device. No branches: they cost more than both ways, to run and to compile.
fn half_bits(x: f32) -> u32 {
  let word = bitcast<u32>(x);
  let magnitude = word & 0x7fffffffu;
  // From 65520 on numbers round to infinity.
  let normal = min((magnitude + 0xfffu + ((magnitude >> 13u) & 1u) - 0x38000000u) >> 13u, 0x7c00u);
  // Subnormals count units of 2^-24; up to half of one everything is 0.
  let shift = min(126u - min(magnitude >> 23u, 112u), 25u);
  let digits = (magnitude & 0x7fffffu) | 0x800000u;
  let small = (digits + ((1u << (shift - 1u)) - 1u) + ((digits >> shift) & 1u)) >> shift;
  let bits = select(select(normal, small, magnitude < 0x38800000u), 0x7e00u, magnitude > 0x7f800000u);
  return bits | ((word >> 16u) & 0x8000u);
}

// @function half_value
// The number that the low 16 bits stand for.
fn half_value(bits: u32) -> f32 {
  let magnitude = bits & 0x7fffu;
  let near = bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8);
  let far = (magnitude << 13u) + select(0x38000000u, 0x70000000u, magnitude >= 0x7c00u);
  return bitcast<f32>(select(far, near, magnitude < 0x400u) | ((bits & 0x8000u) << 16u));
}

// @function half_quad
// The numbers that the four halves in two words stand for.
fn half_quad(words: vec2<u32>) -> vec4<f32> {
  let bits = vec4<u32>(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
  let sign = (bits & vec4<u32>(0x8000u)) << vec4<u32>(16u);
  let magnitude = bits & vec4<u32>(0x7fffu);
  let near = bitcast<vec4<u32>>(vec4<f32>(magnitude) * 5.9604644775390625e-8);
  let offset = select(vec4<u32>(0x38000000u), vec4<u32>(0x70000000u), magnitude >= vec4<u32>(0x7c00u));
  let far = (magnitude << vec4<u32>(13u)) + offset;
  return bitcast<vec4<f32>>(select(far, near, magnitude < vec4<u32>(0x400u)) | sign);
}

// @function half_pair
// The word of the two halves nearest to these numbers.
fn half_pair(numbers: vec2<f32>) -> u32 {
  return half_bits(numbers.x) | (half_bits(numbers.y) << 16u);
}

// @function half_pairs
// The two words of the four halves nearest to these numbers.
fn half_pairs(numbers: vec4<f32>) -> vec2<u32> {
  return vec2<u32>(half_pair(numbers.xy), half_pair(numbers.zw));
}

// @function half_two
// The numbers that the two halves in a word stand for.
fn half_two(word: u32) -> vec2<f32> {
  return vec2<f32>(half_value(word), half_value(word >> 16u));
}

// @function half_from_f32
// x rounded to a half, where its last digits would be dropped.
fn half_from_f32(x: f32) -> f32 {
  let word = bitcast<u32>(x);
  let magnitude = word & 0x7fffffffu;
  let shift = min(126u - min(magnitude >> 23u, 113u), 23u);
  let dropped = (1u << shift) - 1u;
  let near = (magnitude + (dropped >> 1u) + ((magnitude >> shift) & 1u)) & ~dropped;
  // Below 2^-24, a unit: from more than half of one on it is one.
  let least = select(0u, 0x33800000u, magnitude > 0x33000000u);
  let finite = select(select(near, least, magnitude < 0x33800000u), 0x7f800000u, near >= 0x47800000u);
  return bitcast<f32>(select(finite, magnitude, magnitude > 0x7f800000u) | (word & 0x80000000u));
}
