// L with A = L Lᵀ for symmetric positive definite A (the lower triangle is read). Inside it is U = Lᵀ with A = Uᵀ U, by halves:
// then every loop runs along rows. Read next: triangular.ts, product.ts.
import { Words } from "../program/words";
import { Crew, NOTES_BYTES } from "./crew";
import { Into, product, productScratch, sharedProduct } from "./product";
import { rowPitch } from "./scratch";
import { Status } from "./status";
import { sharedSubstitute, substitute, TRIANGLE_BYTES } from "./triangular";
import { addScaled, Lane, largestOf, scale, transposeRows } from "./vector";

/** Order of a leaf, rows of a strip of the symmetric update, and the order up to which a crew leaves it to one worker. */
const LEAF: i32 = 24;
const STRIP: i32 = 120;
const SOLO: i32 = 64;

/** Bytes of one matrix's scratch: notes, the number of a minor, the triangle. The host computes the same number. */
export function triangleBytes<T extends number>(n: i32): usize {
  return (NOTES_BYTES + 64 + Lane.bytes<T>(n * rowPitch(n)) + 63) & ~63;
}

/** Bytes of one worker's scratch. The host computes the same number. */
export function choleskyBytes<T extends number>(n: i32): usize {
  return TRIANGLE_BYTES + productScratch<T>(n, n, n);
}

/** Factors the upper triangle in place. Returns 0, or the order of the first leading minor that is not positive. */
export function factor<T extends number>(n: i32, a: usize, pitch: i32, block: usize, packing: usize): i32 {
  const step = Lane.bytes<T>(pitch);
  if (n <= LEAF) {
    for (let k = 0; k < n; k++) {
      const row = a + (k as usize) * step + Lane.bytes<T>(k);
      const pivot = load<T>(row) as f64;
      if (!(pivot > 0)) return k + 1;
      const root = Math.sqrt(pivot);
      store<T>(row, root as T);
      scale<T>(row + sizeof<T>(), 1 / root, n - k - 1);
      for (let i = k + 1; i < n; i++) {
        const from = row + Lane.bytes<T>(i - k);
        addScaled<T>(a + (i as usize) * step + Lane.bytes<T>(i), from, -(load<T>(from) as f64), n - i);
      }
    }
    return 0;
  }
  const half = n >> 1;
  const rest = n - half;
  const right = a + Lane.bytes<T>(half);
  const corner = right + (half as usize) * step;
  const failed = factor<T>(half, a, pitch, block, packing);
  if (failed != 0) return failed;
  substitute<T>(half, rest, a, 1, pitch, false, right, pitch, block, packing);
  for (let i = 0; i < rest; i += STRIP) {
    const rows = min<i32>(STRIP, rest - i);
    const from = right + Lane.bytes<T>(i);
    const to = corner + (i as usize) * step + Lane.bytes<T>(i);
    product<T>(Into.SUBTRACT, rows, rest - i, half, from, 1, pitch, from, pitch, 1, to, pitch, packing);
  }
  const later = factor<T>(rest, corner, pitch, block, packing);
  return later == 0 ? 0 : half + later;
}

/**
 * The same by the crew, `block` and `packing` each worker's own; `found` is a word that they share. All workers return the
 * same.
 */
export function sharedFactor<T extends number>(
  n: i32,
  a: usize,
  pitch: i32,
  found: usize,
  block: usize,
  packing: usize,
): i32 {
  if (Crew.size == 1) return factor<T>(n, a, pitch, block, packing);
  const step = Lane.bytes<T>(pitch);
  if (n <= SOLO) {
    if (Crew.leads()) store<i32>(found, factor<T>(n, a, pitch, block, packing));
    Crew.meet();
    const failed = load<i32>(found);
    Crew.meet();
    return failed;
  }
  const half = n >> 1;
  const rest = n - half;
  const right = a + Lane.bytes<T>(half);
  const corner = right + (half as usize) * step;
  const failed = sharedFactor<T>(half, a, pitch, found, block, packing);
  if (failed != 0) return failed;
  sharedSubstitute<T>(half, rest, a, 1, pitch, false, right, pitch, block, packing);
  Crew.meet();
  for (let i = 0; i < rest; i += STRIP) {
    const rows = min<i32>(STRIP, rest - i);
    const from = right + Lane.bytes<T>(i);
    const to = corner + (i as usize) * step + Lane.bytes<T>(i);
    sharedProduct<T>(Into.SUBTRACT, rows, rest - i, half, from, 1, pitch, from, pitch, 1, to, pitch, packing);
  }
  Crew.meet();
  const later = sharedFactor<T>(rest, corner, pitch, found, block, packing);
  return later == 0 ? 0 : half + later;
}

/** Words: a, l, scratch, batch, n; status: the order of the leading minor that is not positive. */
function cholesky<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 3);
  const n = Words.integer(args, 4);
  Status.clear(args, 5, worker);
  Crew.form(batch, n, worker, workers);
  const notes = Crew.shared(Words.pointer(args, 2), triangleBytes<T>(n));
  const block = Crew.alone(Words.pointer(args, 2), triangleBytes<T>(n), choleskyBytes<T>(n));
  const found = notes + NOTES_BYTES;
  const u = found + 64;
  const line = Lane.bytes<T>(n);
  const step = Lane.bytes<T>(rowPitch(n));
  for (let item = Crew.begin; item < Crew.end; item++) {
    const a = Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize);
    const l = Words.pointer(args, 1) + Lane.bytes<T>(n * n) * (item as usize);
    if (!loadTriangle<T>(n, a, u, notes)) {
      Status.fail(args, 5, worker, item, Status.NOT_FINITE);
      continue;
    }
    const failed = sharedFactor<T>(n, u, rowPitch(n), found, block, block + TRIANGLE_BYTES);
    if (failed != 0) {
      Status.fail(args, 5, worker, item, failed);
      continue;
    }
    // Columns of L, which are rows of U, are zero above the diagonal.
    for (let i = Crew.from(n); i < Crew.to(n); i++) memory.fill(u + step * (i as usize), 0, Lane.bytes<T>(i));
    Crew.meet();
    for (let i = Crew.from(n, 16); i < Crew.to(n, 16); i += 16) {
      transposeRows<T>(u + step * (i as usize), step, min<i32>(16, n - i), n, l + Lane.bytes<T>(i), line);
    }
    Crew.meet();
  }
}

/** The lower triangle of A turned over into the upper one of U. Returns whether all its elements are finite. */
export function loadTriangle<T extends number>(n: i32, a: usize, u: usize, notes: usize): bool {
  const line = Lane.bytes<T>(n);
  let all: f64 = 0;
  for (let i = Crew.from(n, 16); i < Crew.to(n, 16); i += 16) {
    const rows = min<i32>(16, n - i);
    for (let j = i; j < i + rows; j++) {
      const most = largestOf<T>(a + line * (j as usize), j + 1);
      if (most != most) all = NaN;
    }
    const to = u + Lane.bytes<T>(i);
    transposeRows<T>(a + line * (i as usize), line, rows, i + rows, to, Lane.bytes<T>(rowPitch(n)));
  }
  all = Crew.largest(all, notes);
  return all == all;
}

export function cholesky_f32(args: usize, worker: i32, workers: i32): void {
  cholesky<f32>(args, worker, workers);
}
export function cholesky_f64(args: usize, worker: i32, workers: i32): void {
  cholesky<f64>(args, worker, workers);
}
