// Layouts: every view is compared with the list of positions it should visit, found by naive index arithmetic.
// Read next: bindings/core/layout.ts.
import { describe, expect, test } from "vitest";
import type { Layout } from "../../bindings/core/layout.ts";
import {
  broadcastLayout,
  contiguous,
  isContiguous,
  mergeWalk,
  permuteLayout,
  reshapeLayout,
  sliceLayout,
} from "../../bindings/core/layout.ts";
import { eachIndex } from "../reference/array.ts";

/** Buffer positions in the order in which the layout visits them. */
function visits({ shape, strides, offset }: Layout): number[] {
  const list: number[] = [];
  eachIndex(shape, (index) => list.push(index.reduce((position, i, axis) => position + i * strides[axis]!, offset)));
  return list;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("views", () => {
  test("a contiguous layout visits all in order", () => {
    expect(visits(contiguous([2, 3]))).toEqual(upTo(6));
    expect(visits(contiguous([2], 5))).toEqual([5, 6]);
  });

  test("permutation walks the other way", () => {
    expect(visits(permuteLayout(contiguous([2, 3]), [1, 0]))).toEqual([0, 3, 1, 4, 2, 5]);
  });

  test("broadcasting repeats with stride 0", () => {
    expect(visits(broadcastLayout(contiguous([3, 1]), [2, 3, 2]))).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
  });

  test("slices step, also backwards", () => {
    expect(visits(sliceLayout(contiguous([6]), [1], [2], [3]))).toEqual([1, 3, 5]);
    expect(visits(sliceLayout(contiguous([2, 3]), [1, 2], [-1, -2], [2, 2]))).toEqual([5, 3, 2, 0]);
    expect(sliceLayout(contiguous([6]), [6], [1], [0]).offset).toBe(0);
  });
});

describe("isContiguous", () => {
  test("axes of size 1 may have any stride", () => {
    expect(isContiguous({ shape: [2, 1, 3], strides: [3, 77, 1], offset: 4 })).toBe(true);
    expect(isContiguous({ shape: [2, 3], strides: [1, 2], offset: 0 })).toBe(false);
    expect(isContiguous({ shape: [0, 3], strides: [9, 9], offset: 0 })).toBe(true);
  });
});

describe("reshapeLayout", () => {
  const cases: readonly (readonly [string, Layout, readonly number[], boolean])[] = [
    ["splits a strided axis", sliceLayout(contiguous([12]), [0], [2], [6]), [2, 3], true],
    [
      "merges axes that are walkable with one stride",
      sliceLayout(contiguous([4, 6]), [0, 0], [1, 2], [4, 3]),
      [12],
      true,
    ],
    ["does not merge transposed axes", permuteLayout(contiguous([2, 3]), [1, 0]), [6], false],
    ["does not merge across a gap", sliceLayout(contiguous([4, 6]), [0, 0], [1, 1], [4, 5]), [20], false],
    ["keeps a broadcast axis apart", broadcastLayout(contiguous([3]), [2, 3]), [2, 3, 1], true],
    ["splits a transposed axis", permuteLayout(contiguous([4, 6]), [1, 0]), [2, 3, 4], true],
    ["adds axes of size 1", permuteLayout(contiguous([2, 3]), [1, 0]), [1, 3, 1, 2], true],
  ];
  test.each(cases)("%s", (_, layout, shape, isPossible) => {
    const view = reshapeLayout(layout, shape);
    if (isPossible) expect(view && visits(view)).toEqual(visits(layout));
    else expect(view).toBeUndefined();
  });
});

describe("mergeWalk", () => {
  test("contiguous operands become one axis", () => {
    expect(
      mergeWalk(
        [2, 3, 4],
        [
          [12, 4, 1],
          [12, 4, 1],
        ],
      ),
    ).toEqual({ shape: [24], strides: [[1], [1]] });
  });

  test("an operand that does not merge keeps the axes of all", () => {
    expect(
      mergeWalk(
        [2, 3],
        [
          [3, 1],
          [1, 2],
        ],
      ),
    ).toEqual({
      shape: [2, 3],
      strides: [
        [3, 1],
        [1, 2],
      ],
    });
    expect(
      mergeWalk(
        [2, 1, 3],
        [
          [3, 0, 1],
          [1, 0, 0],
        ],
      ),
    ).toEqual({
      shape: [2, 3],
      strides: [
        [3, 1],
        [1, 0],
      ],
    });
    expect(
      mergeWalk(
        [2, 3],
        [
          [3, 1],
          [0, 0],
        ],
      ),
    ).toEqual({ shape: [6], strides: [[1], [0]] });
  });
});
