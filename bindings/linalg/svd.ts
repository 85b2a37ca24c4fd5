// The singular value decomposition, its values alone, and their gradients. Read next: assembly/linalg/svd.ts for the method;
// least-squares.ts for what it is used for.
import { bytesOf } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { show } from "../core/shape.ts";
import { abs, add, mul, reciprocal, sub } from "../ops/arithmetic.ts";
import { lessEqual, where } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { identityLike, matricesOf, matrixStatus, onCpuOnly, requireMatrices } from "../ops/matrices.ts";
import { expandDims, transpose } from "../ops/movement.ts";
import { max } from "../ops/reduction.ts";
import { crewParts, svdScratch } from "../ops/matrix-scratch.ts";
import { stopGradient } from "../ops/stop-gradient.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf, requireArguments } from "../ops/tensor.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

const svdFlops = ([a = empty]: readonly Spec[]): number => {
  const { count, rows, columns } = matricesOf(a);
  const k = Math.min(rows, columns);
  // Golub and Van Loan, 5.4: about 4 m n² + 22 n³ for both factors.
  return count * (4 * rows * columns * k + 22 * k ** 3);
};

/** The attribute is whether the factors are full. */
const svdOp: KernelOp<boolean> = {
  kind: "kernel",
  name: "svd",
  call: ([a = empty], _, isFull) => {
    const { batch, count, rows: m, columns: n } = matricesOf(a);
    return {
      kernel: "svd",
      dtype: a.dtype,
      words: [count, m, n, Number(isFull)],
      workgroups: count,
      parts: crewParts(count, Math.min(m, n)),
      scratch: svdScratch(count, m, n, isFull ? Math.max(m, n) : Math.min(m, n), bytesOf(a.dtype)),
      status: matrixStatus("svd", batch),
      unsupported: onCpuOnly("svd"),
    };
  },
  gradient: ({ inputs: [a], outputs: [u, s, vt], cotangents: [du, ds, dvt] }) => {
    if (
      a === undefined ||
      u === undefined ||
      s === undefined ||
      vt === undefined ||
      du === undefined ||
      ds === undefined ||
      dvt === undefined
    )
      return [];
    const { rows: m, columns: n } = matricesOf(a);
    const k = Math.min(m, n);
    if (u.shape.at(-1) !== k || vt.shape.at(-2) !== k)
      throw new ParameterError(
        "svd",
        `full factors have no gradient: their last columns are not determined. For ${show(a.shape)} use full: false`,
      );
    const [ut, v, dv] = [transpose(u), transpose(vt), transpose(dvt)];
    const gaps = inverseGaps(s);
    const row = expandDims(s, -2);
    const column = expandDims(s, -1);
    const skew = (x: Tensor): Tensor => sub(x, transpose(x));
    const left = mul(mul(skew(matmul(ut, du)), gaps), row);
    const right = mul(column, mul(skew(matmul(vt, dv)), gaps));
    const middle = mul(identityLike(s, k), expandDims(ds, -1));
    let inner = matmul(matmul(u, add(add(left, right), middle)), vt);
    // What leaves the spaces that u and v span, if they do not span all.
    if (m > k) inner = add(inner, matmul(mul(outside(du, u, ut), expandDims(inverse(s), -2)), vt));
    if (n > k) inner = add(inner, matmul(mul(u, expandDims(inverse(s), -2)), transpose(outside(dv, v, vt))));
    return [inner];
  },
  flops: svdFlops,
  work: "factorization",
};

/** x without its part in the span of the columns of u. */
const outside = (x: Tensor, u: Tensor, ut: Tensor): Tensor => sub(x, matmul(u, matmul(ut, x)));

/** What is lost in rounding beside the largest singular value. */
function lost(s: Tensor): Tensor {
  const epsilon = 8 * (s.dtype === "f64" ? 2 ** -52 : 2 ** -23);
  return mul(stopGradient(max(s, { axis: -1, keepDims: true })), epsilon);
}

