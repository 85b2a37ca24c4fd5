// Symbolic differentiation of scalar expressions: the gradient of an elementwise op is again an expression.
// Reverse accumulation over the DAG, so the work is shared and second derivatives stay small.
// Knows nothing of tensors. Read next: ../ops/elementwise.ts, which turns the result into an op.
import type { Expression, Operand } from "./expression.ts";
import { constant, topological } from "./expression.ts";
import { add, mul, neg } from "./primitives/arithmetic.ts";
import { cast, select } from "./primitives/logic.ts";

/**
 * The vector-Jacobian products of `root`: for every input index in `wanted`, seed · ∂root/∂input as an expression, or
 * undefined where it is zero everywhere.
 */
export function differentiate(
  root: Expression,
  seed: Expression,
  wanted: readonly number[],
): (Expression | undefined)[] {
  const order = topological(root);
  const depends = new Map<Expression, boolean>();
  for (const node of order) {
    depends.set(
      node,
      node.kind === "input"
        ? wanted.includes(node.index)
        : node.kind === "apply" && node.operands.some((operand) => depends.get(operand)),
    );
  }
  const adjoints = new Map<Expression, Expression>([[root, seed]]);
  const found = new Map<number, Expression>();
  for (const node of order.reverse()) {
    const adjoint = adjoints.get(node);
    if (adjoint === undefined || depends.get(node) !== true) continue;
    if (node.kind === "input") {
      found.set(node.index, adjoint);
      continue;
    }
    if (node.kind !== "apply") continue;
    const partials = node.primitive.derivative(node.operands, node);
    node.operands.forEach((operand, index) => {
      const partial = partials[index];
      if (partial === undefined || depends.get(operand) !== true) return;
      const converted = cast(adjoint, operand.dtype);
      const term = scale(converted, partial);
      const known = adjoints.get(operand);
      adjoints.set(operand, known === undefined ? term : add(known, term));
    });
  }
  return wanted.map((index) => found.get(index));
}

// A selection between literals passes the adjoint through or stops it, so that an infinite adjoint times 0 is 0.
function scale(adjoint: Expression, partial: Operand): Expression {
  if (typeof partial === "number") return scaleBy(adjoint, partial);
  if (partial.kind === "constant") return scaleBy(adjoint, partial.value);
  if (partial.kind === "apply" && partial.primitive.name === "select") {
    const [condition, yes, no] = partial.operands;
    if (condition !== undefined && yes !== undefined && no !== undefined) {
      return select(condition, scale(adjoint, yes), scale(adjoint, no));
    }
  }
  return mul(partial, adjoint);
}

function scaleBy(adjoint: Expression, factor: number): Expression {
  if (factor === 0) return constant(0, adjoint.dtype);
  if (factor === 1) return adjoint;
  return factor === -1 ? neg(adjoint) : mul(adjoint, factor);
}
