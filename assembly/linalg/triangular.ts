// Triangular systems L X = B, B overwritten by X, by halves: the rows below lose a product, leaves of 16 are solved in strips
// of columns that stay in registers. Any strides of L: an upper triangle is a lower one read backwards, a transposed one
// has its strides exchanged. Read next: cholesky.ts, lu.ts.
import { Tile } from "../products/matmul-tile";
import { Crew } from "./crew";
import { Into, product } from "./product";
import { addScaled, Lane, quickDot } from "./vector";

/** Rows of a leaf. */
const LEAF: i32 = 16;

/** Bytes of the block that leaves are copied to. The host computes the same number. */
export const TRIANGLE_BYTES: usize = 16 * 16 * 8;

/** One column of a leaf. */
function solveColumn<T extends number>(n: i32, block: usize, b: usize, step: usize): void {
  for (let i = 0; i < n; i++) {
    const line = block + Lane.bytes<T>(i * LEAF);
    const place = b + (i as usize) * step;
    let sum = load<T>(place);
    for (let k = 0; k < i; k++) sum = (sum + load<T>(line + Lane.bytes<T>(k)) * load<T>(b + (k as usize) * step)) as T;
    store<T>(place, (sum / load<T>(line + Lane.bytes<T>(i))) as T);
  }
}

/** Two vectors of columns of a leaf. */
function solveStrip<T extends number>(n: i32, block: usize, b: usize, step: usize): void {
  for (let i = 0; i < n; i++) {
    let l = block + Lane.bytes<T>(i * LEAF);
    const end = l + Lane.bytes<T>(i);
    const place = b + (i as usize) * step;
    let x = v128.load(place);
    let y = v128.load(place, 16);
    let row = b;
    while (l < end) {
      const factor = v128.load_splat<T>(l);
      x = Tile.madd<T>(factor, v128.load(row), x);
      y = Tile.madd<T>(factor, v128.load(row, 16), y);
      l += sizeof<T>();
      row += step;
    }
    const pivot = v128.load_splat<T>(l);
    v128.store(place, v128.div<T>(x, pivot));
    v128.store(place, v128.div<T>(y, pivot), 16);
  }
}

/** Rows below a solved part of one column: c [m] -= A [m, k] b, strides as in `substitute`. Packing A would cost more. */
function subtractColumn<T extends number>(
  m: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bRow: i32,
  c: usize,
): void {
  const size = sizeof<T>() as isize;
  // Where elements lie backwards, the last is the first in memory.
  const backwards = bRow < 0;
  if (aColumn == bRow) {
    const last = backwards ? ((k - 1) as isize) * size : 0;
    for (let i = 0; i < m; i++) {
      const row = (a + (i as isize) * (aRow as isize) * size - last) as usize;
      const place = (c + (i as isize) * (bRow as isize) * size) as usize;
      store<T>(place, ((load<T>(place) as f64) - quickDot<T>(row, (b - last) as usize, k)) as T);
    }
    return;
  }
  const last = backwards ? ((m - 1) as isize) * size : 0;
  for (let j = 0; j < k; j++) {
    const column = (a + (j as isize) * (aColumn as isize) * size - last) as usize;
    const factor = load<T>((b + (j as isize) * (bRow as isize) * size) as usize) as f64;
    addScaled<T>((c - last) as usize, column, -factor, m);
  }
}

/**
 * Solves L X = B in place: L [n, n] lower, strides in elements; B [n, m], rows `bRow` elements apart. With `unit` the diagonal
 * is 1 and not read. `block` is TRIANGLE_BYTES of scratch.
 */
export function substitute<T extends number>(
  n: i32,
  m: i32,
  l: usize,
  lRow: i32,
  lColumn: i32,
  unit: bool,
  b: usize,
  bRow: i32,
  block: usize,
  packing: usize,
): void {
  if (n <= 0 || m <= 0) return;
  const size = sizeof<T>() as isize;
  if (n > LEAF) {
    const half = ((n >> 1) + LEAF - 1) & ~(LEAF - 1);
    const below = (l + (half as isize) * (lRow as isize) * size) as usize;
    const corner = (below + (half as isize) * (lColumn as isize) * size) as usize;
    const rest = (b + (half as isize) * (bRow as isize) * size) as usize;
    substitute<T>(half, m, l, lRow, lColumn, unit, b, bRow, block, packing);
    // The one column of a vector, along rows of L or along its columns.
    if (m == 1 && (bRow == 1 || bRow == -1) && (lColumn == bRow || lRow == bRow)) {
      subtractColumn<T>(n - half, half, below, lRow, lColumn, b, bRow, rest);
    } else {
      product<T>(Into.SUBTRACT, n - half, m, half, below, lRow, lColumn, b, bRow, 1, rest, bRow, packing);
    }
    substitute<T>(n - half, m, corner, lRow, lColumn, unit, rest, bRow, block, packing);
    return;
  }
  // The negated triangle, its diagonal as it is.
  for (let i = 0; i < n; i++) {
    const line = block + Lane.bytes<T>(i * LEAF);
    const from = (l + (i as isize) * (lRow as isize) * size) as usize;
    for (let k = 0; k < i; k++) {
      store<T>(line + Lane.bytes<T>(k), -load<T>((from + (k as isize) * (lColumn as isize) * size) as usize) as T);
    }
    const pivot = unit ? (1 as T) : load<T>((from + (i as isize) * (lColumn as isize) * size) as usize);
    store<T>(line + Lane.bytes<T>(i), pivot);
  }
  const step = ((bRow as isize) * size) as usize;
  const width = 2 * Lane.count<T>();
  let j = 0;
  for (; j + width <= m; j += width) solveStrip<T>(n, block, b + Lane.bytes<T>(j), step);
  for (; j < m; j++) solveColumn<T>(n, block, b + Lane.bytes<T>(j), step);
}

