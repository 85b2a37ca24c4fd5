// Eigenvalues and eigenvectors of general matrices, complex as pairs of real tensors, and their gradient.
// Read next: fourier.ts for ComplexTensor; assembly/linalg/eig.ts for the method.
import { sizeOf } from "../core/shape.ts";
import { abs, add, hypot, maximum, mul, neg, reciprocal, square, sub } from "../ops/arithmetic.ts";
import { equal, lessEqual, logicalOr, where } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";

import { concat } from "../ops/joining.ts";
import { identityLike, matricesOf, matrixStatus, onCpuOnly, requireSquare } from "../ops/matrices.ts";
import { expandDims, range, transpose } from "../ops/movement.ts";
import { max, sum } from "../ops/reduction.ts";
import { eigScratch } from "../ops/matrix-scratch.ts";
import { stopGradient } from "../ops/stop-gradient.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf } from "../ops/tensor.ts";
import type { ComplexTensor } from "./fourier.ts";
import { solved } from "./solve.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

const product = (a: ComplexTensor, b: ComplexTensor): ComplexTensor => ({
  real: sub(matmul(a.real, b.real), matmul(a.imag, b.imag)),
  imag: add(matmul(a.real, b.imag), matmul(a.imag, b.real)),
});

const times = (a: ComplexTensor, b: ComplexTensor): ComplexTensor => ({
  real: sub(mul(a.real, b.real), mul(a.imag, b.imag)),
  imag: add(mul(a.real, b.imag), mul(a.imag, b.real)),
});

const adjoint = ({ real, imag }: ComplexTensor): ComplexTensor => {
  return { real: transpose(real), imag: neg(transpose(imag)) };
};

/** a⁻¹ b, as a real system of twice the size. */
function complexSolve(a: ComplexTensor, b: ComplexTensor): ComplexTensor {
  const last = a.real.rank - 1;
  const n = a.real.shape[last] ?? 0;
  const matrix = concat([concat([a.real, neg(a.imag)], { axis: last }), concat([a.imag, a.real], { axis: last })], {
    axis: last - 1,
  });
  const x = solved("eig", matrix, concat([b.real, b.imag], { axis: last - 1 }));
  return { real: range(x, last - 1, 0, n), imag: range(x, last - 1, n, 2 * n) };
}

/** 1 / (λⱼ − λᵢ)*, and 0 on the diagonal and wherever the gap is lost in rounding: |λⱼ − λᵢ| ≤ 8ε · max |λ|. */
function inverseGaps({ real, imag }: ComplexTensor): ComplexTensor {
  const difference = (x: Tensor): Tensor => sub(expandDims(x, -2), expandDims(x, -1));
  const [a, b] = [difference(real), difference(imag)];
  const size = stopGradient(max(hypot(real, imag), { axis: -1, keepDims: true }));
  const epsilon = 8 * (real.dtype === "f64" ? 2 ** -52 : 2 ** -23);
  const gap = stopGradient(maximum(abs(a), abs(b)));
  const isLost = logicalOr(
    lessEqual(gap, expandDims(mul(size, epsilon), -1)),
    equal(identityLike(real, real.shape.at(-1) ?? 0), 1),
  );
  const squares = reciprocal(where(isLost, 1, add(square(a), square(b))));
  return { real: where(isLost, 0, mul(a, squares)), imag: where(isLost, 0, mul(b, squares)) };
}

const eigOp: KernelOp<null> = {
  kind: "kernel",
  name: "eig",
  call: ([a = empty]) => {
    const { batch, count, rows: n } = matricesOf(a);
    return {
      kernel: "eig",
      dtype: a.dtype,
      words: [count, n],
      workgroups: count,
      parts: count,
      scratch: eigScratch(count, n),
      status: matrixStatus("eig", batch),
      unsupported: onCpuOnly("eig"),
    };
  },
  gradient: ({ inputs: [a], outputs: [wr, wi, vr, vi], cotangents: [dwr, dwi, dvr, dvi] }) => {
    if (
      a === undefined ||
      wr === undefined ||
      wi === undefined ||
      vr === undefined ||
      vi === undefined ||
      dwr === undefined ||
      dwi === undefined ||
      dvr === undefined ||
      dvi === undefined
    )
      return [];
    // V⁻* (diag(dλ) + (V* dV − V* V diag(Re V* dV)) ∘ 1 / (λⱼ − λᵢ)*) V*: Boeddeker et al., 2017.
    const unit = identityLike(a, a.shape.at(-1) ?? 0);
    const v: ComplexTensor = { real: vr, imag: vi };
    const vh = adjoint(v);
    const inner = product(vh, { real: dvr, imag: dvi });
    const lengths = sum(mul(inner.real, unit), { axis: -2, keepDims: true });
    const gram = product(vh, v);
    const free: ComplexTensor = {
      real: sub(inner.real, mul(gram.real, lengths)),
      imag: sub(inner.imag, mul(gram.imag, lengths)),
    };
    const turned = times(free, inverseGaps({ real: wr, imag: wi }));
    const middle: ComplexTensor = {
      real: add(turned.real, mul(unit, expandDims(dwr, -2))),
      imag: add(turned.imag, mul(unit, expandDims(dwi, -2))),
    };
    return [complexSolve(vh, product(middle, vh)).real];
  },
  flops: ([a]) => 25 * sizeOf(a?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: "factorization",
};

/** a · vectors[:, i] = values[i] · vectors[:, i], in complex numbers. */
export interface GeneralEigenDecomposition {
  /** [..., n] each. Pairs stand side by side, the one with positive imaginary part first. */
  readonly values: ComplexTensor;
  /** [..., n, n] each: right eigenvectors in columns, of length 1, their largest element real. */
  readonly vectors: ComplexTensor;
}

/**
 * Eigenvalues and right eigenvectors of general real matrices [..., n, n] by balancing, Hessenberg reduction and the QR
 * algorithm with double shifts, in f64 inside. Results are complex, as pairs of real tensors; eigh is for symmetric matrices. The run
 * throws a LinAlgError for NaN or infinity.
 *
 * The gradient is that of functions that do not depend on the phases of the vectors. It takes 1 / (λⱼ − λᵢ) as 0 where
 * |λⱼ − λᵢ| ≤ 8ε · max |λ|, and needs independent eigenvectors: for a matrix that lacks them it is huge, or refused at the read.
 */
export function eig(a: Tensor): GeneralEigenDecomposition {
  const input = requireSquare("eig", a);
  const line = { shape: a.shape.slice(0, -1), dtype: input.dtype };
  const square = { shape: a.shape, dtype: input.dtype };
  const [wr = input, wi = input, vr = input, vi = input] = recorderOf("eig", [a]).record(eigOp, [input], null, [
    line,
    line,
    square,
    square,
  ]);
  return { values: { real: wr, imag: wi }, vectors: { real: vr, imag: vi } };
}
