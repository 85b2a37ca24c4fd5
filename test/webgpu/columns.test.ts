// Folds of columns on the GPU: every variant is right for lengths that are cut evenly and not, with what is computed before and after,
// for every operation; what was chosen for a shape is what the rule says.
// Read next: bindings/backends/webgpu/variants/columns.ts, reduce-shader.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../bindings/autodiff/index.ts";
import { columnFolds } from "../../bindings/backends/webgpu/variants/columns.ts";
import type { GPULimits } from "../../bindings/backends/webgpu/device/description.ts";
import { columnPasses } from "../../bindings/backends/webgpu/kernels/reduce-shader.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Combiner } from "../../bindings/ops/descriptor.ts";
import type { Segment } from "../../bindings/graph/step.ts";
import { fold, openBackend, run, sequence, source, target, view, x, y } from "./segments.ts";

const gpu = openBackend();

const names = ["columns together", ...[1, 2, 8, 128, 1024].map((slices) => `columns in ${String(slices)}`)];
const shapes = [
  [1, 300, 5],
  [2, 9001, 3],
  [3, 50, 70],
  [1, 7, 2],
] as const;

const combined: Readonly<Record<Combiner, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  prod: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
};
const neutral: Readonly<Record<Combiner, number>> = { sum: 0, prod: 1, max: -Infinity, min: Infinity };

/** The fold of x·x over the middle axis, times a number for each result. */
function segment(combiner: Combiner, [outer, length, inner]: (typeof shapes)[number]): Segment {
  const [size, results] = [outer * length * inner, outer * inner];
  const whole = [length * inner, inner, 1];
  return {
    slots: [source(0, "f32", size), source(1, "f32", results), target(0, "f32", results)],
    steps: [
      fold({
        ...{ combiner, outer, length, inner },
        prologue: { expression: scalar.mul(x, x), shape: [outer, length, inner], inputs: [view(0, "f32", whole)] },
        epilogue: { expression: scalar.mul(x, y), shape: [outer, inner], inputs: [view(1, "f32", [inner, 1])] },
        output: view(2, "f32", [inner, 1]),
      }),
    ],
    buffers: [],
  };
}

test.each(names)("%s", async (name) => {
  gpu.backend.adoptTuned({ "columns:*": name });
  for (const shape of shapes) {
    const [outer, length, inner] = shape;
    const next = sequence(3);
    // Squares about one, so that products of thousands stay in range.
    const data = Float32Array.from({ length: outer * length * inner }, () => 1 + (next() - 0.5) / 64);
    const scale = Float32Array.from({ length: outer * inner }, (_, at) => at + 1);
    for (const combiner of ["sum", "prod", "max", "min"] as const) {
      const found = await run(gpu.backend, segment(combiner, shape), [
        [data, "f32"],
        [scale, "f32"],
      ]);
      for (let at = 0; at < outer * inner; at++) {
        let expected = neutral[combiner];
        for (let row = 0; row < length; row++) {
          const value = data[(Math.floor(at / inner) * length + row) * inner + (at % inner)] ?? 0;
          expected = combined[combiner](expected, value ** 2);
        }
        expected *= scale[at] ?? 0;
        // A product rounds at every step.
        const error = Math.abs((found[at] ?? Number.NaN) - expected) / expected;
        expect(error, `${combiner} of ${shape.join("×")}`).toBeLessThan(combiner === "prod" ? length * 2 ** -22 : 1e-6);
      }
    }
  }
});

describe("the choice", () => {
  const rule = (length: number, inner: number): string =>
    columnFolds.nameOf(columnFolds.byRule({ outer: 1, length, inner }, {} as GPULimits));

  test("is as few slices as keep a device busy, none of them short", () => {
    expect(rule(512, 10000)).toBe("columns in 1");
    expect(rule(512, 768)).toBe("columns in 16");
    expect(rule(64, 768)).toBe("columns in 8");
    expect(rule(65536, 64)).toBe("columns in 128");
    expect(rule(262144, 3)).toBe("columns in 1024");
    expect(rule(4, 3)).toBe("columns in 1");
  });

  test("folds many parts in steps", () => {
    expect(columnPasses(512, 1).map(({ chunks }) => chunks)).toEqual([1]);
    expect(columnPasses(512, 16).map(({ chunks }) => chunks)).toEqual([16, 1]);
    expect(columnPasses(262144, 1024).map(({ chunks }) => chunks)).toEqual([1024, 32, 1]);
    expect(columnPasses(0, 1).map(({ chunks }) => chunks)).toEqual([1]);
  });

  test("measures what can be done, by names that are told apart", () => {
    const all = columnFolds.candidates({ outer: 1, length: 40, inner: 64 }, {} as GPULimits).map(columnFolds.nameOf);
    expect(all).toEqual(["columns in 1", "columns in 2", "columns in 4", "columns together"]);
    for (const name of all) expect(columnFolds.nameOf(columnFolds.variantOf(name) ?? { slices: 0 })).toBe(name);
  });
});

