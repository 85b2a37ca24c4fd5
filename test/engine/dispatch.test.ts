// Dispatch in action, with profiles of made-up machines on the software GPU: the CPU works while shaders are compiled, loops
// stay on one device, what stays the same is moved once, and what is too large for the GPU is not sent there.
// Read next: bindings/engine/readiness.ts, jit-plans.ts; bindings/graph/place.ts.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machines } from "../../bench/dispatch/machines.ts";
import type { Profile, Tensor } from "../../bindings/index.ts";
import {
  defaultEngine,
  evaluate,
  explain,
  grad,
  importProfile,
  init,
  jit,
  matmul,
  shutdown,
  tensor,
  withDevice,
} from "../../bindings/index.ts";
import type { Rate } from "../../bindings/engine/dispatch/profile.ts";
import { works } from "../../bindings/engine/dispatch/profile.ts";
import type { Work } from "../../bindings/ops/descriptor.ts";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { partWords } from "../../bindings/backends/webgpu/memory/parts.ts";
import { createEngine } from "../../bindings/engine/default.ts";
import { capture } from "../../bindings/graph/capture.ts";
import { makePlan } from "../../bindings/graph/plan.ts";

const instant: Rate = { launch: 0.1, flops: [[1, 1e7]], bytes: [[1, 1e6]] };

/** A GPU for which everything is worth it that is more than a few microseconds' work. */
const eager: Profile = {
  ...machines.discrete,
  devices: {
    ...machines.discrete.devices,
    webgpu: {
      ...machines.discrete.devices.webgpu!,
      start: 0.1,
      rates: Object.fromEntries(works.map((work) => [work, instant])) as Record<Work, Rate>,
      upload: { latency: 1, bytes: [[1, 1e6]] },
      download: { latency: 1, bytes: [[1, 1e6]] },
    },
  },
};

const square = (n: number, value = 0.5): Tensor => tensor(new Float32Array(n * n).fill(value / n), { shape: [n, n] });
const placesOf = (x: Tensor): string[] => [...defaultEngine().valueOf(x, "test").copies.keys()];

