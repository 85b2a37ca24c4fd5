// Householder reflections of columns. Reflector r is row r of V, zero before its first element, which is 1; a block of them is
// H(0) H(1) … = I - Vᵀ M V with M upper triangular (compact WY), so that applying it is products.
// Source: Schreiber and Van Loan, SIAM J. Sci. Stat. Comput. 10 (1989). Read next: qr.ts; back-transform.ts for rows.
import { Tile } from "../products/matmul-tile";
import { blockFactor, BLOCK } from "./back-transform";
import { Crew } from "./crew";
import { Into, product } from "./product";
import { addScaled, dot, Lane, quickDot } from "./vector";

/** Elements of scratch that `applyBlock` needs for `columns` columns. The host computes the same number. */
export function applyScratch(columns: i32): i32 {
  return 2 * BLOCK * columns;
}

/**
 * Makes the reflector that sends x, `count` long, to beta times the first unit vector; x becomes v. Stores beta and
 * returns tau, 0 where there is nothing to reflect.
 */
export function reflector<T extends number>(x: usize, count: i32, beta: usize): f64 {
  const alpha = load<T>(x) as f64;
  const rest = dot<T>(x + sizeof<T>(), x + sizeof<T>(), count - 1);
  store<T>(x, 1 as T);
  // The matrix is scaled to about 1: what has squares this small is nothing, and its norm would have no digits.
  if (rest < 1e-280) {
    store<f64>(beta, alpha);
    memory.fill(x + sizeof<T>(), 0, Lane.bytes<T>(count - 1));
    return 0;
  }
  const norm = Math.sqrt(alpha * alpha + rest);
  const b = alpha > 0 ? -norm : norm;
  const factor = 1 / (alpha - b);
  for (let j: usize = sizeof<T>(); j < Lane.bytes<T>(count); j += sizeof<T>()) {
    store<T>(x + j, ((load<T>(x + j) as f64) * factor) as T);
  }
  store<f64>(beta, b);
  return (b - alpha) / b;
}

/** x -= tau (xᵀ v) v */
export function reflect<T extends number>(x: usize, v: usize, tau: f64, count: i32): void {
  if (tau != 0) addScaled<T>(x, v, -tau * quickDot<T>(x, v, count), count);
}

/** M of the block of `count` reflectors whose rows begin at `v`, `length` long; `gram` is BLOCK² elements of scratch. */
export function makeBlock<T extends number>(
  count: i32,
  length: i32,
  v: usize,
  pitch: i32,
  tau: usize,
  gram: usize,
  m: usize,
  packing: usize,
): void {
  product<T>(Into.ASSIGN, count, count, length, v, pitch, 1, v, 1, pitch, gram, BLOCK, packing);
  blockFactor<T>(count, gram, tau, m);
}

/** C [length, columns] ← H(0) H(1) … C, or with `reverse` … H(1) H(0) C. `work` is applyScratch elements. */
export function applyBlock<T extends number>(
  reverse: bool,
  count: i32,
  length: i32,
  columns: i32,
  v: usize,
  pitch: i32,
  m: usize,
  c: usize,
  cRow: i32,
  work: usize,
  packing: usize,
): void {
  const second = work + Lane.bytes<T>(BLOCK * columns);
  const row = reverse ? 1 : BLOCK;
  const column = reverse ? BLOCK : 1;
  product<T>(Into.ASSIGN, count, columns, length, v, pitch, 1, c, cRow, 1, work, columns, packing);
  product<T>(Into.ASSIGN, count, columns, count, m, row, column, work, columns, 1, second, columns, packing);
  product<T>(Into.SUBTRACT, length, columns, count, v, 1, pitch, second, columns, 1, c, cRow, packing);
}

/** `applyBlock` by the crew, each worker its own columns of C; `work` and `packing` are its own too. Nobody waits. */
export function sharedApply<T extends number>(
  reverse: bool,
  count: i32,
  length: i32,
  columns: i32,
  v: usize,
  pitch: i32,
  m: usize,
  c: usize,
  cRow: i32,
  work: usize,
  packing: usize,
): void {
  const unit = Tile.columns<T>();
  const from = Crew.from(columns, unit);
  const own = Crew.to(columns, unit) - from;
  applyBlock<T>(reverse, count, length, own, v, pitch, m, c + Lane.bytes<T>(from), cRow, work, packing);
}
