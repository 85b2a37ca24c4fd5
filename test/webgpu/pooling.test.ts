// Pooling on the GPU: every variant of every kernel agrees with loops in f64 over odd sizes, strides, dilations and paddings, NaN and
// infinities included, and is what the tuner may choose.
// Read next: bindings/backends/webgpu/kernels/pooling-shader.ts, variants/windows.ts; ../reference/convolution.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GPULimits } from "../../bindings/backends/webgpu/device/description.ts";
import type { WindowShape } from "../../bindings/backends/webgpu/variants/windows.ts";
import { windows } from "../../bindings/backends/webgpu/variants/windows.ts";
import { grad } from "../../bindings/autodiff/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import type { PoolOptions } from "../reference/convolution.ts";
import * as reference from "../reference/convolution.ts";
import { eachVariant } from "./each-variant.ts";
import { sequence } from "./segments.ts";

const kernels = ["maxPool2d", "maxPool2dGather", "maxPool2dScatter", "avgPool2d", "avgPool2dGradient"];

beforeAll(async () => {
  await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
});
afterAll(() => athanor.shutdown());

function numbers(shape: readonly number[], seed: number): NdArray {
  const next = sequence(seed);
  const length = shape.reduce((a, b) => a * b, 1);
  // Few values, so that windows have several largest ones.
  return { shape: [...shape], data: Array.from({ length }, () => Math.round(16 * next() - 8) / 4) };
}

const tensorOf = ({ shape, data }: NdArray): Tensor => athanor.tensor(Float32Array.from(data), { shape });

type Pair = [number, number];
interface Case {
  readonly shape: readonly [number, number, number, number];
  readonly options: PoolOptions;
}

const square = (size: number): Pair => [size, size];
const around = (size: number): [Pair, Pair] => [square(size), square(size)];
/** Windows side by side and apart, overlapping, in steps, with holes, of padding only, larger than the image. */
const cases: readonly Case[] = [
  { shape: [2, 7, 9, 8], options: { window: square(2) } },
  { shape: [1, 8, 8, 4], options: { window: [2, 3], stride: [2, 3], padding: around(1) } },
  { shape: [2, 9, 11, 4], options: { window: square(3), stride: square(2), padding: around(1) } },
  { shape: [1, 6, 13, 6], options: { window: square(3), stride: square(1), padding: around(1) } },
  { shape: [1, 7, 10, 5], options: { window: [1, 2], stride: square(3) } },
  { shape: [1, 5, 4, 12], options: { window: [3, 4], stride: [2, 1], padding: [[1, 2], [0, 3]] } }, // prettier-ignore
  { shape: [3, 4, 5, 1], options: { window: square(2), stride: square(2), ceilMode: true } },
];
const dilated: readonly Case[] = [
  { shape: [1, 9, 12, 4], options: { window: square(3), stride: [1, 2], dilation: [2, 3], padding: around(1) } },
  { shape: [2, 8, 7, 2], options: { window: square(2), stride: square(3), dilation: square(2) } },
];

const api = (options: PoolOptions): athanor.MaxPool2dOptions & athanor.AvgPool2dOptions => options;

/** For each window the places of its elements in x, in their order, and the part of the divisor that padding makes. */
function windowsOf({ shape, options }: Case, results: readonly number[]): { places: number[]; divisor: number }[] {
  const [, h, w, c] = shape;
  const { window, stride = window, padding = around(0), dilation = [1, 1], countIncludePad = true } = options;
  const [n = 0, oh = 0, ow = 0] = results;
  const found: { places: number[]; divisor: number }[] = [];
  for (let at = 0; at < n * oh * ow * c; at++) {
    const channel = at % c;
    const [x, y] = [Math.floor(at / c) % ow, Math.floor(at / c / ow) % oh];
    const image = Math.floor(at / c / ow / oh);
    const places: number[] = [];
    let divisor = 0;
    for (let i = 0; i < window[0]; i++) {
      for (let j = 0; j < window[1]; j++) {
        const row = y * stride[0] - padding[0][0] + i * dilation[0];
        const column = x * stride[1] - padding[1][0] + j * dilation[1];
        const isInside = row >= 0 && row < h && column >= 0 && column < w;
        if (isInside) places.push(((image * h + row) * w + column) * c + channel);
        const isCounted = countIncludePad ? row < h + padding[0][1] && column < w + padding[1][1] : isInside;
        divisor += isCounted ? 1 : 0;
      }
    }
    found.push({ places, divisor: Math.max(1, divisor) });
  }
  return found;
}

