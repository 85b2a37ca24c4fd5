// Halves that share a word, on a GPU without 16-bit floats: products with rows of an even length and folds of columns store whole
// words themselves, so that no other launch follows; products with odd rows are converted behind.
// Read next: bindings/backends/webgpu/wgsl/elements.ts; native.test.ts for devices with 16-bit floats.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import { open } from "../webgpu/segments.ts";
import { nearest } from "./nearest.ts";

const { cast, evaluate, matmul, tensor, withDevice } = athanor;

describe("halves in words", () => {
  let gpu: WebGPUBackend;

  beforeAll(async () => {
    await athanor.init({ threads: 1, webgpu: "off" });
    gpu = await open({ features: ["subgroups"] });
    defaultEngine().backends.set("webgpu", gpu);
    defaultEngine().clearPlans();
  });

  afterAll(() => {
    defaultEngine().backends.delete("webgpu");
    defaultEngine().clearPlans();
    gpu.dispose();
  });

  const halves = (shape: readonly number[], phase: number): athanor.Tensor => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: size }, (_, at) => nearest(((at * 37 + phase) % 101) / 50 - 1));
    return tensor(values, { shape, dtype: "f16" });
  };

  /** Results on the GPU are those on the CPU, to the last place of a half; returns how many launches they took. */
  async function launchesOf(compute: () => readonly athanor.Tensor[], terms: number): Promise<number> {
    const [got, want] = [withDevice("webgpu", compute), withDevice("wasm", compute)];
    const before = gpu.counts.dispatches;
    await evaluate(...got);
    const launches = gpu.counts.dispatches - before;
    for (const [index, result] of got.entries()) {
      expect(result.dtype).toBe("f16");
      const [own, other] = [await result.data(), (await want[index]?.data()) ?? []];
      expect(own).toHaveLength(other.length);
      own.forEach((value, at) => {
        const far = Math.abs(value - (other[at] ?? NaN));
        expect(far, `element ${String(at)}`).toBeLessThanOrEqual(Math.abs(value) * 2 ** -10 + terms * 2 ** -22);
      });
    }
    return launches;
  }

  const product = (m: number, k: number, n: number, isTurned = false): Promise<number> => {
    const [a, b] = [halves([m, k], 1), isTurned ? halves([n, k], 2).T : halves([k, n], 2)];
    return launchesOf(() => [matmul(a, b)], k);
  };

  test.each([
    ["few rows", 3, 70, 66, false],
    ["few rows, steps side by side", 4, 9, 6, true],
    ["a row of two", 1, 65, 2, true],
    ["tiles", 9, 7, 70, false],
    ["tiles, whole vectors", 36, 16, 40, false],
  ] as const)("a product of %s is one launch", async (_, m, k, n, isTurned) => {
    expect(await product(m, k, n, isTurned)).toBe(1);
  });

  test("a product with odd rows is converted behind", async () => {
    expect(await product(9, 7, 5)).toBe(2);
  });

  test("slices of a product are put together as halves, with what follows", async () => {
    expect(await product(20, 1040, 18)).toBe(2);
    const [a, b, bias] = [halves([20, 1040], 3), halves([1040, 18], 4), halves([18], 5)];
    expect(await launchesOf(() => [matmul(a, b, { bias, activation: "relu" })], 1040)).toBe(2);
  });

  test("a batch of products", async () => {
    const [a, b] = [halves([3, 5, 4], 6), halves([3, 4, 6], 7)];
    expect(await launchesOf(() => [matmul(a, b)], 4)).toBe(1);
  });

  test("what only products read lies in halves too, rounded", async () => {
    const [a, b] = [halves([6, 5], 11), halves([5, 8], 12)];
    expect(await launchesOf(() => [matmul(matmul(a, b), halves([8, 4], 13))], 8)).toBe(2);
  });

  test.each([4, 6, 3])("pooling of %i channels, and its gradients", async (channels) => {
    const x = halves([2, 6, 6, channels], 14);
    for (const [window, stride] of [
      [2, 2],
      [3, 2],
    ] as const) {
      const options = { window, stride };
      const launches = await launchesOf(() => [athanor.maxPool2d(x, options)], 0);
      expect(launches).toBe(channels % 2 === 0 ? 1 : 2);
      expect(await launchesOf(() => [athanor.avgPool2d(x, options)], 9)).toBe(launches);
      const slope = (pool: typeof athanor.maxPool2d) => () => [
        athanor.grad((v: athanor.Tensor) => cast(pool(v, options), "f32").square().sum())(x),
      ];
      await launchesOf(slope(athanor.maxPool2d), 9);
      await launchesOf(slope(athanor.avgPool2d), 9);
    }
  });

  test("folds of columns, of any number of them", async () => {
    for (const shape of [
      [4, 30, 6],
      [3, 5, 7],
      [1, 40, 1001],
    ]) {
      const x = halves(shape, 8);
      await launchesOf(() => [x.mul(0.5).sum({ axis: 1 })], shape[1] ?? 1);
      await launchesOf(() => [x.max({ axis: 1 })], 0);
    }
  });

  test("folds of the same columns are one launch", async () => {
    const [x, y] = [halves([12, 35], 9), halves([12, 35], 10)];
    expect(await launchesOf(() => [x.sum({ axis: 0 }), x.mul(y).sum({ axis: 0 })], 12)).toBe(1);
  });
});
