// C = A B, C += A B or C -= A B for blocks inside a factorisation: any strides, negative ones too, packed and run through
// the register tile as in matmul.ts. Scratch: productScratch bytes. Read next: ../products/matmul.ts, ../products/matmul-tile.ts.
import { matmulScratch } from "../products/matmul";
import { packColumns, packRows } from "../products/matmul-pack";
import { multiplyPanels, Tile } from "../products/matmul-tile";
import { Crew } from "./crew";
import { Lane } from "./vector";

/** What happens to C. */
export class Into {
  static readonly ASSIGN: i32 = 0;
  static readonly ADD: i32 = 1;
  static readonly SUBTRACT: i32 = 2;
}

/** Bytes of packing buffers for products up to [rows, depth] by [depth, columns]. The host computes the same number. */
export function productScratch<T extends number>(rows: i32, columns: i32, depth: i32): usize {
  return matmulScratch(rows, columns, depth, sizeof<T>());
}

/** Changes the sign of packed elements. */
function negate<T extends number>(x: usize, bytes: usize): void {
  const end = x + bytes;
  while (x + 16 <= end) {
    v128.store(x, v128.neg<T>(v128.load(x)));
    x += 16;
  }
  while (x < end) {
    store<T>(x, -load<T>(x) as T);
    x += sizeof<T>();
  }
}

/** C [m, n] takes A [m, k] times B [k, n]. Strides in elements; columns of C are neighbours. */
export function product<T extends number>(
  into: i32,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  scratch: usize,
): void {
  if (m <= 0 || n <= 0) return;
  const size = sizeof<T>() as isize;
  const cStep = ((cRow as isize) * size) as usize;
  if (k <= 0) {
    if (into == Into.ASSIGN) for (let i = 0; i < m; i++) memory.fill(c + (i as usize) * cStep, 0, Lane.bytes<T>(n));
    return;
  }
  const packedA = scratch + Tile.EDGE;
  const packedB = packedA + Lane.bytes<T>(min<i32>(Tile.ROWS, ((m + 29) / 30) * 30) * min<i32>(k, Tile.DEPTH));
  const tileRows = Tile.rows<T>();
  for (let j = 0; j < n; j += Tile.COLUMNS) {
    const columns = min<i32>(Tile.COLUMNS, n - j);
    for (let p = 0; p < k; p += Tile.DEPTH) {
      const depth = min<i32>(Tile.DEPTH, k - p);
      const blockB = (b + ((p as isize) * (bRow as isize) + (j as isize) * (bColumn as isize)) * size) as usize;
      // A couple of row panels use each element of B once or twice: packing would cost more than it saves.
      const whole = bColumn == 1 && m <= 2 * tileRows ? columns & ~(Tile.columns<T>() - 1) : 0;
      if (whole < columns)
        packColumns<T>(blockB + Lane.bytes<T>(whole), bColumn, bRow, columns - whole, depth, packedB);
      const accumulate = into != Into.ASSIGN || p > 0;
      for (let i = 0; i < m; i += Tile.ROWS) {
        const rows = min<i32>(Tile.ROWS, m - i);
        const blockA = (a + ((i as isize) * (aRow as isize) + (p as isize) * (aColumn as isize)) * size) as usize;
        packRows<T>(blockA, aRow, aColumn, rows, depth, packedA);
        if (into == Into.SUBTRACT)
          negate<T>(packedA, Lane.bytes<T>(((rows + tileRows - 1) / tileRows) * tileRows * depth));
        let place = c + (i as usize) * cStep + Lane.bytes<T>(j);
        if (whole > 0) {
          const rowStep = ((bRow as isize) * size) as usize;
          multiplyPanels<T>(
            rows,
            whole,
            depth,
            packedA,
            blockB,
            Tile.WIDTH,
            rowStep,
            place,
            cStep,
            scratch,
            accumulate,
          );
          place += Lane.bytes<T>(whole);
        }
        if (whole < columns) {
          const panel = Tile.WIDTH * (depth as usize);
          const rest = columns - whole;
          multiplyPanels<T>(rows, rest, depth, packedA, packedB, panel, Tile.WIDTH, place, cStep, scratch, accumulate);
        }
      }
    }
  }
}

/**
 * The same product by the crew, each worker the rows or columns of C that are its own; `scratch` is its own too. Elements come out
 * alike for every size of the crew. Nobody waits: whoever reads what others wrote meets them first.
 */
export function sharedProduct<T extends number>(
  into: i32,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  scratch: usize,
): void {
  const size = sizeof<T>() as isize;
  if (m >= n) {
    const from = Crew.from(m, Tile.rows<T>());
    const rows = Crew.to(m, Tile.rows<T>()) - from;
    const left = (a + (from as isize) * (aRow as isize) * size) as usize;
    const place = (c + (from as isize) * (cRow as isize) * size) as usize;
    product<T>(into, rows, n, k, left, aRow, aColumn, b, bRow, bColumn, place, cRow, scratch);
  } else {
    const from = Crew.from(n, Tile.columns<T>());
    const columns = Crew.to(n, Tile.columns<T>()) - from;
    const right = (b + (from as isize) * (bColumn as isize) * size) as usize;
    product<T>(into, m, columns, k, a, aRow, aColumn, right, bRow, bColumn, c + Lane.bytes<T>(from), cRow, scratch);
  }
}
