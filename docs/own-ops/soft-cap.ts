// Logits held softly inside of (-cap, cap): an op from an expression.
import { defineOp } from "athanor";

/** cap · tanh(x / cap). */
export const softCap = defineOp("softCap", {
  inputs: ["x"],
  attributes: { cap: 30 },
  expression: ({ x }, e, { cap }) => e.mul(cap, e.tanh(e.div(x, cap))),
});
