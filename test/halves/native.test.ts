// Halves on GPUs whose shaders have 16-bit floats. The kernels of every op are compiled by a device that computes nothing but
// refuses what is not WGSL, so that they are known to be valid where no GPU has the feature; and every op is tried on the GPU that
// is here if it has it. A GPU without is counted and said.
// Read next: null-gpu.ts; devices.test.ts for what halves are on every device; conformance/halves.ts for the cases.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { defaultEngine } from "../../bindings/engine/default.ts";
import * as athanor from "../../bindings/index.ts";
import type { OpenedBackend } from "../../bindings/testing/backends.ts";
import { openBackend } from "../../bindings/testing/backends.ts";
import { runCase } from "../../bindings/testing/checks.ts";
import { materialize } from "../../bindings/testing/layouts.ts";
import type { Case } from "../../bindings/testing/samples.ts";
import { opNames, rowsOf } from "../conformance/table.ts";
import type { NullGpu } from "./null-gpu.ts";
import { openNullGpu } from "./null-gpu.ts";

const { cast, conv2d, evaluate, grad, matmul, maxPool2d, scaledDotProductAttention, scope, tensor, withDevice } =
  athanor;
const mustHaveAll = process.env.CI !== undefined || process.env.ATHANOR_REQUIRE_ALL !== undefined;

const chosen = process.env.ATHANOR_OPS?.split(",") ?? opNames;
const halfCases = (op: string): Case[] => rowsOf(op).cases.filter(({ label }) => label.startsWith("f16 "));
const ops = chosen.filter((op) => halfCases(op).some(({ gpu }) => gpu));

const halves = (...shape: number[]): athanor.Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), { shape, dtype: "f16" });

/** Kernels in forms that small cases do not reach. */
const larger: Readonly<Record<string, () => athanor.Tensor | readonly athanor.Tensor[]>> = {
  "a product in large tiles": () => matmul(halves(1024, 64), halves(64, 512)).relu(),
  "products of every layout": () => [
    matmul(halves(64, 32).T, halves(64, 48)),
    matmul(halves(64, 32), halves(48, 32).T),
    matmul(halves(3, 64, 32), halves(32, 48)),
    matmul(halves(33, 35), halves(35, 37)),
  ],
  "a product in slices": () => matmul(halves(32, 4096), halves(4096, 32)).add(halves(32)),
  "products of few rows": () => [matmul(halves(2, 64), halves(64, 48)), matmul(halves(2, 64), halves(48, 64).T)],
  "a convolution by Winograd's method, with its gradients": () =>
    grad((x: athanor.Tensor, w: athanor.Tensor) => cast(conv2d(x, w, { padding: "same" }).relu(), "f32").sum(), {
      argnums: [0, 1],
    })(halves(2, 24, 24, 64), halves(3, 3, 64, 64)),
  "a convolution in tiles, with its gradients": () =>
    grad((x: athanor.Tensor, w: athanor.Tensor) => cast(conv2d(x, w, { stride: 2 }), "f32").sum(), { argnums: [0, 1] })(
      halves(2, 17, 17, 24),
      halves(3, 3, 24, 40),
    ),
  "a depthwise convolution, with its gradients": () =>
    grad((x: athanor.Tensor, w: athanor.Tensor) => cast(conv2d(x, w, { groups: 16 }), "f32").sum(), {
      argnums: [0, 1],
    })(halves(2, 9, 9, 16), halves(3, 3, 1, 16)),
  "pooling and its gradient": () =>
    grad((x: athanor.Tensor) => cast(maxPool2d(x, { window: 2 }), "f32").sum())(halves(2, 8, 8, 16)),
  "attention and its gradient": () =>
    grad(
      (q: athanor.Tensor, k: athanor.Tensor, v: athanor.Tensor) =>
        cast(scaledDotProductAttention(q, k, v), "f32").sum(),
      {
        argnums: [0, 1, 2],
      },
    )(halves(2, 40, 32), halves(2, 40, 32), halves(2, 40, 32)),
  "rows and columns": () => [
    athanor.softmax(halves(128, 300)),
    athanor.logSumExp(halves(40, 5000), { axis: 1 }),
    athanor.sum(halves(5000, 40), { axis: 0 }),
    athanor.sum(halves(100000)),
  ],
  "sorted in several runs": () => [athanor.sort(halves(3, 1500)), ...Object.values(athanor.topK(halves(3, 1500), 7))],
};

const listOf = (results: athanor.Tensor | readonly athanor.Tensor[]): readonly athanor.Tensor[] =>
  Array.isArray(results) ? (results as readonly athanor.Tensor[]) : [results as athanor.Tensor];

