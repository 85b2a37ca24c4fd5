// Systems of linear equations and inverses, by elimination with partial pivoting or by Cholesky factors.
// Read next: lu.ts, triangular.ts.
import { bytesOf } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { sizeOf } from "../core/shape.ts";
import { neg } from "../ops/arithmetic.ts";
import { broadcasted } from "../ops/broadcasting.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { identityLike, matricesOf, matrixStatus, onCpuOnly, requireSquare } from "../ops/matrices.ts";
import { transpose } from "../ops/movement.ts";
import { solveScratch } from "../ops/scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf, requireArguments } from "../ops/tensor.ts";
import { choleskyFactor } from "./cholesky.ts";
import { systemOf, triangularSolve } from "./triangular.ts";

const empty: Spec = { shape: [0, 0], dtype: "f32" };

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
      parts: count,
      scratch: solveScratch(count, n, m, bytesOf(a.dtype)),
      status: matrixStatus(
        name,
        batch,
        (pivot) => `is singular: pivot ${String(pivot)} of ${String(n)} is 0. Use lstsq or pinv, or look at matrixRank`,
      ),
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

/** Options of `solve`. */
export interface SolveOptions {
  /** "positive" takes a for symmetric positive definite, reads its lower triangle and halves the work. */
  readonly assume?: "general" | "positive";
}

/**
 * x with a · x = b, for square a [..., n, n] and b [..., n, m] or [n]; batches broadcast. The run throws a LinAlgError
 * naming the pivot of a singular matrix, or the leading minor of one that was said to be positive definite and is not.
 */
export function solve(a: Tensor, b: Tensor, options: SolveOptions = {}): Tensor {
  requireArguments("solve", { a, b }, options);
  const { assume = "general" } = options;
  if (!(["general", "positive"] as readonly string[]).includes(assume))
    throw new ParameterError("solve", `assume must be "general" or "positive", got ${assume}`);
  const { left, right, finish } = systemOf("solve", a, b);
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
