// Loops over contiguous rows that every factorisation is made of: dot products, sums, rotations, exchanges, and the
// power of two by which a matrix is scaled so that no square overflows or vanishes. Generic over f32 and f64; scalars
// are f64. Knows no matrix layout. Read next: product.ts for the products, tridiagonal.ts for a user.
import { Tile } from "../products/matmul-tile";

export class Lane {
  /** Elements in a vector. */
  @inline static count<T extends number>(): i32 {
    return (16 / sizeof<T>()) as i32;
  }

  /** Bytes of `count` elements. */
  @inline static bytes<T extends number>(count: i32): usize {
    return (count as usize) * sizeof<T>();
  }

  @inline static splat<T extends number>(value: f64): v128 {
    return v128.splat<T>(value as T);
  }

  /** The lanes of a vector added up. */
  @inline static total<T extends number>(x: v128): f64 {
    if (sizeof<T>() == 8) return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
    const low = (f32x4.extract_lane(x, 0) as f64) + (f32x4.extract_lane(x, 1) as f64);
    return low + (f32x4.extract_lane(x, 2) as f64) + (f32x4.extract_lane(x, 3) as f64);
  }
}

/** Σ x[i] y[i], products and sums in f64. */
export function dot<T extends number>(x: usize, y: usize, count: i32): f64 {
  const end = x + Lane.bytes<T>(count);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  if (sizeof<T>() == 8) {
    let s2 = s0;
    let s3 = s0;
    while (x + 64 <= end) {
      s0 = Tile.madd<f64>(v128.load(x), v128.load(y), s0);
      s1 = Tile.madd<f64>(v128.load(x, 16), v128.load(y, 16), s1);
      s2 = Tile.madd<f64>(v128.load(x, 32), v128.load(y, 32), s2);
      s3 = Tile.madd<f64>(v128.load(x, 48), v128.load(y, 48), s3);
      x += 64;
      y += 64;
    }
    s0 = f64x2.add(s0, s2);
    s1 = f64x2.add(s1, s3);
    while (x + 16 <= end) {
      s0 = Tile.madd<f64>(v128.load(x), v128.load(y), s0);
      x += 16;
      y += 16;
    }
  } else {
    while (x + 16 <= end) {
      const p = v128.load(x);
      const q = v128.load(y);
      const upper = v128.shuffle<i64>(p, p, 1, 0);
      const other = v128.shuffle<i64>(q, q, 1, 0);
      s0 = Tile.madd<f64>(f64x2.promote_low_f32x4(p), f64x2.promote_low_f32x4(q), s0);
      s1 = Tile.madd<f64>(f64x2.promote_low_f32x4(upper), f64x2.promote_low_f32x4(other), s1);
      x += 16;
      y += 16;
    }
  }
  let sum = Lane.total<f64>(f64x2.add(s0, s1));
  while (x < end) {
    sum += (load<T>(x) as f64) * (load<T>(y) as f64);
    x += sizeof<T>();
    y += sizeof<T>();
  }
  return sum;
}

/** The same with products and sums in T, several at a time: twice as fast for f32. */
export function quickDot<T extends number>(x: usize, y: usize, count: i32): f64 {
  const end = x + Lane.bytes<T>(count);
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  while (x + 64 <= end) {
    s0 = Tile.madd<T>(v128.load(x), v128.load(y), s0);
    s1 = Tile.madd<T>(v128.load(x, 16), v128.load(y, 16), s1);
    s2 = Tile.madd<T>(v128.load(x, 32), v128.load(y, 32), s2);
    s3 = Tile.madd<T>(v128.load(x, 48), v128.load(y, 48), s3);
    x += 64;
    y += 64;
  }
  while (x + 16 <= end) {
    s0 = Tile.madd<T>(v128.load(x), v128.load(y), s0);
    x += 16;
    y += 16;
  }
  let sum = Lane.total<T>(v128.add<T>(v128.add<T>(s0, s2), v128.add<T>(s1, s3)));
  while (x < end) {
    sum += (load<T>(x) as f64) * (load<T>(y) as f64);
    x += sizeof<T>();
    y += sizeof<T>();
  }
  return sum;
}

