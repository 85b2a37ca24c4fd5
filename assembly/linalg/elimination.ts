// Gaussian elimination with partial pivoting, P A = L U in place, by blocks of columns. A block is factored by halves of its columns:
// left half, a triangular solve, a product, right half; panels of 16 columns are turned over and factored along contiguous
// columns. Then what is right of it is updated, columns apart from each other: of a crew the first worker updates the next block
// and factors it while the others are at the rest, so that nobody waits for panels.
// Source: Toledo, Locality of reference in LU decomposition with partial pivoting, SIAM J. Matrix Anal. Appl. 18 (1997).
// Read next: triangular.ts; lu.ts for the kernels.
import { Share } from "../program/words";
import { Crew } from "./crew";
import { Into, product, productScratch } from "./product";
import { substitute, TRIANGLE_BYTES } from "./triangular";
import { addScaled, exchange, Lane, largestOf, scale, transposeRows } from "./vector";

/** Columns of a panel. */
const PANEL: i32 = 16;

/** A matrix that is being factored, and the memory of one of its workers. */
export class Elimination {
  rows: i32;
  columns: i32;
  /** First element, and elements between rows. */
  a: usize;
  pitch: i32;
  /** i32 [rows]: the row of A that is now row i. */
  permutation: usize;
  /** i32 [rows]: with which row each row changed places. */
  exchanges: usize;
  /** The block that is being factored: rows change places in its columns only. */
  first: i32;
  width: i32;
  /** -1 to the number of exchanges; the first worker's counts. */
  sign: f64;
  /** NOTES_BYTES that the crew shares. */
  notes: usize;
  /** The worker's own scratch: a panel, a triangle, packing. */
  panel: usize;
  block: usize;
  packing: usize;
}

/** Bytes of a worker's Elimination with its scratch. The host computes the same number. */
export function eliminationBytes<T extends number>(rows: i32, columns: i32): usize {
  const widest = max<i32>(rows, columns);
  const panel = Lane.bytes<T>(PANEL * rows);
  return (64 + panel + TRIANGLE_BYTES + productScratch<T>(widest, widest, widest) + 63) & ~63;
}

export function openElimination<T extends number>(at: usize, rows: i32, columns: i32, notes: usize): Elimination {
  const problem = changetype<Elimination>(at);
  problem.notes = notes;
  problem.rows = rows;
  problem.columns = columns;
  problem.panel = at + 64;
  problem.block = problem.panel + Lane.bytes<T>(PANEL * rows);
  problem.packing = problem.block + TRIANGLE_BYTES;
  return problem;
}

/** Factors columns [k, k + n) of rows [k, rows): at most PANEL of them. */
function factorPanel<T extends number>(problem: Elimination, k: i32, n: i32): void {
  const step = Lane.bytes<T>(problem.pitch);
  const height = problem.rows - k;
  const column = Lane.bytes<T>(height);
  const panel = problem.panel;
  const corner = problem.a + (k as usize) * step + Lane.bytes<T>(k);
  transposeRows<T>(corner, step, height, n, panel, column);
  const count = min<i32>(n, height);
  for (let j = 0; j < count; j++) {
    const x = panel + column * (j as usize);
    const largest = largestOf<T>(x + Lane.bytes<T>(j), height - j);
    let best = j;
    // An overflow leaves NaN, which is nowhere found.
    while (best < height && Math.abs(load<T>(x + Lane.bytes<T>(best)) as f64) != largest) best++;
    if (best == height) best = j;
    store<i32>(problem.exchanges + (((k + j) as usize) << 2), k + best);
    if (best != j) {
      const one = Lane.bytes<T>(j);
      const two = Lane.bytes<T>(best);
      for (let c = panel; c < panel + column * (n as usize); c += column) {
        const kept = load<T>(c + one);
        store<T>(c + one, load<T>(c + two));
        store<T>(c + two, kept);
      }
      const row = problem.a + ((k + j) as usize) * step + Lane.bytes<T>(problem.first);
      const other = problem.a + ((k + best) as usize) * step + Lane.bytes<T>(problem.first);
      exchange<T>(row, other, problem.width);
      const mine = problem.permutation + (((k + j) as usize) << 2);
      const theirs = problem.permutation + (((k + best) as usize) << 2);
      const kept = load<i32>(mine);
      store<i32>(mine, load<i32>(theirs));
      store<i32>(theirs, kept);
      problem.sign = -problem.sign;
    }
    if (largest == 0) continue;
    const below = x + Lane.bytes<T>(j + 1);
    const pivot = load<T>(x + Lane.bytes<T>(j)) as f64;
    // The inverse of a very small pivot is infinite.
    if (largest >= 1e-30) {
      scale<T>(below, 1 / pivot, height - j - 1);
    } else {
      for (let i = j + 1; i < height; i++) {
        const place = x + Lane.bytes<T>(i);
        store<T>(place, ((load<T>(place) as f64) / pivot) as T);
      }
    }
    for (let c = j + 1; c < n; c++) {
      const other = panel + column * (c as usize) + Lane.bytes<T>(j);
      addScaled<T>(other + sizeof<T>(), below, -(load<T>(other) as f64), height - j - 1);
    }
  }
  transposeRows<T>(panel, column, n, height, corner, step);
}

