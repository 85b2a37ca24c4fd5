// Running sums and products along one axis: in and out are [outer, length, inner]. f32 accumulates in f64, so a long scan ends
// in the same digits as reduce_sum. Four columns are carried at once when the axis is not the last one.
// Knows nothing of reversed or exclusive scans: those are compositions.
import { Combiner, Product, Sum } from "./fold";
import { Share, Words } from "../program/words";

/** Carries W (the accumulator type) down `length` rows that are `step` bytes apart, for one column. */
function scanColumn<T extends number, W extends number, Op extends Combiner<W>>(
  source: usize,
  target: usize,
  length: i32,
  step: usize,
): void {
  const op = changetype<Op>(0);
  let sum: W = op.identity();
  for (let i = 0; i < length; i++) {
    sum = op.scalar(sum, load<T>(source) as number as W);
    store<T>(target, sum as number as T);
    source += step;
    target += step;
  }
}

function scanFourColumns<T extends number, W extends number, Op extends Combiner<W>>(
  source: usize,
  target: usize,
  length: i32,
  step: usize,
): void {
  const op = changetype<Op>(0);
  let s0: W = op.identity();
  let s1: W = s0;
  let s2: W = s0;
  let s3: W = s0;
  for (let i = 0; i < length; i++) {
    s0 = op.scalar(s0, load<T>(source) as number as W);
    s1 = op.scalar(s1, load<T>(source, sizeof<T>()) as number as W);
    s2 = op.scalar(s2, load<T>(source, 2 * sizeof<T>()) as number as W);
    s3 = op.scalar(s3, load<T>(source, 3 * sizeof<T>()) as number as W);
    store<T>(target, s0 as number as T);
    store<T>(target, s1 as number as T, sizeof<T>());
    store<T>(target, s2 as number as T, 2 * sizeof<T>());
    store<T>(target, s3 as number as T, 3 * sizeof<T>());
    source += step;
    target += step;
  }
}

/** Words: in, out, outer, length, inner. */
function cumulate<T extends number, W extends number, Op extends Combiner<W>>(
  args: usize,
  worker: i32,
  workers: i32,
): void {
  const source = Words.pointer(args, 0);
  const target = Words.pointer(args, 1);
  const outer = Words.integer(args, 2);
  const length = Words.integer(args, 3);
  const inner = Words.integer(args, 4);
  const groups = (inner + 3) >> 2;
  const step = (inner as usize) * sizeof<T>();
  const end = Share.from(outer * groups, worker + 1, workers);
  for (let item = Share.from(outer * groups, worker, workers); item < end; item++) {
    const i = item / groups;
    const j = (item - i * groups) << 2;
    const offset = (i as usize) * (length as usize) * step + (j as usize) * sizeof<T>();
    if (inner - j >= 4) {
      scanFourColumns<T, W, Op>(source + offset, target + offset, length, step);
    } else {
      for (let k: usize = 0; k < ((inner - j) as usize); k++) {
        scanColumn<T, W, Op>(source + offset + k * sizeof<T>(), target + offset + k * sizeof<T>(), length, step);
      }
    }
  }
}

export function cumsum_f32(args: usize, worker: i32, workers: i32): void {
  cumulate<f32, f64, Sum<f64>>(args, worker, workers);
}
export function cumsum_f64(args: usize, worker: i32, workers: i32): void {
  cumulate<f64, f64, Sum<f64>>(args, worker, workers);
}
export function cumsum_i32(args: usize, worker: i32, workers: i32): void {
  cumulate<i32, i32, Sum<i32>>(args, worker, workers);
}
export function cumprod_f32(args: usize, worker: i32, workers: i32): void {
  cumulate<f32, f64, Product<f64>>(args, worker, workers);
}
export function cumprod_f64(args: usize, worker: i32, workers: i32): void {
  cumulate<f64, f64, Product<f64>>(args, worker, workers);
}
export function cumprod_i32(args: usize, worker: i32, workers: i32): void {
  cumulate<i32, i32, Product<i32>>(args, worker, workers);
}