/** Does it again until its result is on the GPU: shaders are compiled by then. */
async function untilOnGpu(
  make: () => Tensor,
  run: (result: Tensor) => Promise<unknown> = (result) => result.data(),
): Promise<Tensor> {
  for (;;) {
    const result = make();
    await run(result);
    if (placesOf(result).includes("webgpu")) return result;
    result.dispose();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

beforeEach(async () => {
  await init({ webgpu: "require", threads: 1, tune: "off" });
  importProfile(eager);
});
afterEach(shutdown);

describe("while shaders are compiled", () => {
  test("the CPU does the work; then the GPU", async () => {
    const x = square(96);
    const first = matmul(x, x);
    const value = (await first.data())[0];
    expect(placesOf(first)).toEqual(["wasm"]);
    const later = await untilOnGpu(() => matmul(x, x));
    expect((await later.data())[0]).toBeCloseTo(value ?? Number.NaN, 6);
    expect(placesOf(later)).toEqual(["webgpu"]);
  });

  test("what was asked to be on the GPU, or is there alone, waits for it", async () => {
    const x = square(96);
    const asked = withDevice("webgpu", () => matmul(x, x));
    await asked.data();
    expect(placesOf(asked)).toEqual(["webgpu"]);
    const next = matmul(asked, asked).add(1);
    await next.data();
    expect(placesOf(next)).toEqual(["webgpu"]);
  });

  test("a compiled function is run by the CPU, too, and its results are the same", async () => {
    const step = jit((a: Tensor) => matmul(a, a).mul(3));
    const x = square(96);
    const [early] = await step(x).data();
    const y = await untilOnGpu(() => step(x));
    expect((await y.data())[0]).toBeCloseTo(early ?? Number.NaN, 6);
  });

  test("explain waits: it tells of the run there will be", async () => {
    const x = square(96);
    const { kernels } = await explain(() => matmul(x, x).exp());
    expect(new Set(kernels.map(({ device }) => device))).toEqual(new Set(["webgpu"]));
  });
});

test("what is only computed counts no reading: it may stay on a GPU from which it would not be read", async () => {
  const { webgpu } = eager.devices;
  const farAway = { ...webgpu!, download: { latency: 1e6, bytes: [[1, 1e6]] as [number, number][] } };
  importProfile({ ...eager, devices: { ...eager.devices, webgpu: farAway } });
  const computed = await untilOnGpu(() => matmul(square(96), square(96)), evaluate);
  expect(placesOf(computed)).toEqual(["webgpu"]);
  const read = matmul(square(96), square(96));
  const [value] = await read.data();
  expect(placesOf(read)).toEqual(["wasm"]);
  expect((await computed.data())[0]).toBeCloseTo(value ?? Number.NaN, 6);
});

/**
 * Gradient descent in ordinary numbers: x and w are constant, w is w₀ everywhere, so that (x w) is 96 x₀ w₀ everywhere, and the
 * gradient of its mean square by an element of w is 2 · 96 x₀ w₀ · x₀ / 96, summed over the 96 rows of one column: · 96 / 96².
 */
function reference(turns: number): number {
  const x = 1 / 96;
  let w = 2 / 96;
  for (let turn = 0; turn < turns; turn++) w -= 0.5 * ((2 * (96 * x * w) * x * 96) / 96 ** 2);
  return w;
}

describe("a loop under jit", () => {
  test("stays on one device from the moment its shaders are there, and ends with the same numbers", async () => {
    const x = square(96, 1);
    const update = (w: Tensor): Tensor => w.sub(grad((v: Tensor) => matmul(x, v).square().mean())(w).mul(0.5));
    /** Turns until the loop is on the GPU, if it is ever to be, and eight more. */
    const run = async (
      machine: Profile,
      isFast: boolean,
    ): Promise<{ places: string[]; end: number; turns: number }> => {
      importProfile(machine);
      const step = jit(update, { donate: [0] });
      let w = square(96, 2);
      let turns = 0;
      const turn = (): string => {
        w = step(w);
        turns++;
        return placesOf(w).join();
      };
      while (isFast && turn() !== "webgpu") await new Promise((resolve) => setTimeout(resolve, 20));
      const places = Array.from({ length: 8 }, turn);
      const end = (await w.data())[5] ?? Number.NaN;
      step.dispose();
      return { places, end, turns };
    };
    const fast = await run(eager, true);
    expect(new Set(fast.places)).toEqual(new Set(["webgpu"]));
    const slow = await run(machines.software, false);
    expect(new Set(slow.places)).toEqual(new Set(["wasm"]));
    for (const { end, turns } of [fast, slow]) expect(end).toBeCloseTo(reference(turns), 6);
  });

  test("an argument that is the same again and again is worth moving once", async () => {
    // On this machine moving the weights costs more than the product saves.
    importProfile({
      ...eager,
      devices: {
        ...eager.devices,
        webgpu: { ...eager.devices.webgpu!, upload: { latency: 1, bytes: [[1, 2000]] } },
      },
    });
    const weights = square(192);
    const apply = jit((x: Tensor, w: Tensor) => matmul(x, w));
    const input = (): Tensor => tensor(new Float32Array(64 * 192).fill(0.1), { shape: [64, 192] });
    const first = apply(input(), weights);
    expect(placesOf(first)).toEqual(["wasm"]);
    const y = await untilOnGpu(() => apply(input(), weights));
    expect((await y.data())[0]).toBeCloseTo((await first.data())[0] ?? Number.NaN, 6);
    // A new argument at every call is moved at every call, and that is not worth it.
    for (let turn = 0; turn < 6; turn++) expect(placesOf(apply(input(), square(192)))).toEqual(["wasm"]);
  });
});

describe("guards", () => {
  const planned = (refuses: boolean): ReturnType<typeof makePlan> => {
    const engine = createEngine({ webgpu: "off", tune: "off" });
    engine.costs.adopt(eager, "imported");
    const value = engine.fromArray(new Float32Array(256 * 256), [256, 256], "f32");
    const captured = capture([engine.valueOf(matmul(value, value), "test")]);
    const device = (name: "wasm" | "webgpu") => ({
      ...{ name, workers: 1, refusesDType: () => undefined, hasKernel: () => true },
      refusesSizes: (sizes: readonly number[]) =>
        refuses && name === "webgpu" && Math.max(...sizes) > 1000 ? "a tensor is too large for this GPU" : undefined,
    });
    return makePlan(captured, [device("wasm"), device("webgpu")], engine.costs, {
      residence: [["host"]],
      readBack: true,
    });
  };

  test("what is too large for a binding is not sent to the GPU, with the reason", () => {
    expect(planned(false).placements.map(({ device }) => device)).toEqual(["webgpu"]);
    expect(planned(true).placements.map(({ device, reason }) => ({ device, reason }))).toEqual([
      { device: "wasm", reason: "a tensor is too large for this GPU" },
    ]);
  });

  test("the GPU refuses by its own limits", () => {
    const gpu = defaultEngine().backends.get("webgpu") as WebGPUBackend;
    // A tensor may lie in four buffers.
    const most = 4 * partWords(gpu.limits);
    expect(gpu.refusesSizes?.([most], true)).toBeUndefined();
    expect(gpu.refusesSizes?.([most + 1], true)).toMatch(/^a tensor of .* is more than this GPU allows/);
  });
});
