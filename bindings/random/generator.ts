// A seeded stream of keys. Each draw takes one key; the numbers of the draw are threefry(key, index).
// So a stream is two integers, does not depend on the device, and can be saved and restored.
// Knows no tensors. Read next: threefry.ts, draw.ts.
import { ParameterError } from "../core/errors.ts";
import type { Words } from "./threefry.ts";
import { threefry } from "./threefry.ts";

const limit = 2 ** 32;

/** A stream of random keys: draw number `counter` of `seed`. Setting `counter` replays or skips draws. */
export class Generator {
  #seed: number;
  #counter: number;

  /** The same seed gives the same numbers on every device. A seed is a whole number in [0, 2^32). */
  constructor(seed = 0, counter = 0) {
    this.#seed = word("seed", seed);
    this.#counter = word("counter", counter);
  }

  /** What was given to the constructor or to `reset`. */
  get seed(): number {
    return this.#seed;
  }

  /** How many draws were made. */
  get counter(): number {
    return this.#counter;
  }

  set counter(value: number) {
    this.#counter = word("counter", value);
  }

  /** Starts the stream of `seed` from its beginning. */
  reset(seed: number): void {
    this.#seed = word("seed", seed);
    this.#counter = 0;
  }

  /** The key of the next draw. */
  nextKey(): Words {
    const key: Words = [this.#seed, this.#counter];
    this.#counter = (this.#counter + 1) % limit;
    return key;
  }

  /** A seed for another stream, from the next draw. */
  nextSeed(): number {
    return threefry(this.nextKey(), [0, 1])[0];
  }
}

function word(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new ParameterError("Generator", `${name} must be a whole number in [0, 2^32), got ${value}`);
  }
  return value;
}

let shared: Generator | undefined;

/** The generator used where none is given. Until `manualSeed` is called its seed comes from the system's entropy. */
export function defaultGenerator(): Generator {
  shared ??= new Generator(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
  return shared;
}

/** Seeds the default generator: everything drawn afterwards repeats from run to run and from device to device. */
export function manualSeed(seed: number): void {
  defaultGenerator().reset(seed);
}

/** Whole numbers 0 … count − 1 in random order, shuffled on the host (Fisher and Yates) with the bits of one draw. */
export function shuffled(count: number, generator: Generator): Int32Array {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  const key = generator.nextKey();
  // Tensors are drawn with 0 in the second word of the counter: what is drawn on the host never repeats their bits.
  for (let last = count - 1; last > 0; last--) {
    const [high, low] = threefry(key, [last, 1]);
    // 53 random bits as a fraction in [0, 1): the bias is below 2^-22 for any length an Int32Array has.
    const fraction = ((high >>> 5) * 2 ** 26 + (low >>> 6)) * 2 ** -53;
    const other = Math.floor(fraction * (last + 1));
    const held = order[last]!;
    order[last] = order[other]!;
    order[other] = held;
  }
  return order;
}
