// The general eigenproblem on matrices with known difficulties: residuals, lengths, known spectra, and what is reported.
// On the CPU. Read next: problems.ts; test/specs/eig.ts for gradients.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluate, grad, init, linalg, shutdown, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Rows } from "./problems.ts";
import {
  fill,
  flat,
  minus,
  norm,
  numbers,
  orthogonality,
  precisions,
  random,
  rowsOf,
  stored,
  times,
  transposed,
} from "./problems.ts";

const put = (a: Rows, dtype: "f32" | "f64"): Tensor => tensor(flat(a), { shape: [a.length, a.length], dtype });

const next = numbers(77);
const problems: Readonly<Record<string, Rows>> = {
  "one by one": fill(1, 1, () => -2),
  rotation: fill(2, 2, (i, j) => [0, -1, 1, 0][2 * i + j]!),
  zeros: fill(5, 5, () => 0),
  identity: fill(6, 6, (i, j) => Number(i === j)),
  "jordan block": fill(6, 6, (i, j) => (i === j ? 2 : Number(j === i + 1))),
  "cyclic permutation": fill(7, 7, (i, j) => Number((i + 1) % 7 === j)),
  "upper triangular": fill(20, 20, (i, j) => (i <= j ? Math.sin(1 + i * 3 + j) : 0)),
  "lower triangular": fill(20, 20, (i, j) => (i >= j ? Math.sin(1 + i * 3 + j) : 0)),
  symmetric: fill(30, 30, (i, j) => Math.cos(i * j)),
  skew: fill(25, 25, (i, j) => Math.sign(i - j)),
  ones: fill(12, 12, () => 1),
  "badly scaled": fill(10, 10, (i, j) => next() * 10 ** ((i - j) / 2)),
  grcar: fill(40, 40, (i, j) => (j === i - 1 ? -1 : j >= i && j <= i + 3 ? 1 : 0)),
  frank: fill(10, 10, (i, j) => (j < i - 1 ? 0 : 10 - Math.max(i, j))),
  "random 31": random(31, 31, 2),
  "random 80": random(80, 80, 3),
  "scaled by 1e30": random(15, 15, 4).map((row) => row.map((x) => x * 1e30)),
};

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});
afterAll(async () => {
  await shutdown();
});

describe.each(precisions)("eig $dtype", ({ dtype, epsilon }) => {
  test.each(Object.entries(problems))("%s", async (_, exact) => {
    const a = stored(exact, dtype);
    const n = a.length;
    const { values, vectors } = linalg.eig(put(a, dtype));
    await evaluate(values.real, values.imag, vectors.real, vectors.imag);
    const [wr, wi] = [await values.real.data(), await values.imag.data()];
    const [vr, vi] = [rowsOf(await vectors.real.data(), n, n), rowsOf(await vectors.imag.data(), n, n)];
    const [ar, ai] = [times(a, vr), times(a, vi)];
    const size = Math.max(norm(a), 1e-30);
    for (let j = 0; j < n; j++) {
      let length = 0;
      for (let i = 0; i < n; i++) {
        const [x, y] = [vr[i]![j]!, vi[i]![j]!];
        length += x * x + y * y;
        const rest = Math.hypot(ar[i]![j]! - wr[j]! * x + wi[j]! * y, ai[i]![j]! - wr[j]! * y - wi[j]! * x);
        expect(rest / (n * size * epsilon)).toBeLessThan(2);
      }
      expect(Math.abs(length - 1)).toBeLessThan(8 * epsilon);
      if (wi[j]! > 0) {
        expect([wr[j + 1], wi[j + 1]]).toEqual([wr[j], -wi[j]!]);
        for (let i = 0; i < n; i++) expect([vr[i]![j + 1], vi[i]![j + 1]]).toEqual([vr[i]![j], -vi[i]![j]!]);
      }
    }
  });

  test.each(Object.entries(problems))("schur: %s", async (_, exact) => {
    const a = stored(exact, dtype);
    const n = a.length;
    const { t, z } = linalg.schur(put(a, dtype));
    await evaluate(t, z);
    const [quasi, turned] = [rowsOf(await t.data(), n, n), rowsOf(await z.data(), n, n)];
    const back = times(times(turned, quasi), transposed(turned));
    expect(norm(minus(back, a)) / (n * Math.max(norm(a), 1e-30) * epsilon)).toBeLessThan(2);
    // Some ten steps of rotations for each eigenvalue.
    expect(orthogonality(turned, epsilon)).toBeLessThan(4);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i - 1; j++) expect(quasi[i]![j]).toBe(0);
      if (i === 0 || quasi[i]![i - 1] === 0) continue;
      // A pair: it stands alone, its diagonal is twice the same, and its values are not real.
      if (i > 1) expect(quasi[i - 1]![i - 2]).toBe(0);
      expect(quasi[i]![i]).toBe(quasi[i - 1]![i - 1]);
      expect(quasi[i]![i - 1]! * quasi[i - 1]![i]!).toBeLessThan(0);
    }
  });

  test("the roots of a polynomial are the eigenvalues of its companion", async () => {
    // (x − 1)(x − 2)(x − 3)(x² + 1)
    const companion = fill(5, 5, (i, j) => (i === 0 ? [6, -12, 12, -11, 6][j]! : Number(i === j + 1)));
    const { real, imag } = linalg.eig(put(companion, dtype)).values;
    await evaluate(real, imag);
    const [x, y] = [await real.data(), await imag.data()];
    const found = Array.from(x, (value, i) => [value, y[i]!] as const).sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    const expected = [
      [0, -1],
      [0, 1],
      [1, 0],
      [2, 0],
      [3, 0],
    ] as const;
    for (const [a, b] of expected) {
      const nearest = Math.min(...found.map(([p, q]) => Math.hypot(p - a, q - b)));
      expect(nearest).toBeLessThan(400 * epsilon);
    }
  });
});

describe("eig", () => {
  test("a defective matrix has its eigenvalue twice, and twice the same vector", async () => {
    const { values, vectors } = linalg.eig(
      put(
        fill(2, 2, (i, j) => (i === j ? 1 : Number(j === 1))),
        "f64",
      ),
    );
    expect([...(await values.real.data())]).toEqual([1, 1]);
    const [a, b, c, d] = await vectors.real.data();
    expect(Math.abs(a! * d! - b! * c!)).toBeLessThan(1e-15);
  });

  test("the gradient of a sum of squares of complex eigenvalues is that of the trace of the square", async () => {
    const a = put(problems["random 31"]!, "f64");
    const squares = (x: Tensor): Tensor => {
      const { real, imag } = linalg.eig(x).values;
      return real.square().sub(imag.square()).sum();
    };
    const slopes = rowsOf(await grad(squares)(a).data(), 31, 31);
    // tr A² has the gradient 2 Aᵀ.
    const expected = fill(31, 31, (i, j) => 2 * problems["random 31"]![j]![i]!);
    expect(norm(minus(slopes, expected)) / norm(expected)).toBeLessThan(1e-12);
  });

  test("NaN is reported at the read", async () => {
    const { values } = linalg.eig(tensor([1, Number.NaN, 0, 1], { shape: [2, 2] }));
    await expect(values.imag.data()).rejects.toThrow("eig: the matrix holds NaN or infinity");
  });
});
