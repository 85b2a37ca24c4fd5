// Measures the devices so that placement compares figures of this machine: a matmul, a long stream of arithmetic, the
// smallest kernel, and transfers. About a tenth of a second a device. Knows backends through their interface only.
// Read next: cost-model.ts, which keeps the results.
import type { Backend } from "../backends/backend.ts";
import type { Segment, SlotView, Step } from "../graph/step.ts";
import { constant, input } from "../expr/expression.ts";
import { add, mul } from "../expr/primitives/arithmetic.ts";
import { matmulScratch } from "../ops/scratch.ts";
import type { DeviceProfile, Link, Rate } from "./cost-model.ts";
import type { Engine } from "./engine.ts";

/** Milliseconds spent on one figure at most. */
const budget = 12;
const matrix = 128;
const streamElements = 1 << 18;

/** Measures every device of the engine that was not measured yet, unless tuning is off, and forgets plans made by guesses. */
export async function calibrate(engine: Engine): Promise<void> {
  const unknown = [...engine.backends.values()].filter(({ name }) => !engine.costs.profile(name).measured);
  if (!engine.isTuned || unknown.length === 0) return;
  for (const backend of unknown) engine.costs.setProfile(backend.name, await measure(backend));
  engine.clearPlans();
}

async function measure(backend: Backend): Promise<DeviceProfile> {
  const tiny = await time(backend, mapSegment(64, 1), [64]);
  const tinyMany = await time(backend, mapSegment(64, 17), [64]);
  // Steps beyond the first share a submit: their cost is that of a launch inside a program.
  const launch = Math.max(0.05, (tinyMany - tiny) / 16);
  const streamTime = Math.max(0.1, (await time(backend, mapSegment(streamElements, 1), [streamElements])) - tiny);
  const streamBytes = (2 * 4 * streamElements) / streamTime;
  const heavy = Math.max(streamTime, (await time(backend, mapSegment(streamElements, 1, 32), [streamElements])) - tiny);
  const streamFlops = (64 * streamElements) / heavy;
  const product = Math.max(
    0.1,
    (await time(backend, matmulSegment(backend), [matrix * matrix, matrix * matrix])) - tiny,
  );
  const contraction = (2 * matrix ** 3) / product;
  const rate = (flops: number, extra = 0): Rate => ({ launch: launch + extra, flops, bytes: streamBytes });
  return {
    rates: {
      contraction: rate(contraction),
      convolution: rate(contraction * 0.7),
      stream: rate(streamFlops),
      factorization: backend.name === "wasm" ? rate(500) : rate(50, tiny),
    },
    upload: await link(backend, "upload"),
    download: await link(backend, "download"),
    measured: true,
  };
}

/** Microseconds of one run, the best of several within the budget. */
async function time(backend: Backend, segment: Segment, sizes: readonly number[]): Promise<number> {
  const program = backend.compile(segment);
  const inputs = sizes.map((size) => backend.upload(new Float32Array(size).fill(0.5), "f32"));
  const once = async (): Promise<number> => {
    const start = performance.now();
    const outputs = program.run(inputs, []);
    await backend.idle();
    const elapsed = performance.now() - start;
    for (const output of outputs) output.release();
    return elapsed;
  };
  await once();
  let best = await once();
  const start = performance.now();
  while (performance.now() - start < budget) best = Math.min(best, await once());
  for (const storage of inputs) storage.release();
  program.dispose();
  return Math.max(0.05, best * 1000);
}

async function link(backend: Backend, direction: "upload" | "download"): Promise<Link> {
  const once = async (elements: number): Promise<number> => {
    const data = new Float32Array(elements);
    let storage = backend.upload(data, "f32");
    await backend.idle();
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      if (direction === "download") await backend.download(storage);
      else {
        storage.release();
        storage = backend.upload(data, "f32");
        await backend.idle();
      }
      best = Math.min(best, performance.now() - start);
    }
    storage.release();
    return best * 1000;
  };
  const latency = Math.max(0.05, await once(16));
  const large = Math.max(latency + 0.1, await once(1 << 18));
  return { latency, bytes: (4 * (1 << 18)) / (large - latency) };
}

const view = (slot: number): SlotView => ({ slot, dtype: "f32", offset: 0, strides: [1] });

/** `steps` kernels over `size` elements, each of `operations` multiply-adds. */
function mapSegment(size: number, steps: number, operations = 1): Segment {
  let expression = input(0, "f32");
  for (let index = 0; index < operations; index++)
    expression = add(mul(expression, constant(0.5, "f32")), constant(0.25, "f32"));
  const list = Array.from({ length: steps }, (_, index): Step => {
    const source = index === 0 ? 0 : 1 + (index % 2);
    const target = index === steps - 1 ? 3 : 2 - (index % 2);
    return { kind: "map", label: "calibrate", shape: [size], expression, inputs: [view(source)], output: view(target) };
  });
  return {
    slots: [
      { kind: "input", index: 0, dtype: "f32", size },
      { kind: "temporary", buffer: 0, dtype: "f32", size },
      { kind: "temporary", buffer: 1, dtype: "f32", size },
      { kind: "output", index: 0, dtype: "f32", size },
    ],
    steps: list,
    buffers: [4 * size, 4 * size],
  };
}

function matmulSegment(backend: Backend): Segment {
  const n = matrix;
  const size = n * n;
  const words = [1, 1, n, n, n, n, 1, 0, 0, n, 1, 0, 0];
  const operand = (slot: number): SlotView => ({ slot, dtype: "f32", offset: 0, strides: [n, 1] });
  return {
    slots: [
      { kind: "input", index: 0, dtype: "f32", size },
      { kind: "input", index: 1, dtype: "f32", size },
      { kind: "output", index: 0, dtype: "f32", size },
    ],
    steps: [
      {
        kind: "kernel",
        label: "calibrate",
        kernel: "matmul",
        dtype: "f32",
        inputs: [operand(0), operand(1)],
        outputs: [operand(2)],
        words,
        workgroups: Math.ceil(n / 32) ** 2,
        entry: "main",
        work: { flops: 2 * n ** 3, elements: 3 * size },
        scratch: matmulScratch(words, 4)(backend.workers),
        columns: n,
        epilogue: undefined,
      },
    ],
    buffers: [],
  };
}
