// Row kernels on the GPU: softmax, normalisation and their gradients are one launch each and right for every length of row, with
// and without subgroups, in every variant; rows of NaN and infinity; what is too much for one kernel is still right.
// Read next: bindings/graph/row-kernels.ts, bindings/backends/webgpu/kernels/row-shader.ts; ../reference/reduction.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebGPUBackend, WebGPUOptions } from "../../bindings/backends/webgpu/backend.ts";
import { folds } from "../../bindings/backends/webgpu/variants/folds.ts";
import { softmaxSegment } from "../../bindings/backends/webgpu/variants/sample.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import * as reference from "../reference/reduction.ts";
import { open, sequence } from "./segments.ts";

beforeAll(async () => {
  await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
});
afterAll(() => athanor.shutdown());

/** Runs with a GPU of its own in the engine. */
async function on(options: WebGPUOptions, body: (backend: WebGPUBackend) => Promise<void>): Promise<void> {
  const engine = defaultEngine();
  const backend = await open(options);
  engine.backends.set("webgpu", backend);
  engine.clearPlans();
  try {
    await body(backend);
    await backend.idle();
  } finally {
    engine.backends.delete("webgpu");
    engine.clearPlans();
    backend.dispose();
  }
}

interface Rows {
  readonly rows: number;
  readonly length: number;
}

function numbers(count: number, seed: number): number[] {
  const next = sequence(seed);
  return Array.from({ length: count }, () => Math.fround(4 * next() - 2));
}

const tensorOf = (values: readonly number[], ...shape: readonly number[]): Tensor =>
  athanor.tensor(Float32Array.from(values), { shape });

/** A value for each element of a row, and what its error is measured by. */
interface Expected {
  readonly values: readonly number[];
  readonly magnitude: number;
}

interface Case {
  readonly compute: (x: Tensor, dy: Tensor, scale: Tensor) => Tensor;
  readonly expected: (x: readonly number[], dy: readonly number[], scale: readonly number[]) => Expected;
}

const along = { axis: -1, keepDims: true } as const;
const mean = (values: readonly number[]): number => reference.average(values);
const most = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
const epsilon = 1e-3;

function layerNorm(x: Tensor, scale: Tensor): Tensor {
  const centred = x.sub(x.mean(along));
  return centred.div(centred.square().mean(along).add(epsilon).sqrt()).mul(scale);
}
const rmsNorm = (x: Tensor, scale: Tensor): Tensor => x.div(x.square().mean(along).add(epsilon).sqrt()).mul(scale);
const gradientOf = (f: (x: Tensor) => Tensor, x: Tensor, dy: Tensor): Tensor => athanor.vjp(f, x)[1](dy)[0]!;

/** What both norms divide by, and what they divide. */
function normed(x: readonly number[], isCentred: boolean): { readonly unit: number[]; readonly deviation: number } {
  const middle = isCentred ? mean(x) : 0;
  const deviation = Math.sqrt(mean(x.map((value) => (value - middle) ** 2)) + epsilon);
  return { unit: x.map((value) => (value - middle) / deviation), deviation };
}
function normGradient(
  x: readonly number[],
  dy: readonly number[],
  scale: readonly number[],
  isCentred: boolean,
): Expected {
  const { unit, deviation } = normed(x, isCentred);
  const g = dy.map((value, at) => value * scale[at]!);
  const middle = isCentred ? mean(g) : 0;
  const slope = mean(g.map((value, at) => value * unit[at]!));
  const values = g.map((value, at) => (value - middle - unit[at]! * slope) / deviation);
  return { values, magnitude: (most(g) * (1 + most(unit))) / deviation };
}
function softmaxOf(x: readonly number[]): number[] {
  const powers = x.map((value) => Math.exp(value));
  const sum = reference.total(powers);
  return powers.map((value) => value / sum);
}

const cases: Readonly<Record<string, Case>> = {
  softmax: {
    compute: (x) => athanor.softmax(x),
    expected: (x) => ({ values: softmaxOf(x), magnitude: most(softmaxOf(x)) }),
  },
  logSoftmax: {
    compute: (x) => athanor.logSoftmax(x),
    expected: (x) => {
      const values = softmaxOf(x).map(Math.log);
      return { values, magnitude: 2 + most(values) };
    },
  },
  "layer norm": {
    compute: (x, _, scale) => layerNorm(x, scale),
    expected: (x, _, scale) => {
      const { unit, deviation } = normed(x, true);
      return { values: unit.map((value, at) => value * scale[at]!), magnitude: (most(x) * most(scale)) / deviation };
    },
  },
  "RMS norm": {
    compute: (x, _, scale) => rmsNorm(x, scale),
    expected: (x, _, scale) => {
      const { unit } = normed(x, false);
      return { values: unit.map((value, at) => value * scale[at]!), magnitude: most(unit) * most(scale) };
    },
  },
  "softmax, gradient": {
    compute: (x, dy) => gradientOf((own) => athanor.softmax(own), x, dy),
    expected: (x, dy) => {
      const p = softmaxOf(x);
      const sum = reference.total(p.map((value, at) => value * dy[at]!));
      return { values: p.map((value, at) => value * (dy[at]! - sum)), magnitude: most(p) * most(dy) };
    },
  },
  "layer norm, gradient": {
    compute: (x, dy, scale) => gradientOf((own) => layerNorm(own, scale), x, dy),
    expected: (x, dy, scale) => normGradient(x, dy, scale, true),
  },
  "RMS norm, gradient": {
    compute: (x, dy, scale) => gradientOf((own) => rmsNorm(own, scale), x, dy),
    expected: (x, dy, scale) => normGradient(x, dy, scale, false),
  },
};

