// A = Q R by blocked Householder reflections. Panels of 32 columns are turned over, so that reflectors are contiguous rows.
// The matrix is scaled by a power of two first, so squares neither overflow nor vanish. Read next: householder.ts.
import { Share, Words } from "../words";
import { BLOCK } from "./back-transform";
import { applyBlock, applyScratch, makeBlock, reflect, reflector } from "./householder";
import { productScratch } from "./product";
import { rowPitch, Scratch } from "./scratch";
import { Status } from "./status";
import { Lane, largestOf, powerBelow, transposeRows } from "./vector";

/** A matrix that is being reduced, and its memory. */
export class Reduction {
  rows: i32;
  columns: i32;
  /** W [rows, columns], `pitch` elements a row: A in, R in its upper triangle out. */
  w: usize;
  pitch: i32;
  /** V [min(rows, columns), rows]: reflectors; `length` elements a row. */
  v: usize;
  length: i32;
  /** f64 for each reflector. */
  tau: usize;
  /** The M of every block, one after the other. */
  blocks: usize;
  gram: usize;
  beta: usize;
  work: usize;
  packing: usize;
}

/** Bytes of a Reduction with its memory. `widest` is the most columns a block is applied to. The host computes the same. */
export function reductionBytes<T extends number>(m: i32, n: i32, widest: i32): usize {
  const k = min<i32>(m, n);
  const blocks = (k + BLOCK - 1) / BLOCK + 1;
  const elements = m * rowPitch(n) + k * rowPitch(m) + blocks * BLOCK * BLOCK + applyScratch(widest);
  const largest = max<i32>(m, widest);
  return (
    (64 + Lane.bytes<T>(elements) + (((k + 1) as usize) << 3) + productScratch<T>(largest, largest, m) + 127) & ~63
  );
}

export function openReduction<T extends number>(at: usize, m: i32, n: i32, widest: i32): Reduction {
  const problem = changetype<Reduction>(at);
  const k = min<i32>(m, n);
  problem.rows = m;
  problem.columns = n;
  problem.pitch = rowPitch(n);
  problem.length = rowPitch(m);
  problem.beta = at + 56;
  problem.tau = at + 64;
  problem.w = problem.tau + (((k + 1) as usize) << 3);
  problem.v = problem.w + Lane.bytes<T>(m * problem.pitch);
  problem.gram = problem.v + Lane.bytes<T>(k * problem.length);
  problem.blocks = problem.gram + Lane.bytes<T>(BLOCK * BLOCK);
  problem.work = problem.blocks + Lane.bytes<T>(((k + BLOCK - 1) / BLOCK) * BLOCK * BLOCK);
  problem.packing = (problem.work + Lane.bytes<T>(applyScratch(widest)) + 15) & ~15;
  return problem;
}

/** Copies A, scaled, and returns the scale: NaN when an element is not finite, 0 for a zero matrix. */
export function loadReduction<T extends number>(problem: Reduction, a: usize): f64 {
  const line = Lane.bytes<T>(problem.columns);
  let largest: f64 = 0;
  for (let i = 0; i < problem.rows; i++) {
    const most = largestOf<T>(a + line * (i as usize), problem.columns);
    if (most != most) return NaN;
    largest = max<f64>(largest, most);
  }
  const inverse = largest == 0 ? 1 : 1 / powerBelow(largest);
  for (let i = 0; i < problem.rows; i++) {
    const from = a + line * (i as usize);
    const to = problem.w + Lane.bytes<T>(problem.pitch) * (i as usize);
    for (let j: usize = 0; j < line; j += sizeof<T>()) store<T>(to + j, ((load<T>(from + j) as f64) * inverse) as T);
  }
  return largest == 0 ? 0 : powerBelow(largest);
}

