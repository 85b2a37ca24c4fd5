// Sizes of the register tile and of the blocks that are packed for it. Read next: matmul-tile.ts.

export class Tile {
  /** Depth of a packed block, so that a panel of B stays in the first-level cache. */
  static readonly DEPTH: i32 = 256;
  /** Rows of a packed block of A: a multiple of 5 and of 6; 120 x 256 f32 stay in the second-level cache. */
  static readonly ROWS: i32 = 120;
  /** Columns of a packed block of B. */
  static readonly COLUMNS: i32 = 1024;
  /** The same where A is one block. */
  static readonly SHORT_COLUMNS: i32 = 256;
  /** Up to so many rows of A, B is read where it is if its rows are contiguous. */
  static readonly IN_PLACE_ROWS: i32 = 60;
  /** Bytes of a B that is not packed because the first-level cache holds it. */
  static readonly NEAR: i32 = 16384;
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

/** One row of C takes (or adds) its two vectors: for tiles whose rows do not lie at one distance. */
export function storeRow<T extends number>(c: usize, x: v128, y: v128, accumulate: bool): void {
  if (accumulate) {
    x = v128.add<T>(v128.load(c), x);
    y = v128.add<T>(v128.load(c, 16), y);
  }
  v128.store(c, x);
  v128.store(c, y, 16);
}

/** The product of no steps. */
export function clearRows(rows: i32, c: usize, cStep: usize, bytes: usize): void {
  for (let i = 0; i < rows; i++) memory.fill(c + (i as usize) * cStep, 0, bytes);
}
