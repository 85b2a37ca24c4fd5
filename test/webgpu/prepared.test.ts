// Transformed filters on the GPU: made once for filters that are met again, and not again; the same bits as before, counted, and let go
// with the filters. Filters that are new at every run, and those that the program computes, are transformed as before.
// Read next: bindings/backends/forms.ts, bindings/backends/webgpu/run/program.ts; ../engine/prepared.test.ts, the same on the CPU.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { open, sequence } from "./segments.ts";

const holder: { backend?: WebGPUBackend } = {};
const gpu = (): WebGPUBackend => holder.backend!;

beforeAll(async () => {
  await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
  const backend = await open();
  backend.adoptTuned({ "conv2d:*": "winograd 32x32/4x4", "conv2dInputGradient:*": "winograd 32x32/4x4" });
  holder.backend = backend;
  defaultEngine().backends.set("webgpu", backend);
});
afterAll(async () => {
  defaultEngine().backends.delete("webgpu");
  holder.backend?.dispose();
  await athanor.shutdown();
});

function stored(shape: readonly number[], seed: number): Tensor {
  const next = sequence(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return athanor.tensor(
    Float32Array.from({ length: size }, () => 2 * next() - 1),
    { shape },
  );
}

/** The numbers of a call on the GPU, and the kernels that it took. */
async function taken(call: () => Tensor): Promise<{ readonly values: number[]; readonly launches: number }> {
  const before = gpu().counts.dispatches;
  const result = athanor.withDevice("webgpu", call);
  const values = [...(await result.data())];
  result.dispose();
  return { values, launches: gpu().counts.dispatches - before };
}

const [c, o] = [64, 12];
const bytes = 36 * c * o * 4;

describe("filters that are met again", () => {
  test("are transformed twice and kept, let go with the filters", async () => {
    const [x, w] = [stored([1, 9, 10, c], 1), stored([3, 3, c, o], 2)];
    const f = athanor.jit((a: Tensor, b: Tensor) => athanor.conv2d(a, b, { padding: 1 }));
    const first = await taken(() => f(x, w));
    expect(first.launches).toBe(4);
    expect(gpu().memory().prepared).toBe(0);
    const live = gpu().memory().inUse;
    const second = await taken(() => f(x, w));
    expect(second).toEqual(first);
    expect(gpu().memory().prepared).toBe(bytes);
    expect(gpu().memory().inUse - live).toBe(bytes);
    for (let run = 0; run < 4; run++) expect(await taken(() => f(x, w))).toEqual({ ...first, launches: 3 });
    expect(gpu().memory().inUse - live).toBe(bytes);
    // Others of the same shape find none of it.
    const other = stored([3, 3, c, o], 3);
    expect((await taken(() => f(x, other))).launches).toBe(4);
    expect((await taken(() => f(x, w))).launches).toBe(3);
    w.dispose();
    expect(gpu().memory().prepared).toBe(0);
    for (const held of [f, x, other]) held.dispose();
  });

  test("have a form of their own for a convolution the other way", async () => {
    const [x, y, w] = [stored([1, 8, 8, c], 1), stored([1, 8, 8, c], 4), stored([3, 3, c, c], 2)];
    const both = athanor.jit((a: Tensor, b: Tensor, filter: Tensor) =>
      athanor.add(athanor.conv2d(a, filter, { padding: 1 }), athanor.convTranspose2d(b, filter, { padding: 1 })),
    );
    const runs: Awaited<ReturnType<typeof taken>>[] = [];
    for (let run = 0; run < 3; run++) runs.push(await taken(() => both(x, y, w)));
    expect(runs.map(({ launches }) => launches - (runs[0]?.launches ?? 0))).toEqual([0, 0, -2]);
    for (const { values } of runs) expect(values).toEqual(runs[0]?.values);
    expect(gpu().memory().prepared).toBe(2 * 36 * c * c * 4);
    for (const held of [both, x, y, w]) held.dispose();
    expect(gpu().memory().prepared).toBe(0);
  });
});

describe("others", () => {
  test("that are new at every run keep nothing", async () => {
    const x = stored([1, 8, 8, c], 1);
    const f = athanor.jit((a: Tensor, b: Tensor) => athanor.conv2d(a, b, { padding: 1 }));
    for (let run = 0; run < 4; run++) {
      const w = stored([3, 3, c, o], run);
      expect((await taken(() => f(x, w))).launches).toBe(4);
      expect(gpu().memory().prepared).toBe(0);
      w.dispose();
    }
    for (const held of [f, x]) held.dispose();
  });

  test("that the program computes are transformed every time", async () => {
    const [x, w] = [stored([1, 8, 8, c], 1), stored([3, 3, c, o], 2)];
    const f = athanor.jit((a: Tensor, b: Tensor) => athanor.conv2d(a, athanor.mul(b, 0.5), { padding: 1 }));
    const first = await taken(() => f(x, w));
    for (let run = 0; run < 3; run++) expect(await taken(() => f(x, w))).toEqual(first);
    expect(gpu().memory().prepared).toBe(0);
    for (const held of [f, x, w]) held.dispose();
  });
});
