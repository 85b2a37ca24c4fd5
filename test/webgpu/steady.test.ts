// What a loop costs once it has gone round: no new buffers, bind groups or shaders, at most one submit a step, memory that does
// not grow; and the kernels' own times. Read next: bindings/backends/webgpu/run/program.ts, batches.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Storage } from "../../bindings/backends/backend.ts";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { findGPU } from "../../bindings/backends/webgpu/device/find.ts";
import { dataset } from "../../bindings/data/index.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import {
  evaluate,
  grad,
  init,
  jit,
  manualSeed,
  matmul,
  memory,
  shutdown,
  tensor,
  withDevice,
} from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";
import { Adam } from "../../bindings/optim/index.ts";
import type { History } from "../../bindings/train/index.ts";
import { fit } from "../../bindings/train/index.ts";
import { elementwise, invalid, map, open, openBackend, source, target, view, x, y } from "./segments.ts";

const gpu = openBackend();

/** The GPU there is, with a count of the error scopes opened on its devices. */
async function watchedGPU(): Promise<{ readonly gpu: GPU; scopes: number }> {
  const found = await findGPU();
  if (typeof found === "string") throw new Error(found);
  const watched = { gpu: found, scopes: 0 };
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await found.requestAdapter(options);
    if (adapter === null) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor);
      const push = device.pushErrorScope.bind(device);
      device.pushErrorScope = (filter) => {
        watched.scopes++;
        push(filter);
      };
      return device;
    };
    return adapter;
  };
  watched.gpu = { requestAdapter, wgslLanguageFeatures: found.wgslLanguageFeatures } as GPU;
  return watched;
}

