// Divide and conquer for a symmetric tridiagonal matrix: halves it until QL is faster, then merges.
// Read next: merge.ts for the heart of it, ql.ts for the leaves.
import { Frame, insertionSort, Indices, merge } from "./merge";
import { diagonalise } from "./ql";
import { Lane } from "./vector";

/** Largest block that QL diagonalises. */
const LEAF: i32 = 32;

/**
 * Diagonalises rows [lo, lo + n) of frame.d, frame.e: eigenvectors into the rows and columns [lo, lo + n) of frame.q, their
 * ascending order into frame.order. Returns the number of eigenvalues that were not found.
 */
export function divide<T extends number>(frame: Frame, lo: i32, n: i32): i32 {
  const d = frame.d + ((lo as usize) << 3);
  const e = frame.e + ((lo as usize) << 3);
  if (n <= LEAF) {
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
  const joint = load<f64>(e + (((half - 1) as usize) << 3));
  const size = Math.abs(joint);
  const last = d + (((half - 1) as usize) << 3);
  store<f64>(last, load<f64>(last) - size);
  store<f64>(last, load<f64>(last, 8) - size, 8);
  const lost = divide<T>(frame, lo, half) + divide<T>(frame, lo + half, n - half);
  if (lost == 0) merge<T>(frame, lo, half, n, joint);
  return lost;
}
