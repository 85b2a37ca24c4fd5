// Factorisations and systems: residuals in units of n ε at sizes that cross every block, and failures that only a run can
// find, with their matrix, pivot or minor. On the CPU. Read next: problems.ts; test/specs/systems.ts for values and gradients.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LinAlgError, evaluate, grad, init, jit, linalg, shutdown, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Rows } from "./problems.ts";
import {
  fill,
  flat,
  identity,
  minus,
  norm,
  orthogonality,
  precisions,
  random,
  rowsOf,
  stored,
  times,
  transposed,
} from "./problems.ts";

const sizes = [1, 2, 15, 16, 17, 31, 33, 64, 100, 150, 203] as const;
const rectangles = [
  [1, 5],
  [5, 1],
  [33, 20],
  [20, 33],
  [120, 64],
  [64, 120],
  [150, 70],
] as const;

const put = (a: Rows, dtype: "f32" | "f64"): Tensor => tensor(flat(a), { shape: [a.length, a[0]?.length ?? 0], dtype });
const read = async (x: Tensor): Promise<Rows> => rowsOf(await x.data(), x.shape[0]!, x.shape[1]!);

/** ‖left − right‖ in units of n ε · size. */
const distance = (left: Rows, right: Rows, epsilon: number, size = norm(right)): number =>
  norm(minus(left, right)) / (Math.max(left.length, right[0]?.length ?? 0) * epsilon * size);

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});
afterAll(async () => {
  await shutdown();
});

describe.each(precisions)("$dtype", ({ dtype, epsilon }) => {
  test.each(sizes)("cholesky %i", async (n) => {
    const root = random(n, n, n);
    const square = times(root, transposed(root));
    const a = stored(
      fill(n, n, (i, j) => square[i]![j]! + (i === j ? 0.1 : 0)),
      dtype,
    );
    const l = await read(linalg.cholesky(put(a, dtype)));
    expect(distance(times(l, transposed(l)), a, epsilon)).toBeLessThan(1);
    expect(l.every((row, i) => row.every((x, j) => j <= i || x === 0))).toBe(true);
  });

  test.each(sizes)("solve %i", async (n) => {
    const [a, b] = [stored(random(n, n, n + 7), dtype), stored(random(n, 3, n), dtype)];
    const x = await read(linalg.solve(put(a, dtype), put(b, dtype)));
    expect(distance(times(a, x), b, epsilon, norm(a) * norm(x))).toBeLessThan(1);
    const inverse = await read(linalg.inv(put(a, dtype)));
    expect(distance(times(a, inverse), identity(n), epsilon, norm(a) * norm(inverse))).toBeLessThan(1);
  });

  test.each([...sizes.map((n) => [n, n] as const), ...rectangles])("lu and qr %i by %i", async (m, n) => {
    const a = stored(random(m, n, m + n), dtype);
    const factors = linalg.lu(put(a, dtype));
    const [lower, upper] = [await read(factors.lower), await read(factors.upper)];
    const permutation = await factors.permutation.data();
    expect([...permutation].sort((x, y) => x - y)).toEqual(Array.from({ length: m }, (_, i) => i));
    const permuted = Array.from(permutation, (row) => a[row]!);
    expect(distance(times(lower, upper), permuted, epsilon)).toBeLessThan(1);
    for (const row of lower) for (const x of row) expect(Math.abs(x)).toBeLessThanOrEqual(1);
    for (const mode of ["reduced", "complete"] as const) {
      const pair = linalg.qr(put(a, dtype), { mode });
      await evaluate(pair.q, pair.r);
      const [q, r] = [await read(pair.q), await read(pair.r)];
      expect(q[0]!.length).toBe(mode === "complete" ? m : Math.min(m, n));
      expect(distance(times(q, r), a, epsilon)).toBeLessThan(1.5);
      expect(orthogonality(q, epsilon)).toBeLessThan(2);
      expect(r.every((row, i) => row.every((x, j) => j >= i || x === 0))).toBe(true);
    }
  });

  test.each(sizes)("solve, refined, %i", async (n) => {
    for (const columns of [1, 3, 9]) {
      const [a, b] = [stored(random(n, n, n + 7), dtype), stored(random(n, columns, n), dtype)];
      const x = linalg.solve(put(a, dtype), put(b, dtype), { refine: true });
      expect(x.dtype).toBe("f64");
      const found = await read(x);
      expect(distance(times(a, found), b, 2 ** -52, norm(a) * norm(found))).toBeLessThan(1);
      const square = times(a, transposed(a));
      const positive = fill(n, n, (i, j) => square[i]![j]! + (i === j ? n : 0));
      // What is above the diagonal is not read.
      const given = fill(n, n, (i, j) => (j > i ? Number.NaN : positive[i]![j]!));
      const other = await read(linalg.solve(put(given, "f64"), put(b, dtype), { refine: true, assume: "positive" }));
      expect(distance(times(positive, other), b, 2 ** -52, norm(positive) * norm(other))).toBeLessThan(1);
    }
  });

  test("elements near the ends of the range", async () => {
    for (const power of dtype === "f32" ? [1e30, 1e-30] : [1e200, 1e-200]) {
      const a = stored(
        random(20, 20, 5).map((row) => row.map((x) => x * power)),
        dtype,
      );
      const { q, r } = linalg.qr(put(a, dtype));
      expect(distance(times(await read(q), await read(r)), a, epsilon)).toBeLessThan(1.5);
      const unit = random(20, 20, 5);
      const { sign, logAbs } = linalg.slogdet(put(a, dtype));
      const plain = linalg.slogdet(put(unit, "f64"));
      expect(await sign.item()).toBe(await plain.sign.item());
      const expected = (await plain.logAbs.item()) + 20 * Math.log(power);
      expect(Math.abs((await logAbs.item()) - expected)).toBeLessThan(4e4 * epsilon);
    }
  });
});

