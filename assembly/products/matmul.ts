// Matrix product: [batch0, batch1] products of [m, k] by [k, n], any strides, 0 for a broadcast batch. Blocks of both
// operands are packed so that they stay in cache (256 deep, 120 rows, 1024 columns) and run through the register tile;
// B is read in place where there are few rows of A, and a handful of rows take the loops of matmul-stream.ts and
// matmul-dots.ts. Long sums are sums of block sums. Depth 0 gives zeros. What follows (a bias, an activation) is done by
// ../elementwise/finish.ts, block by block.
//
// Scratch in bytes, with s = element size, up(x, u) = ceil(x / u) * u and rows = batch0 * batch1 * m:
//   workers * up(256 + min(k, 256) * s * (min(120, up(rows, 30)) + min(1024, up(n, 8))), 64)
import { multiplyDots } from "./matmul-dots";
import { packColumns } from "./matmul-pack";
import { multiplyPacked } from "./matmul-packed";
import { MOST_ROWS, multiplyElement, multiplyStream } from "./matmul-stream";
import { Tile } from "./matmul-tile";
import { finish, finishOf } from "../elementwise/finish";
import { Share, Words } from "../program/words";

/** Runs shorter than this go through the register tile even where there are few rows. */
const SHORT: i32 = 32;

/** Bytes that `multiply` needs. `rows` may be any upper bound of its m. The host computes the same number. */
export function matmulScratch(rows: i32, columns: i32, depth: i32, size: usize): usize {
  const d = min<i32>(depth, Tile.DEPTH) as usize;
  const r = min<i32>(Tile.ROWS, ((rows + 29) / 30) * 30) as usize;
  const c = min<i32>(Tile.COLUMNS, (columns + 7) & ~7) as usize;
  return (Tile.EDGE + d * size * (r + c) + 63) & ~63;
}

/** A row times a matrix, c contiguous. Strides in elements; `scratch` holds Tile.DEPTH elements. Depth above 0. */
function multiplyVector<T extends number>(
  x: usize,
  xStride: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  columns: i32,
  depth: i32,
  scratch: usize,
): void {
  const size = sizeof<T>() as isize;
  const xStep = ((xStride as isize) * size) as usize;
  const rowStep = ((bRow as isize) * size) as usize;
  const columnStep = ((bColumn as isize) * size) as usize;
  if (bRow == 1 && xStride == 1) {
    multiplyDots<T>(x, 0, b, columnStep, c, 0, 1, columns, depth, false);
  } else if (bColumn == 1) {
    multiplyStream<T>(x, b, c, 1, columns, depth, 0, xStride, bRow, 0, scratch);
  } else if (bRow == 1) {
    for (let k = 0; k < depth; k += Tile.DEPTH) {
      const block = min<i32>(Tile.DEPTH, depth - k);
      for (let i: usize = 0; i < (block as usize); i++) store<T>(scratch + i * sizeof<T>(), load<T>(x + i * xStep));
      multiplyDots<T>(scratch, 0, b, columnStep, c, 0, 1, columns, block, k > 0);
      x += (block as usize) * xStep;
      b += (block as usize) * sizeof<T>();
    }
  } else {
    for (let j: usize = 0; j < (columns as usize); j++)
      multiplyElement<T>(x, xStep, b + j * columnStep, rowStep, c + j * sizeof<T>(), depth);
  }
}

/** How a product is computed. */
export class Way {
  static readonly PACKED: i32 = 0;
  static readonly ROW: i32 = 1;
  static readonly COLUMN: i32 = 2;
  static readonly STREAM: i32 = 3;
  static readonly DOTS: i32 = 4;

