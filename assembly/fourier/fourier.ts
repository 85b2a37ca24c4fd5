// Discrete Fourier transforms of rows of any length, y[j] = Σ x[k] exp(∓2πi j k / n), not scaled: lengths of small prime factors
// by fourier-stages.ts, several rows at once; others as convolutions of the next power of two (Bluestein), in f64. Workers share
// the rows.
// Source: Bluestein, A linear filtering approach to the computation of the discrete Fourier transform, 1970.
// Scratch: workers * fourierScratch, which bindings/ops/scratch.ts computes too. Read next: fourier-stages.ts.
import { fillRoots, Roots } from "./fourier-roots";
import { LARGEST_RADIX, stageScratch, transformRow } from "./fourier-stages";
import { Lane, transposeRows } from "../linalg/vector";
import { Share, Words } from "../program/words";

/** Whether all prime factors have stages. */
function isSmooth(n: i32): bool {
  let left = n;
  for (let factor = 2; factor <= LARGEST_RADIX; factor++) while (left % factor == 0) left /= factor;
  return left == 1;
}

/** The length of the convolution that does a transform of length n. */
function convolutionLength(n: i32): i32 {
  let m = 1;
  while (m < 2 * n - 1) m *= 2;
  return m;
}

/** Bytes of one worker's scratch. */
function fourierScratch<T extends number>(n: i32): usize {
  if (isSmooth(n)) return (Lane.bytes<T>((2 + 6 * Lane.count<T>()) * n) + stageScratch(n) + 127) & ~63;
  const m = convolutionLength(n);
  return (Lane.bytes<f64>(4 * n + 8 * m) + stageScratch(max<i32>(2 * n, m)) + 191) & ~63;
}

/** A table at `at`, behind its own header. */
function openRoots<T extends number>(header: usize, at: usize, n: i32, sign: f64, work: usize): Roots {
  const roots = changetype<Roots>(header);
  roots.real = at;
  roots.imaginary = at + Lane.bytes<T>(n);
  roots.sign = sign;
  fillRoots<T>(roots, n, work);
  return roots;
}

/** Rows [from, end) of a length of small factors. */
function transformSmooth<T extends number>(args: usize, scratch: usize, n: i32, sign: f64, from: i32, end: i32): void {
  const work = scratch + 64;
  const line = Lane.bytes<T>(n);
  const table = work + stageScratch(n);
  const roots = openRoots<T>(scratch, table, n, sign, work);
  const lanes = Lane.count<T>();
  const long = line * (lanes as usize);
  const first = table + 2 * line;
  const source = first + 4 * long;
  let row = from;
  // As many rows at once as a vector has lanes, element by element beside each other.
  for (; row + lanes <= end; row += lanes) {
    const at = line * (row as usize);
    const beside = Lane.bytes<T>(lanes);
    transposeRows<T>(Words.pointer(args, 0) + at, line, lanes, n, source, beside);
    transposeRows<T>(Words.pointer(args, 1) + at, line, lanes, n, source + long, beside);
    const place = transformRow<T>(
      lanes,
      source,
      source + long,
      first,
      first + long,
      first + 2 * long,
      first + 3 * long,
      roots,
      work,
    );
    const found = place < 0 ? source : first + 2 * long * (place as usize);
    transposeRows<T>(found, beside, n, lanes, Words.pointer(args, 2) + at, line);
    transposeRows<T>(found + long, beside, n, lanes, Words.pointer(args, 3) + at, line);
  }
  for (; row < end; row++) {
    const at = line * (row as usize);
    const real = Words.pointer(args, 0) + at;
    const imaginary = Words.pointer(args, 1) + at;
    const place = transformRow<T>(
      1,
      real,
      imaginary,
      first,
      first + line,
      first + 2 * line,
      first + 3 * line,
      roots,
      work,
    );
    const found = first + 2 * line * (max<i32>(0, place) as usize);
    memory.copy(Words.pointer(args, 2) + at, place < 0 ? real : found, line);
    memory.copy(Words.pointer(args, 3) + at, place < 0 ? imaginary : found + line, line);
  }
}

/** (real, imaginary) times (c, d), stored at `at` of two rows. */
function storeProduct(real: usize, imaginary: usize, at: usize, a: f64, b: f64, c: f64, d: f64): void {
  store<f64>(real + at, a * c - b * d);
  store<f64>(imaginary + at, a * d + b * c);
}

