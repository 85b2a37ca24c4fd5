// Loaded before every test file: lists of numbers are compared in one loop, and only where they differ by the comparison of Vitest,
// which says how. It takes a microsecond for a number, six in a typed array, and tests compare hundreds of thousands at a time.
// Knows no test. Read next: vitest.config.ts.
import { expect } from "vitest";

type Numbers = Readonly<ArrayLike<unknown>>;

const isTyped = (value: unknown): value is Numbers => ArrayBuffer.isView(value) && !(value instanceof DataView);

/** Two arrays, or two typed arrays of one type, with the same numbers, as Object.is has it. */
function areSameNumbers(a: unknown, b: unknown): boolean {
  const isPair = Array.isArray(a) ? Array.isArray(b) : isTyped(a) && isTyped(b) && a.constructor === b.constructor;
  if (!isPair) return false;
  const [left, right] = [a as Numbers, b as Numbers];
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) {
    if (typeof left[i] !== "number" || !Object.is(left[i], right[i])) return false;
  }
  return true;
}

expect.addEqualityTesters([(a: unknown, b: unknown) => (areSameNumbers(a, b) ? true : undefined)]);