describe("programs", () => {
  test("steps that nobody waits for share a submit", async () => {
    const program = gpu.backend.compile(elementwise(scalar.add(x, 1), ["f32"], 100));
    await program.compileAhead();
    let current = gpu.backend.upload(new Float32Array(100), "f32");
    const step = (): void => {
      const [next] = program.run([current], []);
      current.release();
      if (next !== undefined) current = next;
    };
    for (let i = 0; i < 4; i++) step();
    await gpu.backend.idle();
    const before = gpu.backend.counts;
    for (let i = 0; i < 40; i++) step();
    expect(await gpu.backend.download(current)).toEqual(new Float32Array(100).fill(44));
    const { submits, bindGroups, buffers, dispatches } = gpu.backend.counts;
    expect(dispatches - before.dispatches).toBe(40);
    expect(submits - before.submits).toBeLessThanOrEqual(8);
    expect([bindGroups, buffers]).toEqual([before.bindGroups, before.buffers]);
    current.release();
  });

  test("numbers of a run keep their values in a list that is submitted later", async () => {
    const segment = {
      slots: [source(0, "f32", 1), { kind: "scalar", index: 0, dtype: "f32" } as const, target(0, "f32", 1)],
      steps: [
        map([1], scalar.add(x, scalar.mul(y, 2)), [view(0, "f32", [1]), view(1, "f32", [0])], view(2, "f32", [1])),
      ],
      buffers: [],
    };
    const program = gpu.backend.compile(segment);
    await program.compileAhead();
    const start = gpu.backend.upload(new Float32Array(1), "f32");
    const results = Array.from({ length: 600 }, (_, i) => program.run([start], [i])[0]!);
    const read = await Promise.all(results.map((result) => gpu.backend.download(result)));
    expect(read.map(([value]) => value)).toEqual(results.map((_, i) => 2 * i));
    for (const storage of [start, ...results]) storage.release();
  });

  test("numbers that come again are the same after the ring has gone round", async () => {
    const scaled = {
      slots: [source(0, "f32", 1), { kind: "scalar", index: 0, dtype: "f32" } as const, target(0, "f32", 1)],
      steps: [map([1], scalar.mul(x, y), [view(0, "f32", [1]), view(1, "f32", [0])], view(2, "f32", [1]))],
      buffers: [],
    };
    const [kept, other] = [gpu.backend.compile(scaled), gpu.backend.compile(scaled)];
    await kept.compileAhead();
    const start = gpu.backend.upload(Float32Array.of(1), "f32");
    const results: Storage[] = [];
    const values: number[] = [];
    const step = (program: typeof kept, value: number): void => {
      results.push(...program.run([start], [value]));
      values.push(value);
    };
    // A block takes 256 bytes of 64 KiB: the other program's begin the ring anew in every round.
    for (let round = 0; round < 4; round++) {
      for (const value of [7, 7, 0, -0, Number.NaN, Number.NaN, 7]) step(kept, value);
      for (let at = 0; at < 300; at++) step(other, at);
      for (let at = 0; at < 3; at++) step(kept, 7);
    }
    const read = await Promise.all(results.map((result) => gpu.backend.download(result)));
    expect(read.map(([value]) => value)).toEqual(values);
    for (const storage of [start, ...results]) storage.release();
    for (const program of [kept, other]) program.dispose();
  });

  test("what went well is not asked for errors again; what comes after something that failed still fails", async () => {
    const watched = await watchedGPU();
    const lone = await open({ gpu: watched.gpu });
    const good = lone.compile(elementwise(scalar.add(x, 1), ["f32"], 4));
    const bad = lone.compile(elementwise(invalid(x), ["f32"], 4));
    const start = lone.upload(new Float32Array(4), "f32");
    const step = (from: Storage): Storage => good.run([from], [])[0]!;
    // The operands of a loop come round.
    let current = step(start);
    for (let turn = 0; turn < 8; turn++) {
      const next = step(current);
      current.release();
      current = next;
      await lone.idle();
    }
    const before = watched.scopes;
    for (let turn = 0; turn < 20; turn++) {
      const next = step(current);
      current.release();
      current = next;
    }
    expect(watched.scopes).toBe(before);
    expect(Array.from(await lone.download(current))).toEqual([29, 29, 29, 29]);
    const [failed] = bad.run([current], []);
    expect(watched.scopes).toBeGreaterThan(before);
    const later = step(failed!);
    await expect(lone.download(later)).rejects.toThrow(/^map under test: the shader does not compile/);
    expect(Array.from(await lone.download(step(start)))).toEqual([1, 1, 1, 1]);
    lone.dispose();
  });

  test("what the host writes does not overtake work that is collected", async () => {
    const program = gpu.backend.compile(elementwise(scalar.add(x, 1), ["f32"], 10));
    await program.compileAhead();
    const results = Array.from({ length: 30 }, (_, i) => {
      const start = gpu.backend.upload(new Float32Array(10).fill(i), "f32");
      const [result] = program.run([start], []);
      start.release();
      return result!;
    });
    const read = await Promise.all(results.map((result) => gpu.backend.download(result)));
    expect(read.map(([value]) => value)).toEqual(results.map((_, i) => i + 1));
    for (const storage of results) storage.release();
  });

  test("kernels are timed by the device", async () => {
    if (gpu.backend.timings === undefined) {
      expect(gpu.backend.adapter.features).not.toContain("timestamp-query");
      return;
    }
    const program = gpu.backend.compile(elementwise(scalar.sin(x), ["f32"], 100_000));
    const start = gpu.backend.upload(new Float32Array(100_000), "f32");
    const results: ReturnType<typeof program.run> = [];
    const times = await gpu.backend.timings(() => {
      for (let i = 0; i < 3; i++) results.push(...program.run([start], []));
    });
    expect(times.map(({ label, step }) => [label, step])).toEqual(new Array(3).fill(["map under test", 0]));
    for (const { microseconds } of times) expect(microseconds).toBeGreaterThan(0);
    for (const storage of [start, ...results]) storage.release();
  });
});

