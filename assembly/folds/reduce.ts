// Reductions of one axis: in is [outer, length, inner], out is [outer, inner]. The loops are generic over a fold of rows and
// columns; f32 sums and float extremes have loops of their own (reduce-sum.ts, extreme.ts).
// Empty axes give the identity. Does not know shapes of more than three axes: the caller merges them.
// Positions of extremes are in reduce-index.ts, sums in parts in partial.ts.
import { Extreme, extremeColumns, extremeRow, Least, Most } from "./extreme";
import { Combiner, foldColumns, foldRow, Product, Sum } from "./fold";
import { columnSumF32, rowSumF32 } from "./reduce-sum";
import { Share, Words } from "../program/words";

/** Columns per work item when the reduced axis is not the last one: four vectors. */
class Strip {
  @inline static columns<T extends number>(): i32 {
    return (64 / sizeof<T>()) as i32;
  }
}

/** How one row, or one strip of columns, is folded. */
abstract class Fold<T extends number> {
  abstract row(source: usize, length: i32): T;
  abstract columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void;
}

@final
class Plain<T extends number, Op extends Combiner<T>> extends Fold<T> {
  @inline row(source: usize, length: i32): T {
    return foldRow<T, Op>(source, length);
  }
  @inline columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
    foldColumns<T, Op>(source, target, length, step, columns);
  }
}

@final
class AccurateSum extends Fold<f32> {
  @inline row(source: usize, length: i32): f32 {
    return rowSumF32(source, length) as f32;
  }
  @inline columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
    columnSumF32(source, target, length, step, columns);
  }
}

@final
class Bound<T extends number, Op extends Extreme<T>> extends Fold<T> {
  @inline row(source: usize, length: i32): T {
    return extremeRow<T, Op>(source, length);
  }
  @inline columns(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
    extremeColumns<T, Op>(source, target, length, step, columns);
  }
}

/** Words: in, out, outer, length, inner. One whole axis is one worker's. */
function reduce<T extends number, F extends Fold<T>>(args: usize, worker: i32, workers: i32): void {
  const fold = changetype<F>(0);
  const source = Words.pointer(args, 0);
  const target = Words.pointer(args, 1);
  const outer = Words.integer(args, 2);
  const length = Words.integer(args, 3);
  const inner = Words.integer(args, 4);
  if (outer <= 0 || inner <= 0) return;
  if (inner == 1) {
    const end = Share.from(outer, worker + 1, workers);
    for (let i = Share.from(outer, worker, workers); i < end; i++) {
      const row = source + (i as usize) * (length as usize) * sizeof<T>();
      store<T>(target + (i as usize) * sizeof<T>(), fold.row(row, length));
    }
    return;
  }
  const width = Strip.columns<T>();
  const strips = (inner + width - 1) / width;
  const step = (inner as usize) * sizeof<T>();
  let item = Share.from(outer * strips, worker, workers);
  const end = Share.from(outer * strips, worker + 1, workers);
  while (item < end) {
    const i = item / strips;
    const strip = item - i * strips;
    const last = min<i32>(strips, strip + end - item);
    const columns = min<i32>(inner, last * width) - strip * width;
    const offset = ((strip * width) as usize) * sizeof<T>();
    const from = source + (i as usize) * (length as usize) * step + offset;
    fold.columns(from, target + (i as usize) * step + offset, length, step, columns);
    item += last - strip;
  }
}

export function reduce_sum_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, AccurateSum>(args, worker, workers);
}
export function reduce_sum_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Plain<f64, Sum<f64>>>(args, worker, workers);
}
export function reduce_sum_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Plain<i32, Sum<i32>>>(args, worker, workers);
}
export function reduce_sum_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Plain<u32, Sum<u32>>>(args, worker, workers);
}
export function reduce_prod_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Plain<f32, Product<f32>>>(args, worker, workers);
}
export function reduce_prod_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Plain<f64, Product<f64>>>(args, worker, workers);
}
export function reduce_prod_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Plain<i32, Product<i32>>>(args, worker, workers);
}
export function reduce_prod_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Plain<u32, Product<u32>>>(args, worker, workers);
}
export function reduce_max_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Bound<f32, Most<f32>>>(args, worker, workers);
}
export function reduce_max_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Bound<f64, Most<f64>>>(args, worker, workers);
}
export function reduce_max_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Bound<i32, Most<i32>>>(args, worker, workers);
}
export function reduce_max_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Bound<u32, Most<u32>>>(args, worker, workers);
}
export function reduce_min_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Bound<f32, Least<f32>>>(args, worker, workers);
}
export function reduce_min_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Bound<f64, Least<f64>>>(args, worker, workers);
}
export function reduce_min_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Bound<i32, Least<i32>>>(args, worker, workers);
}
export function reduce_min_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Bound<u32, Least<u32>>>(args, worker, workers);
}
