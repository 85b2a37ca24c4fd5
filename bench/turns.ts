// Two libraries taking turns at the same work, and whether they computed the same. Knows no library.
// Read next: peers/race.ts, native/race.ts.

/** Runs prepared work so many times; gives milliseconds of one run. */
export type Turn = (runs: number) => Promise<number>;

/** Milliseconds of one turn, of all turns of one pair, and of a run after which a single turn has to do. */
const [length, budget, patience] = [20, 800, 1500];
const fewestTurns = 5;

/** Times of one run of both, the fastest of turns that are each long enough for the clock: others only ever slow down. */
export async function race(one: Turn, other: Turn): Promise<readonly [one: number, other: number]> {
  // The comparison has warmed both up.
  const best: [number, number] = [await one(1), await other(1)];
  if (Math.max(...best) > patience) return best;
  const runs = best.map((estimate) => Math.max(1, Math.ceil(length / Math.max(estimate, 1e-3))));
  const end = performance.now() + budget;
  for (let turns = 0; turns < fewestTurns || performance.now() < end; turns++) {
    best[0] = Math.min(best[0], await one(runs[0]!));
    best[1] = Math.min(best[1], await other(runs[1]!));
  }
  return best;
}

/** Largest difference that does not count, in units of the largest expected value. */
const tolerance = 1e-4;

/** What is wrong with a result; empty if nothing is. */
export function difference(got: ArrayLike<number>, expected: ArrayLike<number>): { readonly problem?: string } {
  if (got.length !== expected.length) return { problem: `results have ${got.length} and ${expected.length} elements` };
  let [largest, scale] = [0, 0];
  for (let index = 0; index < got.length; index++) {
    const error = Math.abs(got[index]! - expected[index]!);
    if (Number.isNaN(error)) return { problem: "a result is not a number" };
    largest = Math.max(largest, error);
    scale = Math.max(scale, Math.abs(expected[index]!));
  }
  const apart = largest / scale;
  return apart <= tolerance ? {} : { problem: `results differ by ${apart.toPrecision(2)} of the largest value` };
}
