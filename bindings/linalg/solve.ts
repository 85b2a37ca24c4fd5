// Systems of linear equations and inverses, by elimination with partial pivoting or by Cholesky factors, in one precision or refined.
// Read next: lu.ts, triangular.ts; assembly/linalg/refined.ts for refinement.
import { bytesOf } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";
import { add, mul, neg } from "../ops/arithmetic.ts";
import { broadcasted } from "../ops/broadcasting.ts";
import { converted } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { identityLike, matricesOf, matrixStatus, onCpuOnly, requireSquare } from "../ops/matrices.ts";
import { transpose } from "../ops/movement.ts";
import { crewParts, refinedScratch, solveScratch } from "../ops/matrix-scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf, requireArguments } from "../ops/tensor.ts";
import { choleskyFactor, notPositive } from "./cholesky.ts";
import { systemOf, triangularSolve } from "./triangular.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

/** What a pivot of 0 means for a matrix of order n. */
const singular =
  (n: number) =>
  (pivot: number): string =>
    `is singular: pivot ${String(pivot)} of ${String(n)} is 0. Use lstsq or pinv, or look at matrixRank`;

/** The op; its attribute is the name that errors carry. */
const solveOp: KernelOp<string> = {
  kind: "kernel",
  name: "solve",
  call: ([a = empty, b = empty], _, name) => {
    const { batch, count, rows: n } = matricesOf(a);
    const { columns: m } = matricesOf(b);
    return {
      kernel: "solve",
      dtype: a.dtype,
      words: [count, n, m],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: solveScratch(count, n, m, bytesOf(a.dtype)),
      status: matrixStatus(name, batch, singular(n)),
      unsupported: onCpuOnly(name),
    };
  },
  gradient: ({ inputs: [a], outputs: [x], cotangents: [dx], attributes, wanted: [forA] }) => {
    if (a === undefined || x === undefined || dx === undefined) return [];
    const db = solved(attributes, transpose(a), dx);
    return [forA === true ? neg(matmul(db, transpose(x))) : undefined, db];
  },
  flops: ([a], [x]) => {
    const n = a?.shape.at(-1) ?? 0;
    return (2 / 3) * sizeOf(a?.shape ?? []) * n + 2 * sizeOf(x?.shape ?? []) * n;
  },
  work: "factorization",
};

/** a⁻¹ b under another name; operands of equal type and batch. */
export function solved(name: string, a: Tensor, b: Tensor): Tensor {
  const [x] = recorderOf(name, [a]).record(solveOp, [a, b], name, [{ shape: b.shape, dtype: a.dtype }]);
  return x ?? b;
}

/** The op that refines, for f64; its attribute is whether the matrix is taken for positive definite. */
const refinedOp: KernelOp<boolean> = {
  kind: "kernel",
  name: "solve",
  call: ([a = empty, b = empty], _, isPositive) => {
    const { batch, count, rows: n } = matricesOf(a);
    const { columns: m } = matricesOf(b);
    return {
      kernel: "refinedSolve",
      dtype: "f64",
      words: [count, n, m, Number(isPositive)],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: refinedScratch(count, n, m),
      status: matrixStatus("solve", batch, isPositive ? notPositive : singular(n)),
      unsupported: onCpuOnly("solve"),
    };
  },
  gradient: ({ inputs: [a], outputs: [x], cotangents: [dx], attributes: isPositive, wanted: [forA] }) => {
    if (a === undefined || x === undefined || dx === undefined) return [];
    const db = refined(isPositive ? a : transpose(a), dx, isPositive);
    if (forA !== true) return [undefined, db];
    const da = neg(matmul(db, transpose(x)));
    // Only a symmetric part has a meaning where one triangle stands for both.
    return [isPositive ? mul(add(da, transpose(da)), 0.5) : da, db];
  },
  flops: (inputs, outputs) => solveOp.flops(inputs, outputs, "solve"),
  work: "factorization",
};

function refined(a: Tensor, b: Tensor, isPositive: boolean): Tensor {
  const [x] = recorderOf("solve", [a]).record(refinedOp, [a, b], isPositive, [{ shape: b.shape, dtype: "f64" }]);
  return x ?? b;
}

/** Options of `solve`. */
export interface SolveOptions {
  /** "positive" takes a for symmetric positive definite, reads its lower triangle and halves the work. */
  readonly assume?: "general" | "positive";
  /**
   * Answers in f64, whatever the operands are, from factors in f32: the solution is refined until it is as good as factors in f64
   * would have made it, which takes two or three products with a. Where it does not come to that, for a condition of 10⁷ and
   * more, the matrix is factored in f64 after all. Worth it for large matrices with few right-hand sides.
   */
  readonly refine?: boolean;
}

/**
 * x with a · x = b, for square a [..., n, n] and b [..., n, m] or [n]; batches broadcast. The run throws a LinAlgError
 * naming the pivot of a singular matrix, or the leading minor of one that was said to be positive definite and is not. With
 * `refine` the result is f64, at nearly the speed of f32; gradients are refined as well.
 */
export function solve(a: Tensor, b: Tensor, options: SolveOptions = {}): Tensor {
  requireArguments("solve", { a, b }, options);
  const { assume = "general", refine = false } = options;
  if (!(["general", "positive"] as readonly string[]).includes(assume))
    throw new ParameterError("solve", `assume must be "general" or "positive", got ${assume}`);
  if (typeof refine !== "boolean")
    throw new ParameterError("solve", `refine must be true or false, got ${String(refine)}`);
  const { left, right, finish } = systemOf("solve", a, b);
  if (refine) return finish(refined(converted(left, "f64"), converted(right, "f64"), assume === "positive"));
  if (assume === "general") return finish(solved("solve", left, right));
  return left.recorder.compose("solve", () => {
    const l = choleskyFactor("solve", left);
    const y = triangularSolve("solve", l, right, {});
    return finish(triangularSolve("solve", l, y, { transposed: true }));
  });
}

/** The inverse of square matrices [..., n, n]. The run throws a LinAlgError for a singular one. solve(a, b) is better for a⁻¹ b. */
export function inv(a: Tensor): Tensor {
  return inverse("inv", requireSquare("inv", a));
}

/** The inverse under another name. */
export function inverse(name: string, a: Tensor): Tensor {
  return solved(name, a, broadcasted(identityLike(a, a.shape.at(-1) ?? 0), a.shape));
}
