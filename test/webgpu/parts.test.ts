// Tensors that lie in several buffers: a backend that behaves as a device with very small buffers and no optional feature
// computes what the CPU computes, for every kind of kernel. Read next: bindings/backends/webgpu/memory/parts.ts.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { open } from "./segments.ts";
import { largestDistance } from "../setup/distance.ts";

/** 256 elements a buffer, 1024 a tensor. */
const limits = { maxStorageBufferBindingSize: 1024, maxStorageBuffers: 8, maxWorkgroupsPerDimension: 65535 };

beforeAll(async () => {
  await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
  const engine = defaultEngine();
  engine.backends.set("webgpu", await open({ limits, features: [] }));
  engine.clearPlans();
});
afterAll(() => athanor.shutdown());

const numbers = (shape: readonly number[], phase: number, dtype: athanor.DType = "f32"): Tensor =>
  athanor.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index * 1.7 + phase)),
    { shape, dtype },
  );

/** 512 elements a buffer, 2048 a tensor. */
const halves = (shape: readonly number[], phase: number): Tensor => numbers(shape, phase, "f16");

const cases: Readonly<Record<string, () => Tensor>> = {
  "a chain over halves": () =>
    halves([999], 1)
      .mul(halves([999], 2))
      .add(1),
  "more halves than a shader sees buffers, at odd places": () =>
    [1, 2, 3, 4, 5].reduce(
      (sum, phase) => sum.mul(athanor.slice(halves([1023], phase), [phase], [1016 + phase])).add(1),
      halves([1016], 0),
    ),
  "products of halves": () => athanor.matmul(halves([12, 70], 1), halves([70, 12], 2)).cast("f32"),
  "rows of halves": () => athanor.softmax(halves([10, 90], 1)),
  "pieces of halves": () => athanor.concat([halves([401], 1), halves([500], 2)]),
  "a chain over linear operands": () =>
    numbers([30, 30], 1)
      .mul(numbers([30, 30], 2))
      .add(numbers([30, 30], 3))
      .tanh(),
  "a broadcast and a transpose": () => numbers([30, 30], 1).T.add(numbers([30], 2)),
  "more operands in parts than a shader sees buffers": () =>
    [1, 2, 3, 4].reduce((sum, phase) => sum.mul(numbers([1000], phase)).add(1), numbers([1000], 0)),
  "slices with an offset": () => athanor.slice(numbers([1000], 1), [3], [903]).add(numbers([900], 2)),
  "a sum of all": () => numbers([1000], 1).sum(),
  "sums along both axes": () =>
    numbers([20, 50], 1)
      .square()
      .sum({ axis: 0 })
      .add(numbers([50, 20], 2).mean({ axis: 1 }).sum()),
  "a product of matrices": () => athanor.matmul(numbers([12, 40], 1), numbers([40, 12], 2)).relu(),
  "a product of one row": () => athanor.matmul(numbers([1, 40], 1), numbers([40, 25], 2)),
  "a batched product, transposed": () =>
    athanor.matmul(numbers([4, 8, 16], 1), numbers([4, 8, 16], 2), { transposeB: true }),
  "a convolution": () => athanor.conv2d(numbers([1, 8, 8, 8], 1), numbers([3, 3, 8, 8], 2), { padding: "same" }),
  "its gradients": () =>
    athanor.grad((w: Tensor) =>
      athanor
        .conv2d(numbers([1, 8, 8, 8], 1), w, { padding: "same" })
        .square()
        .sum(),
    )(numbers([3, 3, 8, 8], 2)),
  "a pooling": () => athanor.maxPool2d(numbers([1, 10, 10, 5], 1), { window: 2 }),
  "the gradient of a pooling": () =>
    athanor.grad((x: Tensor) => athanor.maxPool2d(x, { window: 2 }).square().sum())(numbers([1, 10, 10, 5], 1)),
  "a softmax": () => athanor.softmax(numbers([10, 50], 1)),
  "rows taken from a table": () =>
    athanor.take(numbers([100, 10], 1), athanor.tensor(Int32Array.of(0, 99, 30, 60, 5)), { axis: 0 }),
  "a running sum": () => athanor.cumSum(numbers([2, 400], 1), { axis: 1 }),
  "the place of the largest": () => athanor.argMax(numbers([10, 100], 1), { axis: 1 }).cast("f32"),
  "joined pieces": () => athanor.concat([numbers([400], 1), numbers([500], 2)]),
};

describe("tensors in parts", () => {
  test.each(Object.entries(cases))("%s", async (_, make) => {
    const there = await athanor.withDevice("wasm", () => make().add(0)).data();
    const here = await athanor.withDevice("webgpu", () => make().add(0)).data();
    expect(largestDistance(here, there)).toBeLessThan(1e-4);
  });
});

describe("what does not fit", () => {
  const choices: Readonly<Record<string, () => Tensor>> = {
    "a tensor that is too large in parts": () => numbers([1100], 1).mul(2),
    "more parts than a shader sees buffers": () => athanor.matmul(numbers([20, 40], 1), numbers([40, 25], 2)),
  };
  test.each(Object.entries(choices))("%s is computed on the CPU where the choice is free", async (_, make) => {
    const { costs } = defaultEngine();
    const compute = vi.spyOn(costs, "compute").mockImplementation((device) => (device === "wasm" ? 1e6 : 1));
    const transfer = vi.spyOn(costs, "transfer").mockReturnValue(0);
    try {
      const there = await athanor.withDevice("wasm", make).data();
      expect(await make().data()).toEqual(there);
      expect(String(await athanor.explain(make()))).toMatch(/this GPU (allows|shows)/);
      await expect(athanor.withDevice("webgpu", make).data()).rejects.toThrow(/this GPU (allows|shows)/);
    } finally {
      compute.mockRestore();
      transfer.mockRestore();
    }
  });
});

test("a tensor over 128 MiB on a device that shows a shader no more", async () => {
  const engine = defaultEngine();
  const small = engine.backends.get("webgpu");
  const base = await open({ base: true });
  try {
    engine.backends.set("webgpu", base);
    engine.clearPlans();
    const size = base.limits.maxStorageBufferBindingSize / 4 + 8;
    using x = athanor.tensor(new Float32Array(size).fill(1));
    expect(await athanor.withDevice("webgpu", () => x.add(1).sum()).item()).toBe(2 * size);
  } finally {
    if (small !== undefined) engine.backends.set("webgpu", small);
    engine.clearPlans();
    base.dispose();
  }
});
