// Sums of f32 in parts, for a long axis that several workers share or that is made strip by strip: chunks are summed into
// f64 (partial), and the chunks' sums in their order into the result (finish). Chunks are those in which reduce_sum_f32
// goes itself, so the two ways give the same bits, whoever does which chunk.
// Words: in, out, outer, length, inner. Read next: reduce-sum.ts; bindings/graph/strips.ts, which uses both.
import { CHUNK, chunkSumF32 } from "./reduce-sum";
import { Share, Words } from "../program/words";

/** Rows of a chunk where there are columns: what reduce-sum.ts adds in f32. */
const CHUNK_ROWS = 16;

/** Sums at most CHUNK_ROWS rows of f32, `step` bytes apart, into f64. */
function chunkColumns(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
  while (columns >= 4) {
    let row = source;
    let s = f32x4.splat(0);
    for (let i = 0; i < length; i++) {
      s = f32x4.add(s, v128.load(row));
      row += step;
    }
    v128.store(target, f64x2.promote_low_f32x4(s));
    v128.store(target, f64x2.promote_low_f32x4(v128.shuffle<i64>(s, s, 1, 1)), 16);
    source += 16;
    target += 32;
    columns -= 4;
  }
  while (columns > 0) {
    let total: f64 = 0;
    let row = source;
    for (let i = 0; i < length; i++) {
      total += load<f32>(row) as f64;
      row += step;
    }
    store<f64>(target, total);
    source += 4;
    target += 8;
    columns -= 1;
  }
}

/** In is f32 [outer, length, inner], out is f64 [outer, chunks, inner]. */
export function partial_sum_f32(args: usize, worker: i32, workers: i32): void {
  const source = Words.pointer(args, 0);
  const target = Words.pointer(args, 1);
  const outer = Words.integer(args, 2);
  const length = Words.integer(args, 3);
  const inner = Words.integer(args, 4);
  const rows = inner == 1 ? CHUNK : CHUNK_ROWS;
  const chunks = (length + rows - 1) / rows;
  const step = (inner as usize) << 2;
  const end = Share.from(outer * chunks, worker + 1, workers);
  for (let item = Share.from(outer * chunks, worker, workers); item < end; item++) {
    const i = item / chunks;
    const first = (item - i * chunks) * rows;
    const from = source + ((i as usize) * (length as usize) + (first as usize)) * step;
    const place = target + (((item as usize) * (inner as usize)) << 3);
    const taken = min<i32>(rows, length - first);
    if (inner == 1) store<f64>(place, chunkSumF32(from, taken));
    else chunkColumns(from, place, taken, step, inner);
  }
}

/** In is f64 [outer, length, inner], one row for each chunk; out is f32 [outer, inner]. */
export function finish_sum_f32(args: usize, worker: i32, workers: i32): void {
  const source = Words.pointer(args, 0);
  const target = Words.pointer(args, 1);
  const outer = Words.integer(args, 2);
  const length = Words.integer(args, 3);
  const inner = Words.integer(args, 4);
  const step = (inner as usize) << 3;
  const end = Share.from(outer * inner, worker + 1, workers);
  let item = Share.from(outer * inner, worker, workers);
  while (item < end) {
    const i = item / inner;
    const j = item - i * inner;
    let row = source + (i as usize) * (length as usize) * step + ((j as usize) << 3);
    const place = target + ((item as usize) << 2);
    if (inner - j >= 4 && end - item >= 4) {
      let low = v128.load(row);
      let high = v128.load(row, 16);
      for (let k = 1; k < length; k++) {
        row += step;
        low = f64x2.add(low, v128.load(row));
        high = f64x2.add(high, v128.load(row, 16));
      }
      v128.store(place, v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2));
      item += 4;
    } else {
      let total = load<f64>(row);
      for (let k = 1; k < length; k++) {
        row += step;
        total += load<f64>(row);
      }
      store<f32>(place, total as f32);
      item += 1;
    }
  }
}
