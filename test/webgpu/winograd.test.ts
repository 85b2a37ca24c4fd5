// Winograd's method on the GPU: within the tolerance that is published for convolutions, against sums in f64, whatever the edges,
// the channels and the limits of the device; not where it would round too much, and not where sums were asked for.
// Read next: bindings/backends/webgpu/kernels/winograd-shader.ts, ../specs/convolution.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import type { GPULimits } from "../../bindings/backends/webgpu/device/description.ts";
import type { ProductShape } from "../../bindings/backends/webgpu/variants/products.ts";
import {
  bucketOf,
  byRule,
  candidates,
  nameOf,
  suits,
  variantOf,
} from "../../bindings/backends/webgpu/variants/products.ts";
import { winogradOf } from "../../bindings/backends/webgpu/kernels/winograd-shader.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import type { Padding } from "../reference/convolution.ts";
import * as reference from "../reference/convolution.ts";
import { open, sequence } from "./segments.ts";
import { largestDistance } from "../setup/distance.ts";

/** A sixteenth of what most devices allow would hold all; this is less than the larger images and the tiles of any. */
const small = { maxStorageBufferBindingSize: 2 ** 18, maxWorkgroupStorage: 16384 };
const kernels = ["conv2d", "conv2dInputGradient"];

beforeAll(async () => {
  await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
});
afterAll(() => athanor.shutdown());

/** Runs with a GPU that takes this variant wherever it can, and gives the launches that the last results took. */
async function on<T>(
  limits: Parameters<typeof open>[0],
  variant: string,
  body: (backend: WebGPUBackend) => Promise<T>,
): Promise<T> {
  const engine = defaultEngine();
  const backend = await open(limits);
  backend.adoptTuned(Object.fromEntries(kernels.map((name) => [`${name}:*`, variant])));
  engine.backends.set("webgpu", backend);
  engine.clearPlans();
  try {
    return await body(backend);
  } finally {
    engine.backends.delete("webgpu");
    engine.clearPlans();
    backend.dispose();
  }
}

/** Numbers of both signs; `bias` moves them all to one. */
function numbers(shape: readonly number[], seed: number, bias = 0): NdArray {
  const next = sequence(seed);
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape: [...shape], data: Array.from({ length }, () => Math.fround(2 * next() - 1 + bias)) };
}

const tensorOf = ({ shape, data }: NdArray): Tensor => athanor.tensor(Float32Array.from(data), { shape });
const absolute = ({ shape, data }: NdArray): NdArray => ({ shape, data: data.map(Math.abs) });

/** The largest error in ulps of the sum of magnitudes. */
function errorOf(values: ArrayLike<number>, expected: NdArray, magnitudes: NdArray): number {
  expect(values.length).toBe(expected.data.length);
  return expected.data.reduce((most, value, index) => {
    const ulp = 2 ** -23 * (magnitudes.data[index] ?? 0);
    return Math.max(most, Math.abs((values[index] ?? Number.NaN) - value) / ulp);
  }, 0);
}

const around = (height: number, width: number): Padding => [
  [height, height],
  [width, width],
];
type Shape = readonly [number, number, number, number];

const lopsided: Padding = [
  [1, 0],
  [0, 1],
];

/**
 * Images, channels written, padding, what is added to all numbers: whole tiles, tiles over every edge, channels that are no
 * fours, batches, one tile, numbers of one sign. Beside a padded border those round more, here as on the CPU: winograd-plan.ts.
 */
const shapes: readonly (readonly [x: Shape, outputs: number, padding: Padding, bias: number])[] = [
  [[1, 8, 8, 64], 64, around(1, 1), 0],
  [[2, 9, 10, 68], 20, lopsided, 0],
  [[1, 13, 11, 66], 9, around(0, 0), 0],
  [[3, 6, 5, 130], 33, around(1, 0), 0],
  [[1, 3, 6, 64], 8, around(0, 0), 0],
  [[1, 10, 10, 64], 16, around(0, 0), 1],
];

