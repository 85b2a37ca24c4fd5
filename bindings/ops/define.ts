// Turns a descriptor into the function a user calls: operands are promoted, shapes broadcast, a node recorded.
// The only file that knows how ops of kind "map" become callables and how their gradients are derived.
// Knows no engine: recording goes through the tensor's recorder. Read next: arithmetic.ts for what a definition looks like.
import type { DType } from "../core/dtype.ts";
import { dtypeOfNumber, floatOf, isFloating, promote, requireDType } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { broadcastShapes } from "../core/shape.ts";
import { differentiate } from "../expr/differentiate.ts";
import type { Expression } from "../expr/expression.ts";
import { apply, input, inputCount, substitute, topological } from "../expr/expression.ts";
import { cast } from "../expr/primitives/logic.ts";
import { sumTo } from "./broadcasting.ts";
import type { Gradient, GradientContext, MapAttributes, MapOp } from "./descriptor.ts";
import type { Tensor, TensorLike } from "./tensor.ts";
import { describe, isTensor, recorderOf } from "./tensor.ts";

/** How an elementwise op is written down. */
export interface ElementwiseDefinition<Operands extends readonly Expression[]> {
  /** Names of the operands, in order, for messages. */
  readonly operands: { readonly [I in keyof Operands]: string };
  /**
   * The types the op computes in. With "floating", integers are converted to the float that holds them (`floatOf`).
   * "any" leaves types to the expression. A list refuses the rest.
   */
  readonly dtypes: "any" | "floating" | readonly DType[];
  /** Indexes of operands that must be bool and take no part in promotion. */
  readonly conditions?: readonly number[];
  /** One element of the result. */
  readonly expression: (...operands: Operands) => Expression;
  /**
   * The gradient for each operand from operands, result and cotangent, where the derived one would lose accuracy.
   * Its own gradient is derived.
   */
  readonly gradient?: (
    operands: Operands,
    result: Expression,
    cotangent: Expression,
  ) => readonly (Expression | undefined)[];
  /** The gradient in ops, in place of both. */
  readonly gradientInOps?: Gradient<MapAttributes>;
}

/** An op that works element by element, callable; `op` is its descriptor and `build` its expression for given types. */
export interface ElementwiseFunction<Arguments extends readonly TensorLike[] = readonly TensorLike[]> {
  (...operands: Arguments): Tensor;
  readonly op: MapOp;
  readonly arity: number;
  /** The expression for operands of these types, before any fusion. Used by the kernel generator and by tests. */
  readonly build: (dtypes: readonly DType[]) => Expression;
}

export type UnaryFunction = ElementwiseFunction<[x: TensorLike]>;
export type BinaryFunction = ElementwiseFunction<[x: TensorLike, y: TensorLike]>;
export type TernaryFunction = ElementwiseFunction<[x: TensorLike, y: TensorLike, z: TensorLike]>;

type Expressions<Arguments extends readonly unknown[]> = { readonly [I in keyof Arguments]: Expression };

/**
 * Defines an elementwise op. From the expression follow: the WASM kernel (at the next build), WGSL, fusion,
 * broadcasting, promotion, gradients of every order and the cost.
 */
/* @__NO_SIDE_EFFECTS__ */
export function elementwise<Arguments extends readonly TensorLike[]>(
  name: string,
  definition: NoInfer<ElementwiseDefinition<Expressions<Arguments>>>,
): ElementwiseFunction<Arguments> {
  const names: readonly string[] = definition.operands;
  const build = (dtypes: readonly DType[]): Expression => {
    const operands = dtypes.map((dtype, index) => input(index, dtype));
    return definition.expression(...(convert(name, names, operands, definition) as Expressions<Arguments>));
  };
  const custom = definition.gradient;
  const op: MapOp = {
    kind: "map",
    name,
    gradient:
      definition.gradientInOps ??
      ((context) =>
        mapGradient(name, context, (result, cotangent) => {
          if (custom === undefined) return undefined;
          const operands = context.inputs.map((tensor, index) => input(index, tensor.dtype));
          const converted = convert(name, names, operands, definition) as Expressions<Arguments>;
          return custom(converted, result, cotangent).map((g, i) =>
            g === undefined ? undefined : cast(g, operands[i]?.dtype ?? g.dtype),
          );
        })),
  };
  const cache = new Map<string, Expression>();
  const call = (...operands: Arguments): Tensor => {
    if (operands.length !== names.length) {
      throw new ParameterError(
        name,
        `expects ${String(names.length)} operands (${names.join(", ")}), got ${String(operands.length)}`,
      );
    }
    const tensors = toTensors(name, operands, names, definition.conditions);
    const dtypes = tensors.map((tensor) => tensor.dtype);
    const key = dtypes.join();
    let expression = cache.get(key);
    if (expression === undefined) cache.set(key, (expression = build(dtypes)));
    return recordMap(op, tensors, expression);
  };
  return Object.assign(call, { op, arity: names.length, build });
}

