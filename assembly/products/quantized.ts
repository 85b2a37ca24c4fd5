// Product of f32 activations with quantised weights. Each row of A is quantised here, as it is packed: to 0..127 by a scale
// and a zero point of its own, u = round(x / scale) + zero. Integers are multiplied exactly, and
//   out[i, j] = (sum over k of u[i, k] w[k, j] - zero[i] * sums[j]) * (scale[i] * scale[j])
// in the same order on every build: the results have the same bits. Weights come packed: [columns / 8][depth / 4][8][4] signed
// bytes. Words: a, packed, scales, sums, out, scratch, m, n, k, one that is 0, the address of what follows (../elementwise/finish.ts). Workers
// share rows, or columns where there are too few.
//
// Scratch in bytes: workers * up(704 + 48 * ceil(k / 4) * 8, 64)
// Read next: quantized-tile.ts.
import { finish, finishOf } from "../elementwise/finish";
import { ByteTile, byteTile } from "./quantized-tile";
import { Share, Words } from "../program/words";

/** Rows that are quantised at a time. */
const BLOCK: i32 = 48;
/** Bytes in front of the packed rows: the sums of a tile, then scale and zero point of each row. */
const SUMS: usize = 256;
const HEAD: usize = 704;
/** 3 * 2^22: adding it to a small number leaves the nearest integer in the last bits, halves to even. */
const MAGIC: f32 = 12582912;

/** Eight or fewer results of a row. */
function storeResults(
  c: usize,
  totals: usize,
  rowScale: f32,
  zero: i32,
  scales: usize,
  sums: usize,
  columns: i32,
): void {
  for (let j: usize = 0; j < (columns as usize); j++) {
    const total = load<i32>(totals + (j << 2)) - zero * load<i32>(sums + (j << 2));
    store<f32>(c + (j << 2), (total as f32) * (rowScale * load<f32>(scales + (j << 2))));
  }
}

function storeEight(c: usize, totals: usize, rowScale: f32, zero: i32, scales: usize, sums: usize): void {
  const s = f32x4.splat(rowScale);
  const z = i32x4.splat(zero);
  const x = i32x4.sub(v128.load(totals), i32x4.mul(z, v128.load(sums)));
  const y = i32x4.sub(v128.load(totals, 16), i32x4.mul(z, v128.load(sums, 16)));
  v128.store(c, f32x4.mul(f32x4.convert_i32x4_s(x), f32x4.mul(s, v128.load(scales))));
  v128.store(c, f32x4.mul(f32x4.convert_i32x4_s(y), f32x4.mul(s, v128.load(scales, 16))), 16);
}

/** Writes four quantised steps, in the low bytes of four lanes, as one group. */
function storeGroup(target: usize, x: v128): void {
  const words = i16x8.narrow_i32x4_s(x, x);
  if (ASC_FEATURE_RELAXED_SIMD) v128.store_lane<u32>(target, i8x16.narrow_i16x8_u(words, words), 0);
  else v128.store_lane<u64>(target, words, 0);
}

