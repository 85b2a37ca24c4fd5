// Real Schur form of an upper Hessenberg matrix by the QR algorithm with implicit double shifts: H becomes quasi-triangular, V is
// turned along. f64. Sources: Francis, The Computer Journal 4 (1961/62); Golub and Van Loan, 7.5; the exceptional shifts of
// EISPACK's hqr2. Read next: quasi-triangular.ts, schur.ts.
import { Square } from "./hessenberg";

/** Steps for one eigenvalue before it is given up; 2 or 3 are usual. */
const MOST_STEPS: i32 = 60;
const EPSILON: f64 = 2.220446049250313e-16;

/** Rows i and i + 1 from column `from` on, and columns i and i + 1 of H (rows up to `last`) and V, by a plane rotation. */
export function rotatePlane(n: i32, h: usize, v: usize, i: i32, from: i32, last: i32, c: f64, s: f64): void {
  for (let j = from; j < n; j++) {
    const x = Square.at(h, n, i, j);
    const y = Square.at(h, n, i + 1, j);
    Square.put(h, n, i, j, c * x + s * y);
    Square.put(h, n, i + 1, j, c * y - s * x);
  }
  turnColumns(n, h, i, last, c, s);
  turnColumns(n, v, i, n - 1, c, s);
}

function turnColumns(n: i32, a: usize, i: i32, last: i32, c: f64, s: f64): void {
  for (let k = 0; k <= last; k++) {
    const x = Square.at(a, n, k, i);
    const y = Square.at(a, n, k, i + 1);
    Square.put(a, n, k, i, c * x + s * y);
    Square.put(a, n, k, i + 1, c * y - s * x);
  }
}

/** Rows 0 … last of `a` times a reflection in columns k, k + 1 and, if `three`, k + 2. */
function reflectColumns(
  n: i32,
  a: usize,
  k: i32,
  last: i32,
  x: f64,
  y: f64,
  z: f64,
  q: f64,
  r: f64,
  three: bool,
): void {
  for (let i = 0; i <= last; i++) {
    const at = Square.row(a, n, i) + ((k as usize) << 3);
    let p = x * load<f64>(at) + y * load<f64>(at, 8);
    if (three) {
      p += z * load<f64>(at, 16);
      store<f64>(at, load<f64>(at, 16) - p * r, 16);
    }
    store<f64>(at, load<f64>(at) - p);
    store<f64>(at, load<f64>(at, 8) - p * q, 8);
  }
}

/** One double step on the block [l, end]; x, y: the shifts' diagonal, w their product of off-diagonals. */
function doubleStep(n: i32, h: usize, v: usize, l: i32, end: i32, x0: f64, y0: f64, w: f64): void {
  let p: f64 = 0;
  let q: f64 = 0;
  let r: f64 = 0;
  // Two small subdiagonals in a row: the step may begin there.
  let m = end - 2;
  for (; m >= l; m--) {
    const z = Square.at(h, n, m, m);
    const one = x0 - z;
    const two = y0 - z;
    p = (one * two - w) / Square.at(h, n, m + 1, m) + Square.at(h, n, m, m + 1);
    q = Square.at(h, n, m + 1, m + 1) - z - one - two;
    r = Square.at(h, n, m + 2, m + 1);
    const size = Math.abs(p) + Math.abs(q) + Math.abs(r);
    p /= size;
    q /= size;
    r /= size;
    if (m == l) break;
    const left = Math.abs(Square.at(h, n, m, m - 1)) * (Math.abs(q) + Math.abs(r));
    const diagonal = Math.abs(Square.at(h, n, m - 1, m - 1)) + Math.abs(z) + Math.abs(Square.at(h, n, m + 1, m + 1));
    if (left < EPSILON * (Math.abs(p) * diagonal)) break;
  }
  for (let i = m + 2; i <= end; i++) {
    Square.put(h, n, i, i - 2, 0);
    if (i > m + 2) Square.put(h, n, i, i - 3, 0);
  }
  for (let k = m; k < end; k++) {
    const three = k != end - 1;
    let scale: f64 = 1;
    if (k != m) {
      p = Square.at(h, n, k, k - 1);
      q = Square.at(h, n, k + 1, k - 1);
      r = three ? Square.at(h, n, k + 2, k - 1) : 0;
      scale = Math.abs(p) + Math.abs(q) + Math.abs(r);
      if (scale == 0) continue;
      p /= scale;
      q /= scale;
      r /= scale;
    }
    const length = Math.sqrt(p * p + q * q + r * r);
    const s = p < 0 ? -length : length;
    if (s == 0) continue;
    if (k != m) Square.put(h, n, k, k - 1, -s * scale);
    else if (l != m) Square.put(h, n, k, k - 1, -Square.at(h, n, k, k - 1));
    p += s;
    const x = p / s;
    const y = q / s;
    const z = r / s;
    q /= p;
    r /= p;
    for (let j = k; j < n; j++) {
      let sum = Square.at(h, n, k, j) + q * Square.at(h, n, k + 1, j);
      if (three) {
        sum += r * Square.at(h, n, k + 2, j);
        Square.put(h, n, k + 2, j, Square.at(h, n, k + 2, j) - sum * z);
      }
      Square.put(h, n, k, j, Square.at(h, n, k, j) - sum * x);
      Square.put(h, n, k + 1, j, Square.at(h, n, k + 1, j) - sum * y);
    }
    reflectColumns(n, h, k, min<i32>(end, k + 3), x, y, z, q, r, three);
    reflectColumns(n, v, k, n - 1, x, y, z, q, r, three);
  }
}

