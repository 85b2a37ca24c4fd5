// Singular values and least squares: residuals and orthogonality in units of n ε, small singular values, rank deficiency,
// gradients at equal and vanishing values, and regressions whose digits NIST certifies. On the CPU.
// Read next: problems.ts, regressions.ts; test/specs/singular.ts for values and gradients.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluate, grad, init, linalg, matmul, shutdown, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Rows } from "./problems.ts";
import {
  fill,
  flat,
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
import { regressions } from "./regressions.ts";

const put = (a: Rows, dtype: "f32" | "f64"): Tensor => tensor(flat(a), { shape: [a.length, a[0]?.length ?? 0], dtype });
const read = async (x: Tensor): Promise<Rows> => rowsOf(await x.data(), x.shape[0]!, x.shape[1]!);

/** An m×n matrix with these singular values: reflections from both sides. */
function withValues(m: number, n: number, values: readonly number[]): Rows {
  let a: Rows = fill(m, n, (i, j) => (i === j ? (values[i] ?? 0) : 0));
  for (const seed of [11, 12, 13]) {
    for (const isLeft of [true, false]) {
      const size = isLeft ? m : n;
      const v = random(1, size, seed + (isLeft ? 0 : 50))[0]!;
      const factor = 2 / v.reduce((sum, x) => sum + x * x, 0);
      const h = fill(size, size, (i, j) => Number(i === j) - factor * v[i]! * v[j]!);
      a = isLeft ? times(h, a) : times(a, h);
    }
  }
  return a;
}

const powers = (count: number, lowest: number): number[] =>
  Array.from({ length: count }, (_, i) => 10 ** ((lowest * i) / (count - 1)));

const problems: Readonly<Record<string, Rows>> = {
  "one by one": fill(1, 1, () => -2),
  row: random(1, 7),
  column: random(7, 1),
  "random 40": random(40, 40),
  "tall 90 by 33": random(90, 33),
  "wide 33 by 90": random(33, 90),
  zeros: fill(6, 4, () => 0),
  ones: fill(20, 35, () => 1),
  identity: fill(50, 50, (i, j) => Number(i === j)),
  "rank one": fill(40, 30, (i, j) => Math.cos(i) * Math.sin(j + 1)),
  "rank three of 25": times(random(40, 3, 2), random(3, 25, 3)),
  "zero columns": fill(30, 20, (i, j) => (j % 4 === 0 ? Math.sin(i * j + i) : 0)),
  hilbert: fill(40, 40, (i, j) => 1 / (i + j + 1)),
  "equal values": withValues(40, 30, new Array<number>(30).fill(3)),
  "two clusters": withValues(
    50,
    40,
    Array.from({ length: 40 }, (_, i) => (i < 20 ? 2 : 1) + 1e-10 * i),
  ),
  "condition 1e12": withValues(60, 40, powers(40, -12)),
  "scaled by 1e30": random(30, 20, 4).map((row) => row.map((x) => x * 1e30)),
  "scaled by 1e-30": random(20, 30, 5).map((row) => row.map((x) => x * 1e-30)),
  "random 130 by 70": random(130, 70, 6),
  "wide 60 by 140": random(60, 140, 7),
  "random 150": random(150, 150, 8),
  "equal values of 64": withValues(80, 64, new Array<number>(64).fill(3)),
  "clusters of 32": withValues(
    64,
    64,
    Array.from({ length: 64 }, (_, i) => (i < 32 ? 2 : 1) + 1e-12 * i),
  ),
  "condition 100 of 60": withValues(60, 60, powers(60, -2)),
  "condition 1e5 of 70": withValues(90, 70, powers(70, -5)),
  "one small value of 64": withValues(
    70,
    64,
    Array.from({ length: 64 }, (_, i) => (i < 63 ? 1 + i / 64 : 1e-9)),
  ),
  "rank 60 of 64": times(random(80, 60, 9), random(60, 64, 10)),
  "a zero column of 64": fill(70, 64, (i, j) => (j === 5 ? 0 : Math.sin(1 + i * j + i))),
  "identity 64, scaled by 1e-30": fill(64, 64, (i, j) => (i === j ? 1e-30 : 0)),
  "graded rows": fill(40, 40, (i, j) => 10 ** (-i / 3) * Math.sin(1 + i + j * j)),
};

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});
afterAll(async () => {
  await shutdown();
});

