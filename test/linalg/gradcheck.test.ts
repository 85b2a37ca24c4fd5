// The gradient of every function of linalg against differences of its values, in f64 at 1e-6, of second order where it is defined;
// and gradcheck itself: that it finds wrong gradients and says where. The table is typed over the exports: a function without a row
// does not compile. On the CPU. Read next: ../../bindings/autodiff/gradcheck.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../../bindings/index.ts";
import { GradientError, gradcheck, init, linalg, matmul, shutdown, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { flat, random } from "./problems.ts";

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});
afterAll(async () => {
  await shutdown();
});

const draw = (m: number, n: number, seed: number): Tensor =>
  tensor(flat(random(m, n, seed)), { shape: [m, n], dtype: "f64" });
const diagonal = (values: readonly number[]): Tensor =>
  tensor(
    Float64Array.from({ length: values.length ** 2 }, (_, i) =>
      i % (values.length + 1) === 0 ? values[i / (values.length + 1)]! : 0,
    ),
    { shape: [values.length, values.length], dtype: "f64" },
  );
/** Far from singular, with eigenvalues that are apart. */
const regular = (a: Tensor): Tensor => a.add(diagonal([3, 5, 8, 12].slice(0, a.shape.at(-1))));
const symmetric = (a: Tensor): Tensor => a.add(athanor.transpose(a)).add(diagonal([3, 6, 10, 15].slice(0, a.shape[0])));
const positive = (a: Tensor): Tensor =>
  matmul(a, athanor.transpose(a)).add(diagonal([1, 1, 1, 1].slice(0, a.shape[0])));
/** What does not depend on the signs of columns. */
const squares = (x: Tensor): Tensor => x.square();

interface Row {
  readonly fn: (...args: Tensor[]) => unknown;
  readonly args: () => readonly Tensor[];
  /** 0 where there is no gradient at all. */
  readonly order: 0 | 1 | 2;
}

const row = (fn: Row["fn"], sizes: readonly (readonly [number, number])[], order: Row["order"] = 2): Row => ({
  fn,
  args: () => sizes.map(([m, n], index) => draw(m, n, 31 + index)),
  order,
});
const square = [[4, 4]] as const;

type Functions = { [K in keyof typeof linalg]: (typeof linalg)[K] extends (...args: never[]) => unknown ? K : never };