/** The same for an upper triangle U X = B. */
export function substituteUpper<T extends number>(
  n: i32,
  m: i32,
  u: usize,
  uRow: i32,
  uColumn: i32,
  unit: bool,
  b: usize,
  bRow: i32,
  block: usize,
  packing: usize,
): void {
  if (n <= 0) return;
  const size = sizeof<T>() as isize;
  const last = (n - 1) as isize;
  const corner = (u + last * ((uRow as isize) + (uColumn as isize)) * size) as usize;
  const bottom = (b + last * (bRow as isize) * size) as usize;
  substitute<T>(n, m, corner, -uRow, -uColumn, unit, bottom, -bRow, block, packing);
}

/** Rows that one worker solves for a column while the others wait. */
const ALONE: i32 = 64;

/** `substitute` of one column along rows of L, which the crew shares. */
function substituteTogether<T extends number>(
  n: i32,
  l: usize,
  lRow: i32,
  lColumn: i32,
  unit: bool,
  b: usize,
  bRow: i32,
  block: usize,
  packing: usize,
): void {
  if (n <= ALONE) {
    if (Crew.leads()) substitute<T>(n, 1, l, lRow, lColumn, unit, b, bRow, block, packing);
    Crew.meet();
    return;
  }
  const size = sizeof<T>() as isize;
  const half = ((n >> 1) + LEAF - 1) & ~(LEAF - 1);
  const below = (l + (half as isize) * (lRow as isize) * size) as usize;
  const corner = (below + (half as isize) * (lColumn as isize) * size) as usize;
  const rest = (b + (half as isize) * (bRow as isize) * size) as usize;
  substituteTogether<T>(half, l, lRow, lColumn, unit, b, bRow, block, packing);
  const from = Crew.from(n - half);
  const rows = Crew.to(n - half) - from;
  const own = (below + (from as isize) * (lRow as isize) * size) as usize;
  const place = (rest + (from as isize) * (bRow as isize) * size) as usize;
  subtractColumn<T>(rows, half, own, lRow, lColumn, b, bRow, place);
  Crew.meet();
  substituteTogether<T>(n - half, corner, lRow, lColumn, unit, rest, bRow, block, packing);
}

/**
 * `substitute` by the crew, each worker its own columns of B; `block` and `packing` are its own too. Nobody waits but for a single
 * column, which all work on.
 */
export function sharedSubstitute<T extends number>(
  n: i32,
  m: i32,
  l: usize,
  lRow: i32,
  lColumn: i32,
  unit: bool,
  b: usize,
  bRow: i32,
  block: usize,
  packing: usize,
): void {
  if (Crew.size > 1 && m == 1 && bRow == 1 && lColumn == 1) {
    // Somebody else may have written the column.
    Crew.meet();
    substituteTogether<T>(n, l, lRow, lColumn, unit, b, bRow, block, packing);
    return;
  }
  const width = 2 * Lane.count<T>();
  const from = Crew.from(m, width);
  const columns = Crew.to(m, width) - from;
  substitute<T>(n, columns, l, lRow, lColumn, unit, b + Lane.bytes<T>(from), bRow, block, packing);
}

/** The same for an upper triangle. */
export function sharedSubstituteUpper<T extends number>(
  n: i32,
  m: i32,
  u: usize,
  uRow: i32,
  uColumn: i32,
  unit: bool,
  b: usize,
  bRow: i32,
  block: usize,
  packing: usize,
): void {
  if (Crew.size > 1 && m == 1 && bRow == 1 && uColumn == 1) {
    Crew.meet();
    const last = Lane.bytes<T>(n - 1);
    const corner = u + last * (uRow as usize) + last;
    substituteTogether<T>(n, corner, -uRow, -1, unit, b + last, -1, block, packing);
    return;
  }
  const width = 2 * Lane.count<T>();
  const from = Crew.from(m, width);
  const columns = Crew.to(m, width) - from;
  substituteUpper<T>(n, columns, u, uRow, uColumn, unit, b + Lane.bytes<T>(from), bRow, block, packing);
}