/** Computes a case and holds every row to 16 units in the last place of its magnitude. */
async function check(backend: WebGPUBackend, name: string, { rows, length }: Rows, launches?: number): Promise<void> {
  const { compute, expected } = cases[name]!;
  const [x, dy, scale] = [numbers(rows * length, 1), numbers(rows * length, 2), numbers(length, 3)];
  const before = backend.counts.dispatches;
  const operands = [tensorOf(x, rows, length), tensorOf(dy, rows, length), tensorOf(scale, length)] as const;
  const found = await athanor.withDevice("webgpu", () => compute(...operands)).data();
  if (launches !== undefined) expect([name, backend.counts.dispatches - before]).toEqual([name, launches]);
  let worst = 0;
  for (let row = 0; row < rows; row++) {
    const of = (all: readonly number[]): readonly number[] => all.slice(row * length, (row + 1) * length);
    const { values, magnitude } = expected(of(x), of(dy), scale);
    values.forEach((value, column) => {
      const error = Math.abs((found[row * length + column] ?? Number.NaN) - value) / (2 ** -23 * magnitude);
      worst = error <= worst ? worst : error;
    });
  }
  expect([name, rows, length, worst < 16 ? "close" : worst]).toEqual([name, rows, length, "close"]);
}

const lengths = [3, 4, 5, 31, 63, 64, 65, 127, 256, 257, 1000, 1025, 5000];

describe.each([
  ["with all the device has", {}],
  ["without features", { features: [] }],
] as const)("%s", (label, options) => {
  test.each(["softmax", "layer norm", "layer norm, gradient"])(
    "%s of rows of any length is one launch",
    async (name) => {
      await on(options, async (backend) => {
        const own = name === "softmax" ? lengths : name === "layer norm" ? [4, 64, 257, 1025, 5000] : [64, 1025];
        for (const length of own) await check(backend, name, { rows: 3, length }, 1);
        await check(backend, name, { rows: 3, length: 1 });
        for (const rows of [1, 65, 300]) await check(backend, name, { rows, length: 40 }, 1);
      });
    },
  );

  test.each(Object.keys(cases))("%s is one launch", async (name) => {
    await on(options, async (backend) => {
      for (const length of [7, 300]) await check(backend, name, { rows: 9, length }, 1);
    });
  });

  test("the device is the one that was asked for", async () => {
    await on(options, (backend) => {
      const hasSubgroups = backend.adapter.features.includes("subgroups");
      expect(backend.limits.minSubgroupSize > 0).toBe(hasSubgroups);
      if (label === "without features") expect(hasSubgroups).toBe(false);
      return Promise.resolve();
    });
  });
});

describe("variants", () => {
  // Of subgroups as small as the software GPU has.
  const limits = { minSubgroupSize: 4 } as WebGPUBackend["limits"];
  const names = [64, 130].flatMap((length) => folds.candidates({ rows: 5, length }, limits).map(folds.nameOf));
  test.each([...new Set(names)])("%s", async (name) => {
    await on({}, async (backend) => {
      const { lanes, usesSubgroups } = folds.variantOf(name)!;
      // Elsewhere the least subgroup may be larger, and the variant still right.
      if (usesSubgroups) expect(backend.limits.minSubgroupSize).toBeGreaterThanOrEqual(4);
      backend.adoptTuned({ "rows:*": name, "reduce:*": name });
      const launches = lanes === "apart" ? undefined : 1;
      for (const length of [37, 130]) await check(backend, "softmax", { rows: 5, length }, launches);
      // The others are the same text with other numbers.
      if (lanes !== 256 && lanes !== 32 && lanes !== 8) await checkFolds(5, 130);
    });
  });

  test("are chosen by shape and by what the device has", () => {
    const rule = (length: number, minSubgroupSize: number, rows = 100): string =>
      folds.nameOf(folds.byRule({ rows, length }, { minSubgroupSize } as WebGPUBackend["limits"]));
    expect([5, 50, 200, 1000, 3000].map((length) => rule(length, 0))).toEqual(
      [1, 8, 32, 64, 256].map((lanes) => `${String(lanes)} lanes`),
    );
    const many = [8, 32, 64, 256].map((lanes) => `${String(lanes)} lanes with subgroups`);
    expect([50, 200, 1000, 3000].map((length) => rule(length, 32))).toEqual(many);
    expect(rule(3000, 32, 5000)).toBe("64 lanes with subgroups");
    expect(rule(50, 4)).toBe("8 lanes");
    expect(rule(5, 32)).toBe("1 lanes");
  });

  test("are measured on the device and remembered by bucket", async () => {
    const lone = await open();
    lone.compile(softmaxSegment(3, 20)).dispose();
    expect(await lone.tune({ evenInSoftware: true })).toBe(1);
    expect(Object.keys(lone.tuned)).toEqual(["rows:2,5"]);
    expect(folds.variantOf(lone.tuned["rows:2,5"] ?? "")).toBeDefined();
    expect(lone.memory().inUse).toBe(0);
    lone.dispose();
  });
});

