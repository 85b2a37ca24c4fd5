// Threefry2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw 2011), twice: as a scalar expression over u32, which every
// backend evaluates to the same bits, and as plain JavaScript for what is drawn on the host (permutations, keys).
// A counter-based generator has no state to advance: bits = f(key, counter). Knows no tensors and no seeds.
// Read next: distributions.ts, which turns bits into numbers; generator.ts, which hands out keys.
import type { Expression } from "../expr/expression.ts";
import { add, or, shiftLeft, shiftRight, xor } from "../expr/primitives/index.ts";

/** Rotation distances: the first four rounds, then the next four, alternating. */
const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** Key parity: the constant of Skein, folded into the third key word so that no key is a fixed point. */
const parity = 0x1bd11bda;

/** Two words of 32 bits. */
export type Words = readonly [number, number];

/** Threefry2x32-20 of one counter, on the host. Words are unsigned. */
export function threefry(key: Words, counter: Words): [number, number] {
  const schedule = [key[0] | 0, key[1] | 0, key[0] ^ key[1] ^ parity] as const;
  let x = (counter[0] + schedule[0]) | 0;
  let y = (counter[1] + schedule[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (const distance of rotations[group % 2 === 0 ? 0 : 1]) {
      x = (x + y) | 0;
      y = ((y << distance) | (y >>> (32 - distance))) ^ x;
    }
    x = (x + schedule[((group + 1) % 3) as 0 | 1 | 2]) | 0;
    y = (y + schedule[((group + 2) % 3) as 0 | 1 | 2] + group + 1) | 0;
  }
  return [x >>> 0, y >>> 0];
}

function rotate(x: Expression, distance: number): Expression {
  return or(shiftLeft(x, distance), shiftRight(x, 32 - distance));
}

/** The same as expressions of type u32: both words for a key and a counter whose second word is 0. */
export function threefryExpression(key0: Expression, key1: Expression, counter: Expression): [Expression, Expression] {
  const schedule = [key0, key1, xor(xor(key0, key1), parity)] as const;
  let x = add(counter, schedule[0]);
  let y: Expression = schedule[1];
  for (let group = 0; group < 5; group++) {
    for (const distance of rotations[group % 2 === 0 ? 0 : 1]) {
      x = add(x, y);
      y = xor(rotate(y, distance), x);
    }
    x = add(x, schedule[((group + 1) % 3) as 0 | 1 | 2]);
    y = add(add(y, schedule[((group + 2) % 3) as 0 | 1 | 2]), group + 1);
  }
  return [x, y];
}
