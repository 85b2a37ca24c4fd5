// The logistic function as an expression: a part of several ops and of their gradients.
// Knows no tensors. Read next: activation.ts.
import type { Expression } from "../expr/expression.ts";
import { constant } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";

/** e^−|x|, which never overflows, and on which side of 0 x lies. The exponent is a selection: |x| has no slope at 0. */
export function decay(x: Expression): { readonly isPositive: Expression; readonly e: Expression } {
  const isPositive = scalar.greaterEqual(x, 0);
  return { isPositive, e: scalar.exp(scalar.select(isPositive, scalar.neg(x), x)) };
}

/** 1 / (1 + e^−x), accurate to the last bits on both sides: 1/(1+e) or e/(1+e) with e = e^−|x|. */
export function sigmoidOf(x: Expression): Expression {
  const { isPositive, e } = decay(x);
  return scalar.div(scalar.select(isPositive, constant(1, x.dtype), e), scalar.add(e, 1));
}