/** Holds the result to four ulps of the sum of magnitudes, and the launches it takes to their number. */
async function expectClose(
  backend: WebGPUBackend,
  op: "conv2d" | "convTranspose2d",
  x: NdArray,
  w: NdArray,
  padding: Padding,
  launches: number,
): Promise<void> {
  const before = backend.counts.dispatches;
  const options = { padding: pairs(padding) };
  const found = await athanor.withDevice("webgpu", () => athanor[op](tensorOf(x), tensorOf(w), options)).data();
  expect(backend.counts.dispatches - before).toBe(launches);
  const expected = reference[op](x, w, { padding });
  expect(errorOf(found, expected, reference[op](absolute(x), absolute(w), { padding }))).toBeLessThan(4);
}

describe("within the tolerance of convolutions", () => {
  test.each(["winograd 32x32/4x4", "winograd 64x64/4x4", "winograd 32x64/4x8"])("%s", async (variant) => {
    await on({}, variant, async (backend) => {
      for (const [shape, outputs, padding, bias] of variant.endsWith("32x32/4x4") ? shapes : shapes.slice(1, 2)) {
        const [x, w] = [numbers(shape, 1, bias), numbers([3, 3, shape[3], outputs], 2, bias)];
        await expectClose(backend, "conv2d", x, w, padding, 4);
      }
    });
  });

  test("input gradients", async () => {
    await on({}, "winograd 32x32/4x4", async (backend) => {
      for (const [shape, outputs, padding] of [
        [[1, 9, 9, 64], 64, around(1, 1)],
        [[2, 7, 10, 66], 21, around(1, 2)],
        [[1, 4, 4, 130], 9, around(2, 2)],
      ] as const) {
        const [dy, w] = [numbers(shape, 1), numbers([3, 3, outputs, shape[3]], 2)];
        await expectClose(backend, "convTranspose2d", dy, w, padding, 4);
      }
    });
  });

  test("on a device with small buffers: images in parts, tiles a few at a time", async () => {
    await on({ limits: small, features: [] }, "winograd 32x32/4x4", async (backend) => {
      const [x, w] = [numbers([2, 24, 23, 64], 1), numbers([3, 3, 64, 20], 2)];
      // 72 tiles, 28 at a time.
      await expectClose(backend, "conv2d", x, w, around(1, 1), 1 + 3 * 3);
    });
  });
});

const pairs = ([[top, bottom], [left, right]]: Padding): [[number, number], [number, number]] => [
  [top, bottom],
  [left, right],
];

describe("what follows", () => {
  test("is done as the results are stored, or after it", async () => {
    const x = (): Tensor => tensorOf(numbers([1, 9, 9, 64], 1));
    const w = (): Tensor => tensorOf(numbers([3, 3, 64, 12], 2));
    const bias = (): Tensor => tensorOf(numbers([12], 3));
    const relu = (): Tensor => athanor.conv2d(x(), w(), { padding: 1, bias: bias(), activation: "relu" });
    const large = (): Tensor => athanor.greater(athanor.conv2d(x(), w(), { padding: 1 }), 5);
    await on({}, "winograd 32x32/4x4", async (backend) => {
      for (const [call, tolerance, launches] of [
        [relu, 1e-4, 4],
        [large, 0, 5],
      ] as const) {
        const before = backend.counts.dispatches;
        const here = await athanor.withDevice("webgpu", call).data();
        expect(backend.counts.dispatches - before).toBe(launches);
        const there = await athanor.withDevice("wasm", call).data();
        expect(largestDistance(here, there)).toBeLessThanOrEqual(tolerance);
      }
    });
  });
});

describe("left to sums", () => {
  test.each<[string, Shape, athanor.Conv2dOptions]>([
    ["few channels", [1, 9, 9, 60], { padding: 1 }],
    ["a wide rim", [1, 9, 9, 64], { padding: 2 }],
    ["strides", [1, 9, 9, 64], { padding: 1, stride: 2 }],
    ["strict", [1, 9, 9, 64], { padding: 1, strict: true }],
  ])("%s", async (_, shape, options) => {
    await on({}, "winograd 32x32/4x4", async (backend) => {
      const before = backend.counts.dispatches;
      const w = tensorOf(numbers([3, 3, shape[3], 16], 2));
      await athanor.withDevice("webgpu", () => athanor.conv2d(tensorOf(numbers(shape, 1)), w, options)).data();
      expect(backend.counts.dispatches - before).toBeLessThan(3);
    });
  });
});

