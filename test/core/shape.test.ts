// Shapes, axes and broadcasting: the rules NumPy has, and the exact words of every refusal.
// Read next: bindings/core/shape.ts, layout.test.ts.
import { describe, expect, test } from "vitest";
import { ParameterError, ShapeError } from "../../bindings/core/errors.ts";
import {
  broadcastPair,
  broadcastShapes,
  checkShape,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  requireInteger,
  resolveShape,
  sameShape,
  show,
  sizeOf,
  stridesOf,
} from "../../bindings/core/shape.ts";

function refusal(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("was accepted");
}

describe("sizes and strides", () => {
  test("count elements, a scalar has one", () => {
    expect([[], [0], [3], [2, 3, 4], [2, 0, 4]].map(sizeOf)).toEqual([1, 0, 3, 24, 0]);
  });

  test("strides are row-major", () => {
    expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
    expect(stridesOf([])).toEqual([]);
  });

  test("shapes print as lists", () => {
    expect(show([2, 3])).toBe("[2, 3]");
    expect(sameShape([2, 3], [2, 3])).toBe(true);
    expect(sameShape([2, 3], [2, 3, 1])).toBe(false);
  });
});

describe("broadcasting", () => {
  test.each([
    [[], [3], [3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [[5, 4], [4], [5, 4]],
    [[0], [1], [0]],
    [
      [2, 3, 4],
      [3, 1],
      [2, 3, 4],
    ],
  ])("%j with %j is %j", (a, b, expected) => {
    expect(broadcastPair(a, b)).toEqual(expected);
    expect(broadcastPair(b, a)).toEqual(expected);
  });

  test("unequal axes do not stretch", () => {
    expect(broadcastPair([2], [3])).toBeUndefined();
    expect(broadcastPair([0], [2])).toBeUndefined();
    const error = refusal(() => broadcastShapes("add", [[2, 3], [4]]));
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.message).toBe(
      "add: shapes [2, 3] and [4] do not broadcast: each axis must be equal or 1. Reshape or expandDims one of them",
    );
  });
});

describe("axes", () => {
  test("negative axes count from the end", () => {
    expect(normalizeAxis("sum", -1, 3)).toBe(2);
    expect(normalizeAxes("sum", [-1, 0], 3)).toEqual([0, 2]);
    expect(normalizeAxes("sum", undefined, 2)).toEqual([0, 1]);
  });

  test("axes outside and axes named twice are refused", () => {
    expect(refusal(() => normalizeAxis("sum", 2, 2)).message).toBe(
      "sum: axis 2 does not exist in a tensor of 2 axes: valid axes are -2 to 1",
    );
    expect(refusal(() => normalizeAxis("sum", 0, 0)).message).toBe(
      "sum: axis 0 does not exist in a tensor of 0 axes: a scalar has no axes",
    );
    expect(refusal(() => normalizeAxes("sum", [0, -2], 2)).message).toBe(
      "sum: an axis is named twice in [0, -2]. Name each axis once",
    );
    expect(refusal(() => normalizeAxis("sum", 0.5, 2))).toBeInstanceOf(ShapeError);
  });

  test("a reduction drops its axes or keeps them with size 1", () => {
    expect(reducedShape([2, 3, 4], [0, 2], false)).toEqual([3]);
    expect(reducedShape([2, 3, 4], [0, 2], true)).toEqual([1, 3, 1]);
  });
});

describe("target shapes", () => {
  test("one size may be left open", () => {
    expect(resolveShape("reshape", [4, -1], 24, [2, 3, 4])).toEqual([4, 6]);
    expect(resolveShape("reshape", [0, -1], 0, [0])).toEqual([0, 0]);
  });

  test("other counts are refused", () => {
    expect(refusal(() => resolveShape("reshape", [-1, -1], 6, [6])).message).toBe(
      "reshape: only one size may be -1, got [-1, -1]",
    );
    expect(refusal(() => resolveShape("reshape", [4, -1], 6, [6])).message).toBe(
      "reshape: cannot view [6] (6 elements) as [4, -1]. The element counts must be equal",
    );
  });

  test("sizes are whole, not negative, and at most eight", () => {
    expect(refusal(() => checkShape("zeros", [2, -3])).message).toBe(
      "zeros: sizes must be whole numbers ≥ 0, got [2, -3]",
    );
    expect(refusal(() => checkShape("zeros", [1.5]))).toBeInstanceOf(ShapeError);
    expect(refusal(() => checkShape("zeros", new Array<number>(9).fill(1))).message).toContain(
      "at most 8 axes are supported",
    );
  });

  test("whole numbers are checked against their range", () => {
    expect(refusal(() => requireInteger("split", "count", 0, 1)).message).toBe(
      "split: count must be a whole number ≥ 1, got 0",
    );
    expect(refusal(() => requireInteger("split", "count", 9, 1, 4))).toBeInstanceOf(ParameterError);
  });
});