describe("a refined solution", () => {
  const vector = (n: number): Tensor => put(random(n, 1, 3), "f64");
  /** ‖b − a x‖ in units of n ε ‖a‖ ‖x‖. */
  const residual = async (a: Rows, b: Tensor, options: linalg.SolveOptions): Promise<number> => {
    const [x, right] = [await read(linalg.solve(put(a, "f64"), b, options)), await read(b)];
    return distance(times(a, x), right, 2 ** -52, norm(a) * norm(x));
  };

  test("of a matrix that f32 cannot factor is found in f64", async () => {
    // Condition 1e13 and more, and positive definite.
    const hilbert = fill(10, 10, (i, j) => 1 / (i + j + 1));
    expect(await residual(hilbert, vector(10), { refine: true })).toBeLessThan(1);
    expect(await residual(hilbert, vector(10), { refine: true, assume: "positive" })).toBeLessThan(1);
    // Rows that are equal in f32.
    const near = fill(3, 3, (i, j) => (i === 1 ? 1 + j : i === 0 ? 1 + j + 1e-9 * Number(j === 0) : Math.sin(j)));
    expect(await residual(near, vector(3), { refine: true })).toBeLessThan(1);
  });

  test("of numbers that f32 does not hold", async () => {
    for (const power of [1e200, 1e-200]) {
      const a = random(30, 30, 8).map((row) => row.map((x) => x * power));
      expect(await residual(a, vector(30), { refine: true })).toBeLessThan(1);
      expect(
        await residual(
          random(30, 30, 8),
          put(
            fill(30, 2, (i) => power * (i + 1)),
            "f64",
          ),
          { refine: true },
        ),
      ).toBeLessThan(1);
    }
  });

  test("is zero for zeros, and refuses what solve refuses", async () => {
    expect([...(await linalg.solve(put(identity(3), "f64"), tensor([0, 0, 0]), { refine: true }).data())]).toEqual([
      0, 0, 0,
    ]);
    const singular = tensor([1, 2, 2, 4], { shape: [2, 2] });
    await expect(linalg.solve(singular, tensor([1, 2]), { refine: true }).data()).rejects.toThrow("pivot 2 of 2 is 0");
    await expect(linalg.solve(singular, tensor([1, 2]), { refine: true, assume: "positive" }).data()).rejects.toThrow(
      "leading minor of order 2 is not positive",
    );
    const bad = tensor([1, 0, Infinity, 1], { shape: [2, 2], dtype: "f64" });
    await expect(linalg.solve(bad, tensor([1, 2]), { refine: true }).data()).rejects.toThrow("holds NaN or infinity");
  });
});

