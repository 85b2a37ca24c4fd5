// Calibration: samples that agree end it, others have their turns, what it holds it lets go of, and convolutions are measured and
// predicted by the method that the device chooses for them. Knows no speed of any machine.
// Read next: bindings/engine/dispatch/calibrate.ts, samples.ts, probe.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machines } from "../../bench/dispatch/machines.ts";
import type { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { createWasm } from "../../bindings/backends/wasm/backend.ts";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { measure } from "../../bindings/engine/dispatch/calibrate.ts";
import { CostModel } from "../../bindings/engine/dispatch/cost-model.ts";
import { probes, readyProbe } from "../../bindings/engine/dispatch/probe.ts";
import { describeEffort, guesses, parseProfile, works } from "../../bindings/engine/dispatch/profile.ts";
import { Samples } from "../../bindings/engine/dispatch/samples.ts";
import { conv2d, defaultEngine, grad, init, ones, shutdown } from "../../bindings/index.ts";
import { argMax, cumSum, depthwiseConv2d, maxPool2d, scatterAdd, searchSorted, topK } from "../../bindings/index.ts";
import { capture } from "../../bindings/graph/capture.ts";
import { makePlan } from "../../bindings/graph/plan.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Work } from "../../bindings/ops/descriptor.ts";

describe("samples", () => {
  const samplesOf = (...times: readonly number[]): Samples => {
    const samples = new Samples();
    for (const time of times) samples.add(time);
    return samples;
  };

  test("agree when the three fastest are nearly the same, whatever else was measured", () => {
    expect(samplesOf(10, 10.2).agree, "two are too few").toBe(false);
    expect(samplesOf(10, 10.2, 12).agree).toBe(false);
    expect(samplesOf(50, 10, 30, 10.2, 12, 10.4).agree).toBe(true);
  });

  test("disagree again when a faster one comes", () => {
    const samples = samplesOf(10, 10, 10);
    samples.add(7);
    expect(samples).toMatchObject({ best: 7, agree: false });
  });

  test("without any, nothing is known", () => {
    expect(samplesOf()).toMatchObject({ best: Number.POSITIVE_INFINITY, agree: false });
  });
});

describe("measuring the CPU", () => {
  let backend: WasmBackend;
  beforeAll(async () => {
    backend = await createWasm();
  });
  afterAll(() => {
    backend.dispose();
  });

  test("gives others many turns, tells what it took, and lets go of everything", async () => {
    const { inUse } = backend.memory();
    let turns = 0;
    const breathe = (): Promise<void> => {
      turns++;
      return Promise.resolve();
    };
    const { effort, rates } = await measure(backend, { budget: 20, breathe });
    expect(turns).toBeGreaterThan(8);
    expect(effort?.total).toBeGreaterThan(effort?.longest ?? Number.NaN);
    expect(describeEffort({ total: 190.4, compiling: 0, longest: 8.2 })).toBe(
      "measured in 190 ms, others waited 8 ms at most",
    );
    // Larger sizes may be left out on a busy machine; the smallest of each class is its own.
    for (const work of works)
      for (const bounds of ["flops", "bytes"] as const) {
        const smallest = probes.find((probe) => probe.work === work && probe.bounds === bounds);
        if (smallest !== undefined)
          expect(rates[work][bounds][0]?.[0], `${work} ${bounds}`).toBe(readyProbe(smallest, backend)[bounds]);
      }
    expect(backend.memory().inUse).toBe(inUse);
  });

  test("is given up at the next turn, and lets go of everything", async () => {
    const { inUse } = backend.memory();
    const breathe = (): Promise<void> => Promise.reject(new Error("not wanted any more"));
    await expect(measure(backend, { budget: 20, breathe })).rejects.toThrow("not wanted any more");
    expect(backend.memory().inUse).toBe(inUse);
  });

  test("every probe is of the class that it measures", () => {
    for (const probe of probes.filter(({ devices }) => devices?.includes("wasm") !== false))
      expect(readyProbe(probe, backend).isOfItsClass, `${probe.kind} ${String(probe.size)}`).toBe(true);
  });
});

describe("what a kernel amounts to", () => {
  beforeAll(async () => {
    await init({ webgpu: "require", threads: 1, tune: "off" });
  });
  afterAll(shutdown);

  const x = (): Tensor => ones([4, 64]).add(0);
  const images = (): Tensor => ones([1, 16, 16, 8]).add(0);
  const places = (): Tensor => ones([4, 32], { dtype: "i32" }).add(0);

  test.each([
    // Each element of the result walks the indices of its row on the GPU.
    ["scatterAdd", () => scatterAdd(x(), 1, places(), ones([4, 32])), ["indexed", 128], ["indexed", 6 * 4 * 64 * 32]],
    // Rows are sorted there, however few are wanted.
    ["topK", () => topK(x(), 2).values, ["sorting", 16 * 256 * 2], ["sorting", 16 * 256 * 6]],
    // An invocation of 128 for a pixel and four channels: two rows of two columns, each with a key that is compared.
    [
      "maxPool2d",
      () => maxPool2d(images(), { window: 2 }),
      ["walk", 2048],
      ["walk", 128 * (30 + 2 * (10 + 2 * (8 + 4 * 9) + 2 * 4 * 4) + 4)],
    ],
    [
      "depthwiseConv2d",
      () => depthwiseConv2d(images(), ones([3, 3, 8, 1]), { padding: "same" }),
      ["walk", 9 * 2048],
      // Three rows of three columns, and a weight for each.
      ["walk", 512 * (30 + 3 * (10 + 3 * (8 + 4 * 2) + 3 * 4 * 2 + 3 * (8 + 4 * 2)) + 4)],
    ],
    ["searchSorted", () => searchSorted(ones([254]), x()), ["indexed", 16 * 256 * 8], ["indexed", 16 * 256 * 8]],
  ] as const)("%s", (name, compute, onCpu, onGpu) => {
    const engine = defaultEngine();
    const captured = capture([engine.valueOf(compute(), "test")]);
    for (const [device, expected] of [["wasm", onCpu] as const, ["webgpu", onGpu] as const]) {
      const backend = engine.backends.get(device)!;
      const residence = captured.inputs.map(() => ["host" as const]);
      const { placements, fused } = makePlan(captured, [backend], new CostModel(), { residence, readBack: false });
      const index = fused.groups.findIndex((group) => group.kind === "kernel" && group.call.kernel !== "place");
      const { work, flops } = placements[index]?.amount ?? {};
      expect([work, flops], `${name} on ${device}`).toEqual(expected);
    }
  });

  test.each([
    // Two barriers in each of eight rounds, and one before and after them.
    ["running sums", () => cumSum(x(), { axis: -1 }), 4 * 256 * 18],
    ["positions in rows", () => argMax(x(), { axis: -1 }), 4 * 256 * 8],
    // Eight invocations for a row, and eight rows in a workgroup: halved three times, and read.
    ["rows", () => x().sum({ axis: -1 }), 64 * 4],
    ["columns, which nobody waits for", () => x().sum({ axis: 0 }), 0],
  ] as const)("how often invocations wait for each other: %s", (_, compute, expected) => {
    const engine = defaultEngine();
    const captured = capture([engine.valueOf(compute(), "test")]);
    const residence = captured.inputs.map(() => ["host" as const]);
    const waits = (["wasm", "webgpu"] as const).map((device) => {
      const backends = [engine.backends.get(device)!];
      const { placements } = makePlan(captured, backends, new CostModel(), { residence, readBack: false });
      return placements.reduce((sum, { amount }) => sum + (amount.meetings ?? 0), 0);
    });
    expect(waits).toEqual([0, expected]);
  });

  test("waiting comes on top of what a kernel does, and a device without a rate for it has none", () => {
    const costs = new CostModel();
    const amount = { work: "reduction", flops: 0, bytes: 2 ** 20 } as const;
    const waiting = { ...amount, meetings: 60_000 };
    expect(costs.compute("webgpu", waiting) - costs.compute("webgpu", amount)).toBeCloseTo(60_000 / 20_000, 9);
    expect(costs.compute("wasm", waiting)).toBe(costs.compute("wasm", amount));
  });

  test("a row costs the CPU something beside its elements", () => {
    const engine = defaultEngine();
    const flops = (shape: readonly number[]): number => {
      const captured = capture([engine.valueOf(ones(shape).add(0).sum({ axis: -1 }), "test")]);
      const residence = captured.inputs.map(() => ["host" as const]);
      const backends = [engine.backends.get("wasm")!];
      const { placements } = makePlan(captured, backends, new CostModel(), { residence, readBack: false });
      return placements.reduce((sum, { amount }) => sum + amount.flops, 0);
    };
    expect(flops([1024, 4]) - flops([1, 4096])).toBe(1023 * 300);
  });
});

describe("the class of a convolution", () => {
  beforeAll(async () => {
    await init({ webgpu: "require", threads: 1, tune: "off" });
  });
  afterAll(shutdown);

  /** Classes of the convolutions of a graph, on one device. */
  const classes = (device: "wasm" | "webgpu", compute: () => Tensor): readonly Work[] => {
    const engine = defaultEngine();
    const captured = capture([engine.valueOf(compute(), "test")]);
    const residence = captured.inputs.map(() => ["host" as const]);
    const backend = engine.backends.get(device)!;
    const { placements } = makePlan(captured, [backend], new CostModel(), { residence, readBack: false });
    return placements
      .map(({ amount: { work } }) => work)
      .filter((work) => work === "convolution" || work === "winograd");
  };
  const images = (edge: number, channels: number): Tensor => ones([1, edge, edge, channels]).add(0);
  const filter = (channels: number): Tensor => ones([3, 3, channels, channels]).add(0);

  test.each([
    ["many channels and tiles", 28, 64, {}, ["winograd", "winograd"]],
    ["channels that only the CPU finds enough", 28, 32, {}, ["winograd", "convolution"]],
    ["one that must be sums", 28, 64, { strict: true }, ["convolution", "convolution"]],
    ["strides", 28, 64, { stride: 2 }, ["convolution", "convolution"]],
  ] as const)("%s", (_, edge, channels, options, [onCpu, onGpu]) => {
    const compute = (): Tensor => conv2d(images(edge, channels), filter(channels), { padding: "same", ...options });
    expect([classes("wasm", compute), classes("webgpu", compute)]).toEqual([[onCpu], [onGpu]]);
  });

  test("its gradient by the images is of the same class, that by the filter is not", () => {
    const loss = (x: Tensor, f: Tensor): Tensor => conv2d(x, f, { padding: "same" }).sum();
    const by = (argnums: number): (() => Tensor) => {
      return () => grad(loss, { argnums })(images(28, 64), filter(64));
    };
    for (const device of ["wasm", "webgpu"] as const) {
      expect(classes(device, by(0))).toEqual(["winograd"]);
      expect(classes(device, by(1))).toEqual(["convolution"]);
    }
  });

  test("follows what was measured best on the GPU, and asking does not make a shape one to be measured", () => {
    const gpu = defaultEngine().backends.get("webgpu") as WebGPUBackend;
    const compute = (): Tensor => conv2d(images(28, 64), filter(64), { padding: "same" });
    const before = gpu.tuned;
    gpu.adoptTuned({ "conv2d:*": "32x32/4x4" });
    expect(classes("webgpu", compute)).toEqual(["convolution"]);
    expect(Object.keys(gpu.tuned)).toEqual([...Object.keys(before), "conv2d:*"]);
  });
});

describe("profiles", () => {
  test("what measuring took is part of a profile, and refused where it is no time", () => {
    const withEffort = (longest: unknown): unknown => ({
      ...machines.none,
      devices: { wasm: { ...guesses.wasm, effort: { total: 190, compiling: 0, longest } } },
    });
    expect(parseProfile("test", withEffort(8)).devices.wasm?.effort).toEqual({ total: 190, compiling: 0, longest: 8 });
    expect(() => parseProfile("test", withEffort(-1))).toThrow("devices.wasm.effort.longest must be");
  });
});