  /** By the size of the whole product, so that every share of it gives the same bits. Strides in elements. */
  static of<T extends number>(m: i32, n: i32, k: i32, aColumn: i32, bRow: i32, bColumn: i32, cRow: i32): i32 {
    if (m == 1) return Way.ROW;
    if (n == 1 && cRow == 1) return Way.COLUMN;
    // Five and six rows fill a register tile.
    if (m <= MOST_ROWS && m != 5 && m != Tile.rows<T>() && bColumn == 1 && n >= SHORT) return Way.STREAM;
    if (m <= 2 * MOST_ROWS && bRow == 1 && aColumn == 1 && k >= SHORT) return Way.DOTS;
    return Way.PACKED;
  }
}

/**
 * C [m, n] (rows `cRow` elements apart) = A B. Strides in elements. When m or n is 1, C must be contiguous. `packedB` is what
 * matmulPacked made of B, from the first column on that is wanted, or 0; `own` is what finishOf gave.
 */
export function multiply<T extends number>(
  way: i32,
  a: usize,
  b: usize,
  packedB: usize,
  c: usize,
  scratch: usize,
  m: i32,
  n: i32,
  k: i32,
  aRow: i32,
  aColumn: i32,
  bRow: i32,
  bColumn: i32,
  cRow: i32,
  own: usize,
): void {
  if (m <= 0 || n <= 0) return;
  const size = sizeof<T>() as isize;
  const cStep = (cRow as usize) * sizeof<T>();
  if (k <= 0) {
    for (let i = 0; i < m; i++) memory.fill(c + (i as usize) * cStep, 0, (n as usize) * sizeof<T>());
  } else if (way == Way.ROW) {
    multiplyVector<T>(a, aColumn, b, bRow, bColumn, c, n, k, scratch);
  } else if (way == Way.COLUMN) {
    multiplyVector<T>(b, bRow, a, aColumn, aRow, c, m, k, scratch);
  } else if (way == Way.STREAM) {
    multiplyStream<T>(a, b, c, m, n, k, aRow, aColumn, bRow, cStep, scratch);
  } else if (way == Way.DOTS) {
    const aStep = ((aRow as isize) * size) as usize;
    const columnStep = ((bColumn as isize) * size) as usize;
    multiplyDots<T>(a, aStep, b, columnStep, c, cStep, m, n, k, false);
  } else {
    multiplyPacked<T>(a, b, packedB, c, scratch, m, n, k, aRow, aColumn, bRow, bColumn, cStep, own);
    return;
  }
  finish(own, c, m, n);
}

/** Words: b, result, scratch, then n, k and the strides of b: its columns as `multiply` wants them packed. Workers share them. */
function packB<T extends number>(args: usize, worker: i32, workers: i32): void {
  const n = Words.integer(args, 3);
  const k = Words.integer(args, 4);
  const bRow = Words.integer(args, 5);
  const bColumn = Words.integer(args, 6);
  const size = sizeof<T>() as isize;
  const from = Share.fromUnits(n, Tile.columns<T>(), worker, workers);
  const columns = Share.fromUnits(n, Tile.columns<T>(), worker + 1, workers) - from;
  const b = Words.pointer(args, 0) + (((from as isize) * (bColumn as isize) * size) as usize);
  const target = Words.pointer(args, 1) + (from as usize) * (k as usize) * sizeof<T>();
  packColumns<T>(b, bColumn, bRow, columns, k, target);
}

export function matmulPacked_f32(args: usize, worker: i32, workers: i32): void {
  packB<f32>(args, worker, workers);
}
export function matmulPacked_f64(args: usize, worker: i32, workers: i32): void {
  packB<f64>(args, worker, workers);
}

/**
 * Words: a, b, out, scratch, batch0, batch1, m, n, k, then eight strides, the address of what matmulPacked made of b or 0, and
 * of what follows (../elementwise/finish.ts). Workers share the products of the batch when there are enough of them, otherwise the rows or
 * the columns of each product, whichever are more.
 */
