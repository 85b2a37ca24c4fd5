// The real Schur form of general matrices. Read next: eig.ts for eigenvectors; assembly/linalg/schur.ts for the method.
import { ParameterError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { matricesOf, matrixStatus, onCpuOnly, requireSquare } from "../ops/matrices.ts";
import { eigScratch } from "../ops/matrix-scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf } from "../ops/tensor.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

const schurOp: KernelOp<null> = {
  kind: "kernel",
  name: "schur",
  call: ([a = empty]) => {
    const { batch, count, rows: n } = matricesOf(a);
    return {
      kernel: "schur",
      dtype: a.dtype,
      words: [count, n],
      workgroups: count,
      parts: count,
      scratch: eigScratch(count, n),
      status: matrixStatus("schur", batch),
      unsupported: onCpuOnly("schur"),
    };
  },
  gradient: () => {
    throw new ParameterError(
      "schur",
      "has no gradient: the order of the eigenvalues along t is not determined. Use eig or eigh, or stopGradient(a)",
    );
  },
  flops: ([a]) => 25 * sizeOf(a?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: "factorization",
};

/** a = z · t · zᵀ. */
export interface SchurDecomposition {
  /** [..., n, n], quasi-triangular: zero below its diagonal but for one element where two rows hold a complex pair. */
  readonly t: Tensor;
  /** [..., n, n], orthogonal. */
  readonly z: Tensor;
}

/**
 * The real Schur form of square matrices [..., n, n] by Hessenberg reduction and the QR algorithm with double shifts, in f64
 * inside. The diagonal of t holds the real eigenvalues; a complex pair is a block of two rows with equal diagonal and off-diagonal of
 * opposite signs. Neither their order nor the signs of z are determined, so there is no gradient: asking for one throws a
 * ParameterError. The run throws a LinAlgError for NaN or infinity.
 */
export function schur(a: Tensor): SchurDecomposition {
  const input = requireSquare("schur", a);
  const square = { shape: a.shape, dtype: input.dtype };
  const [t = input, z = input] = recorderOf("schur", [a]).record(schurOp, [input], null, [square, square]);
  return { t, z };
}
