// The product of matrices by packed blocks: 120 rows of A, 256 deep, by 1024 columns of B, through the register tile. B is read
// where it lies if there are few rows of A or it is small, and taken as it is if it is packed already.
// Read next: matmul-pack.ts, matmul-tile.ts; matmul.ts, which chooses this way or another.
import { finish } from "../elementwise/finish";
import { packColumns, packRows } from "./matmul-pack";
import { multiplyPanels, Tile } from "./matmul-tile";

/** All of A's rows meet a block of B before the next is packed. */
function packAndMultiply<T extends number>(
  a: usize,
  b: usize,
  c: usize,
  scratch: usize,
  m: i32,
  n: i32,
  k: i32,
  aRow: i32,
  aColumn: i32,
  bRow: i32,
  bColumn: i32,
  cStep: usize,
  own: usize,
): void {
  const size = sizeof<T>() as isize;
  const packedA = scratch + Tile.EDGE;
  const packedB =
    packedA + (min<i32>(Tile.ROWS, ((m + 29) / 30) * 30) as usize) * (min<i32>(k, Tile.DEPTH) as usize) * sizeof<T>();
  const rowStep = ((bRow as isize) * size) as usize;
  // A that fits a block is packed once for each depth; blocks of B are then small, so that what is packed is still near.
  const isShort = m <= Tile.ROWS;
  const width = isShort ? Tile.SHORT_COLUMNS : Tile.COLUMNS;
  // Few rows use an element of B so rarely that packing it costs more than it saves, and so it does where B is in the
  // first-level cache already.
  const near = n * k * (sizeof<T>() as i32) <= Tile.NEAR;
  const inPlace = bColumn == 1 && (near || m <= Tile.IN_PLACE_ROWS);
  for (let block = 0; block < n; block += Tile.COLUMNS) {
    const stop = min<i32>(n, block + Tile.COLUMNS);
    for (let p = 0; p < k; p += Tile.DEPTH) {
      const depth = min<i32>(Tile.DEPTH, k - p);
      const blockA = (a + (p as isize) * (aColumn as isize) * size) as usize;
      if (isShort) packRows<T>(blockA, aRow, aColumn, m, depth, packedA);
      for (let j = block; j < stop; j += width) {
        const columns = min<i32>(width, stop - j);
        const blockB = (b + ((p as isize) * (bRow as isize) + (j as isize) * (bColumn as isize)) * size) as usize;
        const whole = inPlace ? columns & ~(Tile.columns<T>() - 1) : 0;
        if (whole < columns) {
          const rest = blockB + (((whole as isize) * (bColumn as isize) * size) as usize);
          packColumns<T>(rest, bColumn, bRow, columns - whole, depth, packedB);
        }
        for (let i = 0; i < m; i += Tile.ROWS) {
          const rows = min<i32>(Tile.ROWS, m - i);
          if (!isShort) {
            packRows<T>(
              blockA + (((i as isize) * (aRow as isize) * size) as usize),
              aRow,
              aColumn,
              rows,
              depth,
              packedA,
            );
          }
          const block = c + (i as usize) * cStep + (j as usize) * sizeof<T>();
          let place = block;
          if (whole > 0) {
            multiplyPanels<T>(rows, whole, depth, packedA, blockB, Tile.WIDTH, rowStep, place, cStep, scratch, p > 0);
            place += (whole as usize) * sizeof<T>();
          }
          if (whole < columns) {
            const panel = Tile.WIDTH * (depth as usize);
            const rest = columns - whole;
            multiplyPanels<T>(rows, rest, depth, packedA, packedB, panel, Tile.WIDTH, place, cStep, scratch, p > 0);
          }
          if (p + depth >= k) finish(own, block, rows, columns);
        }
      }
    }
  }
}

/** Every block of A's rows meets all of a B that is packed already: panels of columns over the whole depth. */
function multiplyReady<T extends number>(
  a: usize,
  packedB: usize,
  c: usize,
  scratch: usize,
  m: i32,
  n: i32,
  k: i32,
  aRow: i32,
  aColumn: i32,
  cStep: usize,
  own: usize,
): void {
  const size = sizeof<T>() as isize;
  const packedA = scratch + Tile.EDGE;
  const panel = Tile.WIDTH * (k as usize);
  for (let i = 0; i < m; i += Tile.ROWS) {
    const rows = min<i32>(Tile.ROWS, m - i);
    for (let j = 0; j < n; j += Tile.COLUMNS) {
      const columns = min<i32>(Tile.COLUMNS, n - j);
      const place = c + (i as usize) * cStep + (j as usize) * sizeof<T>();
      const b = packedB + (j as usize) * (k as usize) * sizeof<T>();
      for (let p = 0; p < k; p += Tile.DEPTH) {
        const depth = min<i32>(Tile.DEPTH, k - p);
        const blockA = (a + ((i as isize) * (aRow as isize) + (p as isize) * (aColumn as isize)) * size) as usize;
        // One depth is all there is: packed for the columns before.
        if (j == 0 || k > Tile.DEPTH) packRows<T>(blockA, aRow, aColumn, rows, depth, packedA);
        const block = b + Tile.WIDTH * (p as usize);
        multiplyPanels<T>(rows, columns, depth, packedA, block, panel, Tile.WIDTH, place, cStep, scratch, p > 0);
      }
      finish(own, place, rows, columns);
    }
  }
}

/**
 * C [m, n] = A B. Strides in elements, `cStep` in bytes. Depth above 0. `packedB` is B in panels or 0; the sums are the same.
 * `own` is what finishOf gave: blocks are finished with the last depth.
 */
export function multiplyPacked<T extends number>(
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
  cStep: usize,
  own: usize,
): void {
  if (packedB != 0) multiplyReady<T>(a, packedB, c, scratch, m, n, k, aRow, aColumn, cStep, own);
  else packAndMultiply<T>(a, b, c, scratch, m, n, k, aRow, aColumn, bRow, bColumn, cStep, own);
}
