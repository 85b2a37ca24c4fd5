// What singular values are for: least squares, the pseudoinverse, rank, condition and the norms of matrices. All composites.
// Read next: svd.ts, qr.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { promote } from "../core/dtype.ts";
import { show } from "../core/shape.ts";
import { abs, div, mul, reciprocal, square, sub } from "../ops/arithmetic.ts";
import { converted, less, where } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import { alignBatches, matricesOf, requireMatrices } from "../ops/matrices.ts";
import { expandDims, range, squeeze, transpose } from "../ops/movement.ts";
import { max, min, norm as vectorNorm, sum } from "../ops/reduction.ts";
import { stopGradient } from "../ops/stop-gradient.ts";
import type { Tensor } from "../ops/tensor.ts";
import { requireArguments } from "../ops/tensor.ts";
import { qr } from "./qr.ts";
import { inverse } from "./solve.ts";
import { svd, svdvals } from "./svd.ts";
import { triangularSolve } from "./triangular.ts";

/** Options that say from where on a singular value counts as zero. */
export interface RankOptions {
  /** Relative to the largest; max(m, n) ε unless given. */
  readonly rcond?: number;
}

/** Which of the singular values of an m×n matrix count: bool [..., k]. */
function counts(op: string, s: Tensor, m: number, n: number, { rcond }: RankOptions): Tensor {
  const epsilon = s.dtype === "f64" ? 2 ** -52 : 2 ** -23;
  const bound = rcond ?? Math.max(m, n) * epsilon;
  if (typeof bound !== "number" || !(bound >= 0))
    throw new ParameterError(op, `rcond must be a number ≥ 0, got ${String(rcond)}`);
  const values = stopGradient(s);
  if (s.shape.at(-1) === 0) return less(values, values);
  return less(mul(max(values, { axis: -1, keepDims: true }), bound), values);
}

/** 1 / s where s counts, 0 elsewhere. */
function inverted(op: string, s: Tensor, m: number, n: number, options: RankOptions): Tensor {
  const does = counts(op, s, m, n, options);
  return where(does, reciprocal(where(does, s, 1)), 0);
}

/**
 * The pseudoinverse of Moore and Penrose, [..., m, n] → [..., n, m]. Singular values up to rcond times the largest count as
 * zero. Errors and gradient as svd.
 */
export function pinv(a: Tensor, options: RankOptions = {}): Tensor {
  const input = requireMatrices("pinv", a);
  requireArguments("pinv", { a }, options);
  const { rows: m, columns: n } = matricesOf(a);
  return a.recorder.compose("pinv", () => {
    const { u, s, vt } = svd(input);
    return matmul(mul(transpose(vt), expandDims(inverted("pinv", s, m, n, options), -2)), transpose(u));
  });
}

/** Options of `lstsq`. */
export interface LeastSquaresOptions extends RankOptions {
  /**
   * "svd" (the default) gives the shortest solution, whatever the rank. "qr" is faster and loses fewer digits where a has
   * at least as many rows as columns and full rank; rcond is not used.
   */
  readonly method?: "svd" | "qr";
}

/** What `lstsq` finds; what is not read is not computed. */
export interface LeastSquares {
  /** [..., n, p], or [n] for a vector. */
  readonly x: Tensor;
  /** ‖a · x − b‖² of each column: [..., p], or a scalar for a vector. */
  readonly residuals: Tensor;
}

/**
 * x with the least ‖a · x − b‖ for a [..., m, n] and b [..., m, p] or [m], and of all such x the shortest. Batches broadcast.
 * Differentiable. The run throws a LinAlgError for NaN or infinity, and with "qr" for a rank that is exactly too low.
 */
