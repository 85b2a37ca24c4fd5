// Matrix decompositions of the reference, from the textbook: elimination, Cholesky, Gram-Schmidt, in f64 on plain arrays.
// Imports nothing from bindings/. Read next: array.ts, linalg.ts.
import type { NdArray } from "./array.ts";

/** A matrix as rows. */
export type Matrix = readonly (readonly number[])[];

export const matrixOf = (rows: number, columns: number, element: (i: number, j: number) => number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (__, j) => element(i, j)));

/** Applies `f` to every matrix of a batch [..., m, n]; operands without batch axes go with each. */
export function eachMatrix(arrays: readonly NdArray[], f: (...matrices: Matrix[]) => Matrix): NdArray {
  const batch = arrays.map(({ shape }) => shape.slice(0, -2)).reduce((a, b) => (b.length > a.length ? b : a));
  const count = batch.reduce((a, b) => a * b, 1);
  const results = Array.from({ length: count }, (_, item) =>
    f(
      ...arrays.map(({ shape, data }) => {
        const [m, n] = [shape.at(-2)!, shape.at(-1)!];
        const start = data.length === m * n ? 0 : item * m * n;
        return matrixOf(m, n, (i, j) => data[start + i * n + j]!);
      }),
    ),
  );
  const [first = []] = results;
  return { shape: [...batch, first.length, first[0]?.length ?? 0], data: results.flat(2) };
}

export const transposed = (a: Matrix): Matrix => matrixOf(a[0]?.length ?? 0, a.length, (i, j) => a[j]![i]!);

export function times(a: Matrix, b: Matrix): Matrix {
  return matrixOf(a.length, b[0]?.length ?? 0, (i, j) => a[i]!.reduce((sum, x, k) => sum + x * b[k]![j]!, 0));
}

export const identity = (n: number): Matrix => matrixOf(n, n, (i, j) => Number(i === j));

/** Gauss-Jordan with partial pivoting on [a | b]: a⁻¹ b, and the determinant of a. */
export function eliminated(a: Matrix, b: Matrix): { readonly x: Matrix; readonly determinant: number } {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...b[i]!]);
  let determinant = 1;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    if (pivot !== k) {
      [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
      determinant = -determinant;
    }
    const top = rows[k]!;
    const head = top[k]!;
    determinant *= head;
    if (head === 0) return { x: b, determinant: 0 };
    for (let j = 0; j < top.length; j++) top[j]! /= head;
    for (let i = 0; i < n; i++) {
      const factor = rows[i]![k]!;
      if (i === k || factor === 0) continue;
      for (let j = 0; j < top.length; j++) rows[i]![j]! -= factor * top[j]!;
    }
  }
  return { x: rows.map((row) => row.slice(n)), determinant };
}

/** L with a = L Lᵀ, from the lower triangle. */
export function cholesky(a: Matrix): Matrix {
  const n = a.length;
  const l = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i]![j]!;
      for (let k = 0; k < j; k++) sum -= l[i]![k]! * l[j]![k]!;
      l[i]![j] = i === j ? Math.sqrt(sum) : sum / l[j]![j]!;
    }
  }
  return l;
}

/** Modified Gram-Schmidt: the diagonal of r is positive. For a with independent columns, or their first ones where wide. */
export function gramSchmidt(a: Matrix): { readonly q: Matrix; readonly r: Matrix } {
  const [m, n] = [a.length, a[0]?.length ?? 0];
  const k = Math.min(m, n);
  const columns = transposed(a).map((column) => [...column]);
  const q: number[][] = [];
  const r = Array.from({ length: k }, () => new Array<number>(n).fill(0));
  for (let j = 0; j < n; j++) {
    const column = columns[j]!;
    q.forEach((unit, i) => {
      const part = unit.reduce((sum, x, l) => sum + x * column[l]!, 0);
      r[i]![j] = part;
      unit.forEach((x, l) => (column[l]! -= part * x));
    });
    if (j >= k) continue;
    const length = Math.hypot(...column);
    r[j]![j] = length;
    q.push(column.map((x) => x / length));
  }
  return { q: transposed(q), r };
}

/** Partial pivoting by rows: a[permutation] = lower upper. */
export function luOf(a: Matrix): { readonly permutation: readonly number[]; readonly packed: Matrix } {
  const rows = a.map((row) => [...row]);
  const [m, n] = [rows.length, rows[0]?.length ?? 0];
  const permutation = rows.map((_, i) => i);
  for (let k = 0; k < Math.min(m, n); k++) {
    let pivot = k;
    for (let i = k + 1; i < m; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    [permutation[k], permutation[pivot]] = [permutation[pivot]!, permutation[k]!];
    for (let i = k + 1; i < m; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      rows[i]![k] = factor;
      for (let j = k + 1; j < n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  return { permutation, packed: rows };
}

/** Singular values, descending, by one-sided Jacobi on the columns (or rows, where there are fewer). */
export function singularValues(a: Matrix): number[] {
  const columns = (a.length < (a[0]?.length ?? 0) ? a : transposed(a)).map((column) => [...column]);
  const inner = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let i = 0; i < columns.length; i++) {
      for (let j = i + 1; j < columns.length; j++) {
        const [x, y] = [columns[i]!, columns[j]!];
        const [p, q, r] = [inner(x, x), inner(x, y), inner(y, y)];
        if (q === 0) continue;
        const zeta = (r - p) / (2 * q);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        columns[i] = x.map((value, k) => c * value - c * t * y[k]!);
        columns[j] = x.map((value, k) => c * t * value + c * y[k]!);
      }
    }
  }
  return columns.map((column) => Math.sqrt(inner(column, column))).sort((x, y) => y - x);
}

/** The pseudoinverse of a matrix of full rank, by the normal equations. */
export function pseudoinverse(a: Matrix): Matrix {
  const t = transposed(a);
  if (a.length >= (a[0]?.length ?? 0)) return eliminated(times(t, a), t).x;
  return transposed(eliminated(times(a, t), a).x);
}

/** e to a matrix, by its series after halving often enough. */
export function exponential(a: Matrix): Matrix {
  const n = a.length;
  const halvings = 4;
  const x = a.map((row) => row.map((value) => value / 2 ** halvings));
  let [sum, term] = [identity(n), identity(n)];
  for (let k = 1; k < 40; k++) {
    term = times(term, x).map((row) => row.map((value) => value / k));
    const next = term;
    sum = sum.map((row, i) => row.map((value, j) => value + next[i]![j]!));
  }
  for (let turn = 0; turn < halvings; turn++) sum = times(sum, sum);
  return sum;
}
