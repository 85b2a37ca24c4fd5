// Eigenvalues and eigenvectors of symmetric matrices (the lower triangle is read), ascending, all in f64 whatever the
// element type. Three steps: Householder reduction to a tridiagonal matrix, from the last row up so that every
// reflector is a contiguous row; implicit QL with Wilkinson's shift; the reflectors applied to the result.
//
//   S  n x n   the matrix, its lower triangle; row k later holds reflector k in its first k places
//   Z  n x n   eigenvectors as rows, so that rotations and reflections run over contiguous memory
//   d, e, tau, w, order   n each: diagonal, off-diagonal (e[i] joins i and i+1), reflector factors, work, sorting
//
// The matrix is scaled by a power of two first, so squares neither overflow nor vanish. NaN or infinity in the input
// gives NaN everywhere. An eigenvalue gets at most 60 steps (2 are usual), so the loop ends whatever the numbers are.
// Scratch in bytes: workers * 8 * (2 * n * n + 6 * n + 8). Workers share the batch.
import { Share, Words } from "./words";

function dot(x: usize, y: usize, count: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  const end = x + ((count as usize) << 3);
  while (x + 32 <= end) {
    s0 = f64x2.add(s0, f64x2.mul(v128.load(x), v128.load(y)));
    s1 = f64x2.add(s1, f64x2.mul(v128.load(x, 16), v128.load(y, 16)));
    x += 32;
    y += 32;
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  while (x < end) {
    sum += load<f64>(x) * load<f64>(y);
    x += 8;
    y += 8;
  }
  return sum;
}

/** y += factor * x */
function addScaled(y: usize, x: usize, factor: f64, count: i32): void {
  const f = f64x2.splat(factor);
  const end = x + ((count as usize) << 3);
  while (x + 16 <= end) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(f, v128.load(x))));
    x += 16;
    y += 16;
  }
  if (x < end) store<f64>(y, load<f64>(y) + factor * load<f64>(x));
}

/** y -= a * x + b * z */
function subtractTwo(y: usize, x: usize, a: f64, z: usize, b: f64, count: i32): void {
  const f = f64x2.splat(a);
  const g = f64x2.splat(b);
  const end = x + ((count as usize) << 3);
  while (x + 16 <= end) {
    v128.store(y, f64x2.sub(v128.load(y), f64x2.add(f64x2.mul(f, v128.load(x)), f64x2.mul(g, v128.load(z)))));
    x += 16;
    y += 16;
    z += 16;
  }
  if (x < end) store<f64>(y, load<f64>(y) - (a * load<f64>(x) + b * load<f64>(z)));
}

/** Rows x and y become c x - s y and s x + c y. */
function rotate(x: usize, y: usize, c: f64, s: f64, count: i32): void {
  const cc = f64x2.splat(c);
  const ss = f64x2.splat(s);
  const end = x + ((count as usize) << 3);
  while (x + 16 <= end) {
    const p = v128.load(x);
    const q = v128.load(y);
    v128.store(x, f64x2.sub(f64x2.mul(cc, p), f64x2.mul(ss, q)));
    v128.store(y, f64x2.add(f64x2.mul(ss, p), f64x2.mul(cc, q)));
    x += 16;
    y += 16;
  }
  if (x < end) {
    const p = load<f64>(x);
    const q = load<f64>(y);
    store<f64>(x, c * p - s * q);
    store<f64>(y, s * p + c * q);
  }
}

/** Copies the lower triangle, scaled, and returns the scale; NaN when an element is not finite, 0 for a zero matrix. */
function loadScaled<T extends number>(a: usize, n: i32, s: usize): f64 {
  let largest: f64 = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const x = Math.abs(load<T>(a + ((i * n + j) as usize) * sizeof<T>()) as f64);
      if (!(x < Infinity)) return NaN;
      largest = max<f64>(largest, x);
    }
  }
  if (largest == 0) return 0;
  const exponent = max<i64>(1, (reinterpret<i64>(largest) >> 52) & 0x7ff);
  const scale = reinterpret<f64>(exponent << 52);
  // The inverse of 2^1023 is subnormal but exact, as every power of two down to 2^-1074 is.
  const inverse = 1 / scale;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const element = (i * n + j) as usize;
      store<f64>(s + (element << 3), (load<T>(a + element * sizeof<T>()) as f64) * inverse);
    }
  }
  return scale;
}

