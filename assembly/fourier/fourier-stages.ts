// Fourier transforms of one row, or of as many rows as a vector has lanes, whose length has small prime factors: Stockham's
// autosorting scheme, a stage a factor, real and imaginary parts in rows of their own. A stage of radix r reads x[k][p][q] and
// writes y[p][u][q],
//
//   y[p][u][q] = w(p u) Σ x[k][p][q] exp(∓2πi k u / r),    p < m = (length left) / r,    q < s, the stages before
//
// so that inner loops run over q, contiguously. Several rows lie element by element beside each other: q counts them too, and every
// stage takes whole vectors. Of a row by itself the first stage has a form of its own, or goes element by element.
// Source: Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992. Read next: fourier-vectors.ts; fourier.ts.
import { Roots } from "./fourier-roots";
import { stageFirst, stageFive, stageFour, stageOdd, stageThree, stageTwo } from "./fourier-vectors";
import { Lane } from "../linalg/vector";

/** Largest prime factor that has a stage. */
export const LARGEST_RADIX: i32 = 13;

/** Bytes of work of fillRoots and of a stage. The host computes the same number. */
export function stageScratch(n: i32): usize {
  return 1024 + ((Math.floor(Math.sqrt(n as f64)) as usize) + 1) * 64;
}

/** Any radix r of a row by itself, element by element in f64; `work` is 16 r bytes. */
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
 * Transforms `rows` rows of roots.n elements: one, or as many as a vector has lanes, which then lie element by element beside each
 * other. The two pairs of rows after the source are used in turn; returns the offset of the pair that holds the result: 0 for the
 * first, 1 for the second, -1 for the source itself.
 */
export function transformRow<T extends number>(
  rows: i32,
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
  let w = 1;
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
    const s = w * rows;
    inFirst = !inFirst;
    const yr = inFirst ? firstReal : secondReal;
    const yi = inFirst ? firstImaginary : secondImaginary;
    if (s % Lane.count<T>() != 0) {
      if (r == 4 && s == 1 && m % Lane.count<T>() == 0) stageFirst<T>(xr, xi, yr, yi, m, roots);
      else stageAny<T>(r, xr, xi, yr, yi, m, s, roots, work);
    } else if (r == 4) stageFour<T>(xr, xi, yr, yi, m, s, w, roots);
    else if (r == 2) stageTwo<T>(xr, xi, yr, yi, m, s, w, roots);
    else if (r == 3) stageThree<T>(xr, xi, yr, yi, m, s, w, roots);
    else if (r == 5) stageFive<T>(xr, xi, yr, yi, m, s, w, roots);
    else stageOdd<T>(r, xr, xi, yr, yi, m, s, w, roots, work);
    xr = yr;
    xi = yi;
    left = m;
    w *= r;
    stages++;
  }
  return stages == 0 ? -1 : inFirst ? 0 : 1;
}
