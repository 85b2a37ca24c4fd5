// `strict: true`: no Winograd, the same sums in the same order as where Winograd cannot be used. A rim of padding too wide
// for Winograd, cut off again, is such a place: its windows are those of the narrow one, so the bits must be the same.
// Read next: specs/convolution.ts, assembly/convolution/winograd-plan.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { Tensor } from "../bindings/index.ts";
import { Conv2d } from "../bindings/nn/index.ts";

beforeAll(() => athanor.init({ webgpu: "off", tune: "off" }));
afterAll(() => athanor.shutdown());

/** Numbers that are exact in no sum: sevenths. */
const waves = (shape: readonly number[], step: number): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return athanor.tensor(
    Float32Array.from({ length: size }, (_, index) => (((index * step) % 31) - 15) / 7),
    { shape },
  );
};

const x = (): Tensor => waves([2, 10, 12, 32], 17);
const filter = (): Tensor => waves([3, 3, 32, 24], 13);
const strict = (a: Tensor, b: Tensor): Tensor => athanor.conv2d(a, b, { padding: 1, strict: true });
const quick = (a: Tensor, b: Tensor): Tensor => athanor.conv2d(a, b, { padding: 1 });
/** The same convolution with a second row and column of padding before, whose results are cut off. */
const direct = (a: Tensor, b: Tensor): Tensor =>
  athanor
    .conv2d(a, b, {
      padding: [
        [2, 1],
        [2, 1],
      ],
    })
    .slice([0, 1, 1]);

const bits = async (t: Tensor): Promise<Uint32Array> => {
  const values = await t.data();
  return new Uint32Array(values.buffer, values.byteOffset, values.length).slice();
};

test("results are the direct sums, bit for bit; Winograd's are not", async () => {
  const expected = await bits(direct(x(), filter()));
  expect(await bits(strict(x(), filter()))).toEqual(expected);
  expect(await bits(quick(x(), filter()))).not.toEqual(expected);
});

/** Without padding the gradient would have to be padded by 2: that is not Winograd's either. */
const unpadded = (a: Tensor, b: Tensor): Tensor => {
  const rim = [1, 1] as const;
  return athanor.conv2d(athanor.pad(a, [[0, 0], rim, rim, [0, 0]]), b);
};

test("so are input gradients", async () => {
  const slope = (f: (a: Tensor, b: Tensor) => Tensor): Tensor =>
    athanor.grad((a: Tensor) =>
      f(a, filter())
        .mul(waves([2, 10, 12, 24], 11))
        .sum(),
    )(x());
  const expected = await bits(slope(unpadded));
  expect(await bits(slope(strict))).toEqual(expected);
  expect(await bits(slope(quick))).not.toEqual(expected);
});

test("filter gradients, and second gradients, stay strict", async () => {
  const slope = (f: (a: Tensor, b: Tensor) => Tensor): Tensor =>
    athanor.grad((b: Tensor) =>
      athanor
        .grad((a: Tensor) => f(a, b).square().sum())(x())
        .square()
        .sum(),
    )(filter().mul(0.01));
  const [one, other] = [await slope(strict).data(), await slope(quick).data()];
  expect([...one].some((value, index) => value !== other[index])).toBe(true);
  const largest = Math.max(...[...one].map(Math.abs));
  for (const [index, value] of one.entries())
    expect(Math.abs(value - (other[index] ?? 0))).toBeLessThan(1e-4 * largest);
});

test("the layer passes it on", async () => {
  const layer = new Conv2d(32, 24, 3, { padding: 1, strict: true, bias: false });
  expect(await bits(layer.forward(x()))).toEqual(await bits(strict(x(), layer.weight.value)));
});
