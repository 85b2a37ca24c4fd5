// What follows a matrix product or a convolution (biases, activations, residuals) is done by the kernel's step, block by block,
// with the bits of the two one after the other, on one thread and on several, whichever way the kernel takes.
// Read next: ../../bindings/graph/finish.ts, ../../assembly/elementwise/finish.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { createEngine, useEngine } from "../../bindings/engine/default.ts";
import type { Engine } from "../../bindings/engine/engine.ts";
import * as athanor from "../../bindings/index.ts";
import type { Conv2dOptions, Tensor } from "../../bindings/index.ts";

const engines: Engine[] = [];

beforeAll(async () => {
  for (const threads of [1, 5]) {
    const engine = createEngine({ threads, webgpu: "off", tune: "off" });
    await engine.ready();
    const wasm = engine.backends.get("wasm");
    if (!(wasm instanceof WasmBackend)) throw new Error("there is no CPU backend");
    await wasm.threads?.joined();
    wasm.shareFrom = 0;
    engines.push(engine);
  }
});

afterAll(async () => {
  useEngine(undefined);
  for (const engine of engines) await engine.shutdown();
});

type Dtype = "f32" | "f64" | "i32";

function made(shape: readonly number[], seed: number, dtype: Dtype = "f32"): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = Array.from(
    { length: size },
    (_, i) => (((i * 37 + seed * 11) % 101) - 50) / (dtype === "i32" ? 1 : 64),
  );
  return athanor.tensor(
    values.map((value) => (dtype === "i32" ? Math.trunc(value) : value)),
    { shape, dtype },
  );
}

type Product = (x: Tensor, w: Tensor) => Tensor;

/** What may follow a result of `shape`: an activation alone, with a bias, by columns and rows, with a small residual, two results. */
function followers(shape: readonly number[], dtype: Dtype): readonly ((y: Tensor) => readonly Tensor[])[] {
  const columns = shape.at(-1) ?? 1;
  const bias = made([columns], 3, dtype);
  const byRow = made([...shape.slice(0, -1), 1], 4, dtype);
  const residual = made(shape, 5, dtype);
  const first = made([shape[0] ?? 1, ...shape.slice(1).map(() => 1)], 6, dtype);
  const relu = (y: Tensor): Tensor => athanor.maximum(y, 0);
  return [
    (y) => [relu(y)],
    (y) => [relu(athanor.add(y, bias))],
    (y) => [athanor.mul(athanor.add(y, bias), byRow)],
    (y) => [relu(athanor.add(athanor.add(y, bias), residual))],
    (y) => [athanor.mul(athanor.sub(y, first), 3)],
    (y) => {
      const sum = athanor.add(y, bias);
      return [sum, athanor.mul(sum, residual)];
    },
    (y) => [athanor.cast(athanor.greater(y, bias), "f32")],
  ];
}

/** Compares one plan with the same in two, on all engines, which all give the bits of the first. */
function check(shapes: readonly [readonly number[], readonly number[]], product: Product, dtype: Dtype = "f32"): void {
  const seen: string[] = [];
  for (const engine of engines) {
    useEngine(engine);
    athanor.memoryGuards(true);
    athanor.scope(() => {
      const [x, w] = [made(shapes[0], 1, dtype), made(shapes[1], 2, dtype)];
      const apart = product(x, w);
      apart.dataSync();
      const results = followers(apart.shape, dtype).map((follow) => {
        const expected = follow(apart).map((result) => [...result.dataSync()]);
        const compiled = athanor.jit((a: Tensor, b: Tensor) => [...follow(product(a, b))]);
        // Met again, weights are prepared.
        for (let run = 0; run < 3; run++)
          expect(compiled(x, w).map((result) => [...result.dataSync()])).toEqual(expected);
        compiled.dispose();
        return expected;
      });
      seen.push(JSON.stringify(results));
    });
    expect(athanor.checkGuards()).toBe(0);
    athanor.memoryGuards(false);
  }
  expect(new Set(seen).size).toBe(1);
}

