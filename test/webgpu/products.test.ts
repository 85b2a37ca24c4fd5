// Every variant of the product of matrices computes the same, whatever the shape, the layout and the epilogue; the tuner
// measures them and remembers. Read next: bindings/backends/webgpu/variants/products.ts, tuner.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import {
  bucketOf,
  byRule,
  candidates,
  nameOf,
  tiles,
  variantOf,
} from "../../bindings/backends/webgpu/variants/products.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import type { Conv2dOptions, Tensor } from "../../bindings/index.ts";
import {
  conv2d,
  evaluate,
  grad,
  init,
  matmul,
  quantizedMatmul,
  quantizeMatrix,
  shutdown,
  tensor,
  withDevice,
} from "../../bindings/index.ts";
import { open } from "./segments.ts";
import { largestDistance } from "../setup/distance.ts";

let backend: WebGPUBackend;

beforeAll(async () => {
  await init({ webgpu: "require", tune: "off", threads: 1 });
  backend = defaultEngine().backends.get("webgpu") as WebGPUBackend;
});
afterAll(() => shutdown());

const numbers = (shape: readonly number[], phase: number): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index * 1.7 + phase)),
    { shape },
  );

/** Whole vectors, edges in every direction, transposed operands, a batch, a broadcast, an offset, few rows, long sums. */
const products: Readonly<Record<string, () => Tensor>> = {
  whole: () => matmul(numbers([64, 64], 1), numbers([64, 64], 2)),
  edges: () => matmul(numbers([67, 37], 1), numbers([37, 71], 2)),
  "whole, transposed right": () => matmul(numbers([36, 32], 1), numbers([72, 32], 2), { transposeB: true }),
  "whole, transposed left": () => matmul(numbers([32, 36], 1), numbers([32, 72], 2), { transposeA: true }),
  "edges, both transposed": () =>
    matmul(numbers([35, 33], 1), numbers([30, 35], 2), { transposeA: true, transposeB: true }),
  "a batch with a broadcast": () => matmul(numbers([3, 20, 24], 1), numbers([24, 20], 2)),
  "two batch axes": () => matmul(numbers([2, 3, 9, 8], 1), numbers([3, 8, 12], 2)),
  "rows of a larger matrix": () => matmul(numbers([70, 16], 1).slice([3], [67]), numbers([16, 20], 2)),
  "an epilogue": () =>
    matmul(numbers([40, 600], 1), numbers([600, 24], 2), { bias: numbers([24], 3), activation: "relu" }),
  "one row": () => matmul(numbers([1, 300], 1), numbers([300, 130], 2), { bias: numbers([130], 3) }),
  "three rows, transposed": () => matmul(numbers([3, 130], 1), numbers([70, 130], 2), { transposeB: true }),
  "whole numbers": () =>
    matmul(numbers([20, 600], 1).mul(9).cast("i32"), numbers([600, 20], 2).mul(9).cast("i32")).cast("f32"),
  "no steps": () => matmul(numbers([5, 0], 1), numbers([0, 6], 2)),
};

/** What differs only for those who multiply row by row. */
const rows: Readonly<Record<string, () => Tensor>> = {
  "a row with a transposed batch": () => matmul(numbers([2, 1, 77], 1), numbers([2, 9, 77], 2), { transposeB: true }),
  "whole numbers of a row, transposed": () =>
    matmul(numbers([2, 90], 1).mul(9).cast("i32"), numbers([7, 90], 2).mul(9).cast("i32"), { transposeB: true }).cast(
      "f32",
    ),
};

/** Convolutions as products: vectors of channels or not, edges, groups, strides and dilations, an epilogue. */
const convolutions: Readonly<Record<string, () => Tensor>> = {
  "a convolution in fours": () => conv2d(numbers([2, 9, 9, 8], 1), numbers([3, 3, 8, 16], 2), { padding: "same" }),
  "a convolution with edges": () => conv2d(numbers([1, 11, 7, 3], 1), numbers([5, 3, 3, 10], 2), { stride: 2 }),
  "groups and dilation": () =>
    conv2d(numbers([1, 9, 9, 8], 1), numbers([3, 3, 4, 16], 2), { groups: 2, dilation: 2, padding: "same" }),
  "many channels, with bias and activation": () =>
    conv2d(numbers([1, 4, 4, 64], 1), numbers([3, 3, 64, 9], 2), { bias: numbers([9], 3), activation: "relu" }),
};