const rows: Readonly<Record<Functions[keyof Functions], readonly Row[]>> = {
  cholesky: [row((a) => linalg.cholesky(positive(a)), square)],
  eig: [
    row((a) => {
      // What depends neither on the order of the values nor on phases.
      const { values, vectors } = linalg.eig(regular(a));
      const lengths = squares(vectors.real).add(squares(vectors.imag));
      return [values.real.square().sum(), matmul(lengths, values.real.expandDims(-1))];
    }, square),
    row((a) => squares(linalg.eig(a.add(diagonal([0.1, 0.2, 0.3, 0.4]))).values.imag).sum(), square),
  ],
  eigh: [
    row((a) => {
      const { values, vectors } = linalg.eigh(symmetric(a));
      return [values, squares(vectors)];
    }, square),
  ],
  eigvalsh: [row((a) => linalg.eigvalsh(symmetric(a)), square)],
  svd: [
    ...(
      [
        [4, 4],
        [5, 3],
        [3, 5],
      ] as const
    ).map((size) =>
      row(
        (a) => {
          const { u, s, vt } = linalg.svd(a);
          return [squares(u), s, squares(vt), matmul(u, vt)];
        },
        [size],
      ),
    ),
  ],
  svdvals: [row((a) => linalg.svdvals(a), [[5, 3]])],
  qr: [
    ...(
      [
        [4, 4],
        [5, 3],
        [3, 5],
      ] as const
    ).map((size) =>
      row(
        (a) => {
          const { q, r } = linalg.qr(a);
          return [q, r];
        },
        [size],
      ),
    ),
  ],
  lu: [
    row((a) => {
      const { lower, upper } = linalg.lu(regular(a));
      return [lower, upper];
    }, square),
  ],
  det: [row((a) => linalg.det(regular(a)), square)],
  slogdet: [row((a) => linalg.slogdet(regular(a)).logAbs, square)],
  solve: [
    row(
      (a, b) => linalg.solve(regular(a), b),
      [
        [4, 4],
        [4, 2],
      ],
    ),
    row(
      (a, b) => linalg.solve(positive(a), b, { assume: "positive" }),
      [
        [4, 4],
        [4, 2],
      ],
    ),
    row(
      (a, b) => linalg.solve(regular(a), b, { refine: true }),
      [
        [4, 4],
        [4, 2],
      ],
    ),
    row(
      (a, b) => linalg.solve(positive(a), b, { refine: true, assume: "positive" }),
      [
        [4, 4],
        [4, 2],
      ],
    ),
  ],
  inv: [row((a) => linalg.inv(regular(a)), square)],
  solveTriangular: [
    ...[true, false].flatMap((upper) =>
      [true, false].map((transposed) =>
        row(
          (a, b) => linalg.solveTriangular(regular(a), b, { upper, transposed }),
          [
            [4, 4],
            [4, 2],
          ],
        ),
      ),
    ),
    row(
      (a, b) => linalg.solveTriangular(a, b, { unitDiagonal: true }),
      [
        [4, 4],
        [4, 2],
      ],
    ),
  ],
  lstsq: [
    row(
      (a, b) => {
        const { x, residuals } = linalg.lstsq(a, b);
        return [x, residuals];
      },
      [
        [5, 3],
        [5, 2],
      ],
    ),
    row(
      (a, b) => linalg.lstsq(a, b, { method: "qr" }).x,
      [
        [5, 3],
        [5, 2],
      ],
    ),
    row(
      (a, b) => linalg.lstsq(a, b).x,
      [
        [3, 5],
        [3, 2],
      ],
    ),
  ],
  pinv: [row((a) => linalg.pinv(a), [[5, 3]])],
  cond: [row((a) => linalg.cond(a), square), row((a) => linalg.cond(regular(a), { ord: "fro" }), square)],
  norm: (["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity] as const).map((ord) =>
    row((a) => linalg.norm(a, { ord }), [[4, 3]]),
  ),
  expm: [row((a) => linalg.expm(a), square)],
  matrixPower: [3, -2, 1].map((exponent) => row((a) => linalg.matrixPower(regular(a), exponent), square)),
  trace: [row((a) => linalg.trace(a).mul(linalg.trace(a)), square)],
  kron: [
    row(
      (a, b) => linalg.kron(a, b),
      [
        [2, 3],
        [3, 2],
      ],
    ),
  ],
  fft: [
    row((a) => linalg.fft(a), [[2, 5]]),
    row(
      (real, imag) => linalg.fft({ real, imag }, { axes: 0 }),
      [
        [6, 2],
        [6, 2],
      ],
    ),
  ],
  ifft: [
    row(
      (real, imag) => linalg.ifft({ real, imag }),
      [
        [2, 7],
        [2, 7],
      ],
    ),
  ],
  rfft: [row((a) => linalg.rfft(a), [[2, 6]])],
  irfft: [
    row(
      (real, imag) => linalg.irfft({ real, imag }),
      [
        [2, 4],
        [2, 4],
      ],
    ),
  ],
  // A count, and a form whose order is not determined.
  matrixRank: [row((a) => linalg.matrixRank(a), square, 0)],
  schur: [row((a) => linalg.schur(a).t, square, 0)],
};

describe.each(Object.entries(rows))("%s", (_, list) => {
  test.each(list.map((one, index) => [index, one] as const))("%i", async (_, { fn, args, order }) => {
    if (order === 0) {
      await expect(gradcheck(fn, [...args()])).rejects.toThrow(/gradient|floating-point/);
      return;
    }
    expect(await gradcheck(fn, [...args()], { order })).toBeLessThan(1e-6);
  });
});

describe("gradcheck", () => {
  const x = (): Tensor => tensor([0.3, -1.2, 2], { dtype: "f64" });

  test("says where a gradient is wrong", async () => {
    // The value of a product, the gradient of one factor.
    const wrong = (a: Tensor): Tensor => a.mul(athanor.stopGradient(a));
    await expect(gradcheck(wrong, [x()])).rejects.toThrow(GradientError);
    await expect(gradcheck(wrong, [x()])).rejects.toThrow(
      /^gradcheck: the gradient by tensor 0 is .* at element \[0\], but differences of the values give .*: an error of .* of the largest slope, 1\.0e-6 is allowed$/,
    );
    // Right in the first order only.
    const first = (a: Tensor): Tensor => a.mul(athanor.stopGradient(a)).mul(2).sub(athanor.stopGradient(a).square());
    expect(await gradcheck(first, [x()])).toBeLessThan(1e-9);
    await expect(gradcheck(first, [x()], { order: 2 })).rejects.toThrow("the second gradient by tensor 0");
  });

  test("takes trees, f32 and numbers that are no floats", async () => {
    const index = tensor(Int32Array.of(2, 0));
    const fn = ({ w, b }: { w: Tensor; b: Tensor }, i: Tensor, times: number): unknown => ({
      y: w.take(i).mul(b).exp(),
      z: [b.mul(times)],
    });
    const error = await gradcheck(fn, [{ w: tensor([0.1, 0.2, 0.3]), b: tensor([2]) }, index, 3], { order: 2 });
    expect(error).toBeLessThan(1e-8);
  });

  test("a function that does not depend on its argument has the gradient zero", async () => {
    expect(await gradcheck((a) => a.mul(0).add(4), [x()])).toBe(0);
  });

  test("refuses what it cannot check", async () => {
    await expect(gradcheck((a) => a, [tensor(Int32Array.of(1))])).rejects.toThrow("no floating-point tensor");
    await expect(gradcheck((a) => a.greater(0), [x()])).rejects.toThrow("at least one floating-point tensor");
    await expect(gradcheck((a) => a, [x()], { order: 3 as 2 })).rejects.toThrow("order must be 1 or 2, got 3");
    await expect(gradcheck((a) => a, [x()], { tolerance: 0 })).rejects.toThrow("tolerance must be a number above 0");
  });
});
