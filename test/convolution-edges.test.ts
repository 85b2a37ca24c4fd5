// A value that is not finite reaches what it is a term of and nothing else: not the neighbours that a vector computes along with
// it, and not what lies behind the end of a row. Winograd convolutions, whose tiles share rounding, are left out (`strict`).
// Read next: ../assembly/convolution/convolution-planar-gradient.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { Conv2dOptions, Tensor } from "../bindings/index.ts";

beforeAll(() => athanor.init({ webgpu: "off", tune: "off" }));
afterAll(() => athanor.shutdown());

const ones = (shape: readonly number[]): Float32Array =>
  new Float32Array(shape.reduce((product, extent) => product * extent, 1)).fill(1);

/** Where a tensor is not finite. */
const lost = (t: Tensor): number[] =>
  [...t.dataSync()].flatMap((value, index) => (Number.isFinite(value) ? [] : [index]));

/**
 * Which elements a mark reaches: in f64 sums of ones, elements that change when the marked operand grows by a marked one.
 * `map` is linear in each operand.
 */
function reached(map: (a: Tensor) => Tensor, shape: readonly number[], at: number): number[] {
  const mark = new Float32Array(ones(shape).length);
  mark[at] = 1;
  return [...map(athanor.tensor(mark, { shape })).dataSync()].flatMap((value, index) => (value === 0 ? [] : [index]));
}

const first = ([only]: readonly Tensor[]): Tensor => {
  if (only === undefined) throw new Error("no gradient");
  return only;
};

type Shape = readonly [number, number, number, number];

describe("what is not finite stays where it belongs", () => {
  test.each<[string, Shape, Shape, Conv2dOptions]>([
    ["few channels", [2, 12, 15, 3], [3, 3, 3, 8], { strict: true }],
    ["few channels, few results", [1, 9, 11, 1], [5, 5, 1, 6], {}],
    ["few channels, strides", [1, 17, 21, 2], [3, 3, 2, 10], { stride: 2, padding: 1 }],
    ["an implicit product", [1, 7, 9, 6], [3, 3, 6, 7], { padding: 1 }],
    ["pointwise", [2, 5, 6, 9], [1, 1, 9, 10], {}],
    ["depthwise", [1, 7, 9, 6], [3, 3, 1, 6], { groups: 6, padding: 1 }],
    ["depthwise, strides", [1, 9, 11, 6], [3, 3, 1, 6], { groups: 6, padding: 1, stride: 2 }],
  ])("%s", (_, xShape, wShape, options) => {
    const conv = (x: Tensor, w: Tensor): Tensor => athanor.conv2d(x, w, options);
    athanor.scope(() => {
      const w = athanor.tensor(ones(wShape), { shape: wShape });
      const x = athanor.tensor(ones(xShape), { shape: xShape });
      const y = conv(x, w);
      const dy = athanor.tensor(ones(y.shape), { shape: y.shape });
      const filterSlope = (images: Tensor): Tensor => first(athanor.vjp((f: Tensor) => conv(images, f), w)[1](dy));
      const imageSlope = (slopes: Tensor): Tensor =>
        first(athanor.vjp((images: Tensor) => conv(images, w), x)[1](slopes));
      const check = (map: (a: Tensor) => Tensor, shape: readonly number[]): void => {
        const size = ones(shape).length;
        const [, , width = 1, channels = 1] = shape;
        // The first and the last pixel of a row, one inside, the very last.
        for (const at of [
          0,
          (width - 1) * channels,
          width * channels,
          3 * width * channels - 1,
          size - channels,
          size - 1,
        ]) {
          const values = ones(shape);
          values[at] = at % 2 === 0 ? NaN : Infinity;
          expect(lost(map(athanor.tensor(values, { shape })))).toEqual(reached(map, shape, at));
        }
      };
      check((images) => conv(images, w), xShape);
      check(filterSlope, xShape);
      check(imageSlope, y.shape);
    });
  });
});
