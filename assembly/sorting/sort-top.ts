// topK along rows: in is [rows, length]; out are the k elements that a sort would put first, in that order, and (i32) where they
// are: [rows, k] both. A few of many are kept in a heap with the last of them on top, which nearly all others do not even
// enter; else rows are sorted. Which of the two depends on the sizes alone. Read next: sort-rows.ts.
import { Entry, Key } from "./sort-entries";
import { Crew } from "./sort-radix";
import { Rows, sortPositions } from "./sort-rows";
import { Share, Words } from "../program/words";

/** A heap pays while it holds up to a part of this of the row. The host knows the same number: heapShare in bindings/ops/scratch.ts. */
const HEAP_SHARE: i32 = 8;

function exchange<E>(a: usize, b: usize): void {
  const entry = load<E>(a);
  store<E>(a, load<E>(b));
  store<E>(b, entry);
}

/** Moves the entry at `place` down until none below it belongs behind it. */
function sink<E>(heap: usize, place: i32, count: i32): void {
  let parent = heap + (place as usize) * sizeof<E>();
  for (let child = 2 * place + 1; child < count; child = 2 * child + 1) {
    let below = heap + (child as usize) * sizeof<E>();
    if (child + 1 < count && Entry.precedes<E>(below, below + sizeof<E>())) {
      child++;
      below += sizeof<E>();
    }
    if (Entry.precedes<E>(below, parent)) return;
    exchange<E>(parent, below);
    parent = below;
  }
}

/** The first k entries of a row in order, in `heap`. */
function firstEntries<T extends number, K extends number, E>(
  source: usize,
  length: i32,
  k: i32,
  flip: K,
  heap: usize,
): void {
  for (let i = 0; i < k; i++) {
    const key = (Key.of<T, K>(load<T>(source + (i as usize) * sizeof<T>())) ^ flip) as K;
    Entry.store<E, K>(heap + (i as usize) * sizeof<E>(), key, i);
  }
  for (let place = (k >> 1) - 1; place >= 0; place--) sink<E>(heap, place, k);
  let last = Entry.key<E, K>(heap);
  for (let i = k; i < length; i++) {
    const key = (Key.of<T, K>(load<T>(source + (i as usize) * sizeof<T>())) ^ flip) as K;
    // Of equal elements the earlier one is in already, and stays.
    if (key >= last) continue;
    Entry.store<E, K>(heap, key, i);
    sink<E>(heap, 0, k);
    last = Entry.key<E, K>(heap);
  }
  for (let count = k - 1; count > 0; count--) {
    exchange<E>(heap, heap + (count as usize) * sizeof<E>());
    sink<E>(heap, 0, count);
  }
}

/** Words: in, values, indices, scratch, rows, length, whether the largest, k. */
function topK<T extends number, K extends number, E>(args: usize, worker: i32, workers: i32): void {
  const scratch = Words.pointer(args, 3);
  const rows = Words.integer(args, 4);
  const length = Words.integer(args, 5);
  const flip = (Words.integer(args, 6) != 0 ? ~(0 as K) : (0 as K)) as K;
  const k = Words.integer(args, 7);
  const isHeap = k <= length / HEAP_SHARE;
  const heap = scratch + (worker as usize) * (((k as usize) * sizeof<E>() + 63) & ~63);
  let begin = Share.from(rows, worker, workers);
  let end = Share.from(rows, worker + 1, workers);
  if (!isHeap) {
    Rows.share(scratch, rows, length, sizeof<E>(), worker, workers);
    begin = Rows.begin;
    end = Rows.end;
  }
  for (let row = begin; row < end; row++) {
    const source = Words.pointer(args, 0) + (row as usize) * (length as usize) * sizeof<T>();
    let sorted = heap;
    if (isHeap) firstEntries<T, K, E>(source, length, k, flip, heap);
    else sorted = sortPositions<T, K, E>(source, length, flip);
    const first = (row as usize) * (k as usize);
    const values = Words.pointer(args, 1) + first * sizeof<T>();
    const indices = Words.pointer(args, 2) + (first << 2);
    // There are few to write, so the first member of a crew does it alone.
    if (isHeap || Crew.member == 0) {
      for (let i: usize = 0; i < (k as usize); i++) {
        const position = Entry.position<E>(sorted + i * sizeof<E>());
        store<i32>(indices + (i << 2), position);
        store<T>(values + i * sizeof<T>(), load<T>(source + (position as usize) * sizeof<T>()));
      }
    }
    if (!isHeap) Crew.meet();
  }
}

export function topK_f32(args: usize, worker: i32, workers: i32): void {
  topK<f32, u32, u64>(args, worker, workers);
}
export function topK_f64(args: usize, worker: i32, workers: i32): void {
  topK<f64, u64, v128>(args, worker, workers);
}
export function topK_i32(args: usize, worker: i32, workers: i32): void {
  topK<i32, u32, u64>(args, worker, workers);
}
export function topK_u32(args: usize, worker: i32, workers: i32): void {
  topK<u32, u32, u64>(args, worker, workers);
}
export function topK_u8(args: usize, worker: i32, workers: i32): void {
  topK<u8, u32, u64>(args, worker, workers);
}
