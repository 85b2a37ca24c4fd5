// Folds of columns on the GPU: every variant is right for lengths that are cut evenly and not, with what is computed before and after,
// for every operation; what was chosen for a shape is what the rule says.
// Read next: bindings/backends/webgpu/column-variants.ts, reduce-shader.ts.
import { describe, expect, test } from "vitest";
import { columnFolds } from "../../bindings/backends/webgpu/column-variants.ts";
import type { GPULimits } from "../../bindings/backends/webgpu/description.ts";
import { columnPasses } from "../../bindings/backends/webgpu/reduce-shader.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
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