const firstLargest = (x: readonly number[], places: readonly number[]): number =>
  places.reduce((best, place) => {
    const [value, most] = [x[place] ?? 0, best < 0 ? -Infinity : (x[best] ?? 0)];
    if (best < 0) return place;
    return (Number.isNaN(value) && !Number.isNaN(most)) || value > most ? place : best;
  }, -1);

function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance: number, told: string): void {
  expect(found.length, told).toBe(expected.length);
  expected.forEach((value, index) => {
    const own = found[index] ?? Number.NaN;
    if (!Object.is(own, value) && !(Math.abs(own - value) <= tolerance))
      expect.fail(`${told}: element ${String(index)} is ${String(own)}, expected ${String(value)}`);
  });
}

/** Texts of several pixels are made for a window each, and compile slowly in software: these take turns. */
const withTurns = <T>(all: readonly T[], turn: number): T[] =>
  chosen[turn]?.endsWith(" 1 pixels") === true || chosen[turn] === "plain"
    ? [...all]
    : all.filter((_, at) => at % 5 === turn % 5);

const chosen = [
  "plain",
  "4 channels 1 pixels",
  "1 channels 1 pixels",
  "4 channels 4 pixels",
  "2 channels 2 pixels",
  "1 channels 8 pixels",
];

describe("every variant", () => {
  test("of the largest, its gradient and the gradient of that", async () => {
    const all = [...cases, ...dilated].map((own) => {
      const x = numbers(own.shape, 1);
      const values = reference.maxPool2d(x, own.options);
      const dy = numbers(values.shape, 2);
      const direction = numbers(own.shape, 3);
      const dx = x.data.map(() => 0);
      const along = windowsOf(own, values.shape).map(({ places }, at) => {
        const first = firstLargest(x.data, places);
        if (first >= 0) dx[first] = (dx[first] ?? 0) + (dy.data[at] ?? 0);
        return first < 0 ? 0 : (direction.data[first] ?? 0);
      });
      return { ...own, x, dy, direction, values, dx, along };
    });
    await eachVariant(kernels, chosen, async (_, variant) => {
      for (const { shape, options, x, dy, direction, values, dx, along } of withTurns(all, chosen.indexOf(variant))) {
        const told = `${variant} of ${shape.join("×")} by ${JSON.stringify(options)}`;
        const pooled = (images: Tensor): Tensor => athanor.maxPool2d(images, api(options));
        const slope = (images: Tensor, by: Tensor): Tensor => grad((z: Tensor) => pooled(z).mul(by).sum())(images);
        const results = athanor.withDevice("webgpu", () => {
          const [images, by] = [tensorOf(x), tensorOf(dy)];
          const second = grad((z: Tensor) => slope(images, z).mul(tensorOf(direction)).sum())(by);
          return [pooled(images), slope(images, by), second];
        });
        await athanor.evaluate(...results);
        const [first, second, third] = await Promise.all(results.map((result) => result.data()));
        expectClose(first ?? [], values.data, 0, told);
        expectClose(second ?? [], dx, 0, `${told}, gradient`);
        expectClose(third ?? [], along, 0, `${told}, direction`);
      }
    });
  });

  test("of averages and their gradient", async () => {
    const all = [
      ...cases,
      ...cases.map(({ shape, options }) => ({ shape, options: { ...options, countIncludePad: false } })),
    ].map((own) => {
      const x = numbers(own.shape, 1);
      const values = reference.avgPool2d(x, own.options);
      const dy = numbers(values.shape, 2);
      const dx = x.data.map(() => 0);
      windowsOf(own, values.shape).forEach(({ places, divisor }, at) => {
        for (const place of places) dx[place] = (dx[place] ?? 0) + (dy.data[at] ?? 0) / divisor;
      });
      return { ...own, x, dy, values, dx };
    });
    await eachVariant(kernels, chosen, async (_, variant) => {
      for (const { shape, options, x, dy, values, dx } of withTurns(all, chosen.indexOf(variant))) {
        const told = `${variant} of ${shape.join("×")} by ${JSON.stringify(options)}`;
        const pooled = (images: Tensor): Tensor => athanor.avgPool2d(images, api(options));
        const results = athanor.withDevice("webgpu", () => {
          const images = tensorOf(x);
          return [pooled(images), grad((z: Tensor) => pooled(z).mul(tensorOf(dy)).sum())(images)];
        });
        const [first, second] = await Promise.all(results.map((result) => result.data()));
        expectClose(first ?? [], values.data, 1e-6, told);
        expectClose(second ?? [], dx, 2e-6, `${told}, gradient`);
      }
    });
  });

  test("of what is not finite: NaN wins, −∞ is a value, padding none", async () => {
    const shape = [1, 4, 6, 4];
    const x = numbers(shape, 5);
    const special = x.data.map((value, at) => (at % 7 === 0 ? Number.NaN : at % 3 === 0 ? -Infinity : value));
    const lowest = special.map(() => -Infinity);
    const options: PoolOptions = { window: square(3), stride: square(2), padding: around(1) };
    await eachVariant(kernels, chosen, async (_, variant) => {
      for (const data of [special, lowest]) {
        const own: Case = { shape: [1, 4, 6, 4], options };
        const expected = windowsOf(own, [1, 2, 3]).map(({ places }) => data[firstLargest(data, places)] ?? 0);
        const found = await athanor
          .withDevice("webgpu", () => athanor.maxPool2d(tensorOf({ shape, data }), api(options)))
          .data();
        expectClose(found, expected, 0, variant);
      }
    });
  });
});

