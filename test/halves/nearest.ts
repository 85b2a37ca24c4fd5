// All halves from the definition of the format, and rounding by search among them: what the tests of this folder compare with.
// Shares nothing with bindings/core/half.ts. Read next: host.test.ts, devices.test.ts.
import { expect } from "vitest";

/** The value of every half by its bits, from the definition: sign, five bits of exponent, ten of fraction. */
export const table: Float64Array = Float64Array.from({ length: 65536 }, (_, bits) => {
  const text = bits.toString(2).padStart(16, "0");
  const exponent = Number.parseInt(text.slice(1, 6), 2);
  const fraction = Number.parseInt(text.slice(6), 2) / 1024;
  const sign = text.startsWith("1") ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
});

/** The nearest half, found by search among all of them; of two that are equally near the one with even bits. */
export function nearest(value: number): number {
  if (Number.isNaN(value)) return NaN;
  const magnitude = Math.abs(value);
  let [low, high] = [0, 0x7c00];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((table[middle] ?? 0) <= magnitude) low = middle;
    else high = middle;
  }
  // Infinity stands where the next power of two would.
  const [below, above] = [table[low] ?? 0, high === 0x7c00 ? 65536 : (table[high] ?? 0)];
  const isUp = magnitude - below > above - magnitude || (magnitude - below === above - magnitude && high % 2 === 0);
  const found = table[isUp ? high : low] ?? 0;
  return value < 0 || Object.is(value, -0) ? -found : found;
}

/** Numbers around halves and around the middles between them, over the whole range of f32, with signs. */
export function awkward(): Float32Array {
  const list = [
    0,
    -0,
    NaN,
    Infinity,
    -Infinity,
    65504,
    65519.99,
    65520,
    65535,
    65536,
    1e9,
    3e38,
    2 ** -25,
    2 ** -26,
    1e-45,
  ];
  for (let bits = 1; bits < 0x7c00; bits += 37) {
    const [a = 0, b = 0] = [table[bits], table[bits + 1] === Infinity ? 65536 : table[bits + 1]];
    const middle = (a + b) / 2;
    for (const x of [a, middle, middle * (1 + 2 ** -22), middle * (1 - 2 ** -22)]) list.push(x, -x);
  }
  return Float32Array.from(list);
}

/** Equal numbers, NaN beside NaN, zeros of equal sign. */
export function expectSame(got: ArrayLike<number>, want: ArrayLike<number>): void {
  expect(got.length).toBe(want.length);
  const wrong: string[] = [];
  for (let i = 0; i < want.length; i++)
    if (!Object.is(got[i], want[i])) wrong.push(`[${String(i)}] ${String(got[i])} for ${String(want[i])}`);
  expect(wrong.slice(0, 5)).toEqual([]);
}
