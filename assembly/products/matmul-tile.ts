// The register tile: a block of C, ROWS x 2 vectors, that stays in registers while the whole depth runs through it.
//
//            b: one packed row of 2 vectors per depth step (or a row of B in place, `bStep` bytes apart)
//   a: ROWS  +-----------+
//   scalars  | c00   c01 |   relaxed SIMD: 6 rows, 12 accumulators + 2 + 1 = 15 registers, all that x86-64 has
//   per step | ...       |   mul and add : 5 rows, the product needs a register of its own
//            +-----------+
//
// One depth step per turn: unrolling by hand makes V8 spill (kernels with 2 and 4 steps lose 30 %). The first step stands
// before the loop: V8 11.3 then computes the addresses of the scalars once, and keeps the accumulators in registers
// although the stores stand behind the loop. Build with -O2. 256 x 256 x 256 on Zen 4, November 2026, GFLOP/s:
// 54 of 52 with relaxed SIMD, 45 of 50 without; with the first step inside the loop 50 and 36.
// Generic over f32, f64, i32. Knows nothing of packing (matmul-pack.ts) or of loops over blocks (matmul.ts).

import { multiplyHalf } from "./matmul-half";
import { clearRows, Tile } from "./tile";

export { Tile } from "./tile";

/** The first `rows` rows of a C tile (`cStep` bytes apart) = or += the product of `depth` steps of a and b. */
export function multiplyRows<T extends number>(
  depth: i32,
  a: usize,
  b: usize,
  bStep: usize,
  rows: i32,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  if (depth <= 0) {
    if (!accumulate) clearRows(rows, c, cStep, 32);
    return;
  }
  const step = (Tile.rows<T>() as usize) * sizeof<T>();
  const end = a + (depth as usize) * step;
  let x: v128;
  let b0 = v128.load(b);
  let b1 = v128.load(b, 16);
  let c00: v128;
  let c01: v128;
  let c10: v128;
  let c11: v128;
  let c20: v128;
  let c21: v128;
  let c30: v128;
  let c31: v128;
  let c40: v128;
  let c41: v128;
  let c50 = i32x4.splat(0);
  let c51 = c50;
  x = v128.load_splat<T>(a);
  c00 = v128.mul<T>(x, b0);
  c01 = v128.mul<T>(x, b1);
  x = v128.load_splat<T>(a, sizeof<T>());
  c10 = v128.mul<T>(x, b0);
  c11 = v128.mul<T>(x, b1);
  x = v128.load_splat<T>(a, 2 * sizeof<T>());
  c20 = v128.mul<T>(x, b0);
  c21 = v128.mul<T>(x, b1);
  x = v128.load_splat<T>(a, 3 * sizeof<T>());
  c30 = v128.mul<T>(x, b0);
  c31 = v128.mul<T>(x, b1);
  x = v128.load_splat<T>(a, 4 * sizeof<T>());
  c40 = v128.mul<T>(x, b0);
  c41 = v128.mul<T>(x, b1);
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isFloat<T>()) {
      x = v128.load_splat<T>(a, 5 * sizeof<T>());
      c50 = v128.mul<T>(x, b0);
      c51 = v128.mul<T>(x, b1);
    }
  }
  a += step;
  b += bStep;
  while (a < end) {
    b0 = v128.load(b);
    b1 = v128.load(b, 16);
    x = v128.load_splat<T>(a);
    c00 = Tile.madd<T>(x, b0, c00);
    c01 = Tile.madd<T>(x, b1, c01);
    x = v128.load_splat<T>(a, sizeof<T>());
    c10 = Tile.madd<T>(x, b0, c10);
    c11 = Tile.madd<T>(x, b1, c11);
    x = v128.load_splat<T>(a, 2 * sizeof<T>());
    c20 = Tile.madd<T>(x, b0, c20);
    c21 = Tile.madd<T>(x, b1, c21);
    x = v128.load_splat<T>(a, 3 * sizeof<T>());
    c30 = Tile.madd<T>(x, b0, c30);
    c31 = Tile.madd<T>(x, b1, c31);
    x = v128.load_splat<T>(a, 4 * sizeof<T>());
    c40 = Tile.madd<T>(x, b0, c40);
    c41 = Tile.madd<T>(x, b1, c41);
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        x = v128.load_splat<T>(a, 5 * sizeof<T>());
        c50 = Tile.madd<T>(x, b0, c50);
        c51 = Tile.madd<T>(x, b1, c51);
      }
    }
    a += step;
    b += bStep;
  }
  if (accumulate) {
    v128.store(c, v128.add<T>(v128.load(c), c00));
    v128.store(c, v128.add<T>(v128.load(c, 16), c01), 16);
    if (rows == 1) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c10));
    v128.store(c, v128.add<T>(v128.load(c, 16), c11), 16);
    if (rows == 2) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c20));
    v128.store(c, v128.add<T>(v128.load(c, 16), c21), 16);
    if (rows == 3) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c30));
    v128.store(c, v128.add<T>(v128.load(c, 16), c31), 16);
    if (rows == 4) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c40));
    v128.store(c, v128.add<T>(v128.load(c, 16), c41), 16);
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        if (rows == 5) return;
        c += cStep;
        v128.store(c, v128.add<T>(v128.load(c), c50));
        v128.store(c, v128.add<T>(v128.load(c, 16), c51), 16);
      }
    }
  } else {
    v128.store(c, c00);
    v128.store(c, c01, 16);
    if (rows == 1) return;
    c += cStep;
    v128.store(c, c10);
    v128.store(c, c11, 16);
    if (rows == 2) return;
    c += cStep;
    v128.store(c, c20);
    v128.store(c, c21, 16);
    if (rows == 3) return;
    c += cStep;
    v128.store(c, c30);
    v128.store(c, c31, 16);
    if (rows == 4) return;
    c += cStep;
    v128.store(c, c40);
    v128.store(c, c41, 16);
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        if (rows == 5) return;
        c += cStep;
        v128.store(c, c50);
        v128.store(c, c51, 16);
      }
    }
  }
}