describe("folds of the same columns", () => {
  beforeAll(async () => {
    await athanor.init({ webgpu: "off", tune: "off", threads: 1 });
  });
  afterAll(() => athanor.shutdown());

  const rows = 40;
  const length = 24;
  const numbers = (count: number, seed: number): number[] => {
    const next = sequence(seed);
    return Array.from({ length: count }, () => Math.fround(2 * next() - 1));
  };

  /** Runs in the engine with the backend of these tests, and counts launches beside. */
  async function counted(call: () => Tensor[]): Promise<{ readonly values: number[][]; readonly launches: number }> {
    const engine = defaultEngine();
    engine.backends.set("webgpu", gpu.backend);
    engine.clearPlans();
    try {
      const results = athanor.withDevice("webgpu", call);
      const before = gpu.backend.counts.dispatches;
      await athanor.evaluate(...results);
      const launches = gpu.backend.counts.dispatches - before;
      return { values: await Promise.all(results.map(async (result) => [...(await result.data())])), launches };
    } finally {
      engine.backends.delete("webgpu");
      engine.clearPlans();
    }
  }

  test.each(["columns in 1", "columns in 4", "columns together"])("are launched together: %s", async (name) => {
    gpu.backend.adoptTuned({ "columns:*": name });
    const [x, dy, z] = [numbers(rows * length, 1), numbers(rows * length, 2), numbers(rows * length, 3)];
    const tensorOf = (data: number[]): Tensor => athanor.tensor(Float32Array.from(data), { shape: [rows, length] });
    const { values, launches } = await counted(() => {
      const [a, b, c] = [tensorOf(x), tensorOf(dy), tensorOf(z)];
      const down = { axis: 0 } as const;
      return [
        athanor.sum(a.mul(b), down),
        athanor.mul(athanor.sum(b, down), 2),
        athanor.max(athanor.add(b, c), down),
        // Needs another one, so it comes later.
        athanor.sum(athanor.mul(athanor.sum(b, down), c), down),
      ];
    });
    const folded = (of: (at: number) => number, by: (a: number, b: number) => number, start: number): number[] =>
      Array.from({ length }, (_, column) => {
        let total = start;
        for (let row = 0; row < rows; row++) total = by(total, of(row * length + column));
        return total;
      });
    const [plus, at] = [(a: number, b: number): number => a + b, (data: number[], i: number): number => data[i] ?? 0];
    const sums = folded((i) => at(dy, i), plus, 0);
    const expected = [
      folded((i) => at(x, i) * at(dy, i), plus, 0),
      sums.map((value) => 2 * value),
      folded((i) => at(dy, i) + at(z, i), Math.max, -Infinity),
      folded((i) => at(sums, i % length) * at(z, i), plus, 0),
    ];
    expected.forEach((own, index) => {
      own.forEach((value, column) => {
        expect(Math.abs((values[index]?.[column] ?? Number.NaN) - value), `${name} ${String(index)}`).toBeLessThan(
          2e-5,
        );
      });
    });
    // Three folds in one, the multiplication of a result that is needed elsewhere too, and the fold that needs it.
    const of = { "columns in 1": 3, "columns in 4": 5 }[name];
    if (of !== undefined) expect(launches).toBe(of);
  });

  test("of a norm's scale and shift are one launch", async () => {
    const along = { axis: -1, keepDims: true } as const;
    const norm = (x: Tensor): Tensor => {
      const centred = x.sub(x.mean(along));
      return centred.div(centred.square().mean(along).add(1e-5).sqrt());
    };
    const [scale, shift] = [numbers(length, 4), numbers(length, 5)];
    const slopes = (): Tensor[] => {
      const x = athanor.tensor(Float32Array.from(numbers(rows * length, 1)), { shape: [rows, length] });
      const y = athanor.tensor(Float32Array.from(numbers(rows * length, 2)), { shape: [rows, length] });
      const loss = (a: Tensor, b: Tensor): Tensor => norm(x).mul(a).add(b).mul(y).sum();
      return [...grad(loss, { argnums: [0, 1] })(athanor.tensor(scale), athanor.tensor(shift))];
    };
    gpu.backend.adoptTuned({ "columns:*": "columns together" });
    const apart = await counted(slopes);
    gpu.backend.adoptTuned({ "columns:*": "columns in 1" });
    const together = await counted(slopes);
    expect(apart.launches - together.launches).toBe(1);
    together.values.flat().forEach((value, at) => {
      expect(Math.abs(value - (apart.values.flat()[at] ?? Number.NaN))).toBeLessThan(1e-5);
    });
  });
});
