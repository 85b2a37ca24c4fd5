// The GPU goes away in the middle of fit, at every moment there is: training goes on on the CPU from the last copy of the parameters and
// says what was lost. Read next: interrupted-fit.ts; ../browser/lost.test.ts for the same in a page.
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataset } from "../../bindings/data/index.ts";
import { init, shutdown, tensor } from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";
import { Adam } from "../../bindings/optim/index.ts";
import { fit } from "../../bindings/train/index.ts";
import type { Moment } from "./interrupted-fit.ts";
import { interruptedFit, problemsOf } from "./interrupted-fit.ts";
import { watchedGPU } from "./watched-gpu.ts";

const gpu = watchedGPU();

beforeEach(() => init({ webgpu: "require", tune: "off" }));
afterEach(() => shutdown());

const killing = (when: Moment) => (moment: Moment) => {
  if (moment === when) gpu.device.destroy();
  return undefined;
};

test("lost at the last batch", async () => {
  expect(problemsOf(await interruptedFit("webgpu", killing("batch 15")))).toEqual([]);
});

test.each(["start", "data", "step", "batch 1"] as const)("lost at the %s, before anything was read", async (moment) => {
  const found = await interruptedFit("webgpu", killing(moment));
  expect(problemsOf(found)).toEqual([]);
  expect(found.history.interruptions[0]).toMatchObject({ epoch: 1 });
});

test("what only the lost GPU had is named", async () => {
  const model = new nn.Linear(8, 2);
  const x = tensor(
    Float32Array.from({ length: 80 }, (_, index) => Math.sin(index)),
    { shape: [10, 8] },
  );
  const samples = dataset(x, tensor(Int32Array.from({ length: 10 }, (_, index) => index % 2)));
  const optimizer = new Adam(model.parameters());
  const options = { optimizer, loss: nn.crossEntropy, epochs: 1, device: "webgpu", progress: false } as const;
  await fit(model, samples, options);
  gpu.device.destroy();
  await expect(fit(model, samples, options)).rejects.toThrow(
    /^fit: parameter 0, f32 \[.*\], was on webgpu only, which was lost before training had a copy/,
  );
});

test("lost in an epoch of which losses were read already", async () => {
  const found = await interruptedFit("webgpu", killing("batch 70"), { epochs: 1, length: 80 });
  expect(problemsOf(found)).toEqual([]);
});

test.each([
  ["batch 8", { epoch: 2 }],
  ["validation 2", { epoch: 2, batch: 5, stepsLost: 0 }],
] as const)("lost at %s of a training with validation", async (moment, told) => {
  const found = await interruptedFit("webgpu", killing(moment), { validates: true });
  expect(problemsOf(found)).toEqual([]);
  expect(found.history.interruptions[0]).toMatchObject(told);
  for (const { validationLoss } of found.history.epochs) expect(validationLoss).toBeGreaterThan(0);
});

test("lost where the choice of the device is free", async () => {
  const { history, batches, parameters, devices } = await interruptedFit("auto", killing("batch 4"));
  expect(batches).toBe(15);
  expect(devices).toEqual(["wasm"]);
  expect([...history.losses, ...parameters].every(Number.isFinite)).toBe(true);
});
