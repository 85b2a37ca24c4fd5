// How far two lists of numbers lie apart, for tests that compare thousands: Vitest takes nine microseconds to expect something.
// Knows no test. Read next: equality.ts.

/** The largest distance between numbers at the same place; NaN, which is within no bound, where there is none. */
export function largestDistance(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (found.length !== wanted.length) return NaN;
  let largest = 0;
  for (let i = 0; i < found.length; i++) {
    const distance = Math.abs(found[i]! - wanted[i]!);
    if (Number.isNaN(distance)) return NaN;
    largest = Math.max(largest, distance);
  }
  return largest;
}
