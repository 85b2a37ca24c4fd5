// Eigenvectors of a real quasi-triangular matrix, as the columns of an upper triangular one: a column for a real eigenvalue, two
// (real and imaginary part, for the eigenvalue with positive imaginary part) for a pair. f64, in place.
// Source: EISPACK's hqr2 (Peters and Wilkinson, Numerische Mathematik 16, 1970). Read next: eig.ts.
import { Square } from "./hessenberg";

const EPSILON: f64 = 2.220446049250313e-16;

/** (a + b i) / (c + d i), stored as two neighbours, without squares that overflow. */
function storeQuotient(at: usize, a: f64, b: f64, c: f64, d: f64): void {
  if (Math.abs(c) > Math.abs(d)) {
    const r = d / c;
    const s = c + r * d;
    store<f64>(at, (a + r * b) / s);
    store<f64>(at, (b - r * a) / s, 8);
  } else {
    const r = c / d;
    const s = d + r * c;
    store<f64>(at, (r * a + b) / s);
    store<f64>(at, (r * b - a) / s, 8);
  }
}

/** Σ H[i][j] H[j][column] for j in [from, to]. */
function rowTimesColumn(n: i32, h: usize, i: i32, from: i32, to: i32, column: i32): f64 {
  let sum: f64 = 0;
  for (let j = from; j <= to; j++) sum += Square.at(h, n, i, j) * Square.at(h, n, j, column);
  return sum;
}

/** Divides column elements i … end by `size` when their squares might overflow. */
function shrink(n: i32, h: usize, i: i32, end: i32, column: i32, size: f64): void {
  if (EPSILON * size * size <= 1) return;
  for (let j = i; j <= end; j++) Square.put(h, n, j, column, Square.at(h, n, j, column) / size);
}

/** The vector of the real eigenvalue at `end`. */
function realVector(n: i32, h: usize, real: usize, imaginary: usize, end: i32, norm: f64): void {
  const p = load<f64>(real + ((end as usize) << 3));
  let l = end;
  let z: f64 = 0;
  let s: f64 = 0;
  Square.put(h, n, end, end, 1);
  for (let i = end - 1; i >= 0; i--) {
    const w = Square.at(h, n, i, i) - p;
    const r = rowTimesColumn(n, h, i, l, end, end);
    const e = load<f64>(imaginary + ((i as usize) << 3));
    if (e < 0) {
      // The lower row of a pair: solved together with the upper one.
      z = w;
      s = r;
      continue;
    }
    l = i;
    if (e == 0) {
      Square.put(h, n, i, end, -r / (w != 0 ? w : EPSILON * norm));
    } else {
      const x = Square.at(h, n, i, i + 1);
      const y = Square.at(h, n, i + 1, i);
      const gap = load<f64>(real + ((i as usize) << 3)) - p;
      const t = (x * s - z * r) / (gap * gap + e * e);
      Square.put(h, n, i, end, t);
      Square.put(h, n, i + 1, end, Math.abs(x) > Math.abs(z) ? (-r - w * t) / x : (-s - y * t) / z);
    }
    shrink(n, h, i, end, end, Math.abs(Square.at(h, n, i, end)));
  }
}

/** The vector of the pair at end - 1 and end: its parts in these two columns. */
function complexVector(n: i32, h: usize, real: usize, imaginary: usize, end: i32, norm: f64): void {
  const p = load<f64>(real + ((end as usize) << 3));
  const q = load<f64>(imaginary + ((end as usize) << 3));
  const left = end - 1;
  const corner = Square.row(h, n, left) + ((left as usize) << 3);
  const below = Square.at(h, n, end, left);
  if (Math.abs(below) > Math.abs(Square.at(h, n, left, end))) {
    store<f64>(corner, q / below);
    store<f64>(corner, -(Square.at(h, n, end, end) - p) / below, 8);
  } else {
    storeQuotient(corner, 0, -Square.at(h, n, left, end), load<f64>(corner) - p, q);
  }
  Square.put(h, n, end, left, 0);
  Square.put(h, n, end, end, 1);
  let l = left;
  let z: f64 = 0;
  let r: f64 = 0;
  let s: f64 = 0;
  for (let i = end - 2; i >= 0; i--) {
    const ra = rowTimesColumn(n, h, i, l, end, left);
    const sa = rowTimesColumn(n, h, i, l, end, end);
    const w = Square.at(h, n, i, i) - p;
    const e = load<f64>(imaginary + ((i as usize) << 3));
    if (e < 0) {
      z = w;
      r = ra;
      s = sa;
      continue;
    }
    l = i;
    const here = Square.row(h, n, i) + ((left as usize) << 3);
    if (e == 0) {
      storeQuotient(here, -ra, -sa, w, q);
    } else {
      const x = Square.at(h, n, i, i + 1);
      const y = Square.at(h, n, i + 1, i);
      const gap = load<f64>(real + ((i as usize) << 3)) - p;
      let vr = gap * gap + e * e - q * q;
      const vi = gap * 2 * q;
      if (vr == 0 && vi == 0) {
        vr = EPSILON * norm * (Math.abs(w) + Math.abs(q) + Math.abs(x) + Math.abs(y) + Math.abs(z));
      }
      storeQuotient(here, x * r - z * ra + q * sa, x * s - z * sa - q * ra, vr, vi);
      const a = load<f64>(here);
      const b = load<f64>(here, 8);
      const next = Square.row(h, n, i + 1) + ((left as usize) << 3);
      if (Math.abs(x) > Math.abs(z) + Math.abs(q)) {
        store<f64>(next, (-ra - w * a + q * b) / x);
        store<f64>(next, (-sa - w * b - q * a) / x, 8);
      } else {
        storeQuotient(next, -r - y * a, -s - y * b, z, q);
      }
    }
    const size = max<f64>(Math.abs(load<f64>(here)), Math.abs(load<f64>(here, 8)));
    shrink(n, h, i, end, left, size);
    shrink(n, h, i, end, end, size);
  }
}

/** Replaces quasi-triangular H by its eigenvectors; what is below the diagonal becomes zero. */
export function quasiTriangularVectors(n: i32, h: usize, real: usize, imaginary: usize): void {
  let norm: f64 = 0;
  for (let i = 0; i < n; i++) {
    for (let j = max<i32>(0, i - 1); j < n; j++) norm += Math.abs(Square.at(h, n, i, j));
  }
  if (norm == 0) norm = 1;
  for (let end = n - 1; end >= 0; end--) {
    const q = load<f64>(imaginary + ((end as usize) << 3));
    if (q == 0) realVector(n, h, real, imaginary, end, norm);
    else if (q < 0) complexVector(n, h, real, imaginary, end, norm);
  }
  for (let i = 1; i < n; i++) memory.fill(Square.row(h, n, i), 0, (i as usize) << 3);
}