/** Householder reduction. Row k of S is cleared up to its last place, which becomes e[k - 1]. */
function tridiagonalise(n: i32, s: usize, d: usize, e: usize, tau: usize, w: usize): void {
  const pitch = (n as usize) << 3;
  for (let k = n - 1; k >= 1; k--) {
    const v = s + (k as usize) * pitch;
    const last = v + (((k - 1) as usize) << 3);
    store<f64>(d + ((k as usize) << 3), load<f64>(v + ((k as usize) << 3)));
    const alpha = load<f64>(last);
    const rest = dot(v, v, k - 1);
    const joint = e + (((k - 1) as usize) << 3);
    if (rest == 0) {
      store<f64>(joint, alpha);
      store<f64>(tau + ((k as usize) << 3), 0);
      continue;
    }
    const norm = Math.sqrt(alpha * alpha + rest);
    const beta = alpha > 0 ? -norm : norm;
    // v = x - beta * e_last, without cancellation; H = I - factor v vᵀ sends x to beta e_last.
    store<f64>(last, alpha - beta);
    const factor = 1 / (beta * (beta - alpha));
    store<f64>(joint, beta);
    store<f64>(tau + ((k as usize) << 3), factor);
    // w = factor * A v from the lower triangle, then w -= (factor / 2)(wᵀ v) v.
    memory.fill(w, 0, (k as usize) << 3);
    for (let i = 0; i < k; i++) {
      const row = s + (i as usize) * pitch;
      const vi = load<f64>(v + ((i as usize) << 3));
      const place = w + ((i as usize) << 3);
      const sum = load<f64>(row + ((i as usize) << 3)) * vi + dot(row, v, i);
      store<f64>(place, load<f64>(place) + sum);
      addScaled(w, row, vi, i);
    }
    const half = -0.5 * factor * factor * dot(w, v, k);
    for (let i: usize = 0; i < (k as usize) << 3; i += 8) {
      store<f64>(w + i, factor * load<f64>(w + i) + half * load<f64>(v + i));
    }
    for (let i = 0; i < k; i++) {
      const at = (i as usize) << 3;
      subtractTwo(s + (i as usize) * pitch, w, load<f64>(v + at), v, load<f64>(w + at), i + 1);
    }
  }
  store<f64>(d, load<f64>(s));
  store<f64>(e + (((n - 1) as usize) << 3), 0);
}

/** Implicit QL on d and e; every rotation is also applied to the rows of Z. */
function diagonalise(n: i32, d: usize, e: usize, z: usize): void {
  const pitch = (n as usize) << 3;
  for (let l = 0; l < n; l++) {
    const dl = d + ((l as usize) << 3);
    const el = e + ((l as usize) << 3);
    for (let step = 0; step < 60; step++) {
      // The block [l, m] ends where the off-diagonal no longer changes its neighbours.
      let m = l;
      while (m < n - 1) {
        const size = Math.abs(load<f64>(d + ((m as usize) << 3))) + Math.abs(load<f64>(d + (((m + 1) as usize) << 3)));
        const joint = Math.abs(load<f64>(e + ((m as usize) << 3)));
        // Scaled input: anything below 1e-300 is nothing.
        if (joint <= 1.1102230246251565e-16 * size || joint < 1e-300) break;
        m++;
      }
      if (m == l) break;
      const p0 = load<f64>(dl);
      const e0 = load<f64>(el);
      let g = (load<f64>(dl, 8) - p0) / (2 * e0);
      let r = Math.sqrt(g * g + 1);
      g = load<f64>(d + ((m as usize) << 3)) - p0 + e0 / (g + (g >= 0 ? r : -r));
      let s: f64 = 1;
      let c: f64 = 1;
      let p: f64 = 0;
      let i = m - 1;
      while (i >= l) {
        const di = d + ((i as usize) << 3);
        const ei = e + ((i as usize) << 3);
        const f = s * load<f64>(ei);
        const b = c * load<f64>(ei);
        r = Math.sqrt(f * f + g * g);
        store<f64>(ei, r, 8);
        if (r == 0) {
          // The bulge vanished: the matrix has split at i + 1.
          store<f64>(di, load<f64>(di, 8) - p, 8);
          store<f64>(e + ((m as usize) << 3), 0);
          break;
        }
        s = f / r;
        c = g / r;
        g = load<f64>(di, 8) - p;
        r = (load<f64>(di) - g) * s + 2 * c * b;
        p = s * r;
        store<f64>(di, g + p, 8);
        g = c * r - b;
        const row = z + (i as usize) * pitch;
        rotate(row, row + pitch, c, s, n);
        i--;
      }
      if (i >= l) continue;
      store<f64>(dl, load<f64>(dl) - p);
      store<f64>(el, g);
      store<f64>(e + ((m as usize) << 3), 0);
    }
  }
}