export function lstsq(a: Tensor, b: Tensor, options: LeastSquaresOptions = {}): LeastSquares {
  requireArguments("lstsq", { a, b }, options);
  const { method = "svd" } = options;
  if (!(["svd", "qr"] as readonly string[]).includes(method))
    throw new ParameterError("lstsq", `method must be "svd" or "qr", got ${method}`);
  const isVector = b.rank === 1;
  const matrix = requireMatrices("lstsq", a);
  const columns = requireMatrices("lstsq", isVector ? expandDims(b, -1) : b, "b");
  const { rows: m, columns: n } = matricesOf(a);
  if (columns.shape.at(-2) !== m)
    throw new ShapeError(
      "lstsq",
      `a is ${show(a.shape)}, so b must have ${String(m)} rows, got ${show(b.shape)}. A vector, or a matrix with a column for each right-hand side`,
    );
  if (method === "qr" && m < n)
    throw new ShapeError("lstsq", `"qr" needs at least as many rows as columns, a is ${show(a.shape)}. Use "svd"`);
  const dtype = promote(matrix.dtype, columns.dtype);
  const [left, right] = alignBatches("lstsq", converted(matrix, dtype), converted(columns, dtype));
  const finish = (x: Tensor): Tensor => (isVector ? squeeze(x, -1) : x);
  const x = a.recorder.compose("lstsq", () => {
    if (method === "qr") {
      const { q, r } = qr(left);
      return triangularSolve("lstsq", r, matmul(transpose(q), right), { upper: true });
    }
    const { u, s, vt } = svd(left);
    const inner = mul(expandDims(inverted("lstsq", s, m, n, options), -1), matmul(transpose(u), right));
    return matmul(transpose(vt), inner);
  });
  const residuals = a.recorder.compose("lstsq", () => sum(square(sub(matmul(left, x), right)), { axis: -2 }));
  return { x: finish(x), residuals: isVector ? squeeze(residuals, -1) : residuals };
}

/** How many singular values exceed rcond times the largest, i32: [..., m, n] → [...]. */
export function matrixRank(a: Tensor, options: RankOptions = {}): Tensor {
  const input = requireMatrices("matrixRank", a);
  requireArguments("matrixRank", { a }, options);
  const { rows: m, columns: n } = matricesOf(a);
  return a.recorder.compose("matrixRank", () =>
    sum(converted(counts("matrixRank", svdvals(input), m, n, options), "i32"), { axis: -1 }),
  );
}

/** "fro", "nuc", 1, −1, 2, −2, ∞ or −∞: see `norm`. */
export type MatrixNorm = "fro" | "nuc" | number;

const norms: readonly unknown[] = ["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity];

/**
 * A norm of matrices, [..., m, n] → [...]: "fro" (the default) the root of the sum of squares, "nuc" the sum of the singular
 * values, 2 and −2 the largest and smallest of them, 1 and −1 the largest and smallest column sum of magnitudes, ∞ and −∞ of
 * rows. Of a vector: its Euclidean length.
 */
export function norm(a: Tensor, options: { readonly ord?: MatrixNorm } = {}): Tensor {
  requireArguments("norm", { a }, options);
  const { ord = "fro" } = options;
  if (!norms.includes(ord))
    throw new ParameterError("norm", `ord must be "fro", "nuc", ±1, ±2 or ±Infinity, got ${String(ord)}`);
  if (a.rank === 1 && ord === "fro") return vectorNorm(a);
  const input = requireMatrices("norm", a);
  return a.recorder.compose("norm", () => {
    switch (ord) {
      case "fro":
        return vectorNorm(input, { axis: [-2, -1] });
      case "nuc":
        return sum(svdvals(input), { axis: -1 });
      case 2:
        return max(svdvals(input), { axis: -1 });
      case -2:
        return min(svdvals(input), { axis: -1 });
      default: {
        const sums = sum(abs(input), { axis: Math.abs(ord) === 1 ? -2 : -1 });
        return ord > 0 ? max(sums, { axis: -1 }) : min(sums, { axis: -1 });
      }
    }
  });
}

/**
 * The condition number of matrices, [..., m, n] → [...]: largest by smallest singular value; with `ord` (square matrices)
 * norm(a) · norm(a⁻¹). ∞ for a singular matrix without `ord`; with it the run throws a LinAlgError.
 */
export function cond(a: Tensor, options: { readonly ord?: MatrixNorm } = {}): Tensor {
  const input = requireMatrices("cond", a);
  requireArguments("cond", { a }, options);
  const { ord } = options;
  const { rows: m, columns: n } = matricesOf(a);
  return a.recorder.compose("cond", () => {
    if (ord !== undefined && ord !== 2) {
      if (m !== n) throw new ShapeError("cond", `expects square matrices with ord, got ${show(a.shape)}`);
      return mul(norm(input, { ord }), norm(inverse("cond", input), { ord }));
    }
    const s = svdvals(input);
    const last = s.rank - 1;
    const k = s.shape[last] ?? 0;
    return squeeze(div(range(s, last, 0, Math.min(1, k)), range(s, last, Math.max(0, k - 1), k)), -1);
  });
}