/** y += factor * x */
export function addScaled<T extends number>(y: usize, x: usize, factor: f64, count: i32): void {
  const f = Lane.splat<T>(factor);
  const end = x + Lane.bytes<T>(count);
  while (x + 32 <= end) {
    v128.store(y, Tile.madd<T>(f, v128.load(x), v128.load(y)));
    v128.store(y, Tile.madd<T>(f, v128.load(x, 16), v128.load(y, 16)), 16);
    x += 32;
    y += 32;
  }
  while (x < end) {
    store<T>(y, ((load<T>(y) as f64) + factor * (load<T>(x) as f64)) as T);
    x += sizeof<T>();
    y += sizeof<T>();
  }
}

/** x *= factor */
export function scale<T extends number>(x: usize, factor: f64, count: i32): void {
  const f = Lane.splat<T>(factor);
  const end = x + Lane.bytes<T>(count);
  while (x + 16 <= end) {
    v128.store(x, v128.mul<T>(f, v128.load(x)));
    x += 16;
  }
  while (x < end) {
    store<T>(x, (factor * (load<T>(x) as f64)) as T);
    x += sizeof<T>();
  }
}

/** Rows x and y become c x - s y and s x + c y. */
export function rotate<T extends number>(x: usize, y: usize, c: f64, s: f64, count: i32): void {
  const cc = Lane.splat<T>(c);
  const ss = Lane.splat<T>(s);
  const minus = Lane.splat<T>(-s);
  const end = x + Lane.bytes<T>(count);
  while (x + 32 <= end) {
    const p = v128.load(x);
    const q = v128.load(y);
    const u = v128.load(x, 16);
    const v = v128.load(y, 16);
    v128.store(x, Tile.madd<T>(minus, q, v128.mul<T>(cc, p)));
    v128.store(y, Tile.madd<T>(ss, p, v128.mul<T>(cc, q)));
    v128.store(x, Tile.madd<T>(minus, v, v128.mul<T>(cc, u)), 16);
    v128.store(y, Tile.madd<T>(ss, u, v128.mul<T>(cc, v)), 16);
    x += 32;
    y += 32;
  }
  while (x + 16 <= end) {
    const p = v128.load(x);
    const q = v128.load(y);
    v128.store(x, Tile.madd<T>(minus, q, v128.mul<T>(cc, p)));
    v128.store(y, Tile.madd<T>(ss, p, v128.mul<T>(cc, q)));
    x += 16;
    y += 16;
  }
  while (x < end) {
    const p = load<T>(x) as f64;
    const q = load<T>(y) as f64;
    store<T>(x, (c * p - s * q) as T);
    store<T>(y, (s * p + c * q) as T);
    x += sizeof<T>();
    y += sizeof<T>();
  }
}

/** Rows x and y change places. */
export function exchange<T extends number>(x: usize, y: usize, count: i32): void {
  const end = x + Lane.bytes<T>(count);
  while (x + 16 <= end) {
    const p = v128.load(x);
    v128.store(x, v128.load(y));
    v128.store(y, p);
    x += 16;
    y += 16;
  }
  while (x < end) {
    const p = load<T>(x);
    store<T>(x, load<T>(y));
    store<T>(y, p);
    x += sizeof<T>();
    y += sizeof<T>();
  }
}

