// The symmetric eigenproblem: an op with two outputs, an op for the values alone, and their gradients. Users find them in
// linalg. Read next: ../linalg/eigh.ts, assembly/linalg/eigh.ts for the method.
import { bytesOf } from "../core/dtype.ts";
import { sizeOf } from "../core/shape.ts";
import { abs, add, mul, reciprocal, sub } from "./arithmetic.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import { equal, lessEqual, where } from "./comparison.ts";
import { matmul } from "./contraction.ts";
import type { KernelOp, Work } from "./descriptor.ts";
import { iota } from "./iota.ts";
import { matricesOf, matrixStatus, onCpuOnly, requireSquare } from "./matrices.ts";
import { expandDims, transpose } from "./movement.ts";
import { max } from "./reduction.ts";
import { crewParts, eighScratch } from "./matrix-scratch.ts";
import { stopGradient } from "./stop-gradient.ts";
import type { Spec, Tensor } from "./tensor.ts";
import { recorderOf } from "./tensor.ts";

/** Largest matrices that the GPU's kernel takes. */
const largestOnGpu = 32;

/** Up to here matrices are small: the CPU is at a fraction of its speed, and a GPU does many at a time. */
const mostOfSmall = largestOnGpu;

const classOf = ([a]: readonly Spec[]): Work =>
  (a?.shape.at(-1) ?? 0) <= mostOfSmall ? "smallFactorization" : "factorization";

const eighOp: KernelOp<null> = {
  kind: "kernel",
  name: "eigh",
  call: ([a = empty]) => {
    const { batch, count, rows: n } = matricesOf(a);
    const unsupported =
      n > largestOnGpu ? { webgpu: `eigh on webgpu takes matrices up to 32 by 32, got ${String(n)}` } : {};
    return {
      kernel: "eigh",
      dtype: a.dtype,
      words: [count, n],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: eighScratch(count, n, bytesOf(a.dtype)),
      status: matrixStatus("eigh", batch),
      unsupported,
    };
  },
  gradient: ({ inputs: [a], outputs: [values, vectors], cotangents: [dValues, dVectors] }) => {
    if (
      a === undefined ||
      values === undefined ||
      vectors === undefined ||
      dValues === undefined ||
      dVectors === undefined
    )
      return [];
    const n = a.shape.at(-1) ?? 0;
    if (a.size === 0) return [broadcasted(a.recorder.scalar(0, a.dtype), a.shape)];
    const turned = transpose(vectors);
    const rotation = mul(matmul(turned, dVectors), inverseGaps(values));
    const diagonal = where(diagonalMask(a, n), expandDims(dValues, -2), 0);
    const inner = add(diagonal, rotation);
    const da = matmul(matmul(vectors, inner), turned);
    return [mul(add(da, transpose(da)), 0.5)];
  },
  flops: ([a]) => 9 * sizeOf(a?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: classOf,
};

const empty: Spec = { shape: [0, 0], dtype: "f32" };

const eigvalshOp: KernelOp<null> = {
  kind: "kernel",
  name: "eigvalsh",
  call: ([a = empty]) => {
    const { batch, count, rows: n } = matricesOf(a);
    return {
      kernel: "eigvalsh",
      dtype: a.dtype,
      words: [count, n],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: eighScratch(count, n, bytesOf(a.dtype)),
      status: matrixStatus("eigvalsh", batch),
      unsupported: onCpuOnly("eigvalsh"),
    };
  },
  gradient: ({ inputs: [a], cotangents: [dValues] }) => {
    if (a === undefined || dValues === undefined) return [];
    const { vectors } = eigh(a);
    return [matmul(mul(vectors, expandDims(dValues, -2)), transpose(vectors))];
  },
  flops: ([a]) => 1.34 * sizeOf(a?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: classOf,
};

/** True on the diagonal of [n, n]. */
const diagonalMask = (like: Tensor, n: number): Tensor =>
  equal(iota(like.recorder, n), reshaped(iota(like.recorder, n), [n, 1]));

/**
 * 1 / (λⱼ − λᵢ), and 0 on the diagonal and wherever the gap is lost in rounding: |λⱼ − λᵢ| ≤ 8ε · max|λ|. This is
 * right for functions of the eigenvalues. For a function of eigenvectors that belong to equal eigenvalues the missing
 * part is a limit that the two decomposed factors alone do not determine; it is left out so that gradients stay finite.
 */
function inverseGaps(values: Tensor): Tensor {
  const gaps = sub(expandDims(values, -2), expandDims(values, -1));
  const epsilon = 8 * (values.dtype === "f64" ? 2 ** -52 : 2 ** -23);
  const largest = stopGradient(max(abs(values), { axis: -1, keepDims: true }));
  const isLost = lessEqual(abs(stopGradient(gaps)), expandDims(mul(largest, epsilon), -1));
  return where(isLost, 0, reciprocal(where(isLost, 1, gaps)));
}

/**
 * Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices [..., n, n]. The lower triangle is read; the
 * gradient is symmetric, and leaves out what equal eigenvalues make undetermined. n ≤ 32 on the GPU.
 */
export function eigh(a: Tensor): { readonly values: Tensor; readonly vectors: Tensor } {
  const input = requireSquare("eigh", a);
  const specs = [
    { shape: a.shape.slice(0, -1), dtype: input.dtype },
    { shape: a.shape, dtype: input.dtype },
  ] as const;
  const [values, vectors] = recorderOf("eigh", [a]).record(eighOp, [input], null, specs);
  return { values: values ?? input, vectors: vectors ?? input };
}

/** The eigenvalues alone. Small f32 matrices take eigh, which the GPU has too. */
export function eigenvalues(a: Tensor): Tensor {
  const input = requireSquare("eigvalsh", a);
  if (input.dtype === "f32" && (a.shape.at(-1) ?? 0) <= largestOnGpu) return eigh(input).values;
  const specs = [{ shape: a.shape.slice(0, -1), dtype: input.dtype }];
  const [values] = recorderOf("eigvalsh", [a]).record(eigvalshOp, [input], null, specs);
  return values ?? input;
}