function matmul<T extends number>(args: usize, worker: i32, workers: i32): void {
  const a = Words.pointer(args, 0);
  const b = Words.pointer(args, 1);
  const c = Words.pointer(args, 2);
  let batch0 = Words.integer(args, 4);
  let batch1 = Words.integer(args, 5);
  let m = Words.integer(args, 6);
  const n = Words.integer(args, 7);
  const k = Words.integer(args, 8);
  let aRow = Words.integer(args, 9);
  const aColumn = Words.integer(args, 10);
  const aBatch0 = Words.integer(args, 11);
  let aBatch1 = Words.integer(args, 12);
  const bRow = Words.integer(args, 13);
  const bColumn = Words.integer(args, 14);
  const bBatch0 = Words.integer(args, 15);
  const bBatch1 = Words.integer(args, 16);
  const scratch = Words.pointer(args, 3) + matmulScratch(batch0 * batch1 * m, n, k, sizeof<T>()) * (worker as usize);
  // A batch that shares B is one tall product: rows of A go on where the last product ended.
  if (bBatch1 == 0 && batch1 > 1 && (m == 1 || aBatch1 == aRow * m)) {
    if (m == 1) aRow = aBatch1;
    m *= batch1;
    batch1 = 1;
    aBatch1 = 0;
  }
  if (bBatch0 == 0 && batch0 > 1 && batch1 == 1 && (m == 1 || aBatch0 == aRow * m)) {
    if (m == 1) aRow = aBatch0;
    m *= batch0;
    batch0 = 1;
  }
  const packedB = Words.pointer(args, 17);
  const own = finishOf(Words.pointer(args, 18), worker);
  const way = Way.of<T>(m, n, k, aColumn, bRow, bColumn, n);
  const products = batch0 * batch1;
  const shareProducts = products >= workers;
  const shareRows = !shareProducts && m >= n;
  const shareColumns = !shareProducts && !shareRows;
  const from = shareProducts ? Share.from(products, worker, workers) : 0;
  const end = shareProducts ? Share.from(products, worker + 1, workers) : products;
  // The loops for one row or one column go by whole strips of 64 bytes.
  const strip = (64 / sizeof<T>()) as i32;
  const rowUnit = n == 1 ? strip : Tile.rows<T>();
  const columnUnit = m == 1 ? strip : Tile.columns<T>();
  const i = shareRows ? Share.fromWhole(m, rowUnit, worker, workers) : 0;
  const rows = (shareRows ? Share.fromWhole(m, rowUnit, worker + 1, workers) : m) - i;
  const j = shareColumns ? Share.fromWhole(n, columnUnit, worker, workers) : 0;
  const columns = (shareColumns ? Share.fromWhole(n, columnUnit, worker + 1, workers) : n) - j;
  const size = sizeof<T>() as isize;
  for (let product = from; product < end; product++) {
    const outer = product / batch1;
    const inner = product - outer * batch1;
    const offsetA =
      (outer as isize) * (aBatch0 as isize) + (inner as isize) * (aBatch1 as isize) + (i as isize) * (aRow as isize);
    const offsetB =
      (outer as isize) * (bBatch0 as isize) + (inner as isize) * (bBatch1 as isize) + (j as isize) * (bColumn as isize);
    const offsetC = (product as isize) * (m as isize) * (n as isize) + (i as isize) * (n as isize) + (j as isize);
    multiply<T>(
      way,
      a + ((offsetA * size) as usize),
      b + ((offsetB * size) as usize),
      packedB == 0 ? 0 : packedB + (j as usize) * (k as usize) * sizeof<T>(),
      c + ((offsetC * size) as usize),
      scratch,
      rows,
      columns,
      k,
      aRow,
      aColumn,
      bRow,
      bColumn,
      n,
      own,
    );
  }
}

export function matmul_f32(args: usize, worker: i32, workers: i32): void {
  matmul<f32>(args, worker, workers);
}
export function matmul_f64(args: usize, worker: i32, workers: i32): void {
  matmul<f64>(args, worker, workers);
}
export function matmul_i32(args: usize, worker: i32, workers: i32): void {
  matmul<i32>(args, worker, workers);
}
