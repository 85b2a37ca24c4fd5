// Scalar expressions: what an elementwise op computes for one element, as a hash-consed graph.
// Equal subtrees are the same object, so "computed once" is a property of the data and not an optimisation.
// Knows the element types but no tensors and no devices. Read next: primitives.ts, then the lowerings
// to-assembly.ts (build time), to-wgsl.ts and to-wasm.ts (run time).
import type { DType } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";

/** The value of operand `index` at the current element. */
export interface Input {
  readonly kind: "input";
  readonly id: number;
  readonly dtype: DType;
  readonly index: number;
}

/** A literal. */
export interface Constant {
  readonly kind: "constant";
  readonly id: number;
  readonly dtype: DType;
  readonly value: number;
}

/** A primitive applied to operands. */
export interface Apply {
  readonly kind: "apply";
  readonly id: number;
  readonly dtype: DType;
  readonly primitive: Primitive;
  readonly operands: readonly Expression[];
}

export type Expression = Input | Constant | Apply;

/** What builders accept: a number takes the type of the expression beside it. */
export type Operand = Expression | number;

/**
 * How a primitive is computed on the CPU for one element type: a SIMD instruction (its AssemblyScript method and its
 * opcode after the 0xFD prefix), or the name of an exported function of the kernel module, with the opcode that does
 * the same when the second operand is a literal.
 */
export type Code =
  { readonly method: string; readonly opcode: number } | { readonly helper: string; readonly byConstant?: number };

/** One row of the primitive table: everything a lowering, the differentiation and the cost model need to know. */
export interface Primitive {
  readonly name: string;
  readonly arity: number;
  /** Type of the result: that of the operands, or bool for comparisons. */
  readonly result: "same" | "bool" | "cast";
  /** Approximate floating-point operations an element. */
  readonly cost: number;
  /** CPU code by operand type; a type that is absent is refused. u8 and bool travel as 32-bit lanes. */
  readonly wasm: Readonly<Partial<Record<DType, Code>>>;
  /** WGSL text from operand texts. */
  readonly wgsl: (operands: readonly string[], dtype: DType) => string;
  /** Partial derivatives by each operand; undefined where zero everywhere. */
  readonly derivative: (operands: readonly Expression[], result: Expression) => readonly (Operand | undefined)[];
}

const interned = new Map<string, Expression>();
let nextId = 0;

type Unnumbered = Omit<Input, "id"> | Omit<Constant, "id"> | Omit<Apply, "id">;

function intern(key: string, node: Unnumbered): Expression {
  const known = interned.get(key);
  if (known !== undefined) return known;
  const made = { ...node, id: nextId++ };
  interned.set(key, made);
  return made;
}

/** The value of operand `index`. */
export function input(index: number, dtype: DType): Expression {
  return intern(`i${String(index)}:${dtype}`, { kind: "input", dtype, index });
}

/** A literal of type `dtype`. */
export function constant(value: number, dtype: DType): Expression {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return intern(`c${text}:${dtype}`, { kind: "constant", dtype, value });
}

/** Applies a primitive whose operand types are already equal, or lets numbers take the type beside them. */
export function apply(primitive: Primitive, operands: readonly Operand[], to?: DType): Expression {
  const typed = operands.find((operand) => typeof operand !== "number");
  const dtype = typed?.dtype ?? "f32";
  const list = operands.map((operand) => (typeof operand === "number" ? constant(operand, dtype) : operand));
  const values = primitive.arity === 3 ? list.slice(1) : list;
  const own = values[0]?.dtype ?? dtype;
  if (values.some((operand) => operand.dtype !== own)) {
    throw new DTypeError(
      primitive.name,
      `operands must have one type, got ${list.map((operand) => operand.dtype).join(", ")}. Cast them first`,
    );
  }
  if (primitive.result !== "cast" && primitive.wasm[own] === undefined) {
    throw new DTypeError(
      primitive.name,
      `is not defined for ${own}; it takes ${Object.keys(primitive.wasm).join(", ")}. Cast the operand first`,
    );
  }
  const result = primitive.result === "same" ? own : primitive.result === "bool" ? "bool" : (to ?? own);
  const key = `${primitive.name}:${result}(${list.map((operand) => operand.id).join(",")})`;
  return intern(key, { kind: "apply", dtype: result, primitive, operands: list });
}

/** The nodes of an expression, each once, operands before their users. */
export function topological(root: Expression): Expression[] {
  const order: Expression[] = [];
  const seen = new Set<Expression>();
  const visit = (node: Expression): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === "apply") for (const operand of node.operands) visit(operand);
    order.push(node);
  };
  visit(root);
  return order;
}

/** The expression with every input `i` replaced by `replacements[i]`. */
export function substitute(root: Expression, replacements: readonly Expression[]): Expression {
  const made = new Map<Expression, Expression>();
  for (const node of topological(root)) {
    if (node.kind === "input") {
      const replacement = replacements[node.index];
      if (replacement === undefined) throw new RangeError(`expression input ${String(node.index)} has no replacement`);
      made.set(node, replacement);
    } else if (node.kind === "constant") made.set(node, node);
    else
      made.set(
        node,
        apply(
          node.primitive,
          node.operands.map((operand) => made.get(operand) ?? operand),
          node.dtype,
        ),
      );
  }
  return made.get(root) ?? root;
}

/** The largest input index used, plus one. */
export function inputCount(root: Expression): number {
  let count = 0;
  for (const node of topological(root)) if (node.kind === "input") count = Math.max(count, node.index + 1);
  return count;
}

/** The type of every input read, by index. */
export function inputTypes(expression: Expression): Map<number, DType> {
  const types = new Map<number, DType>();
  for (const node of topological(expression)) if (node.kind === "input") types.set(node.index, node.dtype);
  return types;
}

/** Floating-point operations an element: the sum over distinct nodes, of those that cost at least `from`. */
export function costOf(root: Expression, from = 0): number {
  let cost = 0;
  for (const node of topological(root))
    if (node.kind === "apply" && node.primitive.cost >= from) cost += node.primitive.cost;
  return cost;
}

/** A readable form, `mul(x0, exp(x1))`, for explain and for messages. */
export function print(root: Expression): string {
  if (root.kind === "input") return `x${String(root.index)}`;
  if (root.kind === "constant") return String(root.value);
  const name = root.primitive.result === "cast" ? root.dtype : root.primitive.name;
  return `${name}(${root.operands.map(print).join(", ")})`;
}
