// Divide and conquer for a symmetric tridiagonal matrix: halves it until QL is faster, then merges.
// A crew shares out the parts of the matrix first, and then all merges of them. Read next: merge.ts for the heart of it, ql.ts
// for the leaves.
import { Crew } from "./crew";
import { Frame, insertionSort, Indices, merge, placeArrays } from "./merge";
import { diagonalise } from "./ql";
import { Lane } from "./vector";

/** Largest block that QL diagonalises. */
const LEAF: i32 = 32;

/**
 * Diagonalises rows [lo, lo + n) of frame.d, frame.e: eigenvectors into the rows and columns [lo, lo + n) of frame.q, their
 * ascending order into frame.order. Returns the number of eigenvalues that were not found.
 */
export function divide<T extends number>(frame: Frame, lo: i32, n: i32): i32 {
  if (n <= LEAF) {
    const d = frame.d + ((lo as usize) << 3);
    const e = frame.e + ((lo as usize) << 3);
    const step = Lane.bytes<T>(frame.pitch);
    const q = frame.q + (lo as usize) * step + Lane.bytes<T>(lo);
    const order = frame.order + ((lo as usize) << 2);
    for (let i = 0; i < n; i++) {
      memory.fill(q + (i as usize) * step, 0, Lane.bytes<T>(n));
      store<T>(q + (i as usize) * step + Lane.bytes<T>(i), 1 as T);
      Indices.put(order, i, lo + i);
    }
    const lost = diagonalise<T>(n, d, e, q, frame.pitch, n);
    insertionSort(n, order, frame.d);
    return lost;
  }
  const half = n >> 1;
  const joint = split(frame, lo, half);
  const lost = divide<T>(frame, lo, half) + divide<T>(frame, lo + half, n - half);
  if (lost == 0) merge<T>(frame, lo, half, n, joint);
  return lost;
}

/** Takes what joins rows lo + half - 1 and lo + half from the diagonal, and returns it. */
function split(frame: Frame, lo: i32, half: i32): f64 {
  const last = frame.d + (((lo + half - 1) as usize) << 3);
  const joint = load<f64>(frame.e + (((lo + half - 1) as usize) << 3));
  const size = Math.abs(joint);
  store<f64>(last, load<f64>(last) - size);
  store<f64>(last, load<f64>(last, 8) - size, 8);
  return joint;
}

/** Splits [lo, lo + n) `depth` times. */
function splitAll(frame: Frame, lo: i32, n: i32, depth: i32): void {
  if (depth == 0) return;
  const half = n >> 1;
  split(frame, lo, half);
  splitAll(frame, lo, half, depth - 1);
  splitAll(frame, lo + half, n - half, depth - 1);
}

/** Diagonalises the parts that are this worker's: one in Crew.size, counted from `part`. */
function divideParts<T extends number>(frame: Frame, lo: i32, n: i32, depth: i32, part: i32): i32 {
  if (depth == 0) {
    if (part % Crew.size != Crew.worker) return 0;
    Crew.part();
    const lost = divide<T>(frame, lo, n);
    Crew.join();
    return lost;
  }
  const half = n >> 1;
  const above = divideParts<T>(frame, lo, half, depth - 1, 2 * part);
  return above + divideParts<T>(frame, lo + half, n - half, depth - 1, 2 * part + 1);
}

/** Merges the parts, the whole crew at each. */
function mergeParts<T extends number>(frame: Frame, lo: i32, n: i32, depth: i32): void {
  if (depth == 0) return;
  const half = n >> 1;
  mergeParts<T>(frame, lo, half, depth - 1);
  mergeParts<T>(frame, lo + half, n - half, depth - 1);
  merge<T>(frame, lo, half, n, load<f64>(frame.e + (((lo + half - 1) as usize) << 3)));
}

/**
 * `divide` of the whole matrix by the crew, which has met. `own` and `shared` are the arrays for merges (mergeBytes) of this
 * worker and of the crew, `notes` NOTES_BYTES.
 */
export function sharedDivide<T extends number>(frame: Frame, own: usize, shared: usize, notes: usize): i32 {
  placeArrays(frame, own);
  const n = frame.n;
  if (Crew.size == 1) return divide<T>(frame, 0, n);
  // Two parts for each worker: they do not take equally long.
  let depth = 1;
  while (1 << depth < 2 * Crew.size && n >> (depth + 1) >= LEAF) depth++;
  if (Crew.leads()) splitAll(frame, 0, n, depth);
  Crew.meet();
  const lost = Crew.largest(divideParts<T>(frame, 0, n, depth, 0) as f64, notes) as i32;
  if (lost != 0) return lost;
  placeArrays(frame, shared);
  mergeParts<T>(frame, 0, n, depth);
  return 0;
}
