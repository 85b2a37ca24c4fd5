// Orthogonal factors of matrices. Read next: assembly/linalg/qr.ts for the method.
import { bytesOf } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { show } from "../core/shape.ts";
import { add, sub } from "../ops/arithmetic.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { concat, tril } from "../ops/joining.ts";
import { matricesOf, matrixStatus, onCpuOnly, requireMatrices } from "../ops/matrices.ts";
import { range, transpose } from "../ops/movement.ts";
import { crewParts, qrScratch } from "../ops/matrix-scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf, requireArguments } from "../ops/tensor.ts";
import { triangularSolve } from "./triangular.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

/** The attribute is the number of columns of q. */
const qrOp: KernelOp<number> = {
  kind: "kernel",
  name: "qr",
  call: ([a = empty], _, p) => {
    const { batch, count, rows: m, columns: n } = matricesOf(a);
    return {
      kernel: "qr",
      dtype: a.dtype,
      words: [count, m, n, p],
      workgroups: count,
      parts: crewParts(count, Math.min(m, n)),
      scratch: qrScratch(count, m, n, p, bytesOf(a.dtype)),
      status: matrixStatus("qr", batch),
      unsupported: onCpuOnly("qr"),
    };
  },
  gradient: ({ inputs: [a], outputs: [q, r], cotangents: [dq, dr], attributes: p }) => {
    if (a === undefined || q === undefined || r === undefined || dq === undefined || dr === undefined) return [];
    const { rows: m, columns: n } = matricesOf(a);
    if (p > Math.min(m, n))
      throw new ParameterError(
        "qr",
        `the complete factors of a tall matrix have no gradient, got ${show(a.shape)}. Use mode "reduced"`,
      );
    if (m >= n) return [tallGradient(q, r, dq, dr)];
    // a = [x y], r = [u v]: x = q u is square, y = q v.
    const last = a.rank - 1;
    const [u, v] = [range(r, last, 0, m), range(r, last, m, n)];
    const [du, dv] = [range(dr, last, 0, m), range(dr, last, m, n)];
    const more = add(dq, matmul(matmul(q, v), transpose(dv)));
    return [concat([tallGradient(q, u, more, du), matmul(q, dv)], { axis: last })];
  },
  flops: ([a], _, p) => {
    const { rows: m, columns: n, count } = matricesOf(a ?? empty);
    const k = Math.min(m, n);
    const factors = 2 * k * (m * n - (k * (m + n)) / 2 + (k * k) / 3);
    return count * (factors + 2 * m * k * p);
  },
  work: "factorization",
};

/** dA = (dQ + Q C) R⁻ᵀ with C symmetric, its lower triangle that of R dRᵀ − dQᵀ Q. Walter and Lehmann, 2018. */
function tallGradient(q: Tensor, r: Tensor, dq: Tensor, dr: Tensor): Tensor {
  const inner = sub(matmul(r, transpose(dr)), matmul(transpose(dq), q));
  const mirrored = add(tril(inner), transpose(tril(inner, -1)));
  const sum = add(dq, matmul(q, mirrored));
  return transpose(triangularSolve("qr", r, transpose(sum), { upper: true }));
}

/** Orthogonal and triangular factor: a = q · r. */
export interface QRDecomposition {
  readonly q: Tensor;
  readonly r: Tensor;
}

/**
 * q with orthonormal columns and upper triangular r, a = q · r, for matrices [..., m, n]. mode "reduced" (the default) gives
 * q [..., m, k] and r [..., k, n] with k = min(m, n), "complete" q [..., m, m] and r [..., m, n]. The gradient needs the
 * first k columns of a to be independent. The run throws a LinAlgError for NaN or infinity.
 */
export function qr(a: Tensor, options: { readonly mode?: "reduced" | "complete" } = {}): QRDecomposition {
  const input = requireMatrices("qr", a);
  requireArguments("qr", { a }, options);
  const { mode = "reduced" } = options;
  if (!(["reduced", "complete"] as readonly string[]).includes(mode))
    throw new ParameterError("qr", `mode must be "reduced" or "complete", got ${mode}`);
  const { batch, rows: m, columns: n } = matricesOf(a);
  const p = mode === "complete" ? m : Math.min(m, n);
  const [q = input, r = input] = recorderOf("qr", [a]).record(qrOp, [input], p, [
    { shape: [...batch, m, p], dtype: input.dtype },
    { shape: [...batch, p, n], dtype: input.dtype },
  ]);
  return { q, r };
}