/** 1 / s, and 0 where s is lost in rounding. */
function inverse(s: Tensor): Tensor {
  const isLost = lessEqual(stopGradient(s), lost(s));
  return where(isLost, 0, reciprocal(where(isLost, 1, s)));
}

/** 1 / (sⱼ² − sᵢ²), and 0 on the diagonal and wherever |sⱼ − sᵢ| is lost in rounding. */
function inverseGaps(s: Tensor): Tensor {
  const [row, column] = [expandDims(s, -2), expandDims(s, -1)];
  const gaps = sub(row, column);
  const isLost = lessEqual(abs(stopGradient(gaps)), expandDims(lost(s), -1));
  return where(isLost, 0, reciprocal(where(isLost, 1, mul(gaps, add(row, column)))));
}

const svdvalsOp: KernelOp<null> = {
  kind: "kernel",
  name: "svdvals",
  call: ([a = empty]) => {
    const { batch, count, rows: m, columns: n } = matricesOf(a);
    return {
      kernel: "svdvals",
      dtype: a.dtype,
      words: [count, m, n],
      workgroups: count,
      parts: crewParts(count, Math.min(m, n)),
      scratch: svdScratch(count, m, n, Math.min(m, n), bytesOf(a.dtype)),
      status: matrixStatus("svdvals", batch),
      unsupported: onCpuOnly("svdvals"),
    };
  },
  gradient: ({ inputs: [a], cotangents: [ds] }) => {
    if (a === undefined || ds === undefined) return [];
    const { u, vt } = svd(a);
    return [matmul(mul(u, expandDims(ds, -2)), vt)];
  },
  flops: (inputs) => 0.4 * svdFlops(inputs),
  work: "factorization",
};

/** a = u · diag(s) · vt. */
export interface SingularDecomposition {
  readonly u: Tensor;
  /** Descending, never negative. */
  readonly s: Tensor;
  readonly vt: Tensor;
}

/**
 * Singular values and vectors of matrices [..., m, n]: u [..., m, k], s [..., k], vt [..., k, n] with k = min(m, n); with
 * `full` u [..., m, m] and vt [..., n, n]. By one-sided Jacobi after a pivoted QR, so small values are accurate to the
 * backward error; f32 and f64. Signs of pairs of vectors are not determined. The run throws a LinAlgError for NaN or infinity.
 *
 * The gradient (of thin factors) takes 1 / (sⱼ² − sᵢ²) as 0 where |sⱼ − sᵢ| ≤ 8ε · s₀ and 1 / s as 0 where s ≤ 8ε · s₀: it stays
 * finite for equal and vanishing values, and is exact for functions that do not depend on the choice of vectors among them.
 */
export function svd(a: Tensor, options: { readonly full?: boolean } = {}): SingularDecomposition {
  const input = requireMatrices("svd", a);
  requireArguments("svd", { a }, options);
  const { batch, rows: m, columns: n } = matricesOf(a);
  const k = Math.min(m, n);
  const isFull = options.full ?? false;
  const { dtype } = input;
  const [u = input, s = input, vt = input] = recorderOf("svd", [a]).record(svdOp, [input], isFull, [
    { shape: [...batch, m, isFull ? m : k], dtype },
    { shape: [...batch, k], dtype },
    { shape: [...batch, isFull ? n : k, n], dtype },
  ]);
  return { u, s, vt };
}

/** Singular values alone, descending: [..., m, n] → [..., min(m, n)]. Errors as svd. The gradient computes the vectors. */
export function svdvals(a: Tensor): Tensor {
  const input = requireMatrices("svdvals", a);
  const { batch, rows: m, columns: n } = matricesOf(a);
  const [s] = recorderOf("svdvals", [a]).record(svdvalsOp, [input], null, [
    { shape: [...batch, Math.min(m, n)], dtype: input.dtype },
  ]);
  return s ?? input;
}
