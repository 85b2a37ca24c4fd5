// Turns a descriptor into the function a user calls: operands are promoted, shapes broadcast, a node recorded.
// The only file that knows how ops of kind "map" become callables and how their gradients are derived.
// Knows no engine: recording goes through the tensor's recorder. Read next: arithmetic.ts for what a definition looks like.
import type { DType } from "../core/dtype.ts";
import { computedIn, dtypeOfNumber, floatOf, isFloating, promote, requireDType } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import { broadcastShapes, sameShape } from "../core/shape.ts";
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
   * "any" leaves types to the expression. A list refuses the rest. Halves are computed in f32 and the result is rounded to a
   * half; with "own" the expression sees them as they are and says itself what becomes of them.
   */
  readonly dtypes: "any" | "floating" | "own" | readonly DType[];
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
  /**
   * The expression for operands of these types, before any fusion. Used by the kernel generator and by tests. `isHalf` tells
   * whether a float result is a half, where that is not to be seen from the types: a number beside halves is an f32.
   */
  readonly build: (dtypes: readonly DType[], isHalf?: boolean) => Expression;
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
  const build = (dtypes: readonly DType[], isHalf = commonOf(dtypes, definition.conditions) === "f16"): Expression => {
    const operands = dtypes.map((dtype, index) => input(index, dtype));
    const result = definition.expression(...(convert(name, names, operands, definition) as Expressions<Arguments>));
    return isHalf && definition.dtypes !== "own" && result.dtype === "f32" ? cast(result, "f16") : result;
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
    const isHalf =
      dtypes.includes("f16") && commonOf(typesOfTensors(operands, dtypes, definition.conditions)) === "f16";
    const key = `${dtypes.join()}${isHalf ? " half" : ""}`;
    let expression = cache.get(key);
    if (expression === undefined) cache.set(key, (expression = build(dtypes, isHalf)));
    return recordMap(op, tensors, expression);
  };
  return Object.assign(call, { op, arity: names.length, build });
}

/** The type in which values of these types meet, those at the indexes of conditions not counted; undefined for none. */
function commonOf(dtypes: readonly DType[], conditions: readonly number[] = []): DType | undefined {
  let common: DType | undefined;
  for (const [index, dtype] of dtypes.entries())
    if (!conditions.includes(index)) common = common === undefined ? dtype : promote(common, dtype);
  return common;
}

/** Of all types those of operands that are tensors and no conditions. */
function typesOfTensors(
  operands: readonly TensorLike[],
  dtypes: readonly DType[],
  conditions: readonly number[] = [],
): DType[] {
  return dtypes.filter((_, index) => !conditions.includes(index) && typeof operands[index] !== "number");
}

/** Operand expressions in the one type the op computes in. */
function convert<Operands extends readonly Expression[]>(
  name: string,
  names: readonly string[],
  operands: readonly Expression[],
  definition: ElementwiseDefinition<Operands>,
): readonly Expression[] {
  if (definition.dtypes === "own") return operands;
  const conditions = definition.conditions ?? [];
  const common = commonOf(
    operands.map(({ dtype }) => dtype),
    conditions,
  );
  const target = computedIn((definition.dtypes === "floating" ? floatOf : same)(common ?? "bool"));
  if (typeof definition.dtypes !== "string" && !definition.dtypes.includes(target))
    requireDType(name, names[0] ?? "x", common ?? target, definition.dtypes);
  return operands.map((operand, index) => cast(operand, conditions.includes(index) ? "bool" : target));
}

const same = (dtype: DType): DType => dtype;

/**
 * Numbers become scalars of the type they take beside the tensors, conditions not counted. Several numbers take one type:
 * a float if one of them has a fraction. Beside halves they are f32, so that they are not rounded before the result is.
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
    return recorder.scalar(operand, computedIn(shared ?? dtypeOfNumber(operand, common)));
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
  // What was rounded to a half is computed again: 1 − y, say, would be wrong by all that rounding took from y.
  const result = unrounded(attributes.expression) ?? input(inputs.length, output.dtype);
  const indexes = inputs
    .map((_, index) => index)
    .filter((index) => wanted[index] === true && isFloating(inputs[index]?.dtype ?? "bool"));
  const own = custom(result, cast(seed, result.dtype));
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
    const isSummed = !sameShape(operand.shape, output.shape);
    // Sums over halves are sums of what has not been rounded yet.
    const summand = isSummed ? (unrounded(pruned.expression) ?? pruned.expression) : pruned.expression;
    const sum = sumTo(recordMap(op, pruned.tensors, summand), operand.shape);
    gradients[index] = sum.dtype === operand.dtype ? sum : recordCast(sum, operand.dtype);
  });
  return gradients;
}

/** What an expression rounds to a half; undefined where it does not. */
function unrounded(expression: Expression): Expression | undefined {
  if (expression.dtype !== "f16" || expression.kind !== "apply") return undefined;
  const [value] = expression.operands;
  return value?.dtype === "f32" ? value : undefined;
}

/** Records a conversion; comparison.ts has the one that users call. */
function recordCast(x: Tensor, dtype: DType): Tensor {
  const op: MapOp = { kind: "map", name: "cast", gradient: derivedGradient };
  return recordMap(op, [x], cast(input(0, x.dtype), dtype));
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