describe.each(precisions)("svd $dtype", ({ dtype, epsilon }) => {
  test.each(Object.entries(problems))("%s", async (_, exact) => {
    const a = stored(exact, dtype);
    const [m, n] = [a.length, a[0]!.length];
    const k = Math.min(m, n);
    for (const full of [false, true]) {
      const factors = linalg.svd(put(a, dtype), { full });
      await evaluate(factors.u, factors.s, factors.vt);
      const [u, s, vt] = [await read(factors.u), await factors.s.data(), await read(factors.vt)];
      expect([u[0]!.length, s.length, vt.length]).toEqual([full ? m : k, k, full ? n : k]);
      for (let i = 0; i < k; i++) expect(s[i]).toBeLessThanOrEqual(s[i - 1] ?? Infinity);
      expect(s[k - 1]).toBeGreaterThanOrEqual(0);
      const scaled = fill(m, k, (i, j) => u[i]![j]! * s[j]!);
      const residual =
        norm(minus(times(scaled, vt.slice(0, k)), a)) / (Math.max(m, n) * Math.max(norm(a), 2 ** -120) * epsilon);
      expect(residual).toBeLessThan(1.5);
      expect(orthogonality(u, epsilon)).toBeLessThan(3);
      expect(orthogonality(transposed(vt), epsilon)).toBeLessThan(3);
      const alone = await linalg.svdvals(put(a, dtype)).data();
      const apart = Math.max(...alone.map((value, i) => Math.abs(value - s[i]!)));
      expect(apart).toBeLessThanOrEqual(k * epsilon * norm(a));
    }
  });

  test("singular values are accurate to the backward error", async () => {
    const lowest = dtype === "f32" ? -5 : -12;
    const values = powers(30, lowest);
    const found = await linalg.svdvals(put(withValues(45, 30, values), dtype)).data();
    values.forEach((value, i) => expect(Math.abs(found[i]! - value)).toBeLessThan(8 * epsilon));
  });

  test("a graded diagonal keeps the relative accuracy of its smallest values", async () => {
    // D · B with B well-conditioned: one-sided Jacobi sees the small ones relative to themselves.
    const unit = random(12, 12, 8);
    const graded = stored(
      fill(12, 12, (i, j) => 10 ** -i * (unit[i]![j]! + (i === j ? 4 : 0))),
      dtype,
    );
    const found = await linalg.svdvals(put(graded, dtype)).data();
    const product = Array.from(found, Math.log).reduce((sum, value) => sum + value, 0);
    const { logAbs } = linalg.slogdet(put(graded, "f64"));
    expect(Math.abs(product - (await logAbs.item()))).toBeLessThan(200 * epsilon);
  });

  test("a batch is its matrices", async () => {
    const batch = tensor(flat(random(12, 5, 3)), { shape: [3, 4, 5], dtype });
    const { u, s, vt } = linalg.svd(batch);
    const one = linalg.svd(batch.slice([2], [3]).reshape(4, 5));
    expect((await u.data()).slice(32)).toEqual(await one.u.data());
    expect((await s.data()).slice(8)).toEqual(await one.s.data());
    expect((await vt.data()).slice(40)).toEqual(await one.vt.data());
  });
});

describe("gradients where the vectors are not determined", () => {
  const rebuilt = (x: Tensor): Tensor => {
    const { u, s, vt } = linalg.svd(x);
    return matmul(u.mul(s.expandDims(-2)), vt)
      .square()
      .sum();
  };

  test.each(["equal values", "rank three of 25", "zeros", "identity"] as const)("%s", async (name) => {
    const a = put(problems[name]!, "f64");
    const slopes = await grad(rebuilt)(a).data();
    expect(slopes.every(Number.isFinite)).toBe(true);
    // Σ s² = ‖A‖²: its gradient is 2A, whatever vectors were chosen.
    const squares = await grad((x: Tensor) => linalg.svdvals(x).square().sum())(a).data();
    const elements = await a.data();
    squares.forEach((slope, i) => expect(Math.abs(slope - 2 * elements[i]!)).toBeLessThan(1e-12));
  });
});

describe("least squares", () => {
  test("the shortest solution of a deficient system", async () => {
    const a = put(problems["rank three of 25"]!, "f64");
    const b = put(random(40, 2, 6), "f64");
    const { x, residuals } = linalg.lstsq(a, b);
    const best = matmul(linalg.pinv(a), b);
    const [found, expected] = [await read(x), await read(best)];
    expect(norm(minus(found, expected)) / norm(expected)).toBeLessThan(1e-12);
    const rest = minus(times(problems["rank three of 25"]!, found), await read(b));
    const squares = transposed(rest).map((column) => column.reduce((sum, value) => sum + value * value, 0));
    (await residuals.data()).forEach((value, i) => expect(Math.abs(value - squares[i]!)).toBeLessThan(1e-10));
    expect(await linalg.matrixRank(a).item()).toBe(3);
  });

  test("the four conditions of Moore and Penrose", async () => {
    const a = problems["rank three of 25"]!;
    const p = await read(linalg.pinv(put(a, "f64")));
    const [ap, pa] = [times(a, p), times(p, a)];
    expect(norm(minus(times(ap, a), a)) / norm(a)).toBeLessThan(1e-12);
    expect(norm(minus(times(pa, p), p)) / norm(p)).toBeLessThan(1e-12);
    expect(norm(minus(ap, transposed(ap)))).toBeLessThan(1e-12);
    expect(norm(minus(pa, transposed(pa)))).toBeLessThan(1e-12);
  });

  test.each(regressions)("NIST $name: $digits digits", async ({ design, response, certified, digits, method }) => {
    const { x, residuals } = linalg.lstsq(put(design, "f64"), tensor(response, { dtype: "f64" }), { method });
    const found = await x.data();
    certified.coefficients.forEach((value, i) => {
      const error = value === 0 ? Math.abs(found[i]!) : Math.abs(found[i]! / value - 1);
      expect(-Math.log10(Math.max(error, 1e-16))).toBeGreaterThan(digits);
    });
    const square = await residuals.item();
    if (certified.squares > 0) expect(Math.abs(square / certified.squares - 1)).toBeLessThan(10 ** -digits);
  });
});
