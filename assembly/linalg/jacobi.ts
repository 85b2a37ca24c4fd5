// One-sided Jacobi: rotates rows in pairs until all are orthogonal; their lengths are then the singular values, small ones as
// accurate relative to themselves as the matrix lets them be. The longer row of a pair comes first.
// Sources: Demmel and Veselić, Jacobi's method is more accurate than QR, SIAM J. Matrix Anal. Appl. 13 (1992); Drmač and
// Veselić, New fast and accurate Jacobi SVD algorithm, the same 29 (2008). Read next: svd.ts.
import { Crew } from "./crew";
import { Into, sharedProduct } from "./product";
import { dot, Lane, quickDot, rotate } from "./vector";

/** More than any matrix is known to need; 6 to 10 are usual. */
const SWEEPS: i32 = 60;
/** Bytes of rows that a block of pairs may take in the first-level cache. */
const CACHE: i32 = 24576;

/** The cosine up to which rows of n elements count as orthogonal. */
function toleranceOf<T extends number>(n: i32): f64 {
  const epsilon: f64 = sizeof<T>() == 8 ? 2.220446049250313e-16 : 1.1920928955078125e-7;
  return epsilon * Math.sqrt(max<i32>(4, n) as f64) * 0.5;
}

/** Rotates one pair if it is not orthogonal to `tolerance`. Returns whether it did. */
function rotatePair<T extends number>(
  x: usize,
  y: usize,
  n: i32,
  width: i32,
  normX: usize,
  normY: usize,
  tolerance: f64,
): bool {
  const a = load<f64>(normX);
  const b = load<f64>(normY);
  if (a == 0 || b == 0) return false;
  // Products of short rows would vanish in f32.
  const p = sizeof<T>() == 4 && a * b < 1e-40 ? dot<T>(x, y, n) : quickDot<T>(x, y, n);
  if (Math.abs(p) <= tolerance * Math.sqrt(a) * Math.sqrt(b)) return false;
  const zeta = (b - a) / (2 * p);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = c * t;
  if (a >= b) {
    rotate<T>(x, y, c, s, width);
    store<f64>(normX, a - t * p);
    store<f64>(normY, max<f64>(0, b + t * p));
  } else {
    // The same rotation with the rows exchanged.
    rotate<T>(x, y, s, -c, width);
    store<f64>(normX, b + t * p);
    store<f64>(normY, max<f64>(0, a - t * p));
  }
  return true;
}

/**
 * Squares of the lengths. A row that is nothing beside the longest, so that squares of its elements would vanish, becomes
 * zero: it has no direction that could be found.
 */
function measure<T extends number>(rows: i32, n: i32, a: usize, step: usize, norms: usize): void {
  let largest: f64 = 0;
  for (let i = 0; i < rows; i++) {
    const row = a + step * (i as usize);
    const square = dot<T>(row, row, n);
    largest = max<f64>(largest, square);
    store<f64>(norms + ((i as usize) << 3), square);
  }
  const least = largest * (sizeof<T>() == 8 ? 1e-280 : 1e-60);
  for (let i = 0; i < rows; i++) {
    const place = norms + ((i as usize) << 3);
    if (load<f64>(place) > least) continue;
    memory.fill(a + step * (i as usize), 0, Lane.bytes<T>(n));
    store<f64>(place, 0);
  }
}

/**
 * Orthogonalises the first `n` elements of `rows` rows, `pitch` elements apart; rotations run over `width` elements, so that
 * what stands behind the first n keeps count of them. norms: f64 [rows] of work, squares of the lengths out. Returns whether
 * it converged.
 */
export function orthogonalise<T extends number>(
  rows: i32,
  n: i32,
  width: i32,
  a: usize,
  pitch: i32,
  norms: usize,
): bool {
  const step = Lane.bytes<T>(pitch);
  const tolerance = toleranceOf<T>(n);
  const block = max<i32>(2, CACHE / (2 * (Lane.bytes<T>(width) as i32)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    measure<T>(rows, n, a, step, norms);
    let rotations = 0;
    for (let left = 0; left < rows; left += block) {
      for (let right = left; right < rows; right += block) {
        for (let i = left; i < min<i32>(left + block, rows); i++) {
          for (let j = max<i32>(i + 1, right); j < min<i32>(right + block, rows); j++) {
            const x = a + step * (i as usize);
            const y = a + step * (j as usize);
            const normX = norms + ((i as usize) << 3);
            if (rotatePair<T>(x, y, n, width, normX, norms + ((j as usize) << 3), tolerance)) rotations++;
          }
        }
      }
    }
    if (rotations == 0) return true;
  }
  return false;
}

/** Rows of a strip of products. */
const STRIP: i32 = 120;

/**
 * The same for rows that are nearly orthogonal, by the crew, which has met: one product tells which pairs are not, and only these
 * are rotated, by the first worker. cosines: [rows, rows], `cosinePitch` elements apart, that the crew shares; `notes` NOTES_BYTES;
 * `packing` for products, each worker's own.
 */
export function finishRows<T extends number>(
  rows: i32,
  n: i32,
  width: i32,
  a: usize,
  pitch: i32,
  norms: usize,
  cosines: usize,
  cosinePitch: i32,
  notes: usize,
  packing: usize,
): bool {
  const step = Lane.bytes<T>(pitch);
  const tolerance = toleranceOf<T>(n);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let i = Crew.from(rows); i < Crew.to(rows); i++) {
      const row = a + step * (i as usize);
      store<f64>(norms + ((i as usize) << 3), dot<T>(row, row, n));
    }
    for (let i = 0; i < rows; i += STRIP) {
      const count = min<i32>(STRIP, rows - i);
      const left = a + step * (i as usize);
      const to = cosines + Lane.bytes<T>(i * cosinePitch);
      sharedProduct<T>(Into.ASSIGN, count, i + count, n, left, pitch, 1, a, 1, pitch, to, cosinePitch, packing);
    }
    Crew.meet();
    let rotations = 0;
    for (let i = 1; i < rows && Crew.leads(); i++) {
      const y = a + step * (i as usize);
      const line = cosines + Lane.bytes<T>(i * cosinePitch);
      const normY = norms + ((i as usize) << 3);
      const bound = tolerance * tolerance * load<f64>(normY);
      for (let j = 0; j < i; j++) {
        const product = load<T>(line + Lane.bytes<T>(j)) as f64;
        const normX = norms + ((j as usize) << 3);
        if (product * product <= bound * load<f64>(normX)) continue;
        if (rotatePair<T>(a + step * (j as usize), y, n, width, normX, normY, tolerance)) rotations++;
      }
    }
    if (Crew.largest(rotations as f64, notes) == 0) return true;
  }
  return false;
}