/** Operand expressions in the one type the op computes in. */
function convert<Operands extends readonly Expression[]>(
  name: string,
  names: readonly string[],
  operands: readonly Expression[],
  definition: ElementwiseDefinition<Operands>,
): readonly Expression[] {
  const conditions = definition.conditions ?? [];
  const values = operands.filter((_, index) => !conditions.includes(index));
  const common = values.map((operand) => operand.dtype).reduce(promote, values[0]?.dtype ?? "bool");
  const target = definition.dtypes === "floating" ? floatOf(common) : common;
  if (typeof definition.dtypes !== "string") requireDType(name, names[0] ?? "x", target, definition.dtypes);
  return operands.map((operand, index) => cast(operand, conditions.includes(index) ? "bool" : target));
}

/**
 * Numbers become scalars of the type they take beside the tensors, conditions not counted. Several numbers take one type:
 * a float if one of them has a fraction.
 */
export function toTensors(
  name: string,
  operands: readonly TensorLike[],
  names: readonly string[],
  conditions: readonly number[] = [],
): readonly Tensor[] {
  if (operands.every(isTensor)) return operands;
  const recorder = recorderOf(name, operands);
  const values = operands.filter((_, index) => !conditions.includes(index));
  const beside = values.filter(isTensor).map((tensor) => tensor.dtype);
  const numbers = values.filter((value) => typeof value === "number");
  const common = beside.length > 0 ? beside.reduce(promote) : numbers.every(Number.isInteger) ? "i32" : "f32";
  const shared = numbers.map((value) => dtypeOfNumber(value, common)).find(isFloating);
  return operands.map((operand, index) => {
    if (isTensor(operand)) return operand;
    if (typeof operand !== "number") {
      throw new ParameterError(
        name,
        `${names[index] ?? "operand"} must be a tensor or a number, got ${describe(operand)}. Wrap it: tensor(value)`,
      );
    }
    return recorder.scalar(operand, shared ?? dtypeOfNumber(operand, common));
  });
}

/** Records a map node for an expression over the tensors. */
export function recordMap(op: MapOp, tensors: readonly Tensor[], expression: Expression): Tensor {
  const shape = broadcastShapes(
    op.name,
    tensors.map((tensor) => tensor.shape),
  );
  const [result] = recorderOf(op.name, tensors).record<MapAttributes>(op, tensors, { expression }, [
    { shape, dtype: expression.dtype },
  ]);
  if (result === undefined) throw new ParameterError(op.name, "recorded no output");
  return result;
}

/** Drops operands the expression does not read and numbers the others anew. */
function prune(tensors: readonly Tensor[], expression: Expression): { tensors: Tensor[]; expression: Expression } {
  const used = new Set<number>();
  for (const node of topological(expression)) if (node.kind === "input") used.add(node.index);
  const kept: Tensor[] = [];
  const replacements: Expression[] = [];
  for (let index = 0; index < inputCount(expression); index++) {
    const tensor = tensors[index];
    if (tensor === undefined) continue;
    replacements.push(input(kept.length, tensor.dtype));
    if (used.has(index)) kept.push(tensor);
  }
  return { tensors: kept, expression: substitute(expression, replacements) };
}

/** Gradients of a map node: expressions over its operands, its result and the cotangent, summed to the operands' shapes. */
function mapGradient(
  name: string,
  context: GradientContext<MapAttributes>,
  custom: (result: Expression, cotangent: Expression) => readonly (Expression | undefined)[] | undefined,
): (Tensor | undefined)[] {
  const { inputs, outputs, cotangents, attributes, wanted } = context;
  const [output] = outputs;
  const [cotangent] = cotangents;
  if (output === undefined || cotangent === undefined || !isFloating(output.dtype)) return [];
  const seed = input(inputs.length + 1, cotangent.dtype);
  const result = input(inputs.length, output.dtype);
  const indexes = inputs
    .map((_, index) => index)
    .filter((index) => wanted[index] === true && isFloating(inputs[index]?.dtype ?? "bool"));
  const own = custom(result, seed);
  const derived =
    own === undefined ? differentiate(attributes.expression, seed, indexes) : indexes.map((index) => own[index]);
  const gradients = new Array<Tensor | undefined>(inputs.length).fill(undefined);
  indexes.forEach((index, position) => {
    const expression = derived[position];
    const operand = inputs[index];
    if (expression === undefined || operand === undefined) return;
    // Where the derivation met the op's own value it used the expression; reading the stored result is cheaper.
    const reused = replaceSubtree(expression, attributes.expression, result);
    const pruned = prune([...inputs, output, cotangent], reused);
    if (pruned.tensors.length === 0) return;
    const op: MapOp = { kind: "map", name: `${name}Gradient`, gradient: derivedGradient };
    gradients[index] = sumTo(recordMap(op, pruned.tensors, pruned.expression), operand.shape);
  });
  return gradients;
}

const derivedGradient = (context: GradientContext<MapAttributes>): (Tensor | undefined)[] =>
  mapGradient("derived", context, () => undefined);

/** `root` with every occurrence of `target` replaced. */
function replaceSubtree(root: Expression, target: Expression, replacement: Expression): Expression {
  if (target.kind !== "apply") return root;
  const made = new Map<Expression, Expression>([[target, replacement]]);
  for (const node of topological(root)) {
    if (made.has(node)) continue;
    const same = node.kind !== "apply" || node.operands.every((operand) => made.get(operand) === operand);
    made.set(
      node,
      same
        ? node
        : apply(
            node.primitive,
            node.operands.map((operand) => made.get(operand) ?? operand),
            node.dtype,
          ),
    );
  }
  return made.get(root) ?? root;
}
