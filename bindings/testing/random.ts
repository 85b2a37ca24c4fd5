// Seeded numbers for samples: the same text always draws the same values, so a failing sample can be run again by its name.
// Knows nothing of ops. Read next: samples.ts.
import type { Range } from "./spec.ts";

export interface Draw {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in a range. */
  between(range: Range): number;
  /** A whole number from low to high, both included. */
  whole(low: number, high: number): number;
}

/** A generator (mulberry32) whose seed is a hash (FNV-1a) of the text. */
export function drawFrom(seed: string): Draw {
  let state = 2166136261;
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 16777619);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    between: ([low, high]) => low + next() * (high - low),
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
  };
}