describe("failures surface at the read", () => {
  let singular: Tensor;
  beforeAll(() => {
    singular = tensor([1, 2, 2, 4], { shape: [2, 2], dtype: "f64" });
  });

  test("not positive definite, with the minor", async () => {
    const a = tensor([4, 2, 0, 2, 1, 0, 0, 0, 1], { shape: [3, 3] });
    const text =
      "the matrix is not positive definite: its leading minor of order 2 is not positive. Add a multiple of the identity, or use solve or eigh";
    await expect(linalg.cholesky(a).data()).rejects.toThrow(new LinAlgError("cholesky", text));
    const b = tensor([1, 2, 3]);
    await expect(linalg.solve(a, b, { assume: "positive" }).data()).rejects.toThrow(new LinAlgError("solve", text));
    const large = fill(90, 90, (i, j) => (i === j ? (i === 71 ? -1 : 2) : 0));
    await expect(linalg.cholesky(put(large, "f64")).data()).rejects.toThrow("leading minor of order 72 ");
  });

  test("singular, with the pivot and the matrix of the batch", async () => {
    const batch = tensor([1, 0, 0, 1, 1, 2, 2, 4, 0, 0, 0, 0], { shape: [3, 2, 2] });
    await expect(linalg.inv(batch).data()).rejects.toThrow(
      new LinAlgError(
        "inv",
        "matrix [1] of the batch is singular: pivot 2 of 2 is 0. Use lstsq or pinv, or look at matrixRank",
      ),
    );
    await expect(linalg.solve(singular, tensor([1, 2], { dtype: "f64" })).data()).rejects.toThrow("pivot 2 of 2 is 0");
    expect(() => linalg.inv(singular).dataSync()).toThrow(LinAlgError);
    const l = tensor([1, 0, 5, 0], { shape: [2, 2] });
    await expect(linalg.solveTriangular(l, tensor([1, 2])).data()).rejects.toThrow(
      "solveTriangular: the matrix is singular: element 1 of its diagonal is 0",
    );
  });

  test("a singular matrix has a determinant, and no gradient of it", async () => {
    expect(await linalg.det(singular).item()).toBe(0);
    const { sign, logAbs } = linalg.slogdet(singular);
    expect([await sign.item(), await logAbs.item()]).toEqual([0, -Infinity]);
    await expect(grad((x: Tensor) => linalg.det(x))(singular).data()).rejects.toThrow("det: the matrix is singular");
  });

  test.each(["cholesky", "lu", "inv", "det", "qr"] as const)("%s refuses NaN and infinity", async (name) => {
    for (const bad of [Number.NaN, Infinity]) {
      const result = linalg[name](tensor([1, 0, bad, 1], { shape: [2, 2] }));
      const first = "shape" in result ? result : "q" in result ? result.q : result.lower;
      await expect(first.data()).rejects.toThrow(`${name}: the matrix holds NaN or infinity`);
    }
  });

  test("in a compiled function, which goes on to work", async () => {
    const compiled = jit((x: Tensor) => linalg.cholesky(x));
    expect(() => compiled(tensor([-1], { shape: [1, 1] }))).toThrow(LinAlgError);
    expect(await compiled(tensor([9], { shape: [1, 1] })).item()).toBe(3);
    compiled.dispose();
  });

  test("others read in the same turn are not affected", async () => {
    const [bad, good] = [linalg.inv(singular).data(), linalg.det(tensor([2], { shape: [1, 1] })).item()];
    await expect(bad).rejects.toThrow(LinAlgError);
    expect(await good).toBe(2);
  });
});
