// Which elementwise steps become a part of the kernel before them on the CPU, and where the kernel then writes.
// No kernel runs here. Read next: bindings/graph/finish.ts, in-place.ts.
import { describe, expect, test } from "vitest";
import { withFinishes } from "../../bindings/graph/finish.ts";
import { isInPlace } from "../../bindings/graph/in-place.ts";
import type { KernelStep, MapStep, SlotView, Step } from "../../bindings/graph/step.ts";
import { constant, input } from "../../bindings/expr/expression.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";

const view = (slot: number, ...strides: number[]): SlotView => ({ slot, dtype: "f32", offset: 0, strides });

/** A product [60, 8] from slots 0 and 1 to `result`. */
const kernel = (result: number): KernelStep => ({
  kind: "kernel",
  label: "matmul",
  kernel: "matmul",
  dtype: "f32",
  inputs: [view(0, 1), view(1, 1)],
  outputs: [view(result, 1)],
  words: [],
  workgroups: 0,
  entry: "main",
  scratch: 0,
  epilogue: undefined,
  columns: 8,
});

const map = (shape: readonly number[], inputs: readonly SlotView[], output: SlotView): MapStep => ({
  kind: "map",
  label: "relu",
  shape,
  expression: scalar.max(input(0, "f32"), constant(0, "f32")),
  inputs,
  output,
});

const none = { isKept: () => false, isGiven: () => false };
const finishesOf = (steps: readonly Step[]): (MapStep | undefined)[] =>
  steps.map((step) => (step.kind === "kernel" ? step.finish : undefined));

describe("maps behind kernels", () => {
  test("are taken in and cut where the kernel's rows end", () => {
    const steps = withFinishes([kernel(2), map([480], [view(2, 1)], view(2, 1))], none);
    expect(steps.map(({ kind }) => kind)).toEqual(["kernel"]);
    expect(finishesOf(steps)[0]?.shape).toEqual([60, 8]);
    expect(finishesOf(steps)[0]?.output.strides).toEqual([8, 1]);
  });

  test("with a bias over rows of several, past steps that have nothing to do with it", () => {
    const other = map([480], [view(7, 1)], view(8, 1));
    const biased = map([3, 160], [view(2, 160, 1), view(3, 0, 1)], view(2, 160, 1));
    const steps = withFinishes([kernel(2), other, biased], none);
    expect(finishesOf(steps)[0]?.shape).toEqual([3, 20, 8]);
    expect(steps.length).toBe(2);
  });

  test("let the kernel write where they do, unless somebody reads what it writes or it may lie over an operand", () => {
    const elsewhere = map([480], [view(2, 1)], view(4, 1));
    const slotsOf = (steps: readonly Step[]): (number | undefined)[] =>
      steps.map((step) => (step.kind === "kernel" ? step.outputs[0]?.slot : undefined));
    expect(slotsOf(withFinishes([kernel(2), elsewhere], none))).toEqual([4]);
    expect(slotsOf(withFinishes([kernel(2), elsewhere], { ...none, isKept: (slot) => slot === 2 }))).toEqual([2]);
    const again = map([480], [view(2, 1)], view(5, 1));
    expect(slotsOf(withFinishes([kernel(2), elsewhere, again], none))).toEqual([2, undefined]);
    const update = map([480], [view(2, 1), view(3, 1)], view(4, 1));
    const steps = withFinishes([kernel(2), update], { ...none, isGiven: (slot) => slot === 3 });
    expect(slotsOf(steps)).toEqual([2]);
    const [joined] = steps;
    expect(isInPlace(joined, 4, 3)).toBe(true);
    expect(isInPlace(joined, 4, 2)).toBe(true);
    expect(isInPlace(joined, 4, 0)).toBe(false);
    expect(isInPlace(joined, 2, 3)).toBe(false);
  });

  test.each<[string, readonly Step[]]>([
    ["a kernel that cannot", [{ ...kernel(2), columns: undefined }, map([480], [view(2, 1)], view(2, 1))]],
    ["rows that end elsewhere", [kernel(2), map([80, 6], [view(2, 6, 1), view(3, 0, 1)], view(2, 6, 1))]],
    ["the result turned round", [kernel(2), map([8, 60], [view(2, 1, 8)], view(4, 60, 1))]],
    ["another element of the result", [kernel(2), map([480], [view(2, 1), view(2, 0)], view(4, 1))]],
    [
      "an operand that comes later",
      [kernel(2), map([480], [view(7, 1)], view(3, 1)), map([480], [view(2, 1), view(3, 1)], view(2, 1))],
    ],
    [
      "a result that is read in between",
      [kernel(2), map([480], [view(4, 1)], view(5, 1)), map([480], [view(2, 1)], view(4, 1))],
    ],
    ["a result over what the kernel reads", [kernel(2), map([480], [view(2, 1)], view(1, 1))]],
    [
      "another kernel first",
      [kernel(2), { ...kernel(3), inputs: [view(2, 1), view(1, 1)] }, map([480], [view(2, 1)], view(2, 1))],
    ],
    ["nothing at all", [kernel(2), map([0, 8], [view(2, 8, 1)], view(2, 8, 1))]],
  ])("stay apart: %s", (_, steps) => {
    expect(withFinishes(steps, none)).toEqual(steps);
  });

  test("stay apart if they stream through much else", () => {
    const rows = 20000;
    const residual = map([rows * 8], [view(2, 1), view(3, 1)], view(2, 1));
    expect(withFinishes([kernel(2), residual], none).length).toBe(2);
    const biased = map([rows, 8], [view(2, 8, 1), view(3, 0, 1)], view(2, 8, 1));
    expect(withFinishes([kernel(2), biased], none).length).toBe(1);
  });
});
