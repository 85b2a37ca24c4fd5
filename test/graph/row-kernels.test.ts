// What lowering for the GPU makes of folds along rows and the maps around them: one step where each row needs nothing of another,
// and what they were where that is not so. No kernel runs here. Read next: bindings/graph/row-kernels.ts, row-view.ts.
import { describe, expect, test } from "vitest";
import { CostModel } from "../../bindings/engine/dispatch/cost-model.ts";
import { createEngine } from "../../bindings/engine/default.ts";
import { capture } from "../../bindings/graph/capture.ts";
import { makePlan } from "../../bindings/graph/plan.ts";
import { splitView } from "../../bindings/graph/row-view.ts";
import type { Step } from "../../bindings/graph/step.ts";
import * as ops from "../../bindings/ops/index.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";

const engine = createEngine({ webgpu: "off" });
const host = (...shape: readonly number[]): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return engine.fromArray(new Float32Array(size), shape, "f32");
};

/** The steps of results that are computed on a GPU. */
function stepsOf(make: () => readonly Tensor[]): readonly Step[] {
  let steps: readonly Step[] = [];
  engine.scopes.run("test", () => {
    const captured = capture(make().map((result) => engine.valueOf(result, "test")));
    const device = { name: "webgpu" as const, workers: 1, refusesDType: () => undefined, hasKernel: () => true };
    const residence = captured.inputs.map(() => ["webgpu" as const]);
    steps = makePlan(captured, [device], new CostModel(), { residence, readBack: false }).segments[0]?.steps ?? [];
  });
  return steps;
}
const kindsOf = (make: () => readonly Tensor[]): string[] => stepsOf(make).map(({ kind }) => kind);

const along = { axis: -1, keepDims: true } as const;

describe("row kernels", () => {
  test("softmax is one, with nothing stored but its result", () => {
    const [step, ...others] = stepsOf(() => [ops.softmax(host(3, 4, 300))]);
    if (step?.kind !== "rowKernel") throw new Error("no row kernel");
    expect(others).toEqual([]);
    expect([step.rows, step.length]).toEqual([12, 300]);
    const written = step.steps.flatMap((own) => (own.kind === "map" ? own.output.slot : own.output.slot));
    expect(new Set(written).size - step.hidden.length).toBe(1);
  });

  test("a row may lie along several axes, and be read as it lies", () => {
    expect(kindsOf(() => [ops.variance(host(5, 6, 7), { axis: [1, 2] })])).toEqual(["rowKernel"]);
    expect(kindsOf(() => [ops.softmax(host(30, 40).T)])).toEqual(["rowKernel"]);
    expect(kindsOf(() => [ops.softmax(host(30, 40).add(host(40)).mul(host(30, 1)))])).toEqual(["rowKernel"]);
  });

  test("maps before, between and behind the folds belong to it, and what others read is stored", () => {
    const [step, ...others] = stepsOf(() => {
      const x = ops.exp(host(20, 30));
      const sum = ops.sum(x, along);
      return [x, sum, x.div(sum)];
    });
    if (step?.kind !== "rowKernel") throw new Error("no row kernel");
    expect(others).toEqual([]);
    expect(step.hidden).toEqual([]);
  });

  test("columns, folds over everything that was made, and few long rows stay as they were", () => {
    expect(kindsOf(() => [ops.softmax(host(40, 30), { axis: 0 })])).not.toContain("rowKernel");
    expect(kindsOf(() => [ops.sum(ops.softmax(host(40, 30)))])).toEqual(["rowKernel", "reduce"]);
    expect(kindsOf(() => [ops.softmax(host(2, 20000))])).not.toContain("rowKernel");
    expect(kindsOf(() => [ops.softmax(host(1100, 1).add(host(20000)))])).toEqual(["rowKernel"]);
    expect(kindsOf(() => [ops.sum(host(40, 30), { axis: 1 })])).toEqual(["reduce"]);
  });

  test("rows that need each other's values are not one kernel", () => {
    const kinds = kindsOf(() => {
      const p = ops.softmax(host(30, 30));
      return [ops.softmax(p.T.add(1))];
    });
    expect(kinds.length).toBeGreaterThan(1);
  });

  test("no more buffers than every GPU shows a shader", () => {
    const steps = stepsOf(() => {
      const all = Array.from({ length: 10 }, () => host(20, 30));
      const sums = all.map((x) => ops.sum(x.mul(x), along));
      return [sums.reduce((a, b) => a.add(b)), ...all.map((x, at) => x.div(sums[at]!))];
    });
    for (const step of steps) {
      if (step.kind !== "rowKernel") continue;
      const shown = step.steps.flatMap((own) =>
        own.kind === "map"
          ? [...own.inputs, own.output, ...(own.also ?? []).map(({ output }) => output)]
          : [own.output],
      );
      expect(new Set(shown.map(({ slot }) => slot).filter((slot) => !step.hidden.includes(slot))).size).toBeLessThan(9);
    }
  });
});

describe("views of rows", () => {
  const frame = { rows: 6, length: 20 };
  test.each([
    ["all elements", [120], [1], [[6], [20]], [[20], [1]]],
    ["one for each row", [6, 20], [1, 0], [[6], [20]], [[1], [0]]],
    ["over [rows] alone", [6], [3], [[6], []], [[3], []]],
    ["one for each column", [2, 3, 20], [0, 0, 1], [[6], [20]], [[0], [1]]],
    ["transposed rows", [6, 4, 5], [1, 30, 6], [[6], [20]], [[1], [6]]],
    [
      "axes that do not merge",
      [2, 3, 4, 5],
      [7, 100, 1, 9],
      [
        [2, 3],
        [4, 5],
      ],
      [
        [7, 100],
        [1, 9],
      ],
    ],
  ] as const)("%s", (_, shape, strides, shapes, steps) => {
    const split = splitView(shape, strides, frame);
    expect([split?.lead.shape, split?.trail.shape]).toEqual(shapes);
    expect([split?.lead.strides, split?.trail.strides]).toEqual(steps);
  });

  test("none where no axis begins with a row, or there are not so many elements", () => {
    expect(splitView([8, 15], [15, 1], frame)).toBeUndefined();
    expect(splitView([40], [1], frame)).toBeUndefined();
  });
});