describe("training", () => {
  beforeAll(async () => {
    await init({ webgpu: "require", tune: "off" });
  });
  afterAll(() => shutdown());

  test("a compiled step on the same operands makes no bind group and no buffer after its second turn", async () => {
    const backend = defaultEngine().backends.get("webgpu") as WebGPUBackend;
    const x = tensor(
      Float32Array.from({ length: 64 }, (_, index) => Math.sin(index)),
      { shape: [8, 8] },
    );
    const step = jit(
      (w: Tensor, rate: Tensor | number): Tensor =>
        withDevice("webgpu", () => {
          const slope = grad((v: Tensor) => matmul(x, v).tanh().square().mean())(w);
          return w.sub(slope.mul(rate));
        }),
      { donate: [0] },
    );
    let w = withDevice("webgpu", () => x.mul(0.5));
    await evaluate(w);
    for (let index = 0; index < 6; index++) w = step(w, 1 / (index + 1));
    // Shaders are known to have compiled from here on.
    await backend.idle();
    const before = backend.counts;
    for (let index = 0; index < 100; index++) w = step(w, 1 / (index + 1));
    const { bindGroups, buffers, pipelines, submits } = backend.counts;
    expect([bindGroups, buffers, pipelines]).toEqual([before.bindGroups, before.buffers, before.pipelines]);
    expect(submits - before.submits).toBeLessThanOrEqual(100 / 4);
    expect(Number.isFinite((await w.data())[0])).toBe(true);
  });

  test("numbers of the trace and numbers of the call meet in one kernel", async () => {
    const shift = (by: number): ReturnType<typeof jit<[Tensor, number], Tensor>> =>
      jit((x: Tensor, factor: number) => withDevice("webgpu", () => x.mul(factor).add(by).mul(0.5)));
    const [one, two] = [shift(1), shift(2)];
    const x = tensor([1, 2]);
    const results = [one(x, 3), two(x, 3), one(x, 5), one(x, 5), two(x, -1)];
    const read = await Promise.all(results.map(async (result) => Array.from(await result.data())));
    expect(read).toEqual([
      [2, 3.5],
      [2.5, 4],
      [3, 5.5],
      [3, 5.5],
      [0.5, 0],
    ]);
    for (const f of [one, two]) f.dispose();
  });

  test("makes next to nothing new after a few steps, submits at most once a step, and keeps its memory", async () => {
    const samples = dataset(
      tensor(
        Float32Array.from({ length: 320 }, (_, index) => Math.sin(index)),
        { shape: [40, 8] },
      ),
      tensor(Int32Array.from({ length: 40 }, (_, index) => index % 4)),
    );
    const backend = defaultEngine().backends.get("webgpu") as WebGPUBackend;
    const marks: { counts: WebGPUBackend["counts"]; inUse: number; reserved: number }[] = [];
    const onBatchEnd = (): undefined => {
      const { inUse = 0, reserved = 0 } = memory().webgpu ?? {};
      marks.push({ counts: backend.counts, inUse, reserved });
    };
    const train = (device: "wasm" | "webgpu"): Promise<History> => {
      manualSeed(11);
      const model = nn.sequential([new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 4)]);
      return fit(model, samples, {
        optimizer: new Adam(model.parameters(), { lr: 1e-2 }),
        loss: nn.crossEntropy,
        epochs: 60,
        batchSize: 8,
        seed: 5,
        device,
        ...(device === "webgpu" ? { callbacks: [{ onBatchEnd }] } : {}),
      });
    };
    const here = await train("webgpu");
    const there = await train("wasm");
    expect(here.losses.length).toBe(300);
    here.losses.forEach((value, step) => {
      expect(Math.abs(value - (there.losses[step] ?? Number.NaN))).toBeLessThan(1e-3);
    });
    const [from, to] = [marks[99], marks[299]];
    // When the device is done is nobody's choice, and with it which of the buffers of earlier batches the next one gets.
    expect((to?.counts.bindGroups ?? 0) - (from?.counts.bindGroups ?? 0)).toBeLessThanOrEqual(10);
    expect(to?.counts.pipelines).toBe(from?.counts.pipelines);
    expect((to?.counts.buffers ?? 0) - (from?.counts.buffers ?? 0)).toBeLessThanOrEqual(4);
    expect((to?.reserved ?? 0) - (from?.reserved ?? 0)).toBeLessThanOrEqual(4096);
    expect(to?.inUse).toBe(from?.inUse);
    // The losses are read once a window beside it.
    expect((to?.counts.submits ?? 0) - (from?.counts.submits ?? 0)).toBeLessThanOrEqual(200 + 2 * 60);
  });
});
