// The symmetric eigenproblem on matrices with known difficulties: residual, orthogonality and order in both precisions, known
// spectra, gradients at equal eigenvalues, and what is reported. On the CPU. Read next: problems.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LinAlgError, evaluate, grad, init, linalg, matmul, shutdown, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Rows } from "./problems.ts";
import * as problems from "./problems.ts";
import {
  fill,
  flat,
  minus,
  norm,
  orthogonality,
  precisions,
  rowsOf,
  stored,
  symmetricProblems,
  times,
} from "./problems.ts";

type DType = (typeof precisions)[number]["dtype"];

const matrix = (a: Rows, dtype: DType): Tensor => tensor(flat(a), { shape: [a.length, a[0]?.length ?? 0], dtype });

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});
afterAll(async () => {
  await shutdown();
});

describe.each(precisions)("eigh $dtype", ({ dtype, epsilon }) => {
  test.each(Object.entries(symmetricProblems))("%s", async (_, exact) => {
    const a = stored(exact, dtype);
    const n = a.length;
    const { values, vectors } = linalg.eigh(matrix(a, dtype));
    await evaluate(values, vectors);
    const [lambda, v] = [await values.data(), rowsOf(await vectors.data(), n, n)];
    for (let i = 1; i < n; i++) expect(lambda[i]).toBeGreaterThanOrEqual(lambda[i - 1]!);
    // Below the normal numbers an element has few digits: what is lost there is absolute.
    const size = Math.max(norm(a), dtype === "f32" ? 2 ** -126 : 2 ** -1022);
    const scaled = fill(n, n, (i, j) => v[i]![j]! * lambda[j]!);
    const residual = norm(minus(times(a, v), scaled)) / (n * size * epsilon);
    expect(residual).toBeLessThan(1.5);
    expect(orthogonality(v, epsilon)).toBeLessThan(2);
    const alone = await linalg.eigvalsh(matrix(a, dtype)).data();
    const apart = Math.max(...alone.map((value, i) => Math.abs(value - lambda[i]!)));
    expect(apart / (n * size * epsilon)).toBeLessThan(1);
  });

  test("the spectrum of the second difference is known", async () => {
    const n = 150;
    const a = problems.symmetric(n, (i, j) => (i === j ? 2 : -Number(i - j === 1)));
    const values = await linalg.eigvalsh(matrix(a, dtype)).data();
    values.forEach((value, i) => {
      expect(Math.abs(value - 4 * Math.sin(((i + 1) * Math.PI) / (2 * n + 2)) ** 2)).toBeLessThan(32 * epsilon);
    });
  });

  test("the spectrum of Rosser's matrix is known", async () => {
    const values = await linalg.eigvalsh(matrix(problems.rosserMatrix, dtype)).data();
    values.forEach((value, i) => {
      expect(Math.abs(value - problems.rosserValues[i]!)).toBeLessThan(16 * 1020 * epsilon);
    });
  });

  test("a batch is its matrices", async () => {
    const batch = tensor(flat(problems.random(6 * 40, 40)), { shape: [2, 3, 40, 40], dtype });
    const { values, vectors } = linalg.eigh(batch);
    expect([values.shape, vectors.shape]).toEqual([
      [2, 3, 40],
      [2, 3, 40, 40],
    ]);
    const one = linalg.eigh(batch.slice([1, 2], [2, 3]).reshape(40, 40));
    expect((await values.data()).slice(5 * 40)).toEqual(await one.values.data());
    expect((await vectors.data()).slice(5 * 1600)).toEqual(await one.vectors.data());
  });

  test("only the lower triangle is read", async () => {
    const a = problems.random(45, 45, 9);
    const lower = problems.symmetric(45, (i, j) => a[i]![j]!);
    const [left, right] = [linalg.eigh(matrix(a, dtype)), linalg.eigh(matrix(lower, dtype))];
    expect(await left.vectors.data()).toEqual(await right.vectors.data());
  });
});

describe("eigh", () => {
  test("the gradient of a function of equal eigenvalues is finite and right", async () => {
    // Σ λ² = ‖A‖²: its gradient is 2A, whatever vectors were chosen.
    const a = matrix(symmetricProblems["three values"]!, "f64");
    const square = (x: Tensor): Tensor => linalg.eigvalsh(x).square().sum();
    const slopes = await grad(square)(a).data();
    const elements = await a.data();
    slopes.forEach((slope, i) => expect(Math.abs(slope - 2 * elements[i]!)).toBeLessThan(1e-12));
    // The same by way of the vectors.
    const rebuilt = (x: Tensor): Tensor => {
      const { values, vectors } = linalg.eigh(x);
      return matmul(vectors.mul(values.expandDims(-2)), vectors.T)
        .square()
        .sum();
    };
    const others = await grad(rebuilt)(a).data();
    expect(others.every(Number.isFinite)).toBe(true);
  });

  test("what is not finite is reported at the read, with the op and the matrix of the batch", async () => {
    const elements = flat(problems.random(6 * 5, 5));
    elements[4 * 25 + 11] = Number.NaN;
    const batch = tensor(elements, { shape: [2, 3, 5, 5] });
    const text = "eigh: matrix [1, 1] of the batch holds NaN or infinity. isFinite(a) shows where";
    const { values, vectors } = linalg.eigh(batch);
    await expect(vectors.data()).rejects.toThrow(text);
    await expect(values.data()).rejects.toBeInstanceOf(LinAlgError);
    expect(() => linalg.eigh(batch).values.dataSync()).toThrow(LinAlgError);
    const wide = tensor(new Float64Array(40 * 40).fill(Infinity), { shape: [40, 40] });
    await expect(linalg.eigvalsh(wide).data()).rejects.toThrow("eigvalsh: the matrix holds NaN or infinity");
  });

  test("matrices of no elements", async () => {
    expect(linalg.eigh(tensor(new Float32Array(0), { shape: [0, 0] })).values.shape).toEqual([0]);
    expect((await linalg.eigvalsh(tensor(new Float32Array(0), { shape: [0, 4, 4] })).data()).length).toBe(0);
  });
});