/** A whole tile of C (rows `cStep` bytes apart) = or += the product of `depth` steps of packed a and of b. */
export function multiplyTile<T extends number>(
  depth: i32,
  a: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  multiplyRows<T>(depth, a, b, bStep, Tile.rows<T>(), c, cStep, accumulate);
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
    let from = tile;
    let to = c;
    if (bytes & 16) {
      const x = v128.load(from);
      v128.store(to, accumulate ? v128.add<T>(v128.load(to), x) : x);
      from += 16;
      to += 16;
    }
    if (bytes & 8) {
      const x = v128.load64_zero(from);
      v128.store_lane<u64>(to, accumulate ? v128.add<T>(v128.load64_zero(to), x) : x, 0);
      from += 8;
      to += 8;
    }
    if (bytes & 4) {
      const x = v128.load32_zero(from);
      v128.store_lane<u32>(to, accumulate ? v128.add<T>(v128.load32_zero(to), x) : x, 0);
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
  const panelStep = (tileRows as usize) * cStep;
  for (let j = 0; j < columns; j += tileColumns) {
    let panel = a;
    let place = c;
    const valid = columns - j;
    // Half a tile is enough for half of the columns, and both write where C has room for whole vectors.
    const isHalf = 2 * valid <= tileColumns;
    const isWhole = valid >= tileColumns || 2 * valid == tileColumns;
    for (let i = 0; i < rows; i += tileRows) {
      const height = min<i32>(tileRows, rows - i);
      const target = isWhole ? place : edge;
      const step = isWhole ? cStep : Tile.WIDTH;
      const adds = accumulate && isWhole;
      if (isHalf) multiplyHalf<T>(depth, panel, b, bStep, height, target, step, adds);
      else multiplyRows<T>(depth, panel, b, bStep, height, target, step, adds);
      if (!isWhole) storeEdge<T>(edge, height, valid, place, cStep, accumulate);
      panel += aPanel;
      place += panelStep;
    }
    b += bPanel;
    c += Tile.WIDTH;
  }
}
