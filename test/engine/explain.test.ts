// What explain tells: reasons, predicted and measured times, bytes and fallbacks, as a table, as JSON and as a Chrome trace. On
// two devices, with the software GPU, whose clock is real and whose speed is not. Read next: bindings/engine/explain/explain.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machines } from "../../bench/dispatch/machines.ts";
import type { Tensor } from "../../bindings/index.ts";
import {
  add,
  evaluate,
  exp,
  explain,
  importProfile,
  init,
  jit,
  linalg,
  matmul,
  memory,
  ones,
  shutdown,
  sum,
  tensor,
  withDevice,
} from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";
import { SGD } from "../../bindings/optim/index.ts";

const square = (n: number): Tensor => tensor(new Float32Array(n * n).fill(0.5), { shape: [n, n] });

describe("on two devices", () => {
  beforeAll(() => init({ webgpu: "require", threads: 2, tune: "off" }));
  afterAll(shutdown);

  test("every kernel has a device, a reason, a prediction, a time and its bytes", async () => {
    const x = square(64);
    await evaluate(x);
    const told = await explain(() => [withDevice("webgpu", () => matmul(x, x)), sum(exp(x)), x.cast("f64").sum()]);
    expect(told.kernels.length).toBeGreaterThanOrEqual(3);
    for (const kernel of told.kernels) {
      expect(kernel.reason).not.toBe("");
      expect(kernel.predicted).toBeGreaterThan(0);
      // SwiftShader has timestamps, the CPU a clock.
      expect(kernel.measured).not.toBeNull();
      expect(kernel.bytes).toBeGreaterThan(0);
    }
    const [product] = told.kernels.filter(({ op }) => op === "matmul");
    expect(product).toMatchObject({
      ...{ device: "webgpu", reason: 'withDevice("webgpu")', flops: 2 * 64 ** 3, bytes: 8 * 64 ** 2, fallback: null },
    });
    const free = told.kernels.find(({ op }) => op.includes("exp"));
    expect(free?.reason).toMatch(/^[\d.]+ µs here against [\d.]+ µs( \+ [\d.]+ µs transfer)? there \(webgpu\)/);
    const doubles = told.kernels.filter(({ fallback }) => fallback !== null);
    expect(doubles.map(({ fallback }) => fallback)).toContain(
      'WGSL has no 64-bit floats. Compute f64 on the CPU, or cast: cast(x, "f32")',
    );
  });

  test("transfers are told with bytes, predicted and measured time", async () => {
    const x = square(16);
    const { transfers } = await explain(() => withDevice("webgpu", () => matmul(x, x)));
    expect(transfers.map(({ from, to, bytes }) => ({ from, to, bytes }))).toEqual([
      { from: "host", to: "webgpu", bytes: 1024 },
      { from: "webgpu", to: "host", bytes: 1024 },
    ]);
    for (const { predicted, measured } of transfers) expect(Math.min(predicted, measured)).toBeGreaterThan(0);
  });

  test("a function under jit is explained by the plan it went by, its result is there, and nothing leaks", async () => {
    const step = jit((w: Tensor, x: Tensor) => withDevice("webgpu", () => matmul(w, x)).add(1), { donate: [0] });
    const [w, x] = [square(8).add(0), square(8).add(0)];
    await evaluate(w, x);
    await step(square(8).add(0), x).data();
    const before = memory().wasm?.inUse;
    let y: Tensor | undefined;
    const told = await explain(() => (y = step(w, x)));
    expect(told.kernels.map(({ op, device }) => [op, device])).toEqual([["matmul+add", "webgpu"]]);
    expect(told.segments.length).toBe(1);
    expect(told.toTrace().some(({ ph, name }) => ph === "X" && name === "matmul+add")).toBe(true);
    expect(w.isDisposed).toBe(true);
    expect((await y?.data())?.[0]).toBe(3);
    y?.dispose();
    expect(memory().wasm?.inUse).toBeLessThanOrEqual(before ?? 0);
  });

  test("an optimiser's step, random numbers included, with work that is pending behind it", async () => {
    const model = nn.sequential([new nn.Linear(8, 8), new nn.Dropout(0.5)]);
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const x = square(8);
    const told = await explain(() => optimizer.step(() => model.forward(x).square().mean()).mul(2));
    expect(told.kernels.filter(({ op }) => op.includes("matmul")).length).toBeGreaterThanOrEqual(2);
    expect(told.kernels.at(-1)?.op).toBe("mul");
    expect(told.predicted.plan).toBeGreaterThan(told.kernels.at(-1)?.predicted ?? Number.POSITIVE_INFINITY);
    const begins = told.toTrace().flatMap(({ cat, ts }) => (cat === "wasm" ? [ts ?? -1] : []));
    expect([...begins].sort((a, b) => a - b)).toEqual(begins);
  });

  test("a function that returns a promise is refused", async () => {
    // eslint-disable-next-line @typescript-eslint/require-await
    await expect(explain(async () => ones([2]).add(1))).rejects.toThrow(
      "explain: the function returned a promise. Return tensors that nobody has read yet",
    );
  });

  test("as a table", async () => {
    const x = square(8);
    const text = String(await explain(() => [withDevice("webgpu", () => add(x, 1)), x.cast("f64").mul(2)]));
    const [head = "", ...lines] = text.split("\n");
    expect(head.split(/ {2,}/)).toEqual(["op", "device", "predicted", "measured", "bytes", "reason"]);
    for (const part of ["fallback: WGSL has no 64-bit floats", "predicted", "held", "built-in"])
      expect(lines.join("\n")).toContain(part);
    expect(lines.join("\n")).toMatch(/moved 256 B from \w+ to webgpu in [\d.]+ µs \(predicted [\d.]+ µs\)/);
  });

  test("as JSON", async () => {
    const told = await explain(() => sum(square(32)));
    const data = JSON.parse(JSON.stringify(told)) as Record<string, unknown>;
    expect(Object.keys(data).sort()).toEqual([
      ...["kernels", "memory", "missing", "predicted", "profile", "segments", "transfers"],
    ]);
    expect(data).toEqual(JSON.parse(JSON.stringify(told.toJSON())));
    expect(told.predicted.plan).toBeGreaterThan(0);
    expect(told.predicted.wasm).toBe(told.predicted.plan);
    expect(told.predicted.webgpu).toBeGreaterThan(told.predicted.plan);
  });

  test("as a Chrome trace: tracks with names, events within the run", async () => {
    const x = square(128);
    const told = await explain(() => {
      const product = withDevice("webgpu", () => matmul(x, x));
      return [product.cast("f64").sum(), matmul(x, x)];
    });
    const events = told.toTrace();
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
    const names = events.flatMap(({ ph, name, args }) => (ph === "M" && name === "thread_name" ? [args.name] : []));
    expect(names).toEqual(expect.arrayContaining(["wasm thread 1", "webgpu", "transfers"]));
    const tracks = new Set(events.flatMap(({ ph, tid }) => (ph === "M" ? [tid] : [])));
    const complete = events.filter(({ ph }) => ph === "X");
    expect(complete.length).toBeGreaterThanOrEqual(4);
    for (const { ts = -1, dur = -1, tid, name } of complete) {
      expect(ts, name).toBeGreaterThanOrEqual(0);
      expect(dur, name).toBeGreaterThanOrEqual(0);
      expect(tracks.has(tid)).toBe(true);
    }
    // On one track nothing begins before what stands before it has ended.
    for (const tid of tracks) {
      const own = complete.filter((event) => event.tid === tid).sort((a, b) => (a.ts ?? 0) - (b.ts ?? 0));
      for (const [index, { ts = 0 }] of own.entries()) {
        const before = own[index - 1];
        if (before !== undefined) expect(ts + 0.01).toBeGreaterThanOrEqual((before.ts ?? 0) + (before.dur ?? 0));
      }
    }
    expect(complete.filter(({ cat }) => cat === "transfer").map(({ name }) => name)).toContain("webgpu → wasm");
  });

  test("with a profile of another machine the reasons are that machine's", async () => {
    importProfile(machines.software);
    const x = square(64);
    const { kernels, profile } = await explain(() => matmul(x, x));
    expect(kernels[0]?.device).toBe("wasm");
    expect(kernels[0]?.reason).toContain("µs transfer there (webgpu)");
    expect(profile).toContain("imported");
  });
});

