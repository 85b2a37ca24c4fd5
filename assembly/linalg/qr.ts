// A = Q R by blocked Householder reflections. Panels of 32 columns are turned over, so that reflectors are contiguous rows.
// The matrix is scaled by a power of two first, so squares neither overflow nor vanish. Panels are the first worker's, the crew
// shares what is right of them. Read next: householder.ts.
import { Words } from "../program/words";
import { BLOCK } from "./back-transform";
import { Crew, NOTES_BYTES } from "./crew";
import { applyScratch, makeBlock, reflect, reflector, sharedApply } from "./householder";
import { productScratch } from "./product";
import { rowPitch } from "./scratch";
import { Status } from "./status";
import { Lane, largestOf, powerBelow, transposeRows } from "./vector";

/** A matrix that is being reduced: what the crew shares of it, and the memory of one of its workers. */
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
  /** NOTES_BYTES for the crew. */
  notes: usize;
  /** The worker's own. */
  gram: usize;
  beta: usize;
  work: usize;
  packing: usize;
}

/** Bytes of what a crew shares of a Reduction. The host computes the same number. */
export function reductionBytes<T extends number>(m: i32, n: i32): usize {
  const k = min<i32>(m, n);
  const elements = m * rowPitch(n) + k * rowPitch(m) + ((k + BLOCK - 1) / BLOCK) * BLOCK * BLOCK;
  return (NOTES_BYTES + (((k + 1) as usize) << 3) + Lane.bytes<T>(elements) + 127) & ~63;
}

/** Bytes of a worker's own; `widest` is the most columns a block is applied to. The host computes the same number. */
export function reducerBytes<T extends number>(m: i32, widest: i32): usize {
  const largest = max<i32>(m, widest);
  const elements = BLOCK * BLOCK + applyScratch(widest);
  return (64 + 64 + Lane.bytes<T>(elements) + productScratch<T>(largest, largest, m) + 63) & ~63;
}

export function openReduction<T extends number>(shared: usize, own: usize, m: i32, n: i32, widest: i32): Reduction {
  const problem = changetype<Reduction>(own);
  const k = min<i32>(m, n);
  problem.rows = m;
  problem.columns = n;
  problem.pitch = rowPitch(n);
  problem.length = rowPitch(m);
  problem.notes = shared;
  problem.tau = shared + NOTES_BYTES;
  problem.w = (problem.tau + (((k + 1) as usize) << 3) + 15) & ~15;
  problem.v = problem.w + Lane.bytes<T>(m * problem.pitch);
  problem.blocks = problem.v + Lane.bytes<T>(k * problem.length);
  problem.beta = own + 64;
  problem.gram = own + 128;
  problem.work = problem.gram + Lane.bytes<T>(BLOCK * BLOCK);
  problem.packing = problem.work + Lane.bytes<T>(applyScratch(widest));
  return problem;
}

/** Copies A, scaled, and returns the scale: NaN when an element is not finite, 0 for a zero matrix. */
export function loadReduction<T extends number>(problem: Reduction, a: usize): f64 {
  const line = Lane.bytes<T>(problem.columns);
  const from = Crew.from(problem.rows);
  const to = Crew.to(problem.rows);
  let largest: f64 = 0;
  for (let i = from; i < to; i++) {
    const most = largestOf<T>(a + line * (i as usize), problem.columns);
    if (most != most || most > largest) largest = most;
    if (most != most) break;
  }
  largest = Crew.largest(largest, problem.notes);
  if (largest != largest) return NaN;
  const inverse = largest == 0 ? 1 : 1 / powerBelow(largest);
  for (let i = from; i < to; i++) {
    const source = a + line * (i as usize);
    const row = problem.w + Lane.bytes<T>(problem.pitch) * (i as usize);
    for (let j: usize = 0; j < line; j += sizeof<T>()) store<T>(row + j, ((load<T>(source + j) as f64) * inverse) as T);
  }
  Crew.meet();
  return largest == 0 ? 0 : powerBelow(largest);
}

