// What the attention kernels share: blocks of scores, kept turned so that eight queries (or keys) lie side by side.
//
//   panel: 8 columns of B, packed [depth][8]          scores [rows][8] = packed rows · panel, written by the register tile
//   packed rows: panels of Tile.rows rows             and read by it again as a panel of depth `rows`: never repacked
//
// A maximum, a sum or a rescaling of a query then runs down its lane, with no sums across lanes. Rows come in blocks of at
// most Panel.ROWS, so that scores stay in the first-level cache. f32. Read next: attention.ts, attention-gradient.ts.
import { Vector } from "../lanes/lanes-vector";
import { interleaveFour, packRows } from "../products/matmul-pack";
import { multiplyTile, Tile } from "../products/matmul-tile";
import { Words } from "../program/words";

export class Panel {
  /** Rows of a block of scores: a multiple of 5 and of 6. */
  static readonly ROWS: i32 = 240;
  /** Columns of a panel. */
  static readonly LANES: i32 = 8;
  /** Bytes of a row of eight. */
  static readonly STEP: usize = 32;
  /** Bytes of a block. */
  static readonly BLOCK: usize = 7680;

  /** Rows that packing pads to, at most. */
  @inline static padded(rows: i32): usize {
    return (((rows + 29) / 30) * 30) as usize;
  }

  /** Bytes of `rows` x `depth` packed as rows. */
  @inline static packed(rows: i32, depth: i32): usize {
    return (Panel.padded(rows) * (depth as usize) * 4 + 63) & ~63;
  }

  /** Bytes of eight columns of `depth`. */
  @inline static columns(depth: i32): usize {
    return Panel.padded(depth) * Panel.STEP;
  }
}

/** The words of an attention kernel, from index `base` on; strides are in elements. */
export class Shape {
  @inline static batch0(args: usize, base: i32): i32 {
    return Words.integer(args, base);
  }
  @inline static batch1(args: usize, base: i32): i32 {
    return Words.integer(args, base + 1);
  }
  @inline static queries(args: usize, base: i32): i32 {
    return Words.integer(args, base + 2);
  }
  @inline static keys(args: usize, base: i32): i32 {
    return Words.integer(args, base + 3);
  }
  /** Length of a query and a key. */
  @inline static depth(args: usize, base: i32): i32 {
    return Words.integer(args, base + 4);
  }
  /** Length of a value. */
  @inline static width(args: usize, base: i32): i32 {
    return Words.integer(args, base + 5);
  }
  /** Bit 0: a query sees no later key. Bit 1: there is a mask. */
  @inline static flags(args: usize, base: i32): i32 {
    return Words.integer(args, base + 6);
  }
  /** Row stride of operand 0 (query), 1 (key), 2 (value) or 3 (mask). */
  @inline static row(args: usize, base: i32, operand: i32): i32 {
    return Words.integer(args, base + 7 + 4 * operand);
  }
  @inline static column(args: usize, base: i32, operand: i32): i32 {
    return Words.integer(args, base + 8 + 4 * operand);
  }
  /** Where the matrix of an operand for one product of the batch begins. */
  static matrix(args: usize, base: i32, operand: i32, product: i32): usize {
    const inner = Words.integer(args, base + 1);
    const outer = product / inner;
    const stride0 = Words.integer(args, base + 9 + 4 * operand);
    const stride1 = Words.integer(args, base + 10 + 4 * operand);
    return Words.pointer(args, operand) + ((outer * stride0 + (product - outer * inner) * stride1) as usize) * 4;
  }
}

/** packRows, where there may be no rows. Strides in elements. */
export function packed(source: usize, rowStride: i32, depthStride: i32, rows: i32, depth: i32, target: usize): void {
  if (rows > 0 && depth > 0) packRows<f32>(source, rowStride, depthStride, rows, depth, target);
}

/** scores [count][8] = packed rows times a panel of `depth`. */
export function multiplyBlock(count: i32, depth: i32, rows: usize, panel: usize, scores: usize): void {
  const tileRows = Tile.rows<f32>();
  const step = (tileRows as usize) * (depth as usize) * 4;
  for (let i = 0; i < count; i += tileRows) {
    multiplyTile<f32>(depth, rows, panel, Panel.STEP, scores, Panel.STEP, false);
    rows += step;
    scores += (tileRows as usize) * Panel.STEP;
  }
}

/**
 * sums [rows][8] = or += packed rows times scores [count][8], where the block begins at position `from` of the packed
 * rows' depth.
 */
