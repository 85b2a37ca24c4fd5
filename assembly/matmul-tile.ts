// The register tile: a block of C, ROWS x 2 vectors, that stays in registers while the whole depth runs through it.
//
//            b: one packed row of 2 vectors per depth step (or a row of B in place, `bStep` bytes apart)
//   a: ROWS  +-----------+
//   scalars  | c00   c01 |   relaxed SIMD: 6 rows, 12 accumulators + 2 + 1 = 15 registers, all that x86-64 has
//   per step | ...       |   mul and add : 5 rows, the product needs a register of its own
//            +-----------+
//
// One depth step per turn: unrolling by hand makes the compilers spill (kernels with 2 and 4 steps lose 30 %). storeRow
// must stay a call: inlined behind the loop, as asc -O3 does, it makes V8 11.3 spill inside the loop. Build with -O2
// (256 x 256 x 256 on Zen 4, November 2026: 51 GFLOP/s at -O2, 26 at -O3).
// Generic over f32, f64, i32. Knows nothing of packing (matmul-pack.ts) or of loops over blocks (matmul.ts).

export class Tile {
  /** Depth of a packed block, so that a panel of B stays in the first-level cache. */
  static readonly DEPTH: i32 = 256;
  /** Rows of a packed block of A: a multiple of 5 and of 6; 120 x 256 f32 stay in the second-level cache. */
  static readonly ROWS: i32 = 120;
  /** Columns of a packed block of B. */
  static readonly COLUMNS: i32 = 1024;
  /** Bytes of one packed depth step of a column panel, and of one row of a tile. */
  static readonly WIDTH: usize = 32;
  /** Bytes of a tile that hangs over the edge of C, and of the place set aside for it. */
  static readonly EDGE_TILE: usize = 192;
  static readonly EDGE: usize = 256;

  @inline static rows<T extends number>(): i32 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) return 6;
    }
    return 5;
  }

  @inline static columns<T extends number>(): i32 {
    return (32 / sizeof<T>()) as i32;
  }

  /** x * y + sum, rounded once where the machine can. */
  @inline static madd<T extends number>(x: v128, y: v128, sum: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) return v128.relaxed_madd<T>(x, y, sum);
    }
    return v128.add<T>(v128.mul<T>(x, y), sum);
  }
}

/** One row of C takes (or adds) its two vectors. */
export function storeRow<T extends number>(c: usize, x: v128, y: v128, accumulate: bool): void {
  if (accumulate) {
    x = v128.add<T>(v128.load(c), x);
    y = v128.add<T>(v128.load(c, 16), y);
  }
  v128.store(c, x);
  v128.store(c, y, 16);
}

/** C tile (rows `cStep` bytes apart) = or += the product of `depth` steps of packed a and of b. */
export function multiplyTile<T extends number>(
  depth: i32,
  a: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  const end = a + (depth as usize) * (Tile.rows<T>() as usize) * sizeof<T>();
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load_splat<T>(a);
    c00 = Tile.madd<T>(a0, b0, c00);
    c01 = Tile.madd<T>(a0, b1, c01);
    const a1 = v128.load_splat<T>(a, sizeof<T>());
    c10 = Tile.madd<T>(a1, b0, c10);
    c11 = Tile.madd<T>(a1, b1, c11);
    const a2 = v128.load_splat<T>(a, 2 * sizeof<T>());
    c20 = Tile.madd<T>(a2, b0, c20);
    c21 = Tile.madd<T>(a2, b1, c21);
    const a3 = v128.load_splat<T>(a, 3 * sizeof<T>());
    c30 = Tile.madd<T>(a3, b0, c30);
    c31 = Tile.madd<T>(a3, b1, c31);
    const a4 = v128.load_splat<T>(a, 4 * sizeof<T>());
    c40 = Tile.madd<T>(a4, b0, c40);
    c41 = Tile.madd<T>(a4, b1, c41);
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        const a5 = v128.load_splat<T>(a, 5 * sizeof<T>());
        c50 = Tile.madd<T>(a5, b0, c50);
        c51 = Tile.madd<T>(a5, b1, c51);
      }
    }
    a += (Tile.rows<T>() as usize) * sizeof<T>();
    b += bStep;
  }
  storeRow<T>(c, c00, c01, accumulate);
  c += cStep;
  storeRow<T>(c, c10, c11, accumulate);
  c += cStep;
  storeRow<T>(c, c20, c21, accumulate);
  c += cStep;
  storeRow<T>(c, c30, c31, accumulate);
  c += cStep;
  storeRow<T>(c, c40, c41, accumulate);
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isFloat<T>()) storeRow<T>(c + cStep, c50, c51, accumulate);
  }
}

/** Copies (or adds) the valid corner of a tile to C. */
function storeEdge<T extends number>(
  tile: usize,
  rows: i32,
  columns: i32,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  const bytes = (columns as usize) * sizeof<T>();
  for (let i = 0; i < rows; i++) {
    let j: usize = 0;
    while (j + 16 <= bytes) {
      const x = v128.load(tile + j);
      v128.store(c + j, accumulate ? v128.add<T>(v128.load(c + j), x) : x);
      j += 16;
    }
    while (j < bytes) {
      const x = load<T>(tile + j);
      store<T>(c + j, accumulate ? ((load<T>(c + j) + x) as T) : x);
      j += sizeof<T>();
    }
    tile += Tile.WIDTH;
    c += cStep;
  }
}

/**
 * C [rows, columns] = or += packed A times B. Panels of B are `bPanel` bytes apart and their depth steps `bStep`:
 * packed, that is (depth * 32, 32); B in place, (32, bytes of its row), and then `columns` must be whole panels.
 * `edge` is Tile.EDGE bytes of scratch.
 */
export function multiplyPanels<T extends number>(
  rows: i32,
  columns: i32,
  depth: i32,
  a: usize,
  b: usize,
  bPanel: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
  edge: usize,
  accumulate: bool,
): void {
  const tileRows = Tile.rows<T>();
  const tileColumns = Tile.columns<T>();
  const aPanel = (depth as usize) * (tileRows as usize) * sizeof<T>();
  for (let j = 0; j < columns; j += tileColumns) {
    let panel = a;
    let place = c;
    for (let i = 0; i < rows; i += tileRows) {
      if (i + tileRows <= rows && j + tileColumns <= columns) {
        multiplyTile<T>(depth, panel, b, bStep, place, cStep, accumulate);
      } else {
        multiplyTile<T>(depth, panel, b, bStep, edge, Tile.WIDTH, false);
        storeEdge<T>(edge, min<i32>(tileRows, rows - i), min<i32>(tileColumns, columns - j), place, cStep, accumulate);
      }
      panel += aPanel;
      place += (tileRows as usize) * cStep;
    }
    b += bPanel;
    c += Tile.WIDTH;
  }
}
