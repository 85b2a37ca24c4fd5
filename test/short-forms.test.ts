// exp and the logarithms have short forms, which whole turns of a loop take if no lane needs the care of the whole form: both
// give the same bits, so that a result does not depend on its neighbours. Read next: bindings/expr/wasm-vector.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { Tensor } from "../bindings/index.ts";

const functions: readonly (readonly [string, (x: Tensor) => Tensor])[] = [
  ["exp", (x) => athanor.exp(x)],
  ["log", (x) => athanor.log(x)],
  ["log2", (x) => athanor.log2(x)],
  ["log10", (x) => athanor.log10(x)],
  ["log1p", (x) => athanor.log1p(x)],
  ["log(1 + exp(x))", (x) => athanor.log(athanor.exp(x).add(1))],
];

/** Every 65521st bit pattern of f32, NaN among them, so that neighbours are of one kind nearly everywhere. */
const sorted = new Float32Array(Uint32Array.from({ length: 65552 }, (_, index) => index * 65521).buffer);

/** The same numbers, every second one a NaN: no four vectors are without one. */
const disturbed = Float32Array.from({ length: 2 * sorted.length }, (_, index) =>
  index % 2 === 0 ? (sorted[index / 2] ?? 0) : NaN,
);

async function bitsOf(f: (x: Tensor) => Tensor, x: Float32Array): Promise<Int32Array> {
  using argument = athanor.tensor(x);
  using result = f(argument);
  const values = (await result.data()) as Float32Array;
  // Which NaN a lane holds is nobody's promise.
  return new Int32Array(values.map((value) => (Number.isNaN(value) ? NaN : value)).buffer);
}

describe.each(["strict", "relaxed"] as const)("%s", (simd) => {
  beforeAll(() => athanor.init({ simd, webgpu: "off", tune: "off" }));
  afterAll(() => athanor.shutdown());

  test.each(functions)("%s", async (_, f) => {
    const short = await bitsOf(f, sorted);
    const whole = (await bitsOf(f, disturbed)).filter((__, index) => index % 2 === 0);
    const different = short.findIndex((bits, index) => bits !== whole[index]);
    expect(different === -1 ? undefined : sorted[different]).toBeUndefined();
  });
});
