// The rows of eig and schur. Order and phases are not determined: what is checked is what the factors rebuild and symmetric functions of the
// eigenvalues, which are traces of powers. On the CPU. Read next: spec.ts; test/linalg/eig.test.ts for residuals.
import * as athanor from "../../bindings/index.ts";
import { linalg } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { build } from "../reference/array.ts";
import type { Matrix } from "../reference/matrices.ts";
import { eachMatrix, matrixOf, times } from "../reference/matrices.ts";
import type { Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

type DType = "f32" | "f64";

/** Apart on the diagonal, so that eigenvectors are independent. */
const ladder = (n: number): Matrix => matrixOf(n, n, (i, j) => (i === j ? 3 * i : 0));
const spread = (a: athanor.Tensor): athanor.Tensor => {
  const n = a.shape.at(-1) ?? 0;
  return athanor.add(a, athanor.tensor(Float64Array.from(ladder(n).flat()), { shape: [n, n], dtype: a.dtype }));
};
const spreadReference = (a: Matrix): Matrix => a.map((row, i) => row.map((x, j) => x + (i === j ? 3 * i : 0)));
const trace = (a: Matrix): number => a.reduce((sum, row, i) => sum + row[i]!, 0);

/** Re Σ λ³ = tr A³. */
function cubes(shape: readonly number[], dtype: DType, hasGradient: boolean, isSpread: boolean): Sample {
  const matrix = (x: Matrix): Matrix => (isSpread ? spreadReference(x) : x);
  const expected = (a: NdArray): NdArray => {
    const { data } = eachMatrix([a], (x) => [[trace(times(matrix(x), times(matrix(x), matrix(x))))]]);
    return { shape: shape.slice(0, -2), data };
  };
  return {
    label: `cubes of values [${shape.join()}] ${dtype}${isSpread ? "" : ", complex"}`,
    operands: [{ shape, dtype, domain: [-1, 1] }],
    call: (a) => {
      const { real, imag } = linalg.eig(isSpread ? spread(a) : a).values;
      // (x + iy)³ = x³ − 3xy² + …
      return athanor.sum(athanor.mul(real, athanor.sub(real.square(), athanor.mul(imag.square(), 3))), { axis: -1 });
    },
    reference: (a) => expected(a),
    against: (a) => build(shape.slice(0, -2), () => 40 * Math.max(1, ...expected(a).data.map(Math.abs))),
    gpu: false,
    gradient: hasGradient ? { ulps: 64, second: dtype === "f64" } : false,
  };
}

/** Σ |vᵢⱼ|² λᵢ-weighted: Re(V diag(λ) V⁻¹) by way of A V = V diag(λ). */
function residual(shape: readonly number[], dtype: DType): Sample {
  return {
    label: `a v − v λ [${shape.join()}] ${dtype}`,
    operands: [{ shape, dtype, domain: [-1, 1] }],
    call: (a) => {
      const { values, vectors } = linalg.eig(a);
      const [wr, wi] = [values.real.expandDims(-2), values.imag.expandDims(-2)];
      const { real, imag } = vectors;
      return [
        athanor.matmul(a, real).sub(real.mul(wr)).add(imag.mul(wi)),
        athanor.matmul(a, imag).sub(real.mul(wi)).sub(imag.mul(wr)),
      ];
    },
    reference: () => [build(shape, () => 0), build(shape, () => 0)],
    against: () => [build(shape, () => shape.at(-1)!), build(shape, () => shape.at(-1)!)],
    gpu: false,
    gradient: false,
  };
}

/** |vᵢⱼ|² does not depend on phases; for two by two matrices it has a formula. */
function squaresOfVectors(dtype: DType): Sample {
  const expected = (a: NdArray): NdArray =>
    eachMatrix([a], (x) => {
      const [[p, q], [r, s]] = spreadReference(x) as [[number, number], [number, number]];
      const root = Math.sqrt(((p - s) / 2) ** 2 + q * r);
      return matrixOf(1, 1, () => {
        // Squares of the first elements of both vectors, (q, λ − p) up to length, added with weights 1 and λ.
        const middle = (p + s) / 2;
        return [middle - root, middle + root].reduce((sum, value) => {
          const size = q * q + (value - p) ** 2;
          return sum + (value * q * q) / size;
        }, 0);
      });
    });
  return {
    label: `squares of vectors [2,2] ${dtype}`,
    operands: [{ shape: [2, 2], dtype, values: [0.3, 0.7, -0.4, 0.2] }],
    call: (a) => {
      const { values, vectors } = linalg.eig(spread(a));
      const first = vectors.real.square().add(vectors.imag.square()).slice([0, 0], [1, 2]);
      return athanor.sum(first.mul(values.real.expandDims(0)), { axis: [0, 1], keepDims: true });
    },
    reference: (a) => expected(a),
    against: () => build([1, 1], () => 8),
    gpu: false,
    gradient: { ulps: 64, second: dtype === "f64" },
  };
}

/** z t zᵀ, and zᵀ z. */
function rebuilt(shape: readonly number[], dtype: DType): Sample {
  const n = shape.at(-1)!;
  return {
    label: `z t zᵀ [${shape.join()}] ${dtype}`,
    operands: [{ shape, dtype, domain: [-1, 1] }],
    call: (a) => {
      const { t, z } = linalg.schur(a);
      return [athanor.matmul(athanor.matmul(z, t), athanor.transpose(z)), athanor.matmul(athanor.transpose(z), z)];
    },
    reference: (a) => [a, eachMatrix([a], (x) => matrixOf(x.length, x.length, (i, j) => Number(i === j)))],
    against: () => [build(shape, () => n), build(shape, () => n)],
    gpu: false,
    gradient: false,
  };
}

export const eig: StructuredRows<"eig" | "schur"> = {
  schur: {
    tolerance: ulpsOfSum(4),
    gradient: false,
    samples: [rebuilt([1, 1], "f32"), rebuilt([2, 5, 5], "f32"), rebuilt([4, 4], "f64"), rebuilt([40, 40], "f64")],
    errors: [
      {
        label: "not square",
        shapes: [[2, 3]],
        call: (a) => linalg.schur(a).t,
        error: "ShapeError",
        message: "schur: expects square matrices, got [2, 3]",
      },
      {
        label: "gradient",
        shapes: [[3, 3]],
        call: (a) => athanor.grad((x: athanor.Tensor) => athanor.sum(linalg.schur(x).t))(a),
        error: "ParameterError",
        message:
          "schur: has no gradient: the order of the eigenvalues along t is not determined. Use eig or eigh, or stopGradient(a)",
      },
    ],
  },
  eig: {
    tolerance: ulpsOfSum(4),
    samples: [
      cubes([3, 3], "f32", true, true),
      cubes([2, 4, 4], "f64", true, true),
      cubes([5, 5], "f64", true, false),
      cubes([30, 30], "f64", false, false),
      residual([2, 6, 6], "f32"),
      residual([40, 40], "f64"),
      squaresOfVectors("f32"),
      squaresOfVectors("f64"),
    ],
    errors: [
      {
        label: "not square",
        shapes: [[2, 3]],
        call: (a) => linalg.eig(a).values,
        error: "ShapeError",
        message: "eig: expects square matrices, got [2, 3]",
      },
    ],
  },
};
