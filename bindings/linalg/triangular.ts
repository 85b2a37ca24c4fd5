// Triangular systems, [..., n, n] with any number of right-hand sides. Read next: solve.ts.
import { bytesOf } from "../core/dtype.ts";
import { promote } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { show, sizeOf } from "../core/shape.ts";
import { neg } from "../ops/arithmetic.ts";
import { converted } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { tril, triu } from "../ops/joining.ts";
import { alignBatches, matricesOf, matrixStatus, onCpuOnly, requireMatrices, requireSquare } from "../ops/matrices.ts";
import { expandDims, squeeze, transpose } from "../ops/movement.ts";
import { crewParts, triangularScratch } from "../ops/matrix-scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { recorderOf, requireArguments } from "../ops/tensor.ts";

/** Options of `solveTriangular`. */
export interface TriangularOptions {
  /** Read the upper triangle; the lower one unless said otherwise. */
  readonly upper?: boolean;
  /** Solve with the transpose of the triangle. */
  readonly transposed?: boolean;
  /** Take the diagonal as 1; it is not read. */
  readonly unitDiagonal?: boolean;
}

interface Attributes extends Required<TriangularOptions> {
  readonly name: string;
}

const empty: Spec = { shape: [0, 0], dtype: "f32" };

const triangularOp: KernelOp<Attributes> = {
  kind: "kernel",
  name: "solveTriangular",
  call: ([a = empty, b = empty], _, { name, upper, transposed, unitDiagonal }) => {
    const { batch, count, rows: n } = matricesOf(a);
    const { columns: m } = matricesOf(b);
    return {
      kernel: "triangularSolve",
      dtype: a.dtype,
      words: [count, n, m, Number(!upper), Number(transposed), Number(unitDiagonal)],
      workgroups: count,
      parts: crewParts(count, n),
      scratch: triangularScratch(n, m, bytesOf(a.dtype)),
      status: matrixStatus(
        name,
        batch,
        (pivot) => `is singular: element ${String(pivot - 1)} of its diagonal is 0. Use lstsq or pinv`,
      ),
      unsupported: onCpuOnly("solveTriangular"),
    };
  },
  gradient: ({ inputs: [a], outputs: [x], cotangents: [dx], attributes, wanted: [forA] }) => {
    if (a === undefined || x === undefined || dx === undefined) return [];
    const { name, upper, transposed, unitDiagonal } = attributes;
    const db = triangularSolve(name, a, dx, { upper, unitDiagonal, transposed: !transposed });
    if (forA !== true) return [undefined, db];
    const da = neg(transposed ? matmul(x, transpose(db)) : matmul(db, transpose(x)));
    const offset = unitDiagonal ? 1 : 0;
    return [upper ? triu(da, offset) : tril(da, -offset), db];
  },
  flops: ([a], [x]) => sizeOf(x?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: "factorization",
};

/** The solution under another name; operands of equal type and batch. */
export function triangularSolve(name: string, a: Tensor, b: Tensor, options: TriangularOptions): Tensor {
  const { upper = false, transposed = false, unitDiagonal = false } = options;
  const attributes = { name, upper, transposed, unitDiagonal };
  const [x] = recorderOf(name, [a]).record(triangularOp, [a, b], attributes, [{ shape: b.shape, dtype: a.dtype }]);
  return x ?? b;
}

/**
 * Operands of a system: floats of one type with one batch, the right-hand sides as columns; `finish` takes the added axis
 * away again where b is a vector.
 */
export function systemOf(
  op: string,
  a: Tensor,
  b: Tensor,
): { readonly left: Tensor; readonly right: Tensor; readonly finish: (x: Tensor) => Tensor } {
  requireArguments(op, { a, b });
  const isVector = b.rank === 1;
  const square = requireSquare(op, a);
  const columns = isVector ? expandDims(b, -1) : b;
  const floats = requireMatrices(op, columns, "b");
  const n = a.shape.at(-1) ?? 0;
  if (floats.shape.at(-2) !== n) {
    throw new ShapeError(
      op,
      `a is ${show(a.shape)}, so b must have ${String(n)} rows, got ${show(b.shape)}. A vector, or a matrix with a column for each right-hand side`,
    );
  }
  const dtype = promote(square.dtype, floats.dtype);
  const [left, right] = alignBatches(op, converted(square, dtype), converted(floats, dtype));
  return { left, right, finish: (x) => (isVector ? squeeze(x, -1) : x) };
}

/**
 * x with a · x = b for triangular a [..., n, n] and b [..., n, m] or [n]; batches broadcast. The other triangle is not read
 * and has no gradient. The run throws a LinAlgError naming the element of the diagonal that is 0.
 */
export function solveTriangular(a: Tensor, b: Tensor, options: TriangularOptions = {}): Tensor {
  requireArguments("solveTriangular", { a, b }, options);
  const { left, right, finish } = systemOf("solveTriangular", a, b);
  return finish(triangularSolve("solveTriangular", left, right, options));
}
