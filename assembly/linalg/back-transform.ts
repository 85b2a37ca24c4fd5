// Applies the reflectors of tridiagonal.ts to the rows of a matrix from the right, z ← z H(1) H(2) … H(n-1): blocks of them as
// I - Vᵀ M V (compact WY), so that the work is products. Strips of rows stay in the second-level cache while all blocks
// pass over them. The crew shares the blocks, then the rows. Source: Schreiber and Van Loan, A storage-efficient WY representation, SIAM J. Sci. Stat. Comput. 10
// (1989). Read next: tridiagonal.ts for V, product.ts.
import { Crew } from "./crew";
import { Into, product } from "./product";
import { addScaled, dot, Lane } from "./vector";

/** Reflectors in a block, and rows in a strip. */
export const BLOCK: i32 = 32;
const STRIP: i32 = 120;

/** Elements of what the crew shares, the M of every block. The host computes the same number. */
export function factorsSize(n: i32): i32 {
  return ((n + BLOCK - 1) / BLOCK) * BLOCK * BLOCK;
}

/** Elements of each worker's own. The host computes the same number. */
export const STRIPS_SIZE: i32 = BLOCK * BLOCK + 2 * STRIP * BLOCK;

/** M [count, count] of a block whose rows V begin at `v` and are `length` long; `gram` holds V Vᵀ. */
export function blockFactor<T extends number>(count: i32, gram: usize, tau: usize, m: usize): void {
  const line = Lane.bytes<T>(BLOCK);
  for (let j = 0; j < count; j++) {
    const column = Lane.bytes<T>(j);
    const factor = load<f64>(tau + ((j as usize) << 3));
    for (let i = 0; i < BLOCK; i++) store<T>(m + (i as usize) * line + column, 0 as T);
    for (let i = 0; i < j; i++) {
      const row = m + (i as usize) * line;
      let sum: f64 = 0;
      for (let l = i; l < j; l++) {
        sum += (load<T>(row + Lane.bytes<T>(l)) as f64) * (load<T>(gram + (l as usize) * line + column) as f64);
      }
      store<T>(row + column, (-factor * sum) as T);
    }
    store<T>(m + (j as usize) * line + column, factor as T);
  }
}

/** One reflector after the other: for matrices so small that blocks do not pay. */
function reflectRows<T extends number>(n: i32, s: usize, step: usize, tau: usize, z: usize): void {
  for (let i = 0; i < n; i++) {
    const row = z + (i as usize) * step;
    for (let k = 1; k < n; k++) {
      const factor = load<f64>(tau + ((k as usize) << 3));
      const v = s + (k as usize) * step;
      if (factor != 0) addScaled<T>(row, v, -factor * dot<T>(row, v, k), k);
    }
  }
}

/**
 * Reflects the n rows of Z, by the crew, which has met. S is overwritten above its reflectors. S and Z have `pitch` elements a
 * row; `factors` is factorsSize elements that the crew shares, `scratch` STRIPS_SIZE of the worker's own.
 */
export function backTransform<T extends number>(
  n: i32,
  s: usize,
  pitch: i32,
  tau: usize,
  z: usize,
  factors: usize,
  scratch: usize,
  packing: usize,
): void {
  const step = Lane.bytes<T>(pitch);
  if (n <= BLOCK) {
    reflectRows<T>(n, s, step, tau, z);
    return;
  }
  const square = Lane.bytes<T>(BLOCK * BLOCK);
  const blocks = (n - 1 + BLOCK - 1) / BLOCK;
  for (let number = Crew.worker; number < blocks; number += Crew.size) {
    const first = 1 + number * BLOCK;
    const count = min<i32>(BLOCK, n - first);
    const length = first + count - 1;
    const v = s + (first as usize) * step;
    for (let k = 0; k < count; k++) {
      memory.fill(v + (k as usize) * step + Lane.bytes<T>(first + k), 0, Lane.bytes<T>(count - 1 - k));
    }
    product<T>(Into.ASSIGN, count, count, length, v, pitch, 1, v, 1, pitch, scratch, BLOCK, packing);
    blockFactor<T>(count, scratch, tau + ((first as usize) << 3), factors + (number as usize) * square);
  }
  Crew.meet();
  const inner = scratch + square;
  const outer = inner + Lane.bytes<T>(STRIP * BLOCK);
  const end = Crew.to(n);
  for (let i = Crew.from(n); i < end; i += STRIP) {
    const rows = min<i32>(STRIP, end - i);
    const strip = z + (i as usize) * step;
    let m = factors;
    for (let first = 1; first < n; first += BLOCK) {
      const count = min<i32>(BLOCK, n - first);
      const length = first + count - 1;
      const v = s + (first as usize) * step;
      product<T>(Into.ASSIGN, rows, count, length, strip, pitch, 1, v, 1, pitch, inner, BLOCK, packing);
      product<T>(Into.ASSIGN, rows, count, count, inner, BLOCK, 1, m, BLOCK, 1, outer, BLOCK, packing);
      product<T>(Into.SUBTRACT, rows, length, count, outer, BLOCK, 1, v, pitch, 1, strip, pitch, packing);
      m += square;
    }
  }
  Crew.meet();
}