/** Rows [from, end) of any length: with w[k] = exp(∓πi k² / n), y[j] = w[j] Σ (x[k] w[k]) / w[j - k]. */
function transformAny<T extends number>(args: usize, scratch: usize, n: i32, sign: f64, from: i32, end: i32): void {
  const m = convolutionLength(n);
  const work = scratch + 128;
  const long = Lane.bytes<f64>(m);
  const halfTurns = work + stageScratch(max<i32>(2 * n, m));
  const chirp = openRoots<f64>(scratch, halfTurns, 2 * n, sign, work);
  const table = halfTurns + Lane.bytes<f64>(4 * n);
  const roots = openRoots<f64>(scratch + 64, table, m, 1, work);
  const kernel = table + 2 * long;
  const first = kernel + 2 * long;
  const second = first + 2 * long;
  memory.fill(first, 0, 2 * long);
  for (let k = 0; k < n; k++) {
    const at = (((k as i64) * (k as i64)) % ((2 * n) as i64)) as usize;
    const c = load<f64>(chirp.real + (at << 3));
    const d = -sign * load<f64>(chirp.imaginary + (at << 3));
    store<f64>(first + ((k as usize) << 3), c);
    store<f64>(first + long + ((k as usize) << 3), d);
    if (k > 0) store<f64>(first + (((m - k) as usize) << 3), c);
    if (k > 0) store<f64>(first + long + (((m - k) as usize) << 3), d);
  }
  // The source counts as the first pair: the result is in the kernel's own rows or in the second pair.
  if (transformRow<f64>(1, first, first + long, second, second + long, kernel, kernel + long, roots, work) == 0)
    memory.copy(kernel, second, 2 * long);
  for (let row = from; row < end; row++) {
    const at = Lane.bytes<T>(n) * (row as usize);
    memory.fill(first, 0, 2 * long);
    roots.sign = 1;
    for (let k = 0; k < n; k++) {
      const turn = (((k as i64) * (k as i64)) % ((2 * n) as i64)) as usize;
      const a = load<T>(Words.pointer(args, 0) + at + Lane.bytes<T>(k)) as f64;
      const b = load<T>(Words.pointer(args, 1) + at + Lane.bytes<T>(k)) as f64;
      const c = load<f64>(chirp.real + (turn << 3));
      const d = sign * load<f64>(chirp.imaginary + (turn << 3));
      storeProduct(first, first + long, (k as usize) << 3, a, b, c, d);
    }
    const place = transformRow<f64>(1, first, first + long, second, second + long, first, first + long, roots, work);
    const spectrum = place == 0 ? second : first;
    const other = place == 0 ? first : second;
    for (let k: usize = 0; k < long; k += 8) {
      const a = load<f64>(spectrum + k);
      const b = load<f64>(spectrum + long + k);
      storeProduct(spectrum, spectrum + long, k, a, b, load<f64>(kernel + k), load<f64>(kernel + long + k));
    }
    roots.sign = -1;
    const back = transformRow<f64>(
      1,
      spectrum,
      spectrum + long,
      other,
      other + long,
      spectrum,
      spectrum + long,
      roots,
      work,
    );
    const found = back == 0 ? other : spectrum;
    for (let k = 0; k < n; k++) {
      const turn = (((k as i64) * (k as i64)) % ((2 * n) as i64)) as usize;
      const a = load<f64>(found + ((k as usize) << 3)) / (m as f64);
      const b = load<f64>(found + long + ((k as usize) << 3)) / (m as f64);
      const c = load<f64>(chirp.real + (turn << 3));
      const d = sign * load<f64>(chirp.imaginary + (turn << 3));
      store<T>(Words.pointer(args, 2) + at + Lane.bytes<T>(k), (a * c - b * d) as T);
      store<T>(Words.pointer(args, 3) + at + Lane.bytes<T>(k), (a * d + b * c) as T);
    }
  }
}

/** Words: real, imaginary, their transforms, scratch, rows, n, isInverse. */
function fourier<T extends number>(args: usize, worker: i32, workers: i32): void {
  const rows = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  const sign: f64 = Words.integer(args, 7) != 0 ? -1 : 1;
  if (n <= 0) return;
  const scratch = Words.pointer(args, 4) + (worker as usize) * fourierScratch<T>(n);
  // Rows that are left over from whole vectors are the last worker's, however many there are.
  const from = Share.fromWhole(rows, Lane.count<T>(), worker, workers);
  const end = Share.fromWhole(rows, Lane.count<T>(), worker + 1, workers);
  if (from >= end) return;
  if (isSmooth(n)) transformSmooth<T>(args, scratch, n, sign, from, end);
  else transformAny<T>(args, scratch, n, sign, from, end);
}

export function fourier_f32(args: usize, worker: i32, workers: i32): void {
  fourier<f32>(args, worker, workers);
}
export function fourier_f64(args: usize, worker: i32, workers: i32): void {
  fourier<f64>(args, worker, workers);
}