test("windows side by side send their gradient in one launch, others in two", async () => {
  await eachVariant(kernels, ["4 channels 1 pixels"], async (backend) => {
    const launches = async (options: PoolOptions): Promise<number> => {
      const [x, dy] = athanor.withDevice("webgpu", () => {
        const images = tensorOf(numbers([1, 8, 8, 4], 1));
        return [images, athanor.maxPool2d(images, api(options))];
      });
      await athanor.evaluate(x, dy);
      const before = backend.counts.dispatches;
      const slope = athanor.withDevice("webgpu", () =>
        grad((z: Tensor) => athanor.maxPool2d(z, api(options)).mul(dy).sum())(x),
      );
      await slope.data();
      return backend.counts.dispatches - before;
    };
    const apart = await launches({ window: square(2) });
    expect((await launches({ window: square(3), stride: square(2) })) - apart).toBe(1);
  });
});

test("images in parts are pooled element by element", async () => {
  await eachVariant(
    kernels,
    ["4 channels 4 pixels"],
    async () => {
      const x = numbers([1, 96, 96, 8], 1);
      const options: PoolOptions = { window: square(2) };
      const found = await athanor.withDevice("webgpu", () => athanor.maxPool2d(tensorOf(x), api(options))).data();
      expectClose(found, reference.maxPool2d(x, options).data, 0, "in parts");
    },
    { maxStorageBufferBindingSize: 2 ** 17 },
  );
});

describe("the choice", () => {
  const limits = {} as GPULimits;
  const shape = (channels: number, window: number, stride: number, edge = 56): WindowShape => {
    return { rows: edge, columns: edge, channels, together: channels, window: [window, window], stride, isWhole: true };
  };
  const rule = (of: WindowShape): string => windows.nameOf(windows.byRule(of, limits));

  test("is whole vectors of channels where nothing was measured, and several pixels where windows overlap", () => {
    expect(rule(shape(64, 2, 2))).toBe("4 channels 2 pixels");
    expect(rule(shape(64, 3, 1))).toBe("4 channels 4 pixels");
    expect(rule(shape(64, 3, 1, 7))).toBe("4 channels 1 pixels");
    expect(rule(shape(6, 2, 2))).toBe("2 channels 1 pixels");
    expect(rule({ ...shape(64, 2, 2), isWhole: false })).toBe("plain");
    expect(rule(shape(64, 99, 1))).toBe("4 channels 1 pixels");
  });

  test("measures what can be done, by names that are told apart", () => {
    const names = windows.candidates(shape(6, 3, 2), limits).map(windows.nameOf);
    expect(names).toEqual([
      "2 channels 1 pixels",
      "2 channels 2 pixels",
      "2 channels 4 pixels",
      "2 channels 8 pixels",
      "plain",
    ]);
    for (const name of names) expect(windows.nameOf(windows.variantOf(name)!)).toBe(name);
    expect(windows.bucketOf("maxPool2d", shape(64, 2, 2))).not.toBe(windows.bucketOf("maxPool2d", shape(64, 3, 2)));
  });
});