/** Every fold of every type against the CPU, which is held to the reference elsewhere. */
async function checkFolds(rows: number, length: number): Promise<void> {
  const x = numbers(rows * length, 4);
  // A row of NaN in one place, of both infinities, of zeros of both signs, and of one infinity.
  x[length - 1] = Number.NaN;
  [x[length], x[length + 1]] = [Infinity, -Infinity];
  x.fill(0, 2 * length, 3 * length);
  x[2 * length + 3] = -0;
  x[4 * length] = -Infinity;
  const floats = tensorOf(x, rows, length);
  const whole = athanor.tensor(
    Int32Array.from(x, (value) => (Number.isFinite(value) ? value * 1000 : 7)),
    {
      shape: [rows, length],
    },
  );
  const results = (): Tensor[] => [
    ...[athanor.max, athanor.min].flatMap((fold) => [floats, floats.neg()].map((own) => fold(own, { axis: 1 }))),
    ...[athanor.sum, athanor.max, athanor.min, athanor.prod].map((fold) => fold(whole, { axis: 1 })),
    athanor.any(whole.greater(1990), { axis: 1 }),
    athanor.all(whole.greater(-1990), { axis: 1 }),
    athanor.sum(whole.greater(0), { axis: 1 }),
    athanor.isNaN(athanor.softmax(floats)),
  ];
  const read = (device: "webgpu" | "wasm"): Promise<ArrayLike<number>[]> =>
    Promise.all(athanor.withDevice(device, results).map((result) => result.data()));
  expect(await read("webgpu")).toEqual(await read("wasm"));
}

describe("what is special", () => {
  test("the same bits on a second run", async () => {
    await on({}, async () => {
      const x = tensorOf(numbers(20 * 3000, 5), 20, 3000);
      const run = async (): Promise<ArrayLike<number>> =>
        await athanor
          .withDevice("webgpu", () => athanor.concat([athanor.softmax(x).reshape([-1]), x.sum().reshape([1])]))
          .data();
      expect(await run()).toEqual(await run());
    });
  });

  test("explain tells of one kernel that several ops run in", async () => {
    await on({}, async () => {
      const x = tensorOf(numbers(20 * 30, 5), 20, 30);
      const { segments, kernels } = await athanor.explain(() => athanor.withDevice("webgpu", () => athanor.softmax(x)));
      expect(segments.map(({ device, kernels: count }) => [device, count])).toEqual([["webgpu", 1]]);
      expect(kernels.length).toBeGreaterThan(1);
      expect(kernels.every(({ loop }) => loop === 1)).toBe(true);
    });
  });

  test("what is between is stored where somebody else needs it", async () => {
    await on({}, async (backend) => {
      const values = numbers(6 * 50, 6);
      const x = tensorOf(values, 6, 50);
      const before = backend.counts.dispatches;
      const [largest, shifted, sum] = athanor.withDevice("webgpu", () => {
        const top = athanor.max(x, along);
        const rest = x.sub(top);
        return [top, rest, athanor.exp(rest).sum(along)] as const;
      });
      await athanor.evaluate(largest, shifted, sum);
      expect(backend.counts.dispatches - before).toBe(1);
      const [tops, rests, sums] = await Promise.all([largest.data(), shifted.data(), sum.data()]);
      for (let row = 0; row < 6; row++) {
        const own = values.slice(row * 50, (row + 1) * 50);
        const top = Math.max(...own);
        expect(tops[row]).toBe(top);
        own.forEach((value, column) => expect(rests[row * 50 + column]).toBe(Math.fround(value - top)));
        expect(sums[row]).toBeCloseTo(reference.total(own.map((value) => Math.exp(value - top))), 4);
      }
    });
  });

  test("few long rows are left to several workgroups", async () => {
    await on({}, async (backend) => {
      const before = backend.counts.dispatches;
      await athanor.withDevice("webgpu", () => athanor.softmax(tensorOf(numbers(40000, 7), 2, 20000))).data();
      expect(backend.counts.dispatches - before).toBeGreaterThan(3);
      await check(backend, "softmax", { rows: 2, length: 20000 });
    });
  });

  test("tensors in too many parts for one kernel are done step by step", async () => {
    await on({ limits: { maxStorageBufferBindingSize: 2 ** 14, maxStorageBuffers: 8 } }, async (backend) => {
      // Three parts each of what is read and written, and the scale.
      await check(backend, "softmax", { rows: 16, length: 700 }, 1);
      const before = backend.counts.dispatches;
      await check(backend, "layer norm, gradient", { rows: 16, length: 700 });
      expect(backend.counts.dispatches - before).toBeGreaterThan(1);
    });
  });
});
