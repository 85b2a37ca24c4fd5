// LU factors and determinants. Read next: solve.ts; assembly/linalg/elimination.ts for the method.
import { bytesOf } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { show, sizeOf } from "../core/shape.ts";
import { add, mul } from "../ops/arithmetic.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { oneHot } from "../ops/indexing.ts";
import { tril, triu } from "../ops/joining.ts";
import { identityLike, matricesOf, matrixStatus, onCpuOnly, requireMatrices, requireSquare } from "../ops/matrices.ts";
import { expandDims, range, transpose } from "../ops/movement.ts";
import { crewParts, luScratch, solveScratch } from "../ops/matrix-scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf } from "../ops/tensor.ts";
import { solved } from "./solve.ts";
import { triangularSolve } from "./triangular.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

const luOp: KernelOp<null> = {
  kind: "kernel",
  name: "lu",
  call: ([a = empty]) => {
    const { batch, count, rows: m, columns: n } = matricesOf(a);
    return {
      kernel: "lu",
      dtype: a.dtype,
      words: [count, m, n],
      workgroups: count,
      parts: crewParts(count, Math.min(m, n)),
      scratch: luScratch(count, m, n, bytesOf(a.dtype)),
      status: matrixStatus("lu", batch),
      unsupported: onCpuOnly("lu"),
    };
  },
  gradient: ({ outputs: [packed, permutation], cotangents: [d] }) => {
    if (packed === undefined || permutation === undefined || d === undefined) return [];
    const n = packed.shape.at(-1) ?? 0;
    if (packed.shape.at(-2) !== n)
      throw new ParameterError("lu", `only square matrices have a gradient, got ${show(packed.shape)}. Use qr`);
    // dA = Pᵀ L⁻ᵀ (strictly lower Lᵀ dL + upper dU Uᵀ) U⁻ᵀ
    const lower = add(tril(packed, -1), identityLike(packed, n));
    const inner = add(tril(matmul(transpose(lower), tril(d, -1)), -1), triu(matmul(triu(d), transpose(triu(packed)))));
    const left = triangularSolve("lu", packed, inner, { transposed: true, unitDiagonal: true });
    const both = transpose(triangularSolve("lu", packed, transpose(left), { upper: true }));
    return [matmul(transpose(oneHot(permutation, n, { dtype: packed.dtype })), both)];
  },
  flops: ([a]) => {
    const { rows, columns } = matricesOf(a ?? empty);
    const k = Math.min(rows, columns);
    return (
      2 * sizeOf(a?.shape ?? []) * (k - (k * k * (1 / rows + 1 / columns)) / 2 + (k * k * k) / (3 * rows * columns))
    );
  },
  work: "factorization",
};

/** Factors with a[permutation] = lower · upper. */
export interface LUDecomposition {
  /** i32 [..., m]: row i of lower · upper is row permutation[i] of a. */
  readonly permutation: Tensor;
  /** [..., m, min(m, n)], ones on the diagonal; no element is larger than 1. */
  readonly lower: Tensor;
  /** [..., min(m, n), n]. */
  readonly upper: Tensor;
}

/**
 * LU factors of matrices [..., m, n] with partial pivoting. A singular matrix has them too: upper has a 0 on its diagonal.
 * Square matrices have a gradient, where upper is invertible. The run throws a LinAlgError for NaN or infinity.
 */
export function lu(a: Tensor): LUDecomposition {
  const input = requireMatrices("lu", a);
  const { rows: m, columns: n } = matricesOf(a);
  const [packed = input, permutation = input] = recorderOf("lu", [a]).record(luOp, [input], null, [
    { shape: a.shape, dtype: input.dtype },
    { shape: a.shape.slice(0, -1), dtype: "i32" },
  ]);
  const k = Math.min(m, n);
  return a.recorder.compose("lu", () => {
    const tall = k < n ? range(packed, a.rank - 1, 0, k) : packed;
    const wide = k < m ? range(packed, a.rank - 2, 0, k) : packed;
    const unit = m === k ? identityLike(input, m) : range(identityLike(input, m), 1, 0, k);
    return { permutation, lower: add(tril(tall, -1), unit), upper: triu(wide) };
  });
}

/** Outputs: the determinant, its sign, the logarithm of its magnitude. The attribute is the name that errors carry. */
const determinantOp: KernelOp<string> = {
  kind: "kernel",
  name: "det",
  call: ([a = empty], _, name) => {
    const { batch, count, rows: n } = matricesOf(a);
    return {
      kernel: "determinant",
      dtype: a.dtype,
      words: [count, n],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: solveScratch(count, n, n, bytesOf(a.dtype)),
      status: matrixStatus(name, batch),
      unsupported: onCpuOnly(name),
    };
  },
  gradient: ({ inputs: [a], outputs: [value], cotangents: [dValue, , dLogarithm], attributes }) => {
    if (a === undefined || value === undefined || dValue === undefined || dLogarithm === undefined) return [];
    const scale = expandDims(expandDims(add(mul(dValue, value), dLogarithm), -1), -1);
    return [solved(attributes, transpose(a), mul(identityLike(a, a.shape.at(-1) ?? 0), scale))];
  },
  flops: ([a]) => (2 / 3) * sizeOf(a?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: "factorization",
};

function determinant(name: string, a: Tensor): readonly Tensor[] {
  const input = requireSquare(name, a);
  const spec = { shape: a.shape.slice(0, -2), dtype: input.dtype };
  return recorderOf(name, [a]).record(determinantOp, [input], name, [spec, spec, spec]);
}

/**
 * The determinant of square matrices, [..., n, n] → [...]; 0 for a singular one, whose gradient is refused at the read with
 * a LinAlgError. slogdet does not overflow.
 */
export function det(a: Tensor): Tensor {
  return determinant("det", a)[0] ?? a;
}

/** Sign (0 for a singular matrix) and logarithm of the magnitude (then −∞) of the determinant, [..., n, n] → [...] each. */
export function slogdet(a: Tensor): { readonly sign: Tensor; readonly logAbs: Tensor } {
  const [, sign = a, logAbs = a] = determinant("slogdet", a);
  return { sign, logAbs };
}
