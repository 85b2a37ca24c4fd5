// Symmetric eigenproblems as users call them. The op, its kernels and its gradient are described in ops/eigh.ts.
// Read next: ../ops/eigh.ts.
import * as ops from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";

/** Eigenvalues, ascending, and eigenvectors in columns: a · vectors[:, i] = values[i] · vectors[:, i]. */
export interface EigenDecomposition {
  readonly values: Tensor;
  readonly vectors: Tensor;
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices, [..., n, n] → [..., n] and [..., n, n]. Only the lower triangle is
 * read. f32 and f64; on the GPU for n ≤ 32. The sign of an eigenvector is not determined. Throws a ShapeError for
 * matrices that are not square. A matrix with NaN or infinity gives NaN.
 */
export function eigh(a: Tensor): EigenDecomposition {
  return ops.eigh(a);
}

/** Eigenvalues only, ascending: [..., n, n] → [..., n]. */
export function eigvalsh(a: Tensor): Tensor {
  return ops.eigh(a).values;
}
