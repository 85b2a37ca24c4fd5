// Sorts entries by their keys: digit by digit from the lowest, each pass stable, between two buffers; a few entries by insertion.
// Only digits in which keys differ are looked at, so small integers take one pass. Members of a crew share the entries of a
// pass: each counts its own, then knows from everybody's counts where its own go, and the order is that of one member alone.
// Knows no values. Read next: sort-rows.ts, which makes the entries.
import { meetHere } from "../program/team";
import { Share } from "../program/words";

/** Up to so many entries insertion is faster than counting. */
const FEW: i32 = 48;
/** Up to so many, tables of 256 counts cost less than one pass saves. */
const SOME: i32 = 6000;
const FEW_BITS: i32 = 8;
const MANY_BITS: i32 = 11;

/** Bytes of a member's tables and notes. The host knows the same number: sortTables in bindings/ops/scratch.ts. */
export const TABLE_BYTES: usize = 2 * 4 * 2048 + 64;
/** Where in them the notes stand: the bits that any key has, then those that all have. */
const NOTES: usize = 2 * 4 * 2048;

/** Members [0, size) that sort one row together; `tables` are theirs, one behind the other. */
export class Crew {
  static member: i32 = 0;
  static size: i32 = 1;
  static tables: usize = 0;

  @inline static own(): usize {
    return Crew.tables + (Crew.member as usize) * TABLE_BYTES;
  }

  /** This member's share of n entries is [from(n), to(n)). */
  @inline static from(n: i32): i32 {
    return Share.from(n, Crew.member, Crew.size);
  }

  @inline static to(n: i32): i32 {
    return Share.from(n, Crew.member + 1, Crew.size);
  }

  static meet(): void {
    if (Crew.size > 1) meetHere(Crew.member, Crew.size);
  }
}

/** The bits in which the keys of a row differ, from the bits that any and that all of this member's keys have. */
function varying(any: u64, all: u64): u64 {
  if (Crew.size == 1) return any & ~all;
  store<u64>(Crew.own() + NOTES, any);
  store<u64>(Crew.own() + NOTES, all, 8);
  Crew.meet();
  let some = any;
  let every = all;
  for (let member = 0; member < Crew.size; member++) {
    const notes = Crew.tables + (member as usize) * TABLE_BYTES + NOTES;
    some |= load<u64>(notes);
    every &= load<u64>(notes, 8);
  }
  return some & ~every;
}

function insertion<E, K extends number>(entries: usize, n: i32): void {
  const end = entries + (n as usize) * sizeof<E>();
  for (let next = entries + sizeof<E>(); next < end; next += sizeof<E>()) {
    const entry = load<E>(next);
    const key = load<K>(next);
    let place = next;
    while (place > entries && load<K>(place - sizeof<E>()) > key) {
      store<E>(place, load<E>(place - sizeof<E>()));
      place -= sizeof<E>();
    }
    store<E>(place, entry);
  }
}

/** One pass: entries of `from` go to `to` in the order of a digit of their keys. */
function distribute<E, K extends number>(from: usize, to: usize, n: i32, shift: i32, bits: i32): void {
  const counts = Crew.own();
  const places = counts + 4 * 2048;
  const mask = ((1 << bits) - 1) as u32;
  const end = from + (Crew.to(n) as usize) * sizeof<E>();
  memory.fill(counts, 0, (4 as usize) << bits);
  const begin = from + (Crew.from(n) as usize) * sizeof<E>();
  for (let entry = begin; entry < end; entry += sizeof<E>()) {
    const digit = ((load<K>(entry) >> (shift as K)) as u32) & mask;
    const count = counts + ((digit as usize) << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  Crew.meet();
  let next = to as u32;
  for (let digit: usize = 0; digit <= (mask as usize); digit++) {
    for (let member = 0; member < Crew.size; member++) {
      if (member == Crew.member) store<u32>(places + (digit << 2), next);
      next += load<u32>(Crew.tables + (member as usize) * TABLE_BYTES + (digit << 2)) * (sizeof<E>() as u32);
    }
  }
  for (let entry = begin; entry < end; entry += sizeof<E>()) {
    const digit = ((load<K>(entry) >> (shift as K)) as u32) & mask;
    const place = places + ((digit as usize) << 2);
    const target = load<u32>(place);
    store<E>(target as usize, load<E>(entry));
    store<u32>(place, target + (sizeof<E>() as u32));
  }
  Crew.meet();
}

/**
 * Sorts n entries that lie in `from`, with `to` as a second buffer, and returns the one in which they lie then. `any` and `all`
 * are the bits that any and that all keys of this member's share have. Everybody has to come here; `from` must be complete
 * for each member's own share only.
 */
export function sortEntries<E, K extends number>(from: usize, to: usize, n: i32, any: u64, all: u64): usize {
  if (n <= FEW && Crew.size == 1) {
    insertion<E, K>(from, n);
    return from;
  }
  const differing = varying(any, all);
  if (differing == 0) return from;
  const low = ctz<u64>(differing) as i32;
  const width = 64 - (clz<u64>(differing) as i32) - low;
  const most = n <= SOME ? FEW_BITS : MANY_BITS;
  const passes = (width + most - 1) / most;
  const bits = (width + passes - 1) / passes;
  for (let shift = low; shift < low + width; shift += bits) {
    if (((differing >> (shift as u64)) & (((1 << bits) - 1) as u64)) == 0) continue;
    distribute<E, K>(from, to, n, shift, bits);
    const other = from;
    from = to;
    to = other;
  }
  return from;
}