describe("behind a matrix product", () => {
  /** m, k, n: rows by streams and by dots, tiles, several blocks of rows, depths and columns, single rows and columns. */
  test.each([
    [1, 40, 77],
    [1, 3, 1],
    [33, 20, 1],
    [4, 30, 70],
    [7, 9, 2101],
    [6, 300, 35],
    [13, 64, 33],
    [32, 300, 32],
    [131, 17, 9],
    [130, 260, 40],
    [250, 5, 1],
    [45, 270, 1100],
    [130, 7, 1030],
  ] as const)("%i × %i × %i", (m, k, n) => {
    check(
      [
        [m, k],
        [k, n],
      ],
      (x, w) => athanor.matmul(x, w),
    );
    if (m % 2 === 0 && m < 100) return;
    check(
      [
        [k, m],
        [n, k],
      ],
      (x, w) => athanor.matmul(x, w, { transposeA: true, transposeB: true }),
    );
  });

  test.each(["f64", "i32"] as const)("%s", (dtype) => {
    check(
      [
        [37, 20],
        [20, 19],
      ],
      (x, w) => athanor.matmul(x, w),
      dtype,
    );
    check(
      [
        [3, 20],
        [20, 70],
      ],
      (x, w) => athanor.matmul(x, w),
      dtype,
    );
  });

  test("batches, shared and not", () => {
    check(
      [
        [3, 14, 20],
        [3, 20, 19],
      ],
      (x, w) => athanor.matmul(x, w),
    );
    check(
      [
        [2, 3, 14, 20],
        [2, 1, 20, 19],
      ],
      (x, w) => athanor.matmul(x, w),
    );
    check(
      [
        [2, 3, 1, 20],
        [3, 20, 40],
      ],
      (x, w) => athanor.matmul(x, w),
    );
    check(
      [
        [5, 7, 20],
        [20, 19],
      ],
      (x, w) => athanor.matmul(x, w),
    );
  });

  test("no depth at all", () => {
    check(
      [
        [6, 0],
        [0, 5],
      ],
      (x, w) => athanor.matmul(x, w),
    );
  });

  test("weights of eight bits", () => {
    const weight = made([40, 37], 2);
    const light = athanor.quantizeMatrix(weight);
    for (const m of [1, 7, 100]) {
      const x = made([m, 40], 1);
      const plain = athanor.quantizedMatmul(x, light);
      plain.dataSync();
      const bias = made([37], 3);
      const expected = [...athanor.relu(athanor.add(plain, bias)).dataSync()];
      const result = athanor.quantizedMatmul(x, light, { bias, activation: "relu" });
      expect([...result.dataSync()]).toEqual(expected);
    }
  });
});

describe("behind a convolution", () => {
  const conv =
    (options: Conv2dOptions): Product =>
    (x, w) =>
      athanor.conv2d(x, w, options);

  test.each([
    ["pointwise", [2, 7, 9, 20], [1, 1, 20, 36], {}],
    ["pointwise with strides", [2, 7, 9, 20], [1, 1, 20, 36], { stride: 2 }],
    ["implicit product", [2, 9, 11, 6], [3, 3, 6, 13], { padding: 1, stride: 2 }],
    ["implicit product of several depths", [1, 12, 13, 40], [3, 3, 40, 9], { padding: 1, strict: true }],
    ["groups", [2, 9, 11, 12], [3, 3, 4, 18], { padding: 1, groups: 3 }],
    ["Winograd of few channels", [3, 13, 14, 16], [3, 3, 16, 36], { padding: 1 }],
    ["Winograd of many channels", [2, 13, 15, 64], [3, 3, 64, 40], { padding: 1 }],
    ["Winograd of several blocks", [3, 31, 30, 64], [3, 3, 64, 20], { padding: 1 }],
    ["depthwise", [2, 9, 11, 18], [3, 3, 1, 18], { padding: 1, groups: 18 }],
    ["depthwise with strides", [2, 9, 11, 18], [3, 3, 1, 18], { padding: 1, stride: 2, groups: 18 }],
    ["few channels", [2, 19, 21, 3], [3, 3, 3, 16], { padding: 1 }],
    ["few channels, few results", [2, 19, 21, 3], [3, 3, 3, 5], { padding: 1 }],
    ["empty windows", [2, 3, 3, 0], [3, 3, 0, 4], { padding: 1 }],
  ] as const)("%s", (_, x, w, options) => {
    check([x, w], conv(options));
  });
});

test("an update over weights that are given away lies in their place", () => {
  for (const engine of engines) {
    useEngine(engine);
    athanor.scope(() => {
      const [x, dy] = [made([50, 24], 1), made([50, 18], 2)];
      const before = made([24, 18], 3);
      const gradient = athanor.matmul(x, dy, { transposeA: true });
      gradient.dataSync();
      const expected = [...athanor.sub(before, athanor.mul(gradient, 0.5)).dataSync()];
      const step = athanor.jit(
        (w: Tensor, a: Tensor, b: Tensor) => [
          athanor.sub(w, athanor.mul(athanor.matmul(a, b, { transposeA: true }), 0.5)),
        ],
        { donate: [0] },
      );
      const live = athanor.memory().wasm?.inUse ?? 0;
      const [after] = step(before, x, dy);
      expect([...(after?.dataSync() ?? [])]).toEqual(expected);
      expect(athanor.memory().wasm?.inUse).toBe(live);
      step.dispose();
    });
  }
});