/** The last two rows of a block: two real eigenvalues are parted, a complex pair stays. */
function splitPair(n: i32, h: usize, v: usize, end: i32, shift: f64, real: usize, imaginary: usize): void {
  const i = end - 1;
  const w = Square.at(h, n, end, i) * Square.at(h, n, i, end);
  const p = (Square.at(h, n, i, i) - Square.at(h, n, end, end)) / 2;
  const q = p * p + w;
  let z = Math.sqrt(Math.abs(q));
  Square.put(h, n, end, end, Square.at(h, n, end, end) + shift);
  Square.put(h, n, i, i, Square.at(h, n, i, i) + shift);
  const x = Square.at(h, n, end, end);
  const first = (i as usize) << 3;
  if (q < 0) {
    store<f64>(real + first, x + p);
    store<f64>(real + first, x + p, 8);
    store<f64>(imaginary + first, z);
    store<f64>(imaginary + first, -z, 8);
    return;
  }
  z = p >= 0 ? p + z : p - z;
  store<f64>(real + first, x + z);
  store<f64>(real + first, z != 0 ? x - w / z : x + z, 8);
  store<f64>(imaginary + first, 0);
  store<f64>(imaginary + first, 0, 8);
  const below = Square.at(h, n, end, i);
  const length = Math.sqrt(below * below + z * z);
  if (length > 0) rotatePlane(n, h, v, i, i, end, z / length, below / length);
  Square.put(h, n, end, i, 0);
}

/** Eigenvalues into `real` and `imaginary`; H quasi-triangular, V turned. Returns how many were not found. */
export function schur(n: i32, h: usize, v: usize, real: usize, imaginary: usize): i32 {
  let norm: f64 = 0;
  for (let i = 0; i < n; i++) {
    for (let j = max<i32>(0, i - 1); j < n; j++) norm += Math.abs(Square.at(h, n, i, j));
  }
  let shift: f64 = 0;
  let end = n - 1;
  let steps = 0;
  while (end >= 0) {
    let l = end;
    for (; l > 0; l--) {
      let size = Math.abs(Square.at(h, n, l - 1, l - 1)) + Math.abs(Square.at(h, n, l, l));
      if (size == 0) size = norm;
      if (Math.abs(Square.at(h, n, l, l - 1)) <= EPSILON * size) break;
    }
    if (l > 0) Square.put(h, n, l, l - 1, 0);
    if (l == end) {
      Square.put(h, n, end, end, Square.at(h, n, end, end) + shift);
      store<f64>(real + ((end as usize) << 3), Square.at(h, n, end, end));
      store<f64>(imaginary + ((end as usize) << 3), 0);
      end -= 1;
      steps = 0;
      continue;
    }
    if (l == end - 1) {
      splitPair(n, h, v, end, shift, real, imaginary);
      end -= 2;
      steps = 0;
      continue;
    }
    if (steps == MOST_STEPS) return end + 1;
    let x = Square.at(h, n, end, end);
    let y = Square.at(h, n, end - 1, end - 1);
    let w = Square.at(h, n, end, end - 1) * Square.at(h, n, end - 1, end);
    if (steps % 10 == 9) {
      // Shifts that come from nowhere break a cycle.
      shift += x;
      for (let i = 0; i <= end; i++) Square.put(h, n, i, i, Square.at(h, n, i, i) - x);
      const s = Math.abs(Square.at(h, n, end, end - 1)) + Math.abs(Square.at(h, n, end - 1, end - 2));
      x = 0.75 * s;
      y = x;
      w = -0.4375 * s * s;
    }
    steps++;
    doubleStep(n, h, v, l, end, x, y, w);
  }
  return 0;
}
