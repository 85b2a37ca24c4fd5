// A second name for a tensor: the same elements as a node of their own. Differentiation needs it to tell positions apart.
// Read next: ../autodiff/grad.ts.
import { recordView } from "./broadcasting.ts";
import type { ViewOp } from "./descriptor.ts";
import type { Tensor } from "./tensor.ts";

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