/** Their gradients by both operands. */
const sloped: readonly (readonly [string, readonly number[], readonly number[], Conv2dOptions])[] = [
  ["fours", [2, 7, 7, 8], [3, 3, 8, 12], {}],
  ["edges", [1, 9, 8, 9], [3, 2, 9, 10], { stride: 2, padding: "same" }],
  ["groups", [1, 8, 8, 16], [3, 3, 8, 16], { groups: 2, dilation: 2, padding: "same" }],
];
const gradients: Readonly<Record<string, () => Tensor>> = Object.fromEntries(
  sloped.flatMap(([name, images, filters, options]) => {
    const loss = (x: Tensor, w: Tensor): Tensor => conv2d(x, w, options).square().sum();
    const slope = (argnums: 0 | 1): Tensor =>
      grad(loss, { argnums })(numbers(images, 1), numbers(filters, 2)).mul(0.01);
    return [
      [`the slope by images, ${name}`, () => slope(0)],
      [`the slope by filters, ${name}`, () => slope(1)],
    ] as const;
  }),
);

const kernels = ["matmul", "conv2d", "conv2dInputGradient", "conv2dFilterGradient"];
const variants = ["rows", "rows with subgroups", ...Object.keys(tiles), "32x32/4x4*4", "64x64/8x8*3"];
/**
 * A software GPU takes seconds to compile a large tile, and tiles differ in numbers only: one small tile, with sums whole and cut,
 * goes through everything, the others through what reads and writes differently.
 */
const thorough = ["rows", "rows with subgroups", "32x32/4x4", "32x32/4x4*4"];
const telling = ["whole", "edges", "edges, both transposed", "a batch with a broadcast", "an epilogue"];
/** The large tile that convolutions get where they are large. */
const large = [
  "a convolution in fours",
  "a convolution with edges",
  "the slope by images, edges",
  "the slope by filters, edges",
];

const all = variants.flatMap((variant) =>
  Object.entries({
    ...products,
    ...(variant.startsWith("rows") ? rows : {}),
    ...(variant === "rows with subgroups" ? {} : { ...convolutions, ...gradients }),
  })
    .filter(
      ([name]) =>
        thorough.includes(variant) || telling.includes(name) || (variant === "64x64/8x8" && large.includes(name)),
    )
    .map(([name, product]) => [variant, name, product] as const),
);

describe("variants", () => {
  test.each(all)("%s: %s", async (variant, _, product) => {
    const engine = defaultEngine();
    engine.clearPlans();
    backend.adoptTuned({ ...Object.fromEntries(kernels.map((name) => [`${name}:*`, variant])) });
    const here = await withDevice("webgpu", product).data();
    const there = await withDevice("wasm", product).data();
    expect(largestDistance(here, there)).toBeLessThan(1e-4);
  });
});

