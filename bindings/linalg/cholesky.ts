// The Cholesky factor of positive definite matrices, and solving with it. Read next: triangular.ts, solve.ts.
import { bytesOf } from "../core/dtype.ts";
import { sizeOf } from "../core/shape.ts";
import { add, mul } from "../ops/arithmetic.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { tril } from "../ops/joining.ts";
import { matricesOf, matrixStatus, onCpuOnly, requireSquare } from "../ops/matrices.ts";
import { transpose } from "../ops/movement.ts";
import { crewParts, choleskyScratch } from "../ops/matrix-scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf } from "../ops/tensor.ts";
import { triangularSolve } from "./triangular.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

/** What a leading minor of this order that is not positive means. */
export const notPositive = (order: number): string =>
  `is not positive definite: its leading minor of order ${String(order)} is not positive. Add a multiple of the identity, or use solve or eigh`;

/** The op; its attribute is the name that errors carry. */
const choleskyOp: KernelOp<string> = {
  kind: "kernel",
  name: "cholesky",
  call: ([a = empty], _, name) => {
    const { batch, count, rows: n } = matricesOf(a);
    return {
      kernel: "cholesky",
      dtype: a.dtype,
      words: [count, n],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: choleskyScratch(count, n, bytesOf(a.dtype)),
      status: matrixStatus(name, batch, notPositive),
      unsupported: onCpuOnly(name),
    };
  },
  gradient: ({ outputs: [l], cotangents: [dl], attributes: name }) => {
    if (l === undefined || dl === undefined) return [];
    // dA = ½ (Z + Zᵀ), Z = L⁻ᵀ Φ(Lᵀ dL) L⁻¹; Φ takes the lower triangle with half of its diagonal. Murray, 2016.
    const inner = matmul(transpose(l), tril(dl));
    const half = mul(add(tril(inner), tril(inner, -1)), 0.5);
    const left = triangularSolve(name, l, half, { transposed: true });
    const z = transpose(triangularSolve(name, l, transpose(left), { transposed: true }));
    return [mul(add(z, transpose(z)), 0.5)];
  },
  flops: ([a]) => (sizeOf(a?.shape ?? []) * (a?.shape.at(-1) ?? 0)) / 3,
  work: "factorization",
};

/** The factor under another name. */
export function choleskyFactor(name: string, a: Tensor): Tensor {
  const input = requireSquare(name, a);
  const [l] = recorderOf(name, [a]).record(choleskyOp, [input], name, [{ shape: a.shape, dtype: input.dtype }]);
  return l ?? input;
}

/**
 * The lower triangular L with a = L · Lᵀ, [..., n, n]. Only the lower triangle of a is read; the gradient is symmetric. The
 * run throws a LinAlgError where a matrix is not positive definite, and says which leading minor is not.
 */
export function cholesky(a: Tensor): Tensor {
  return choleskyFactor("cholesky", a);
}
