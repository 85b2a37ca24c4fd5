// Fourier transforms of one row whose length has small prime factors: Stockham's autosorting scheme, a stage a factor, real and
// imaginary parts in rows of their own. A stage of radix r reads x[k][p][q] and writes y[p][u][q],
//
//   y[p][u][q] = w(p u) Σ x[k][p][q] exp(∓2πi k u / r),    p < m = (length left) / r,    q < s, the stages before
//
// so that inner loops run over q, contiguously. Radix 4 and 2 take whole vectors from the second stage on.
// Source: Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992. Read next: fourier.ts.
import { Lane } from "./linalg/vector";
import { Tile } from "./matmul-tile";

/** exp(-2πi k / n) for k < n, read as it is or conjugated. */
export class Roots {
  n: i32;
  /** T [n] each. */
  real: usize;
  imaginary: usize;
  /** 1 for exp(-…), -1 for its conjugate. */
  sign: f64;
}

/** Largest prime factor that has a stage. */
export const LARGEST_RADIX: i32 = 13;

/** Bytes of work of fillRoots and of a stage. The host computes the same number. */
export function stageScratch(n: i32): usize {
  return 512 + ((Math.floor(Math.sqrt(n as f64)) as usize) + 1) * 64;
}

/** Fills the table: products of two exact factors, w(high · block) w(low), take few sines and have errors of two roundings. */
export function fillRoots<T extends number>(roots: Roots, n: i32, work: usize): void {
  let block = 1;
  while (block * block < n) block *= 2;
  const high = work + ((block as usize) << 4);
  const angle = -6.283185307179586 / (n as f64);
  for (let k = 0; k < block; k++) storeRoot(work, k, angle * (k as f64));
  for (let k = 0; k * block < n; k++) storeRoot(high, k, angle * ((k * block) as f64));
  for (let k = 0; k < n; k++) {
    const one = work + (((k & (block - 1)) as usize) << 4);
    const two = high + (((k / block) as usize) << 4);
    const a = load<f64>(one);
    const b = load<f64>(one, 8);
    const c = load<f64>(two);
    const d = load<f64>(two, 8);
    store<T>(roots.real + Lane.bytes<T>(k), (a * c - b * d) as T);
    store<T>(roots.imaginary + Lane.bytes<T>(k), (a * d + b * c) as T);
  }
  roots.n = n;
}

function storeRoot(table: usize, k: i32, angle: f64): void {
  const at = table + ((k as usize) << 4);
  store<f64>(at, NativeMath.cos(angle));
  store<f64>(at, NativeMath.sin(angle), 8);
}

/** A vector times the root (c, d): the real part. */
class Turned {
  @inline static real<T extends number>(x: v128, y: v128, c: v128, d: v128): v128 {
    return v128.sub<T>(v128.mul<T>(x, c), v128.mul<T>(y, d));
  }

  @inline static imaginary<T extends number>(x: v128, y: v128, c: v128, d: v128): v128 {
    return Tile.madd<T>(x, d, v128.mul<T>(y, c));
  }
}

/** Radix 4 over whole vectors. */
function stageFour<T extends number>(xr: usize, xi: usize, yr: usize, yi: usize, m: i32, s: i32, roots: Roots): void {
  const quarter = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  const sign = Lane.splat<T>(roots.sign);
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    const c1 = v128.load_splat<T>(roots.real + t);
    const d1 = v128.mul<T>(sign, v128.load_splat<T>(roots.imaginary + t));
    const c2 = v128.load_splat<T>(roots.real + 2 * t);
    const d2 = v128.mul<T>(sign, v128.load_splat<T>(roots.imaginary + 2 * t));
    const c3 = v128.load_splat<T>(roots.real + 3 * t);
    const d3 = v128.mul<T>(sign, v128.load_splat<T>(roots.imaginary + 3 * t));
    let ar = xr + t;
    let ai = xi + t;
    let br = yr + 4 * t;
    let bi = yi + 4 * t;
    const end = ar + step;
    while (ar < end) {
      const r0 = v128.load(ar);
      const i0 = v128.load(ai);
      const r1 = v128.load(ar + quarter);
      const i1 = v128.load(ai + quarter);
      const r2 = v128.load(ar + 2 * quarter);
      const i2 = v128.load(ai + 2 * quarter);
      const r3 = v128.load(ar + 3 * quarter);
      const i3 = v128.load(ai + 3 * quarter);
      const sumR = v128.add<T>(r0, r2);
      const sumI = v128.add<T>(i0, i2);
      const gapR = v128.sub<T>(r0, r2);
      const gapI = v128.sub<T>(i0, i2);
      const otherR = v128.add<T>(r1, r3);
      const otherI = v128.add<T>(i1, i3);
      // ∓i times the difference of the odd ones.
      const sideR = v128.mul<T>(sign, v128.sub<T>(i1, i3));
      const sideI = v128.mul<T>(sign, v128.sub<T>(r3, r1));
      v128.store(br, v128.add<T>(sumR, otherR));
      v128.store(bi, v128.add<T>(sumI, otherI));
      const u1 = v128.add<T>(gapR, sideR);
      const v1 = v128.add<T>(gapI, sideI);
      v128.store(br + step, Turned.real<T>(u1, v1, c1, d1));
      v128.store(bi + step, Turned.imaginary<T>(u1, v1, c1, d1));
      const u2 = v128.sub<T>(sumR, otherR);
      const v2 = v128.sub<T>(sumI, otherI);
      v128.store(br + 2 * step, Turned.real<T>(u2, v2, c2, d2));
      v128.store(bi + 2 * step, Turned.imaginary<T>(u2, v2, c2, d2));
      const u3 = v128.sub<T>(gapR, sideR);
      const v3 = v128.sub<T>(gapI, sideI);
      v128.store(br + 3 * step, Turned.real<T>(u3, v3, c3, d3));
      v128.store(bi + 3 * step, Turned.imaginary<T>(u3, v3, c3, d3));
      ar += 16;
      ai += 16;
      br += 16;
      bi += 16;
    }
  }
}

