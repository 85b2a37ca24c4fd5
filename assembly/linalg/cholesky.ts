// L with A = L Lᵀ for symmetric positive definite A (the lower triangle is read). Inside it is U = Lᵀ with A = Uᵀ U, by halves:
// then every loop runs along rows. Read next: triangular.ts, product.ts.
import { Share, Words } from "../words";
import { Into, product, productScratch } from "./product";
import { rowPitch, Scratch } from "./scratch";
import { Status } from "./status";
import { substitute, TRIANGLE_BYTES } from "./triangular";
import { addScaled, Lane, largestOf, scale, transposeRows } from "./vector";

/** Order of a leaf, and rows of a strip of the symmetric update. */
const LEAF: i32 = 24;
const STRIP: i32 = 120;

/** Bytes of one matrix's scratch. The host computes the same number. */
function choleskyScratch<T extends number>(n: i32): usize {
  return (Lane.bytes<T>(n * rowPitch(n)) + TRIANGLE_BYTES + productScratch<T>(n, n, n) + 63) & ~63;
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

/** Words: a, l, scratch, batch, n; status: the order of the leading minor that is not positive. */
function cholesky<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 3);
  const n = Words.integer(args, 4);
  Status.clear(args, 5, worker);
  const pitch = rowPitch(n);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const u = Words.pointer(args, 2) + (slot as usize) * choleskyScratch<T>(n);
  const block = u + Lane.bytes<T>(n * pitch);
  const packing = block + TRIANGLE_BYTES;
  const line = Lane.bytes<T>(n);
  const step = Lane.bytes<T>(pitch);
  for (let item = begin; item < end; item++) {
    const a = Words.pointer(args, 0) + Lane.bytes<T>(n * n) * (item as usize);
    const l = Words.pointer(args, 1) + Lane.bytes<T>(n * n) * (item as usize);
    let isFinite = true;
    for (let i = 0; i < n; i++) {
      const most = largestOf<T>(a + line * (i as usize), i + 1);
      if (most != most) isFinite = false;
    }
    if (!isFinite) {
      Status.fail(args, 5, worker, item, Status.NOT_FINITE);
      continue;
    }
    for (let i = 0; i < n; i += 16) {
      transposeRows<T>(
        a + line * (i as usize),
        line,
        min<i32>(16, n - i),
        min<i32>(n, i + 16),
        u + Lane.bytes<T>(i),
        step,
      );
    }
    const failed = factor<T>(n, u, pitch, block, packing);
    if (failed != 0) {
      Status.fail(args, 5, worker, item, failed);
      continue;
    }
    for (let i = 0; i < n; i++) memory.fill(u + step * (i as usize), 0, Lane.bytes<T>(i));
    for (let i = 0; i < n; i += 16) {
      transposeRows<T>(u + step * (i as usize), step, min<i32>(16, n - i), n, l + Lane.bytes<T>(i), line);
    }
  }
}

export function cholesky_f32(args: usize, worker: i32, workers: i32): void {
  cholesky<f32>(args, worker, workers);
}
export function cholesky_f64(args: usize, worker: i32, workers: i32): void {
  cholesky<f64>(args, worker, workers);
}
