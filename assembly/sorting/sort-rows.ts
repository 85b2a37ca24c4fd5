// What sorting kernels have in common: which rows are a worker's, its two buffers in scratch, and a row sorted by positions.
// Rows are shared out; where there are fewer than workers, each long one is sorted by all workers together.
// Read next: sort-entries.ts, sort-radix.ts; sort.ts and sort-top.ts, the kernels.
import { Scratch } from "../linalg/scratch";
import { Entry, Key } from "./sort-entries";
import { Crew, sortEntries, TABLE_BYTES } from "./sort-radix";
import { Share } from "../program/words";

/** Length from which a row is worth a crew. The host knows the same number: crewFrom in bindings/ops/scratch.ts. */
const CREW_FROM: i32 = 32768;

/** The rows of this worker, and its two buffers. */
export class Rows {
  static begin: i32 = 0;
  static end: i32 = 0;
  static first: usize = 0;
  static second: usize = 0;

  /** `entry`: bytes of an entry. Scratch is two buffers for each row that is sorted at a time, then everybody's tables. */
  static share(scratch: usize, rows: i32, length: i32, entry: usize, worker: i32, workers: i32): void {
    const isTogether = rows < workers && length >= CREW_FROM;
    const pieces = isTogether ? 1 : min<i32>(rows, workers);
    const slot = isTogether ? 0 : Scratch.slot(rows, worker, workers);
    const bytes = ((length as usize) * entry + 63) & ~63;
    const tables = scratch + (pieces as usize) * 2 * bytes;
    Crew.member = isTogether ? worker : 0;
    Crew.size = isTogether ? workers : 1;
    Crew.tables = isTogether ? tables : tables + (worker as usize) * TABLE_BYTES;
    Rows.begin = isTogether ? 0 : Share.from(rows, worker, workers);
    Rows.end = isTogether ? rows : Share.from(rows, worker + 1, workers);
    Rows.first = scratch + (slot as usize) * 2 * bytes;
    Rows.second = Rows.first + bytes;
  }
}

/** Sorts the positions of a row and returns where the entries lie. */
export function sortPositions<T extends number, K extends number, E>(source: usize, length: i32, flip: K): usize {
  let any: u64 = 0;
  let all: u64 = ~0;
  const to = Crew.to(length);
  for (let i = Crew.from(length); i < to; i++) {
    const key = (Key.of<T, K>(load<T>(source + (i as usize) * sizeof<T>())) ^ flip) as K;
    any |= key as u64;
    all &= key as u64;
    Entry.store<E, K>(Rows.first + (i as usize) * sizeof<E>(), key, i);
  }
  // Keys of 32 bits lie above the position.
  if (sizeof<E>() == 8) {
    any <<= 32;
    all <<= 32;
  }
  return sortEntries<E, u64>(Rows.first, Rows.second, length, any, all);
}
