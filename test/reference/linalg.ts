// Symmetric eigenvalues of the reference: cyclic Jacobi rotations in f64, until nothing is left off the diagonal.
// Imports nothing from bindings/. Read next: array.ts.
import type { NdArray } from "./array.ts";
import { at, build } from "./array.ts";

/** Ascending eigenvalues of a symmetric n×n matrix given as rows. */
function eigenvaluesOf(matrix: readonly (readonly number[])[]): number[] {
  const a = matrix.map((row) => [...row]);
  const n = a.length;
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = a[p]![q]!;
        if (off === 0) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * x - s * y;
          a[k]![q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * x - s * y;
          a[q]![k] = s * x + c * y;
        }
      }
    }
  }
  return a.map((row, i) => row[i]!).sort((x, y) => x - y);
}

/** The matrix that the lower triangle of the last two axes stands for. */
export function symmetric(x: NdArray): NdArray {
  return build(x.shape, (index) => {
    const [row, column] = [index.at(-2)!, index.at(-1)!];
    return at(x, [...index.slice(0, -2), Math.max(row, column), Math.min(row, column)]);
  });
}

/** Ascending eigenvalues of a batch of symmetric matrices [..., n, n]. */
export function eigvalsh(x: NdArray): NdArray {
  const n = x.shape.at(-1)!;
  const batch = x.shape.slice(0, -2);
  const count = batch.reduce((a, b) => a * b, 1);
  const data: number[] = [];
  for (let b = 0; b < count; b++) {
    const rows = Array.from({ length: n }, (_, i) => x.data.slice((b * n + i) * n, (b * n + i + 1) * n));
    data.push(...eigenvaluesOf(rows));
  }
  return { shape: [...batch, n], data };
}
