// The symmetric eigenproblem: one op with two outputs, and its gradient. Users find it in linalg.
// Read next: ../linalg/eigh.ts, assembly/eigh.ts for the method.
import { floatOf } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { show, sizeOf } from "../core/shape.ts";
import { abs, add, mul, reciprocal, sub } from "./arithmetic.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import { converted, equal, lessEqual, where } from "./comparison.ts";
import { matmul } from "./contraction.ts";
import type { KernelOp } from "./descriptor.ts";
import { iota } from "./iota.ts";
import { expandDims, transpose } from "./movement.ts";
import { max } from "./reduction.ts";
import { eighScratch } from "./scratch.ts";
import { stopGradient } from "./stop-gradient.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";

const eighOp: KernelOp<null> = {
  kind: "kernel",
  name: "eigh",
  call: ([a]) => {
    const n = a?.shape.at(-1) ?? 0;
    const batch = sizeOf(a?.shape.slice(0, -2) ?? []);
    const unsupported = n > 32 ? { webgpu: `eigh on webgpu takes matrices up to 32 by 32, got ${String(n)}` } : {};
    return {
      kernel: "eigh",
      dtype: a?.dtype ?? "f32",
      words: [batch, n],
      workgroups: batch,
      scratch: eighScratch(n),
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
  work: "factorization",
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
  requireArguments("eigh", { a });
  const n = a.shape.at(-1);
  if (n === undefined || a.rank < 2 || a.shape.at(-2) !== n)
    throw new ShapeError("eigh", `expects square matrices, got ${show(a.shape)}`);
  const input = converted(a, floatOf(a.dtype));
  const specs = [
    { shape: a.shape.slice(0, -1), dtype: input.dtype },
    { shape: a.shape, dtype: input.dtype },
  ] as const;
  const [values, vectors] = recorderOf("eigh", [a]).record(eighOp, [input], null, specs);
  return { values: values ?? input, vectors: vectors ?? input };
}