/** Eigenvectors of the tridiagonal matrix become those of the full one: each row is reflected, H(1) first. */
function backTransform(n: i32, s: usize, tau: usize, z: usize): void {
  const pitch = (n as usize) << 3;
  for (let i = 0; i < n; i++) {
    const row = z + (i as usize) * pitch;
    for (let k = 1; k < n; k++) {
      const factor = load<f64>(tau + ((k as usize) << 3));
      if (factor == 0) continue;
      const v = s + (k as usize) * pitch;
      addScaled(row, v, -factor * dot(row, v, k), k);
    }
  }
}

/** order = the indices of d from the smallest value on. */
function sortValues(n: i32, d: usize, order: usize): void {
  for (let i = 0; i < n; i++) {
    const value = load<f64>(d + ((i as usize) << 3));
    let j = i;
    while (j > 0) {
      const before = load<i32>(order + (((j - 1) as usize) << 2));
      if (load<f64>(d + ((before as usize) << 3)) <= value) break;
      store<i32>(order + ((j as usize) << 2), before);
      j--;
    }
    store<i32>(order + ((j as usize) << 2), i);
  }
}

function decompose<T extends number>(n: i32, a: usize, values: usize, vectors: usize, scratch: usize): void {
  const square = ((n * n) as usize) << 3;
  const line = (n as usize) << 3;
  const s = scratch;
  const z = s + square;
  const d = z + square;
  const e = d + line;
  const tau = e + line;
  const w = tau + line;
  const order = w + line;
  const scale = loadScaled<T>(a, n, s);
  if (scale != scale || scale == 0) {
    for (let i = 0; i < n; i++) {
      store<T>(values + (i as usize) * sizeof<T>(), scale as T);
      for (let j = 0; j < n; j++) {
        store<T>(vectors + ((i * n + j) as usize) * sizeof<T>(), (scale == 0 ? (i == j ? 1 : 0) : NaN) as T);
      }
    }
    return;
  }
  memory.fill(z, 0, square);
  for (let i = 0; i < n; i++) store<f64>(z + (((i * n + i) as usize) << 3), 1);
  tridiagonalise(n, s, d, e, tau, w);
  diagonalise(n, d, e, z);
  backTransform(n, s, tau, z);
  sortValues(n, d, order);
  for (let rank = 0; rank < n; rank++) {
    const from = load<i32>(order + ((rank as usize) << 2));
    store<T>(values + (rank as usize) * sizeof<T>(), (load<f64>(d + ((from as usize) << 3)) * scale) as T);
    const row = z + (from as usize) * line;
    for (let i = 0; i < n; i++) {
      store<T>(vectors + ((i * n + rank) as usize) * sizeof<T>(), load<f64>(row + ((i as usize) << 3)) as T);
    }
  }
}

/** Words: a, values, vectors, scratch, batch, n. */
function eigh<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const n = Words.integer(args, 5);
  if (n <= 0) return;
  const square = (n as usize) * (n as usize);
  const scratch = Words.pointer(args, 3) + (worker as usize) * 8 * (2 * square + 6 * (n as usize) + 8);
  const end = Share.from(batch, worker + 1, workers);
  for (let i = Share.from(batch, worker, workers); i < end; i++) {
    const matrix = (i as usize) * square * sizeof<T>();
    const values = Words.pointer(args, 1) + (i as usize) * (n as usize) * sizeof<T>();
    decompose<T>(n, Words.pointer(args, 0) + matrix, values, Words.pointer(args, 2) + matrix, scratch);
  }
}

export function eigh_f32(args: usize, worker: i32, workers: i32): void {
  eigh<f32>(args, worker, workers);
}
export function eigh_f64(args: usize, worker: i32, workers: i32): void {
  eigh<f64>(args, worker, workers);
}
