// sort and argSort along rows: in is [rows, length]; out has the elements in order, or (i32) their positions. Stable, NaN last
// or, descending, first. Values are sorted by themselves, which moves half as much as sorting them with their positions.
// Read next: sort-rows.ts for who sorts which rows, sort-entries.ts for what is compared, sort-radix.ts for how.
import { Entry, Key } from "./sort-entries";
import { Crew, sortEntries } from "./sort-radix";
import { Rows, sortPositions } from "./sort-rows";
import { Words } from "../program/words";

/** Zeros of both signs lie by their sign: puts them in the order in which they stand in the row. */
function reorderZeros<T extends number>(source: usize, target: usize, length: i32, isDescending: bool): void {
  // The first place that does not belong before the zeros.
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const value = load<T>(target + (middle as usize) * sizeof<T>());
    const isBefore = isDescending ? !(value <= (0 as T)) : value < (0 as T);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  let end = low;
  let minus = 0;
  while (end < length) {
    const value = load<T>(target + (end as usize) * sizeof<T>());
    if (value != (0 as T)) break;
    if (copysign<T>(1 as T, value) < (0 as T)) minus++;
    end++;
  }
  if (minus == 0 || minus == end - low) return;
  for (let i = 0; low < end; i++) {
    const value = load<T>(source + (i as usize) * sizeof<T>());
    if (value != (0 as T)) continue;
    store<T>(target + (low as usize) * sizeof<T>(), value);
    low++;
  }
}

/** Words: in, out, scratch, rows, length, descending. */
function sort<T extends number, K extends number>(args: usize, worker: i32, workers: i32): void {
  const rows = Words.integer(args, 3);
  const length = Words.integer(args, 4);
  const isDescending = Words.integer(args, 5) != 0;
  const flip = (isDescending ? ~(0 as K) : (0 as K)) as K;
  Rows.share(Words.pointer(args, 2), rows, length, sizeof<K>(), worker, workers);
  for (let row = Rows.begin; row < Rows.end; row++) {
    const offset = (row as usize) * (length as usize) * sizeof<T>();
    const source = Words.pointer(args, 0) + offset;
    const target = Words.pointer(args, 1) + offset;
    let any: u64 = 0;
    let all: u64 = ~0;
    const from = Crew.from(length);
    const to = Crew.to(length);
    for (let i = from; i < to; i++) {
      const key = (Key.exact<T, K>(load<T>(source + (i as usize) * sizeof<T>())) ^ flip) as K;
      any |= key as u64;
      all &= key as u64;
      store<K>(Rows.first + (i as usize) * sizeof<K>(), key);
    }
    const sorted = sortEntries<K, K>(Rows.first, Rows.second, length, any, all);
    for (let i = from; i < to; i++) {
      const key = (load<K>(sorted + (i as usize) * sizeof<K>()) ^ flip) as K;
      store<T>(target + (i as usize) * sizeof<T>(), Key.value<T, K>(key));
    }
    Crew.meet();
    if (isFloat<T>() && Crew.member == 0) reorderZeros<T>(source, target, length, isDescending);
  }
}

/** Words: in, out, scratch, rows, length, descending. */
function argSort<T extends number, K extends number, E>(args: usize, worker: i32, workers: i32): void {
  const rows = Words.integer(args, 3);
  const length = Words.integer(args, 4);
  const flip = (Words.integer(args, 5) != 0 ? ~(0 as K) : (0 as K)) as K;
  Rows.share(Words.pointer(args, 2), rows, length, sizeof<E>(), worker, workers);
  for (let row = Rows.begin; row < Rows.end; row++) {
    const offset = (row as usize) * (length as usize);
    const sorted = sortPositions<T, K, E>(Words.pointer(args, 0) + offset * sizeof<T>(), length, flip);
    const target = Words.pointer(args, 1) + (offset << 2);
    const to = Crew.to(length);
    for (let i = Crew.from(length); i < to; i++) {
      store<i32>(target + ((i as usize) << 2), Entry.position<E>(sorted + (i as usize) * sizeof<E>()));
    }
    Crew.meet();
  }
}

export function sort_f32(args: usize, worker: i32, workers: i32): void {
  sort<f32, u32>(args, worker, workers);
}
export function sort_f64(args: usize, worker: i32, workers: i32): void {
  sort<f64, u64>(args, worker, workers);
}
export function sort_i32(args: usize, worker: i32, workers: i32): void {
  sort<i32, u32>(args, worker, workers);
}
export function sort_u32(args: usize, worker: i32, workers: i32): void {
  sort<u32, u32>(args, worker, workers);
}
export function sort_u8(args: usize, worker: i32, workers: i32): void {
  sort<u8, u32>(args, worker, workers);
}
export function argSort_f32(args: usize, worker: i32, workers: i32): void {
  argSort<f32, u32, u64>(args, worker, workers);
}
export function argSort_f64(args: usize, worker: i32, workers: i32): void {
  argSort<f64, u64, v128>(args, worker, workers);
}
export function argSort_i32(args: usize, worker: i32, workers: i32): void {
  argSort<i32, u32, u64>(args, worker, workers);
}
export function argSort_u32(args: usize, worker: i32, workers: i32): void {
  argSort<u32, u32, u64>(args, worker, workers);
}
export function argSort_u8(args: usize, worker: i32, workers: i32): void {
  argSort<u8, u32, u64>(args, worker, workers);
}
