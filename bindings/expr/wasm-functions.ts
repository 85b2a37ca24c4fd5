// The transcendental functions of f32 that are written out where they are used instead of called: inline, four vectors go
// through them at a time and every constant is loaded once for all. This is their only form: assembly/ gets its own from
// here at build time. Read next: wasm-exponentials.ts and wasm-logarithms.ts for the mathematics; to-wasm.ts.
import type { Expression } from "./expression.ts";
import { apply, constant, input, topological } from "./expression.ts";
import { add, div, exp, greaterEqual, neg, select } from "./primitives/index.ts";
import * as exponentials from "./wasm-exponentials.ts";
import * as logarithms from "./wasm-logarithms.ts";
import type { VectorTarget } from "./wasm-vector.ts";
import { Vector } from "./wasm-vector.ts";

type VectorFunction = (vector: Vector, x: Expression) => Expression;

const { sigmoid, ...ofPrimitives } = { ...exponentials, ...logarithms };
const functions: Readonly<Partial<Record<string, VectorFunction>>> = ofPrimitives;

/** Names of the functions. */
export const functionNames: readonly string[] = Object.keys({ ...exponentials, ...logarithms });

/** A function of input 0, for AssemblyScript. */
export function functionForAssembly(name: string): Expression {
  const write = name === "sigmoid" ? sigmoid : functions[name];
  if (write === undefined) throw new RangeError(`there is no function ${name}`);
  return write(new Vector("assembly"), input(0, "f32"));
}

/** The x of the logistic function as ops/sigmoid-expression.ts writes it: the form that any device computes well. */
function logisticOperand(node: Expression): Expression | undefined {
  if (node.kind !== "apply" || node.primitive.name !== "div") return undefined;
  const [numerator] = node.operands;
  const condition = numerator?.kind === "apply" ? numerator.operands[0] : undefined;
  const x = condition?.kind === "apply" ? condition.operands.find(({ kind }) => kind !== "constant") : undefined;
  if (x?.dtype !== "f32") return undefined;
  const isPositive = greaterEqual(x, 0);
  const e = exp(select(isPositive, neg(x), x));
  return node === div(select(isPositive, constant(1, "f32"), e), add(e, 1)) ? x : undefined;
}

interface Inlined {
  readonly write: VectorFunction;
  readonly x: Expression;
}

function inlined(node: Expression): Inlined | undefined {
  if (node.kind !== "apply" || node.dtype !== "f32") return undefined;
  const ofLogistic = logisticOperand(node);
  if (ofLogistic !== undefined) return { write: sigmoid, x: ofLogistic };
  const write = functions[node.primitive.name];
  const [x] = node.operands;
  return write !== undefined && x !== undefined ? { write, x } : undefined;
}

/** Whether `inlineFunctions` changes the expression. */
export function hasInlined(root: Expression): boolean {
  return topological(root).some((node) => inlined(node) !== undefined);
}

/** The nodes that are still there once functions are written out: what a logistic function is made of is not. */
function neededFor(root: Expression): Set<Expression> {
  const needed = new Set([root]);
  for (const node of needed) {
    if (node.kind !== "apply") continue;
    const found = inlined(node);
    for (const operand of found === undefined ? node.operands : [found.x]) needed.add(operand);
  }
  return needed;
}

/**
 * The expression with the functions written out; in their short forms if there is a list for masks of the lanes that those
 * do not serve.
 */
export function inlineFunctions(root: Expression, relaxed: boolean, exceptions?: Expression[]): Expression {
  const target: VectorTarget = relaxed ? "relaxed" : "base";
  const vector = new Vector(target, exceptions);
  const made = new Map<Expression, Expression>();
  const madeOf = (node: Expression): Expression => made.get(node) ?? node;
  const needed = neededFor(root);
  for (const node of topological(root)) {
    if (node.kind !== "apply" || !needed.has(node)) continue;
    const found = inlined(node);
    const written =
      found !== undefined
        ? found.write(vector, madeOf(found.x))
        : apply(node.primitive, node.operands.map(madeOf), node.dtype);
    made.set(node, written);
  }
  return madeOf(root);
}