export function accumulate(
  rows: i32,
  source: usize,
  depth: i32,
  from: i32,
  count: i32,
  scores: usize,
  sums: usize,
  isFirst: bool,
): void {
  const tileRows = Tile.rows<f32>();
  const width = (tileRows as usize) * 4;
  const step = width * (depth as usize);
  source += width * (from as usize);
  for (let i = 0; i < rows; i += tileRows) {
    multiplyTile<f32>(count, source, scores, Panel.STEP, sums, Panel.STEP, !isFirst);
    source += step;
    sums += (tileRows as usize) * Panel.STEP;
  }
}

/**
 * Hides the scores of keys behind their query. `shift` is the position of row 0 less that of lane 0; rows are keys
 * (`keysDown`) or queries.
 */
export function hideLater(scores: usize, count: i32, shift: i32, keysDown: bool): void {
  for (let r = 0; r < count; r++) {
    for (let c = 0; c < Panel.LANES; c++) {
      const apart = shift + r - c;
      if (keysDown ? apart > 0 : apart < 0) store<f32>(scores + ((c as usize) << 2), -Infinity);
    }
    scores += Panel.STEP;
  }
}

/**
 * Adds a mask to scores [count][8]. Lanes are `laneStep` bytes apart in it, rows `rowStep`; lanes from `valid` on take the
 * last one's. `buffer` is a block.
 */
export function addMask(
  scores: usize,
  count: i32,
  mask: usize,
  laneStep: usize,
  rowStep: usize,
  valid: i32,
  buffer: usize,
): void {
  const end = scores + (count as usize) * Panel.STEP;
  if (laneStep == 0) {
    for (; scores < end; scores += Panel.STEP) {
      const x = v128.load32_splat(mask);
      v128.store(scores, f32x4.add(v128.load(scores), x));
      v128.store(scores, f32x4.add(v128.load(scores, 16), x), 16);
      mask += rowStep;
    }
    return;
  }
  if (laneStep == 4 && valid == Panel.LANES) {
    for (; scores < end; scores += Panel.STEP) {
      v128.store(scores, f32x4.add(v128.load(scores), v128.load(mask)));
      v128.store(scores, f32x4.add(v128.load(scores, 16), v128.load(mask, 16)), 16);
      mask += rowStep;
    }
    return;
  }
  for (let lane = 0; lane < Panel.LANES; lane += 4) {
    const l0 = mask + (min<i32>(lane, valid - 1) as usize) * laneStep;
    const l1 = mask + (min<i32>(lane + 1, valid - 1) as usize) * laneStep;
    const l2 = mask + (min<i32>(lane + 2, valid - 1) as usize) * laneStep;
    const l3 = mask + (min<i32>(lane + 3, valid - 1) as usize) * laneStep;
    let target = buffer + ((lane as usize) << 2);
    if (rowStep == 4) {
      interleaveFour<f32>(l0, l1, l2, l3, count, target, Panel.STEP);
      continue;
    }
    for (let r: usize = 0; r < (count as usize); r++) {
      store<f32>(target, load<f32>(l0 + r * rowStep));
      store<f32>(target, load<f32>(l1 + r * rowStep), 4);
      store<f32>(target, load<f32>(l2 + r * rowStep), 8);
      store<f32>(target, load<f32>(l3 + r * rowStep), 12);
      target += Panel.STEP;
    }
  }
  for (; scores < end; scores += Panel.STEP) {
    v128.store(scores, f32x4.add(v128.load(scores), v128.load(buffer)));
    v128.store(scores, f32x4.add(v128.load(scores, 16), v128.load(buffer, 16)), 16);
    buffer += Panel.STEP;
  }
}

/** Multiplies each lane of sums [rows][8] by its own factor. */
export function scaleLanes(sums: usize, rows: i32, low: v128, high: v128): void {
  const end = sums + (rows as usize) * Panel.STEP;
  for (; sums < end; sums += Panel.STEP) {
    v128.store(sums, f32x4.mul(v128.load(sums), low));
    v128.store(sums, f32x4.mul(v128.load(sums, 16), high), 16);
  }
}

/** Writes the first `valid` lanes of sums [rows][8] as rows of `rows` neighbours, `step` bytes apart. */
export function storeTurned(sums: usize, rows: i32, valid: i32, target: usize, step: usize): void {
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    interleaveFour<f32>(sums, sums + 32, sums + 64, sums + 96, valid, target, step);
    sums += 4 * Panel.STEP;
    target += 16;
  }
  for (; r < rows; r++) {
    for (let lane: usize = 0; lane < (valid as usize); lane++) {
      store<f32>(target + lane * step, load<f32>(sums + (lane << 2)));
    }
    sums += Panel.STEP;
    target += 4;
  }
}

/** `chosen` where x is 0, else y. */
export function whereZero(x: v128, chosen: v128, y: v128): v128 {
  return Vector.select(f32x4.eq(x, i32x4.splat(0)), chosen, y);
}
