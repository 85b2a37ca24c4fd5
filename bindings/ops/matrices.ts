// What ops on matrices share: how their operands are checked, how a batch is counted, and the words for what their kernels
// report (assembly/linalg/status.ts). Knows no decomposition. Read next: eigh.ts; ../linalg/cholesky.ts.
import { computedIn, floatOf } from "../core/dtype.ts";
import { LinAlgError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { broadcastPair, show, sizeOf } from "../core/shape.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import { converted, equal } from "./comparison.ts";
import type { KernelStatus } from "./descriptor.ts";
import { iota } from "./iota.ts";
import type { Spec, Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

/** Codes that every kernel on matrices may report; positive ones are its own. */
const notFinite = -1;

/** The matrices of a batch [..., rows, columns]. */
export interface Matrices {
  readonly batch: Shape;
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
}

/** How the last two axes and the ones before them are to be read. */
export function matricesOf({ shape }: Spec): Matrices {
  const batch = shape.slice(0, -2);
  return { batch, count: sizeOf(batch), rows: shape.at(-2) ?? 1, columns: shape.at(-1) ?? 1 };
}

/** A matrix or a batch of them as floats, halves as f32. Throws a ShapeError naming `op` for anything of less than two axes. */
export function requireMatrices(op: string, a: Tensor, name = "a"): Tensor {
  requireArguments(op, { [name]: a });
  if (a.rank < 2)
    throw new ShapeError(op, `${name} must be a matrix [..., m, n], got ${show(a.shape)}. Reshape it or add axes`);
  return converted(a, computedIn(floatOf(a.dtype)));
}

/** The same for square matrices. */
export function requireSquare(op: string, a: Tensor, name = "a"): Tensor {
  requireArguments(op, { [name]: a });
  if (a.rank < 2 || a.shape.at(-2) !== a.shape.at(-1))
    throw new ShapeError(op, `expects square matrices, got ${show(a.shape)}`);
  return converted(a, computedIn(floatOf(a.dtype)));
}

/** Two operands with their batch axes broadcast to each other. */
export function alignBatches(op: string, a: Tensor, b: Tensor): readonly [a: Tensor, b: Tensor] {
  const batch = broadcastPair(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (batch === undefined) {
    throw new ShapeError(
      op,
      `batch axes do not broadcast: a is ${show(a.shape)}, b is ${show(b.shape)}. All axes but the last two must be equal or 1`,
    );
  }
  return [broadcasted(a, [...batch, ...a.shape.slice(-2)]), broadcasted(b, [...batch, ...b.shape.slice(-2)])];
}

/** The [n, n] identity, of the type and for the engine of `like`. */
export function identityLike(like: Tensor, n: number): Tensor {
  const index = iota(like.recorder, n);
  return converted(equal(index, reshaped(index, [n, 1])), like.dtype);
}

/** Which matrix of a batch, in words. */
function which(batch: Shape, item: number): string {
  if (batch.length === 0) return "the matrix";
  const index: number[] = [];
  let rest = item;
  for (const extent of [...batch].reverse()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `matrix [${index.join(", ")}] of the batch`;
}

/** The errors of an op's kernel; `explain` has the words for its own codes, what the matrix is and what to do. */
export function matrixStatus(op: string, batch: Shape, explain?: (code: number) => string): KernelStatus {
  return (item, code) => {
    const what =
      code === notFinite
        ? "holds NaN or infinity. isFinite(a) shows where"
        : code < 0
          ? "did not converge. Please report it with the matrix: the limit is far above what is known to be needed"
          : (explain?.(code) ?? `failed with code ${String(code)}`);
    return new LinAlgError(op, `${which(batch, item)} ${what}`);
  };
}

/** Why a kernel does not run on the GPU, for placement and explain. */
export function onCpuOnly(op: string): { readonly webgpu: string } {
  return { webgpu: `${op} runs on the CPU: its steps depend on one another` };
}
