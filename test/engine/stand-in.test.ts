// While the shaders of a plan compile, the CPU does the work; afterwards the GPU does. A device that is asked for is not
// replaced. Read next: bindings/engine/readiness.ts.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import { init, shutdown, tensor, withDevice } from "../../bindings/index.ts";

beforeAll(async () => {
  await init({ webgpu: "require", tune: "off", threads: 1 });
  // A machine on which everything is for the GPU.
  vi.spyOn(defaultEngine().costs, "compute").mockImplementation((device) => (device === "wasm" ? 1e6 : 1));
  vi.spyOn(defaultEngine().costs, "transfer").mockReturnValue(0);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await shutdown();
});

const dispatches = (): number => (defaultEngine().backends.get("webgpu") as WebGPUBackend).counts.dispatches;

test("the CPU stands in until the shaders are there", async () => {
  const x = tensor([1, 2, 3]);
  const work = (): Promise<unknown> => x.mul(3).add(1).sqrt().sum().data();
  const before = dispatches();
  expect(await work()).toEqual(Float32Array.of(Math.fround(2 + Math.sqrt(7) + Math.sqrt(10))));
  expect(dispatches()).toBe(before);
  await vi.waitFor(async () => {
    await work();
    expect(dispatches()).toBeGreaterThan(before);
  });
});

test("what was asked for is done", async () => {
  const before = dispatches();
  await withDevice("webgpu", () => tensor([1, 2]).mul(5).exp()).data();
  expect(dispatches()).toBeGreaterThan(before);
});