/** Reduces W to R; V, tau and the blocks hold the reflectors. */
export function reduce<T extends number>(problem: Reduction): void {
  const m = problem.rows;
  const k = min<i32>(m, problem.columns);
  const step = Lane.bytes<T>(problem.pitch);
  const line = Lane.bytes<T>(problem.length);
  let block = problem.blocks;
  for (let first = 0; first < k; first += BLOCK) {
    const count = min<i32>(BLOCK, k - first);
    const height = m - first;
    const corner = problem.w + step * (first as usize) + Lane.bytes<T>(first);
    // Column j of the panel is the row of reflector first + j, from its element `first` on.
    const panel = problem.v + line * (first as usize) + Lane.bytes<T>(first);
    transposeRows<T>(corner, step, height, count, panel, line);
    for (let j = 0; j < count; j++) {
      const x = panel + line * (j as usize) + Lane.bytes<T>(j);
      const tau = reflector<T>(x, height - j, problem.beta);
      store<f64>(problem.tau + (((first + j) as usize) << 3), tau);
      for (let c = j + 1; c < count; c++) reflect<T>(x + line * ((c - j) as usize), x, tau, height - j);
      // What is above the reflector is R's.
      for (let i = 0; i < j; i++) {
        const place = panel + line * (j as usize) + Lane.bytes<T>(i);
        store<T>(corner + step * (i as usize) + Lane.bytes<T>(j), load<T>(place));
        store<T>(place, 0 as T);
      }
      store<T>(corner + step * (j as usize) + Lane.bytes<T>(j), load<f64>(problem.beta) as T);
    }
    const tau = problem.tau + ((first as usize) << 3);
    makeBlock<T>(count, height, panel, problem.length, tau, problem.gram, block, problem.packing);
    const rest = problem.columns - first - count;
    const right = corner + Lane.bytes<T>(count);
    if (rest > 0) {
      applyBlock<T>(
        true,
        count,
        height,
        rest,
        panel,
        problem.length,
        block,
        right,
        problem.pitch,
        problem.work,
        problem.packing,
      );
    }
    block += Lane.bytes<T>(BLOCK * BLOCK);
  }
}

/** C [rows, columns] ← Q C, rows `cRow` elements apart. Of the identity only what reflectors have touched is not as it was. */
export function applyQ<T extends number>(
  problem: Reduction,
  c: usize,
  columns: i32,
  cRow: i32,
  isIdentity: bool,
): void {
  const m = problem.rows;
  const k = min<i32>(m, problem.columns);
  const line = Lane.bytes<T>(problem.length);
  for (let number = (k + BLOCK - 1) / BLOCK - 1; number >= 0; number--) {
    const first = number * BLOCK;
    const left = isIdentity ? first : 0;
    applyBlock<T>(
      false,
      min<i32>(BLOCK, k - first),
      m - first,
      columns - left,
      problem.v + line * (first as usize) + Lane.bytes<T>(first),
      problem.length,
      problem.blocks + Lane.bytes<T>(number * BLOCK * BLOCK),
      c + Lane.bytes<T>(first * cRow + left),
      cRow,
      problem.work,
      problem.packing,
    );
  }
}

/** Words: a [.., m, n], q [.., m, p], r [.., p, n], scratch, batch, m, n, p; status. */
function qr<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const m = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  const p = Words.integer(args, 7);
  Status.clear(args, 8, worker);
  const widest = max<i32>(n, p);
  const begin = Share.from(batch, worker, workers);
  const end = Share.from(batch, worker + 1, workers);
  const slot = Scratch.slot(batch, worker, workers);
  const at = Words.pointer(args, 3) + (slot as usize) * reductionBytes<T>(m, n, widest);
  const problem = openReduction<T>(at, m, n, widest);
  for (let item = begin; item < end; item++) {
    const power = loadReduction<T>(problem, Words.pointer(args, 0) + Lane.bytes<T>(m * n) * (item as usize));
    if (power != power) {
      Status.fail(args, 8, worker, item, Status.NOT_FINITE);
      continue;
    }
    reduce<T>(problem);
    const q = Words.pointer(args, 1) + Lane.bytes<T>(m * p) * (item as usize);
    memory.fill(q, 0, Lane.bytes<T>(m * p));
    for (let i = 0; i < p; i++) store<T>(q + Lane.bytes<T>(i * p + i), 1 as T);
    applyQ<T>(problem, q, p, p, true);
    const r = Words.pointer(args, 2) + Lane.bytes<T>(p * n) * (item as usize);
    memory.fill(r, 0, Lane.bytes<T>(p * n));
    for (let i = 0; i < min<i32>(p, n); i++) {
      const from = problem.w + Lane.bytes<T>(i * problem.pitch);
      for (let j = i; j < n; j++) {
        store<T>(r + Lane.bytes<T>(i * n + j), (power * (load<T>(from + Lane.bytes<T>(j)) as f64)) as T);
      }
    }
  }
}

export function qr_f32(args: usize, worker: i32, workers: i32): void {
  qr<f32>(args, worker, workers);
}
export function qr_f64(args: usize, worker: i32, workers: i32): void {
  qr<f64>(args, worker, workers);
}