describe("the choice", () => {
  const subgroups = { minSubgroupSize: 0, maxSubgroupSize: 0, matrices: [] };
  const limits = { maxWorkgroupStorage: 16384, ...subgroups } as unknown as WebGPUBackend["limits"];
  test("follows the shape where nothing was measured", () => {
    const rule = (m: number, n: number, k: number): string => {
      const { tile, slices } = byRule({ batches: 1, m, n, k }, limits);
      return slices === 1 ? tile : `${tile} in ${String(slices)}`;
    };
    expect(rule(1, 4096, 4096)).toBe("rows");
    expect(rule(4096, 4096, 4096)).toBe("128x64/8x8");
    expect(rule(64, 64, 64)).toBe("32x32/4x4");
    expect(rule(64, 64, 8192)).toBe("32x32/4x4 in 8");
  });

  test("adds up by subgroups where steps of k are neighbours and the device has them", () => {
    const shape = { batches: 1, m: 1, n: 4096, k: 4096 };
    const able = { ...limits, minSubgroupSize: 4, maxSubgroupSize: 4 };
    const names = (of: typeof shape & { readonly isAlong?: boolean }, on: typeof limits): readonly string[] =>
      candidates(of, on).map(nameOf);
    expect(nameOf(byRule({ ...shape, isAlong: true }, able))).toBe("rows with subgroups");
    expect(names({ ...shape, isAlong: true }, able)).toContain("rows with subgroups");
    expect(nameOf(byRule({ ...shape, isAlong: true }, limits))).toBe("rows");
    expect(names({ ...shape, isAlong: true }, limits)).not.toContain("rows with subgroups");
    expect(names(shape, able)).not.toContain("rows with subgroups");
    expect(bucketOf("matmul", { ...shape, isAlong: true })).not.toBe(bucketOf("matmul", shape));
    expect(bucketOf("matmul", { ...shape, m: 64, isAlong: true })).toBe(bucketOf("matmul", { ...shape, m: 64 }));
  });

  test("leaves out tiles that the workgroup memory has no room for", () => {
    const small = candidates({ batches: 1, m: 64, n: 64, k: 64 }, { ...limits, maxWorkgroupStorage: 4096 });
    expect(small.map(({ tile }) => tile)).toEqual(["32x32/4x4"]);
  });

  test("is measured on the device, kept as plain data, and adopted by another backend", async () => {
    // Without subgroups there are half as many to compile.
    const lone = await open({ features: [] });
    const { productSegment } = await import("../../bindings/backends/webgpu/variants/sample.ts");
    lone.compile(productSegment({ batches: 1, m: 33, n: 20, k: 16 })).dispose();
    expect(await lone.tune()).toBe(0); // a software GPU
    expect(await lone.tune({ evenInSoftware: true })).toBe(1);
    expect(await lone.tune({ evenInSoftware: true })).toBe(0);
    const kept = JSON.parse(JSON.stringify(lone.tuned)) as typeof lone.tuned;
    expect(Object.keys(kept)).toEqual(["matmul:0,6,5,4"]);
    const [name = ""] = Object.values(kept);
    expect(Object.keys(tiles)).toContain(variantOf(name)?.tile);
    const other = await open();
    other.adoptTuned({ ...kept, "matmul:1,1,1,1": "a variant of another version" });
    expect(other.tuned).toEqual(kept);
    expect(lone.memory().inUse).toBe(0);
    lone.dispose();
    other.dispose();
  });
});

describe("weights of eight bits", () => {
  test.each([
    ["as the device can", undefined],
    ["without the instruction for it", []],
  ] as const)("multiply as on the CPU, %s", async (_, features) => {
    const engine = defaultEngine();
    const before = engine.backends.get("webgpu");
    const lone = await open(features === undefined ? {} : { features });
    engine.backends.set("webgpu", lone);
    engine.clearPlans();
    try {
      for (const [m, k, n] of [
        [1, 5, 4],
        [7, 64, 70],
        [13, 130, 65],
        [4, 0x101, 9],
      ] as const) {
        const weights = await withDevice("wasm", async () => {
          const made = quantizeMatrix(numbers([k, n], 2));
          await evaluate(made.values, made.scale, made.sums);
          return made;
        });
        const x = numbers([m, k], 1);
        const call = (): Tensor => quantizedMatmul(x, weights, { bias: numbers([n], 3), activation: "relu" });
        const here = await withDevice("webgpu", call).data();
        const there = await withDevice("wasm", call).data();
        here.forEach((value, index) => {
          expect(Math.abs(value - (there[index] ?? Number.NaN))).toBeLessThan(2e-6 * (1 + Math.abs(value)));
        });
      }
    } finally {
      if (before !== undefined) engine.backends.set("webgpu", before);
      engine.clearPlans();
      lone.dispose();
    }
  });
});