describe("a device that only looks at shaders", () => {
  let gpu: NullGpu | undefined;

  beforeAll(async () => {
    gpu = await openNullGpu(true);
  });

  afterAll(async () => {
    await gpu?.close();
  });

  /** Computes nothing on the device and gives the shaders that this took. A shader that is not valid is an error. */
  const looked = async (record: () => athanor.Tensor | readonly athanor.Tensor[]): Promise<readonly string[]> => {
    const before = gpu?.texts.length ?? 0;
    const results = scope(() => withDevice("webgpu", () => listOf(record())));
    await evaluate(...results);
    await gpu?.backend.idle();
    for (const result of results) result.dispose();
    return gpu?.texts.slice(before) ?? [];
  };

  const on = (title: string, body: () => Promise<void>): void => {
    test(title, async (context) => {
      if (gpu === undefined) {
        expect(mustHaveAll, "the package webgpu is missing").toBe(false);
        context.skip("the package webgpu is missing");
      }
      await body();
    });
  };

  on("has halves, and refuses a shader that is wrong", async () => {
    expect(gpu?.backend.hasHalves).toBe(true);
    expect(gpu?.backend.adapter.features).toContain("shader-f16");
    const source = "@compute @workgroup_size(1) fn main() { output[0] = f16(x[0]) + 1.0f; }";
    const wrong = athanor.defineOp("wrong", {
      inputs: ["x"],
      output: ({ x }) => x,
      wgsl: { source, workgroups: () => 1 },
    });
    await expect(looked(() => wrong(tensor([1])))).rejects.toThrow("does not compile");
  });

  on("is found not to convert halves, if it is tried", async () => {
    const tried = await openNullGpu(undefined);
    try {
      expect(tried?.backend.hasHalves).toBe(false);
      expect(tried?.backend.adapter.features).not.toContain("shader-f16");
      expect(tried?.backend.adapter.features).toContain("subgroups");
    } finally {
      await tried?.close();
    }
  });

  on("compiles the kernels of every op", async () => {
    const bad: string[] = [];
    for (const op of ops)
      for (const sample of halfCases(op).filter((own) => own.gpu))
        await looked(() => sample.call(...sample.operands.map(materialize))).catch((error: unknown) => {
          bad.push(`${op}: ${String(error)}`);
        });
    expect(bad.join("\n")).toBe("");
    expect(gpu?.texts.filter((text) => text.includes("array<f16>")).length).toBeGreaterThan(ops.length / 4);
  });

  on("stores the results of products and convolutions in tiles as halves, not as the sums they are", async () => {
    // One that has compiled nothing before.
    const own = await openNullGpu(true);
    try {
      // Few enough steps for one slice, whose sums are the results.
      await evaluate(
        ...withDevice("webgpu", () => [
          conv2d(halves(1, 8, 8, 3), halves(3, 3, 3, 8)),
          matmul(halves(33, 36), halves(36, 40)),
        ]),
      );
      const inTiles = own?.texts.filter((text) => text.includes("fn store_tile")) ?? [];
      expect(inTiles).toHaveLength(2);
      for (const text of inTiles) expect(text).toMatch(/var<storage, read_write> output: array<f16>;/);
    } finally {
      await own?.close();
    }
  });

  for (const [title, record] of Object.entries(larger))
    on(`compiles ${title}`, async () => {
      const texts = await looked(record);
      expect(texts.length).toBeGreaterThan(0);
      expect(texts.some((text) => /array<(f16|vec4<f16>)>/.test(text))).toBe(true);
    });
});

describe("the GPU that is here", () => {
  let backend: OpenedBackend | undefined;
  let missing = "";

  beforeAll(async () => {
    const opened = await openBackend("webgpu");
    if ("missing" in opened) missing = opened.missing;
    else if (!(defaultEngine().backends.get("webgpu") as WebGPUBackend).hasHalves) {
      missing = "its shaders have no 16-bit floats";
      await opened.close();
    } else backend = opened;
  });

  afterAll(async () => {
    await backend?.close();
  });

  test("every op", { timeout: 900_000 }, async (context) => {
    if (backend === undefined) {
      console.warn(`halves: ops are not tried with halves of the GPU: ${missing}`);
      context.skip(missing);
      return;
    }
    const bad: string[] = [];
    for (const op of ops)
      // First gradients too, where a case of the op has some: they may be made of ops that only the CPU has.
      for (const sample of halfCases(op).map((own) => (own.gpu ? own : { ...own, anywhere: true })))
        for (const { ok, check, message } of await runCase(backend, sample))
          if (!ok) bad.push(`${op} ${sample.label}: ${check}: ${message}`);
    expect(bad.join("\n")).toBe("");
  });
});