/** Packs one row of `depth` elements; groups of four are `step` bytes apart. Writes its scale and zero point to `row`. */
function quantizeRow(source: usize, depth: i32, target: usize, step: usize, row: usize): void {
  const whole = source + (((depth & ~3) as usize) << 2);
  const end = source + ((depth as usize) << 2);
  let low = f32x4.splat(0);
  let high = low;
  for (let x = source; x < whole; x += 16) {
    const v = v128.load(x);
    low = f32x4.pmin(low, v);
    high = f32x4.pmax(high, v);
  }
  let least = min<f32>(
    min<f32>(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
    min<f32>(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
  );
  let most = max<f32>(
    max<f32>(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
    max<f32>(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
  );
  for (let x = whole; x < end; x += 4) {
    least = min<f32>(least, load<f32>(x));
    most = max<f32>(most, load<f32>(x));
  }
  const range = most - least;
  const scale: f32 = range > 0 ? range / 127 : 1;
  const inverse: f32 = range > 0 ? 127 / range : 0;
  const zero = reinterpret<i32>(MAGIC - least * inverse) - reinterpret<i32>(MAGIC);
  store<f32>(row, scale);
  store<i32>(row, zero, 4);
  const factor = f32x4.splat(inverse);
  const magic = f32x4.splat(MAGIC);
  const offset = i32x4.splat(zero - reinterpret<i32>(MAGIC));
  const most127 = i32x4.splat(127);
  for (; source < whole; source += 16) {
    const u = i32x4.add(f32x4.add(f32x4.mul(v128.load(source), factor), magic), offset);
    storeGroup(target, i32x4.max_s(i32x4.min_s(u, most127), i32x4.splat(0)));
    target += step;
  }
  if (source < end) {
    let v = v128.load32_zero(source);
    if (source + 4 < end) v = v128.load_lane<f32>(source + 4, v, 1);
    if (source + 8 < end) v = v128.load_lane<f32>(source + 8, v, 2);
    const u = i32x4.add(f32x4.add(f32x4.mul(v, factor), magic), offset);
    storeGroup(target, i32x4.max_s(i32x4.min_s(u, most127), i32x4.splat(0)));
  }
}

export function quantizedMatmul_f32(args: usize, worker: i32, workers: i32): void {
  const a = Words.pointer(args, 0);
  const packed = Words.pointer(args, 1);
  const scales = Words.pointer(args, 2);
  const sums = Words.pointer(args, 3);
  const out = Words.pointer(args, 4);
  const m = Words.integer(args, 6);
  const n = Words.integer(args, 7);
  const k = Words.integer(args, 8);
  const own = finishOf(Words.pointer(args, 10), worker);
  const groups = (k + 3) >> 2;
  const share = (HEAD + ((BLOCK * groups) as usize) * 8 + 63) & ~63;
  const scratch = Words.pointer(args, 5) + share * (worker as usize);
  const rows = scratch + SUMS;
  const block = scratch + HEAD;
  const tile = ByteTile.ROWS;
  const byRows = m >= workers * tile;
  const firstRow = byRows ? Share.fromUnits(m, tile, worker, workers) : 0;
  const lastRow = byRows ? Share.fromUnits(m, tile, worker + 1, workers) : m;
  const firstColumn = byRows ? 0 : Share.fromUnits(n, 8, worker, workers);
  const lastColumn = byRows ? n : Share.fromUnits(n, 8, worker + 1, workers);
  if (firstColumn >= lastColumn) return;
  const step = (tile as usize) * ByteTile.group();
  const panelA = step * (groups as usize);
  const panelB = (groups as usize) << 5;
  for (let i = firstRow; i < lastRow; i += BLOCK) {
    const count = min<i32>(BLOCK, lastRow - i);
    for (let r = 0; r < count; r++) {
      const panel = r / tile;
      const target = block + (panel as usize) * panelA + ((r - panel * tile) as usize) * ByteTile.group();
      quantizeRow(a + ((((i + r) as usize) * (k as usize)) << 2), k, target, step, rows + ((r as usize) << 3));
    }
    for (let j = firstColumn; j < lastColumn; j += 8) {
      const b = packed + ((j >> 3) as usize) * panelB;
      const columns = min<i32>(8, n - j);
      const place = (j as usize) << 2;
      for (let r = 0; r < count; r += tile) {
        const valid = min<i32>(tile, count - r);
        byteTile(groups, block + ((r / tile) as usize) * panelA, b, scratch);
        for (let q = 0; q < valid; q++) {
          const row = rows + (((r + q) as usize) << 3);
          const c = out + ((((i + r + q) as usize) * (n as usize)) << 2) + place;
          const totals = scratch + ((q as usize) << 5);
          if (columns == 8) storeEight(c, totals, load<f32>(row), load<i32>(row, 4), scales + place, sums + place);
          else storeResults(c, totals, load<f32>(row), load<i32>(row, 4), scales + place, sums + place, columns);
        }
      }
    }
    const start = out + (((i as usize) * (n as usize) + (firstColumn as usize)) << 2);
    finish(own, start, count, lastColumn - firstColumn);
  }
}
