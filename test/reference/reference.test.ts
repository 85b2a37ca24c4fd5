// The reference against known answers: what judges everything else is itself held against numbers from elsewhere.
// Read next: array.ts.
import { describe, expect, test } from "vitest";
import { array } from "./array.ts";
import { einsum, matmul, tensordot } from "./contraction.ts";
import { avgPool2d, conv2d, convTranspose2d, maxPool2d, samePadding } from "./convolution.ts";
import { erf, erfc, floorMod, logAddExp, roundHalfEven, sinc } from "./functions.ts";
import { eigvalsh } from "./linalg.ts";
import { pad, positions, slice } from "./movement.ts";
import { logSumExp, total, variance } from "./reduction.ts";

const upTo = (...shape: number[]): ReturnType<typeof array> =>
  array(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
  );

describe("functions", () => {
  test.each([
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2.5, 0.999593047982555],
    [3.5, 0.9999992569016276],
    [-1, -0.8427007929497149],
  ])("erf(%s)", (x, expected) => {
    expect(erf(x)).toBeCloseTo(expected, 14);
  });

  test("erfc keeps its digits far out", () => {
    expect(erfc(5) / 1.5374597944280349e-12).toBeCloseTo(1, 12);
  });

  test("rounding, remainders and limits", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5].map(roundHalfEven)).toEqual([0, 2, 2, -0, -2]);
    expect([floorMod(7, 3), floorMod(-7, 3), floorMod(7, -3), floorMod(-7, -3)]).toEqual([1, 2, -2, -1]);
    expect(floorMod(6, -3)).toBe(-0);
    expect(logAddExp(-Infinity, 2)).toBe(2);
    expect(sinc(1)).toBeCloseTo(0, 15);
    expect(sinc(0.5)).toBeCloseTo(2 / Math.PI, 15);
  });
});

describe("reductions", () => {
  test("cancellation does not hurt", () => {
    expect(total([1, 1e100, 1, -1e100])).toBe(2);
    expect(variance([1, 2, 3, 4], 1)).toBeCloseTo(5 / 3, 15);
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12);
  });
});

describe("movement", () => {
  test("slices are Python's", () => {
    expect(positions(5, undefined, undefined, -1)).toEqual([4, 3, 2, 1, 0]);
    expect(positions(5, -2, undefined, 1)).toEqual([3, 4]);
    expect(positions(5, 10, -10, -2)).toEqual([4, 2, 0]);
    expect(slice(upTo(2, 3), [0, 2], [undefined, 0], [1, -1]).data).toEqual([3, 2, 6, 5]);
  });

  test("reflection does not repeat the edge", () => {
    expect(pad(upTo(3), [[2, 2]], 0, "reflect").data).toEqual([3, 2, 1, 2, 3, 2, 1]);
  });
});

describe("contractions", () => {
  test("a product by hand", () => {
    expect(matmul(upTo(2, 2), upTo(2, 2)).data).toEqual([7, 10, 15, 22]);
    expect(matmul(upTo(3), upTo(3))).toEqual({ shape: [], data: [14] });
    expect(einsum("ij,jk", upTo(2, 2), upTo(2, 2)).data).toEqual([7, 10, 15, 22]);
    expect(einsum("ii->", upTo(3, 3)).data).toEqual([15]);
    expect(tensordot(upTo(2, 2), upTo(2, 2), [1], [0]).data).toEqual([7, 10, 15, 22]);
  });
});

describe("windows", () => {
  test("a convolution by hand", () => {
    expect(conv2d(upTo(1, 3, 3, 1), upTo(2, 2, 1, 1)).data).toEqual([37, 47, 67, 77]);
    expect(convTranspose2d(upTo(1, 2, 2, 1), upTo(2, 2, 1, 1)).data).toEqual([1, 4, 4, 6, 20, 16, 9, 24, 16]);
  });

  test("pools at the edge", () => {
    const one = [
      [1, 1],
      [1, 1],
    ] as const;
    expect(maxPool2d(array([1, 2, 2, 1], [-4, -3, -2, -1]), { window: [2, 2], padding: one }).data).toEqual([
      -4, -3, -2, -1,
    ]);
    expect(avgPool2d(upTo(1, 2, 2, 1), { window: [2, 2], padding: one }).data).toEqual([0.25, 0.5, 0.75, 1]);
    expect(avgPool2d(upTo(1, 2, 2, 1), { window: [2, 2], padding: one, countIncludePad: false }).data).toEqual([
      1, 2, 3, 4,
    ]);
    expect(samePadding([5, 6], [3, 3], [2, 2], [1, 1])).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });
});

test("eigenvalues of a matrix known in closed form", () => {
  // −1, 2, −1 on the diagonals: 2 − 2 cos(kπ/(n+1)).
  const n = 5;
  const matrix = array(
    [n, n],
    Array.from({ length: n * n }, (_, i) => [2, -1][Math.abs(Math.floor(i / n) - (i % n))] ?? 0),
  );
  eigvalsh(matrix).data.forEach((value, k) => {
    expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 13);
  });
});
