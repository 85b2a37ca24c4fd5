// Gaussian elimination with partial pivoting, P A = L U in place, by halves of the columns: left half, a triangular solve, a
// product, right half. Panels of 16 columns are turned over and factored along contiguous columns. The crew shares solves and
// products; panels are its first worker's.
// Source: Toledo, Locality of reference in LU decomposition with partial pivoting, SIAM J. Matrix Anal. Appl. 18 (1997).
// Read next: triangular.ts; lu.ts for the kernels.
import { Crew } from "./crew";
import { Into, productScratch, sharedProduct } from "./product";
import { sharedSubstitute, TRIANGLE_BYTES } from "./triangular";
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
    if (best != j) {
      const one = Lane.bytes<T>(j);
      const two = Lane.bytes<T>(best);
      for (let c = panel; c < panel + column * (n as usize); c += column) {
        const kept = load<T>(c + one);
        store<T>(c + one, load<T>(c + two));
        store<T>(c + two, kept);
      }
      const row = problem.a + ((k + j) as usize) * step;
      exchange<T>(row, problem.a + ((k + best) as usize) * step, problem.columns);
      const mine = problem.permutation + (((k + j) as usize) << 2);
      const other = problem.permutation + (((k + best) as usize) << 2);
      const kept = load<i32>(mine);
      store<i32>(mine, load<i32>(other));
      store<i32>(other, kept);
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

/** Factors columns [k, k + n) of rows [k, rows), which all columns before have been eliminated from. */
function factorColumns<T extends number>(problem: Elimination, k: i32, n: i32): void {
  if (n <= PANEL) {
    if (Crew.leads()) factorPanel<T>(problem, k, n);
    Crew.meet();
    return;
  }
  const pitch = problem.pitch;
  const half = ((n >> 1) + PANEL - 1) & ~(PANEL - 1);
  factorColumns<T>(problem, k, half);
  const corner = problem.a + Lane.bytes<T>(pitch) * (k as usize) + Lane.bytes<T>(k);
  const right = corner + Lane.bytes<T>(half);
  const below = corner + Lane.bytes<T>(pitch) * (half as usize);
  const rest = below + Lane.bytes<T>(half);
  const wide = n - half;
  const height = problem.rows - k - half;
  sharedSubstitute<T>(half, wide, corner, pitch, 1, true, right, pitch, problem.block, problem.packing);
  Crew.meet();
  sharedProduct<T>(Into.SUBTRACT, height, wide, half, below, pitch, 1, right, pitch, 1, rest, pitch, problem.packing);
  Crew.meet();
  factorColumns<T>(problem, k + half, wide);
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

/** P A = L U in place. */
export function eliminate<T extends number>(problem: Elimination): void {
  if (Crew.leads()) for (let i = 0; i < problem.rows; i++) store<i32>(problem.permutation + ((i as usize) << 2), i);
  problem.sign = 1;
  const square = min<i32>(problem.rows, problem.columns);
  if (square <= 0) return;
  factorColumns<T>(problem, 0, square);
  const right = problem.a + Lane.bytes<T>(square);
  const wide = problem.columns - square;
  const pitch = problem.pitch;
  sharedSubstitute<T>(square, wide, problem.a, pitch, 1, true, right, pitch, problem.block, problem.packing);
  Crew.meet();
}
