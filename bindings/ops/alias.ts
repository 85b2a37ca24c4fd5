// How views are recorded, and a second name for a tensor: the same elements as a node and a handle of their own.
// Differentiation needs it to tell positions apart, and ops that have nothing to do return it: a result that was the
// operand itself would be disposed together with it. Read next: broadcasting.ts; ../autodiff/grad.ts.
import type { Shape } from "../core/shape.ts";
import type { ViewOp } from "./descriptor.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf } from "./tensor.ts";

/** Records a node of kind "view". */
export function recordView<A>(op: ViewOp<A>, x: Tensor, shape: Shape, attributes: A): Tensor {
  const [result] = recorderOf(op.name, [x]).record(op, [x], attributes, [{ shape, dtype: x.dtype }]);
  return result ?? x;
}

const aliasOp: ViewOp<null> = {
  kind: "view",
  name: "alias",
  layout: (source) => source,
  gradient: ({ cotangents: [dy] }) => [dy],
};

/** The tensor itself, as a new node. */
export function alias(x: Tensor): Tensor {
  return recordView(aliasOp, x, x.shape, null);
}

/** `result` for a caller who must not get an operand back. */
export function own(result: Tensor, ...operands: readonly Tensor[]): Tensor {
  return operands.includes(result) ? alias(result) : result;
}