describe("on one device", () => {
  beforeAll(() => init({ webgpu: "off", threads: 1, tune: "off" }));
  afterAll(shutdown);

  test("kernels of one loop are told as such, with times that add up to it", async () => {
    const x = ones([1000, 1000]).add(0);
    await evaluate(x);
    const told = await explain(() => x.softmax());
    const loops = new Set(told.kernels.map(({ loop }) => loop));
    expect(told.kernels.length).toBeGreaterThan(1);
    expect([...loops]).toEqual([1]);
    const together = told.kernels.reduce((total, { measured }) => total + (measured ?? 0), 0);
    const event = told.toTrace().find(({ ph }) => ph === "X");
    expect(together).toBeCloseTo(event?.dur ?? -1, 3);
    expect(String(told)).toContain("(loop 1)");
  });

  test("without a GPU nothing is a fallback", async () => {
    const { kernels, predicted } = await explain(() => linalg.eigh(square(40)).values);
    expect(kernels.map(({ fallback, reason }) => ({ fallback, reason }))).toEqual([
      { fallback: null, reason: "no GPU in use" },
    ]);
    expect(predicted).toMatchObject({ wasm: null, webgpu: null });
  });

  test("explaining twice what was computed leaves nothing to tell, and the values are right", async () => {
    const y = square(4).mul(2);
    expect((await explain(y)).kernels.length).toBe(1);
    expect(Array.from(await y.data())).toEqual(Array<number>(16).fill(1));
    expect(String(await explain(y))).toBe("nothing to compute: the tensor is stored already");
  });
});