/** The largest magnitude of a row; NaN if an element is NaN or infinite. */
export function largestOf<T extends number>(x: usize, count: i32): f64 {
  let largest: f64 = 0;
  const end = x + Lane.bytes<T>(count);
  // x * 0 is NaN exactly for what is not finite.
  let check = i32x4.splat(0);
  let most = check;
  while (x + 16 <= end) {
    const p = v128.load(x);
    check = v128.add<T>(check, v128.mul<T>(p, i32x4.splat(0)));
    most = v128.pmax<T>(most, v128.abs<T>(p));
    x += 16;
  }
  if (sizeof<T>() == 8) {
    largest = Math.max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
  } else {
    const low = max<f32>(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1));
    const high = max<f32>(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3));
    largest = max<f32>(low, high) as f64;
  }
  let bad = Lane.total<T>(check);
  while (x < end) {
    const p = load<T>(x) as f64;
    bad += p * 0;
    largest = max<f64>(largest, Math.abs(p));
    x += sizeof<T>();
  }
  return bad == 0 ? largest : NaN;
}

/** The power of two at or below a finite positive number, or the smallest normal one. */
export function powerBelow(largest: f64): f64 {
  const exponent = max<i64>(1, (reinterpret<i64>(largest) >> 52) & 0x7ff);
  return reinterpret<f64>(exponent << 52);
}

/** target[j][i] = rows[i][j]: `count` elements of each of `rows` rows become columns. Steps in bytes. */
export function transposeRows<T extends number>(
  source: usize,
  sourceStep: usize,
  rows: i32,
  count: i32,
  target: usize,
  targetStep: usize,
): void {
  let i = 0;
  if (sizeof<T>() == 8) {
    for (; i + 2 <= rows; i += 2) {
      let to = target + Lane.bytes<T>(i);
      let j = 0;
      for (; j + 2 <= count; j += 2) {
        const p = v128.load(source + Lane.bytes<T>(j));
        const q = v128.load(source + sourceStep + Lane.bytes<T>(j));
        v128.store(to, v128.shuffle<i64>(p, q, 0, 2));
        v128.store(to + targetStep, v128.shuffle<i64>(p, q, 1, 3));
        to += 2 * targetStep;
      }
      if (j < count) {
        store<T>(to, load<T>(source + Lane.bytes<T>(j)));
        store<T>(to, load<T>(source + sourceStep + Lane.bytes<T>(j)), sizeof<T>());
      }
      source += 2 * sourceStep;
    }
  } else {
    for (; i + 4 <= rows; i += 4) {
      const to = target + Lane.bytes<T>(i);
      transposeFour<T>(source, sourceStep, count, to, targetStep);
      source += 4 * sourceStep;
    }
  }
  for (; i < rows; i++) {
    let to = target + Lane.bytes<T>(i);
    for (let j = 0; j < count; j++) {
      store<T>(to, load<T>(source + Lane.bytes<T>(j)));
      to += targetStep;
    }
    source += sourceStep;
  }
}

function transposeFour<T extends number>(source: usize, sourceStep: usize, count: i32, to: usize, step: usize): void {
  const r1 = source + sourceStep;
  const r2 = r1 + sourceStep;
  const r3 = r2 + sourceStep;
  let j = 0;
  for (; j + 4 <= count; j += 4) {
    const at = Lane.bytes<T>(j);
    const x0 = v128.load(source + at);
    const x1 = v128.load(r1 + at);
    const x2 = v128.load(r2 + at);
    const x3 = v128.load(r3 + at);
    const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
    v128.store(to + step, v128.shuffle<i64>(low01, low23, 1, 3));
    v128.store(to + 2 * step, v128.shuffle<i64>(high01, high23, 0, 2));
    v128.store(to + 3 * step, v128.shuffle<i64>(high01, high23, 1, 3));
    to += 4 * step;
  }
  for (; j < count; j++) {
    const at = Lane.bytes<T>(j);
    store<T>(to, load<T>(source + at));
    store<T>(to, load<T>(r1 + at), sizeof<T>());
    store<T>(to, load<T>(r2 + at), 2 * sizeof<T>());
    store<T>(to, load<T>(r3 + at), 3 * sizeof<T>());
    to += step;
  }
}
