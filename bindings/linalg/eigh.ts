// Symmetric eigenproblems as users call them. The op, its kernels and its gradient are described in ops/eigh.ts.
// Read next: ../ops/eigh.ts.
import * as ops from "../ops/eigh.ts";
import type { Tensor } from "../ops/tensor.ts";

/** Eigenvalues, ascending, and eigenvectors in columns: a · vectors[:, i] = values[i] · vectors[:, i]. */
export interface EigenDecomposition {
  readonly values: Tensor;
  readonly vectors: Tensor;
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices, [..., n, n] → [..., n] and [..., n, n]. Only the lower triangle is
 * read. f32 and f64; on the GPU for n ≤ 32. The sign of an eigenvector is not determined. Throws a ShapeError for
 * matrices that are not square; the run throws a LinAlgError for NaN or infinity (on the GPU the result is NaN).
 *
 * The gradient takes 1 / (λⱼ − λᵢ) as 0 where |λⱼ − λᵢ| ≤ 8ε · max |λ|: it stays finite for equal eigenvalues, and is exact for
 * functions that do not depend on the choice of vectors among them.
 */
export function eigh(a: Tensor): EigenDecomposition {
  return ops.eigh(a);
}

/** Eigenvalues only, ascending: [..., n, n] → [..., n]. Errors as eigh. The gradient computes the vectors. */
export function eigvalsh(a: Tensor): Tensor {
  return ops.eigenvalues(a);
}