/** One panel of `count` columns from `first` on: its reflectors, the block of them, and R above and on the diagonal. */
function reducePanel<T extends number>(problem: Reduction, first: i32, count: i32, block: usize): void {
  const step = Lane.bytes<T>(problem.pitch);
  const line = Lane.bytes<T>(problem.length);
  const height = problem.rows - first;
  const corner = problem.w + step * (first as usize) + Lane.bytes<T>(first);
  // Column j of the panel is the row of reflector first + j, from its element `first` on.
  const panel = problem.v + line * (first as usize) + Lane.bytes<T>(first);
  const taus = problem.tau + ((first as usize) << 3);
  transposeRows<T>(corner, step, height, count, panel, line);
  for (let j = 0; j < count; j++) {
    const x = panel + line * (j as usize) + Lane.bytes<T>(j);
    const tau = reflector<T>(x, height - j, problem.beta);
    store<f64>(taus + ((j as usize) << 3), tau);
    for (let c = j + 1; c < count; c++) reflect<T>(x + line * ((c - j) as usize), x, tau, height - j);
    // What is above the reflector is R's.
    for (let i = 0; i < j; i++) {
      const place = panel + line * (j as usize) + Lane.bytes<T>(i);
      store<T>(corner + step * (i as usize) + Lane.bytes<T>(j), load<T>(place));
      store<T>(place, 0 as T);
    }
    store<T>(corner + step * (j as usize) + Lane.bytes<T>(j), load<f64>(problem.beta) as T);
  }
  makeBlock<T>(count, height, panel, problem.length, taus, problem.gram, block, problem.packing);
}

/** Reduces W to R; V, tau and the blocks hold the reflectors. */
export function reduce<T extends number>(problem: Reduction): void {
  const m = problem.rows;
  const k = min<i32>(m, problem.columns);
  let block = problem.blocks;
  for (let first = 0; first < k; first += BLOCK) {
    const count = min<i32>(BLOCK, k - first);
    if (Crew.leads()) reducePanel<T>(problem, first, count, block);
    Crew.meet();
    const rest = problem.columns - first - count;
    if (rest > 0) {
      sharedApply<T>(
        true,
        count,
        m - first,
        rest,
        problem.v + Lane.bytes<T>(first * problem.length + first),
        problem.length,
        block,
        problem.w + Lane.bytes<T>(first * problem.pitch + first + count),
        problem.pitch,
        problem.work,
        problem.packing,
      );
      Crew.meet();
    }
    block += Lane.bytes<T>(BLOCK * BLOCK);
  }
}

/**
 * C [rows, columns] ← Q C, rows `cRow` elements apart, by the crew, which has met. Of the identity only what reflectors have
 * touched is not as it was.
 */
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
    sharedApply<T>(
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
    // Columns stay with their worker unless there are more of them at every step.
    if (isIdentity) Crew.meet();
  }
  if (!isIdentity) Crew.meet();
}

/** Words: a [.., m, n], q [.., m, p], r [.., p, n], scratch, batch, m, n, p; status. */
function qr<T extends number>(args: usize, worker: i32, workers: i32): void {
  const batch = Words.integer(args, 4);
  const m = Words.integer(args, 5);
  const n = Words.integer(args, 6);
  const p = Words.integer(args, 7);
  Status.clear(args, 8, worker);
  const widest = max<i32>(n, p);
  Crew.form(batch, min<i32>(m, n), worker, workers);
  const shared = Crew.shared(Words.pointer(args, 3), reductionBytes<T>(m, n));
  const own = Crew.alone(Words.pointer(args, 3), reductionBytes<T>(m, n), reducerBytes<T>(m, widest));
  const problem = openReduction<T>(shared, own, m, n, widest);
  for (let item = Crew.begin; item < Crew.end; item++) {
    const power = loadReduction<T>(problem, Words.pointer(args, 0) + Lane.bytes<T>(m * n) * (item as usize));
    if (power != power) {
      Status.fail(args, 8, worker, item, Status.NOT_FINITE);
      continue;
    }
    reduce<T>(problem);
    const q = Words.pointer(args, 1) + Lane.bytes<T>(m * p) * (item as usize);
    for (let i = Crew.from(m); i < Crew.to(m); i++) {
      const row = q + Lane.bytes<T>(i * p);
      memory.fill(row, 0, Lane.bytes<T>(p));
      if (i < p) store<T>(row + Lane.bytes<T>(i), 1 as T);
    }
    const r = Words.pointer(args, 2) + Lane.bytes<T>(p * n) * (item as usize);
    for (let i = Crew.from(p); i < Crew.to(p); i++) {
      const row = r + Lane.bytes<T>(i * n);
      memory.fill(row, 0, Lane.bytes<T>(n));
      const from = problem.w + Lane.bytes<T>(i * problem.pitch);
      for (let j = i; j < n; j++) {
        store<T>(row + Lane.bytes<T>(j), (power * (load<T>(from + Lane.bytes<T>(j)) as f64)) as T);
      }
    }
    Crew.meet();
    applyQ<T>(problem, q, p, p, true);
  }
}

export function qr_f32(args: usize, worker: i32, workers: i32): void {
  qr<f32>(args, worker, workers);
}
export function qr_f64(args: usize, worker: i32, workers: i32): void {
  qr<f64>(args, worker, workers);
}