/** Radix 2 over whole vectors. */
function stageTwo<T extends number>(xr: usize, xi: usize, yr: usize, yi: usize, m: i32, s: i32, roots: Roots): void {
  const half = Lane.bytes<T>(m * s);
  const step = Lane.bytes<T>(s);
  for (let p = 0; p < m; p++) {
    const t = Lane.bytes<T>(p * s);
    const c = v128.load_splat<T>(roots.real + t);
    const d = v128.mul<T>(Lane.splat<T>(roots.sign), v128.load_splat<T>(roots.imaginary + t));
    for (let q: usize = 0; q < step; q += 16) {
      const r0 = v128.load(xr + t + q);
      const i0 = v128.load(xi + t + q);
      const r1 = v128.load(xr + t + q + half);
      const i1 = v128.load(xi + t + q + half);
      v128.store(yr + 2 * t + q, v128.add<T>(r0, r1));
      v128.store(yi + 2 * t + q, v128.add<T>(i0, i1));
      const u = v128.sub<T>(r0, r1);
      const v = v128.sub<T>(i0, i1);
      v128.store(yr + 2 * t + q + step, Turned.real<T>(u, v, c, d));
      v128.store(yi + 2 * t + q + step, Turned.imaginary<T>(u, v, c, d));
    }
  }
}

/** Any radix r, element by element in f64; `work` is 16 r bytes. */
function stageAny<T extends number>(
  r: i32,
  xr: usize,
  xi: usize,
  yr: usize,
  yi: usize,
  m: i32,
  s: i32,
  roots: Roots,
  work: usize,
): void {
  const n = roots.n;
  const turn = n / r;
  for (let p = 0; p < m; p++) {
    for (let q = 0; q < s; q++) {
      for (let k = 0; k < r; k++) {
        const from = Lane.bytes<T>((k * m + p) * s + q);
        store<f64>(work + ((k as usize) << 4), load<T>(xr + from) as f64);
        store<f64>(work + ((k as usize) << 4), load<T>(xi + from) as f64, 8);
      }
      for (let u = 0; u < r; u++) {
        let sumR = load<f64>(work);
        let sumI = load<f64>(work, 8);
        let at = 0;
        for (let k = 1; k < r; k++) {
          at += u * turn;
          if (at >= n) at -= n;
          const c = load<T>(roots.real + Lane.bytes<T>(at)) as f64;
          const d = roots.sign * (load<T>(roots.imaginary + Lane.bytes<T>(at)) as f64);
          const a = load<f64>(work + ((k as usize) << 4));
          const b = load<f64>(work + ((k as usize) << 4), 8);
          sumR += a * c - b * d;
          sumI += a * d + b * c;
        }
        const place = Lane.bytes<T>(p * u * s);
        const c = load<T>(roots.real + place) as f64;
        const d = roots.sign * (load<T>(roots.imaginary + place) as f64);
        const to = Lane.bytes<T>((p * r + u) * s + q);
        store<T>(yr + to, (sumR * c - sumI * d) as T);
        store<T>(yi + to, (sumR * d + sumI * c) as T);
      }
    }
  }
}

/**
 * Transforms one row of roots.n elements. The two pairs of rows after the source are used in turn; returns the offset of the
 * pair that holds the result: 0 for the first, 1 for the second, -1 for the source itself.
 */
export function transformRow<T extends number>(
  real: usize,
  imaginary: usize,
  firstReal: usize,
  firstImaginary: usize,
  secondReal: usize,
  secondImaginary: usize,
  roots: Roots,
  work: usize,
): i32 {
  let left = roots.n;
  let s = 1;
  let xr = real;
  let xi = imaginary;
  let inFirst = false;
  let stages = 0;
  while (left > 1) {
    let r = 4;
    if (left % 4 != 0) {
      r = 2;
      while (left % r != 0) r++;
    }
    const m = left / r;
    inFirst = !inFirst;
    const yr = inFirst ? firstReal : secondReal;
    const yi = inFirst ? firstImaginary : secondImaginary;
    const whole = s % Lane.count<T>() == 0;
    if (r == 4 && whole) stageFour<T>(xr, xi, yr, yi, m, s, roots);
    else if (r == 2 && whole) stageTwo<T>(xr, xi, yr, yi, m, s, roots);
    else stageAny<T>(r, xr, xi, yr, yi, m, s, roots, work);
    xr = yr;
    xi = yi;
    left = m;
    s *= r;
    stages++;
  }
  return stages == 0 ? -1 : inFirst ? 0 : 1;
}
