// searchSorted: sorted is a vector in the order of sort.ts, out (i32) says for each value how many of its elements belong before
// the value: those that are smaller, or (right) those that are equal too. Bisection without branches on the data, so that
// the lookups of neighbouring values overlap. Values are shared out. Read next: sort-entries.ts for the order.
import { Key } from "./sort-entries";
import { Share, Words } from "../program/words";

/** Words: sorted, values, out, size, count, right. */
function search<T extends number, K extends number>(args: usize, worker: i32, workers: i32): void {
  const sorted = Words.pointer(args, 0);
  const values = Words.pointer(args, 1);
  const out = Words.pointer(args, 2);
  const size = Words.integer(args, 3);
  const count = Words.integer(args, 4);
  const isRight = Words.integer(args, 5) != 0;
  const end = Share.from(count, worker + 1, workers);
  for (let i = Share.from(count, worker, workers); i < end; i++) {
    const key = Key.of<T, K>(load<T>(values + (i as usize) * sizeof<T>()));
    let first = 0;
    for (let left = size; left > 0;) {
      const half = (left + 1) >> 1;
      const other = Key.of<T, K>(load<T>(sorted + ((first + half - 1) as usize) * sizeof<T>()));
      const isBefore = isRight ? other <= key : other < key;
      first = select<i32>(first + half, first, isBefore);
      left = select<i32>(left - half, half - 1, isBefore);
    }
    store<i32>(out + ((i as usize) << 2), first);
  }
}

export function searchSorted_f32(args: usize, worker: i32, workers: i32): void {
  search<f32, u32>(args, worker, workers);
}
export function searchSorted_f64(args: usize, worker: i32, workers: i32): void {
  search<f64, u64>(args, worker, workers);
}
export function searchSorted_i32(args: usize, worker: i32, workers: i32): void {
  search<i32, u32>(args, worker, workers);
}
export function searchSorted_u32(args: usize, worker: i32, workers: i32): void {
  search<u32, u32>(args, worker, workers);
}