test("what is not finite stays in the tiles that see it", async () => {
  await on({}, "winograd 32x32/4x4", async () => {
    const x = numbers([1, 12, 12, 64], 1);
    // Seen by the tiles of rows 4 to 7 and columns 4 to 11.
    const at = (5 * 12 + 7) * 64 + 3;
    const images = tensorOf({ ...x, data: x.data.map((value, index) => (index === at ? Number.NaN : value)) });
    const w = tensorOf(numbers([3, 3, 64, 8], 2));
    const y = await athanor.withDevice("webgpu", () => athanor.conv2d(images, w, { padding: 1 })).data();
    const lost = new Set([...y].flatMap((value, index) => (Number.isFinite(value) ? [] : [Math.floor(index / 8)])));
    for (let pixel = 0; pixel < 144; pixel++) {
      const [row, column] = [Math.floor(pixel / 12), pixel % 12];
      const isReached = row >= 4 && row <= 6 && column >= 6 && column <= 8;
      const isNear = row >= 4 && row <= 7 && column >= 4 && column <= 11;
      if (isReached) expect(lost).toContain(pixel);
      if (!isNear) expect(lost).not.toContain(pixel);
    }
  });
});

describe("the choice", () => {
  const limits = { maxWorkgroupStorage: 16384, maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
  const shape = (edge: number, inputs: number, outputs: number, strict = 0): ProductShape => {
    const words = [1, edge, edge, inputs, edge, edge, outputs, 3, 3, 1, 1, 1, 1, 1, 1, 1, strict];
    const winograd = winogradOf("conv2d", words, limits as GPULimits);
    return { batches: 1, m: edge ** 2, n: outputs, k: 9 * inputs, winograd };
  };
  const rule = (of: ProductShape): string => nameOf(byRule(of, limits as GPULimits));

  test("is Winograd's method for many channels and tiles, where nothing was measured", () => {
    expect(rule(shape(56, 64, 64))).toBe("winograd 32x64/4x8");
    expect(rule(shape(56, 64, 32))).toBe("32x32/4x4");
    expect(rule(shape(8, 256, 256))).not.toMatch("winograd");
    expect(rule(shape(56, 64, 64, 1))).not.toMatch("winograd");
    // Filters of 36 values each that no buffer of this device holds.
    expect(shape(56, 1024, 1024).winograd).toBeUndefined();
  });

  test("measures it beside the others, apart from convolutions that cannot be done so", () => {
    const names = candidates(shape(56, 64, 64), limits as GPULimits).map(nameOf);
    expect(names).toContain("winograd 32x64/4x8");
    expect(names.every((name) => nameOf(variantOf(name)!) === name)).toBe(true);
    expect(
      candidates(shape(56, 32, 64), limits as GPULimits)
        .map(nameOf)
        .join(),
    ).not.toMatch("winograd");
    expect(bucketOf("conv2d", shape(56, 64, 64))).not.toBe(bucketOf("conv2d", shape(56, 64, 64, 1)));
    expect(variantOf("winograd rows")).toBeUndefined();
    expect(variantOf("winograd 32x32/4x4*2")).toBeUndefined();
  });

  test("is adopted only where it fits", () => {
    const variant = variantOf("winograd 32x32/4x4")!;
    expect(suits(variant, shape(56, 64, 8), limits as GPULimits)).toBe(true);
    expect(suits(variant, shape(56, 48, 64), limits as GPULimits)).toBe(false);
    expect(suits(variantOf("winograd 128x64/8x8")!, shape(56, 64, 64), limits as GPULimits)).toBe(false);
  });
});
