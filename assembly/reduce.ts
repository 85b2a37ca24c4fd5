// Reductions of one axis: in is [outer, length, inner], out is [outer, inner]. The loops are generic over a combiner;
// f32 sums have loops of their own (reduce-sum.ts) because plain f32 accumulation loses digits.
// Empty axes give the identity. Does not know shapes of more than three axes: the caller merges them.
// Positions of extremes are in reduce-index.ts.
import { Combiner, foldColumns, foldRow, Largest, Product, Smallest, Sum } from "./fold";
import { columnSumF32, rowSumF32 } from "./reduce-sum";
import { Share, Words } from "./words";

/** Columns per work item when the reduced axis is not the last one: four vectors. */
class Strip {
  @inline static columns<T extends number>(): i32 {
    return (64 / sizeof<T>()) as i32;
  }
}

/** Words: in, out, outer, length, inner. `accurate` picks the f32 sum loops. One whole axis is one worker's. */
function reduce<T extends number, Op extends Combiner<T>>(
  args: usize,
  worker: i32,
  workers: i32,
  accurate: bool,
): void {
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
      const place = target + (i as usize) * sizeof<T>();
      if (accurate) store<f32>(place, rowSumF32(row, length) as f32);
      else store<T>(place, foldRow<T, Op>(row, length));
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
    const place = target + (i as usize) * step + offset;
    if (accurate) columnSumF32(from, place, length, step, columns);
    else foldColumns<T, Op>(from, place, length, step, columns);
    item += last - strip;
  }
}

export function reduce_sum_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Sum<f32>>(args, worker, workers, true);
}
export function reduce_sum_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Sum<f64>>(args, worker, workers, false);
}
export function reduce_sum_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Sum<i32>>(args, worker, workers, false);
}
export function reduce_sum_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Sum<u32>>(args, worker, workers, false);
}
export function reduce_prod_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Product<f32>>(args, worker, workers, false);
}
export function reduce_prod_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Product<f64>>(args, worker, workers, false);
}
export function reduce_prod_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Product<i32>>(args, worker, workers, false);
}
export function reduce_prod_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Product<u32>>(args, worker, workers, false);
}
export function reduce_max_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Largest<f32>>(args, worker, workers, false);
}
export function reduce_max_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Largest<f64>>(args, worker, workers, false);
}
export function reduce_max_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Largest<i32>>(args, worker, workers, false);
}
export function reduce_max_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Largest<u32>>(args, worker, workers, false);
}
export function reduce_min_f32(args: usize, worker: i32, workers: i32): void {
  reduce<f32, Smallest<f32>>(args, worker, workers, false);
}
export function reduce_min_f64(args: usize, worker: i32, workers: i32): void {
  reduce<f64, Smallest<f64>>(args, worker, workers, false);
}
export function reduce_min_i32(args: usize, worker: i32, workers: i32): void {
  reduce<i32, Smallest<i32>>(args, worker, workers, false);
}
export function reduce_min_u32(args: usize, worker: i32, workers: i32): void {
  reduce<u32, Smallest<u32>>(args, worker, workers, false);
}