/** Factors columns [k, k + n) of rows [k, rows), which all columns before have been eliminated from; part of a block. */
function factorColumns<T extends number>(problem: Elimination, k: i32, n: i32): void {
  if (n <= PANEL) {
    factorPanel<T>(problem, k, n);
    return;
  }
  const half = ((n >> 1) + PANEL - 1) & ~(PANEL - 1);
  factorColumns<T>(problem, k, half);
  eliminateColumns<T>(problem, k, half, k + half, n - half);
  factorColumns<T>(problem, k + half, n - half);
}

/** Eliminates columns [k, k + n), which are factored, from `count` columns that begin at `from`; rows are in their places there. */
function eliminateColumns<T extends number>(problem: Elimination, k: i32, n: i32, from: i32, count: i32): void {
  const pitch = problem.pitch;
  const corner = problem.a + Lane.bytes<T>(k * pitch + k);
  const below = problem.a + Lane.bytes<T>((k + n) * pitch + k);
  const right = problem.a + Lane.bytes<T>(k * pitch + from);
  const rest = problem.a + Lane.bytes<T>((k + n) * pitch + from);
  const height = problem.rows - k - n;
  substitute<T>(n, count, corner, pitch, 1, true, right, pitch, problem.block, problem.packing);
  product<T>(Into.SUBTRACT, height, count, n, below, pitch, 1, right, pitch, 1, rest, pitch, problem.packing);
}

/** Lets rows [k, end) change places in `count` columns from `from` on, as they did where they were factored. */
function exchangeRows<T extends number>(problem: Elimination, k: i32, end: i32, from: i32, count: i32): void {
  if (count <= 0) return;
  for (let j = k; j < end; j++) {
    const other = load<i32>(problem.exchanges + ((j as usize) << 2));
    if (other == j) continue;
    const row = problem.a + Lane.bytes<T>(j * problem.pitch + from);
    exchange<T>(row, problem.a + Lane.bytes<T>(other * problem.pitch + from), count);
  }
}

/** The block of columns [k, k + n). */
function factorBlock<T extends number>(problem: Elimination, k: i32, n: i32): void {
  if (n <= 0) return;
  problem.first = k;
  problem.width = n;
  factorColumns<T>(problem, k, n);
}

/** What the block [k, end) does to `count` columns right of it. */
function updateColumns<T extends number>(problem: Elimination, k: i32, end: i32, from: i32, count: i32): void {
  if (count <= 0) return;
  exchangeRows<T>(problem, k, end, from, count);
  eliminateColumns<T>(problem, k, end - k, from, count);
}

/** Copies a matrix of `columns` elements a row. Returns whether all elements are finite. */
export function loadMatrix<T extends number>(problem: Elimination, source: usize): bool {
  const line = Lane.bytes<T>(problem.columns);
  let all: f64 = 0;
  for (let i = Crew.from(problem.rows); i < Crew.to(problem.rows); i++) {
    const from = source + line * (i as usize);
    memory.copy(problem.a + Lane.bytes<T>(problem.pitch) * (i as usize), from, line);
    const most = largestOf<T>(from, problem.columns);
    if (most != most) all = NaN;
  }
  all = Crew.largest(all, problem.notes);
  return all == all;
}

/** Columns of a block. It must not depend on the crew. */
function blockOf(columns: i32): i32 {
  return columns < 1024 ? 64 : 128;
}

/** P A = L U in place, by the crew, which has met. */
export function eliminate<T extends number>(problem: Elimination): void {
  if (Crew.leads()) for (let i = 0; i < problem.rows; i++) store<i32>(problem.permutation + ((i as usize) << 2), i);
  problem.sign = 1;
  const square = min<i32>(problem.rows, problem.columns);
  const size = blockOf(problem.columns);
  const unit = 2 * Lane.count<T>();
  if (Crew.leads()) factorBlock<T>(problem, 0, min<i32>(size, square));
  for (let k = 0; k < square; k += size) {
    const end = min<i32>(k + size, square);
    Crew.meet();
    const next = min<i32>(size, square - end);
    const rest = problem.columns - end - next;
    // The next block costs the first worker about as much as three times its columns would in the rest.
    const ahead = (Crew.size - 1) * 3 * next;
    const mine = Crew.size == 1 ? rest : (max<i32>(0, rest - ahead) / Crew.size / unit) * unit;
    if (Crew.leads()) {
      updateColumns<T>(problem, k, end, end, next);
      factorBlock<T>(problem, end, next);
      updateColumns<T>(problem, k, end, end + next, mine);
    } else {
      const from = Share.fromUnits(rest - mine, unit, Crew.worker - 1, Crew.size - 1);
      const to = Share.fromUnits(rest - mine, unit, Crew.worker, Crew.size - 1);
      updateColumns<T>(problem, k, end, end + next + mine + from, to - from);
    }
  }
  Crew.meet();
  // What is left of a block sees the exchanges of all blocks after it, at once.
  for (let k = Crew.worker * size; k < square; k += Crew.size * size) {
    exchangeRows<T>(problem, min<i32>(k + size, square), square, k, min<i32>(size, square - k));
  }
  Crew.meet();
}
