// A user's op from an expression: an elementwise op like our own, with its numeric attributes as further operands.
// For every setting of the other attributes there is one expression. Read next: ../define.ts, which does the work.
import { isFloating } from "../../core/dtype.ts";
import { DTypeError, ParameterError } from "../../core/errors.ts";
import type { Expression } from "../../expr/expression.ts";
import * as scalar from "../../expr/primitives/index.ts";
import { sumTo } from "../broadcasting.ts";
import { converted } from "../comparison.ts";
import type { ElementwiseFunction } from "../define.ts";
import { elementwise } from "../define.ts";
import type { Gradient, MapAttributes } from "../descriptor.ts";
import type { Spec, Tensor, TensorLike } from "../tensor.ts";
import { isTensor } from "../tensor.ts";
import { guarded, named, takeApart } from "./arguments.ts";
import type {
  Attribute,
  Attributes,
  ExpressionDefinition,
  ExpressionOp,
  GradientRule,
  Lifted,
  Named,
} from "./definition.ts";
import { checkGradients } from "./gradients.ts";

/** The op of a definition whose names have been checked. */
export function expressionOp<I extends readonly string[], A extends Attributes>(
  name: string,
  definition: ExpressionDefinition<I, A>,
): ExpressionOp<I, A> {
  const { inputs } = definition;
  const defaults: Attributes = definition.attributes ?? {};
  const numbers = Object.keys(defaults).filter((key) => typeof defaults[key] === "number");
  const operands = [...inputs, ...numbers];
  const variants = new Map<string, ElementwiseFunction<TensorLike[]>>();
  const variantOf = (attributes: Readonly<Record<string, unknown>>): ElementwiseFunction<TensorLike[]> => {
    const structure = Object.entries(attributes).filter(([key]) => !numbers.includes(key)) as [string, Attribute][];
    const key = JSON.stringify(structure);
    let variant = variants.get(key);
    if (variant === undefined) variants.set(key, (variant = makeVariant(Object.fromEntries(structure))));
    return variant;
  };
  const makeVariant = (structure: Attributes): ElementwiseFunction<TensorLike[]> => {
    const split = <T>(values: readonly T[]): [Named<I, T>, Lifted<A, T>] => [
      named(inputs, values),
      { ...structure, ...named(numbers, values.slice(inputs.length)) } as Lifted<A, T>,
    ];
    const expression = (...values: readonly Expression[]): Expression => {
      const [own, attributes] = split(values);
      return requireExpression(
        name,
        guarded(name, "expression", () => definition.expression(own, scalar, attributes)),
      );
    };
    const { gradient, dtypes = "floating" } = definition;
    const rule = gradient && { gradientInOps: gradientOf(name, operands, inputs, split, gradient) };
    return elementwise<TensorLike[]>(name, { operands, dtypes, expression, ...rule });
  };
  const call = (...args: readonly unknown[]): Tensor => {
    const { operands: own, attributes } = takeApart(name, inputs, defaults, args, isTensor);
    const further = numbers.map((key) => attributes[key]);
    return variantOf(attributes)(...([...own, ...further] as TensorLike[]));
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { definition });
}

function requireExpression(op: string, value: unknown): Expression {
  const isExpression = typeof value === "object" && value !== null && "kind" in value && "dtype" in value;
  if (isExpression) return value as unknown as Expression;
  throw new ParameterError(op, `its expression must return an expression such as e.mul(x, 2), got ${typeof value}`);
}

function gradientOf<I extends readonly string[], A extends Attributes>(
  name: string,
  operands: readonly string[],
  inputs: I,
  split: <T>(values: readonly T[]) => [Named<I, T>, Lifted<A, T>],
  rule: GradientRule<I, Lifted<A, Tensor>, Spec>,
): Gradient<MapAttributes> {
  return ({ inputs: tensors, outputs: [output], cotangents: [cotangent], wanted }) => {
    if (output === undefined || cotangent === undefined || !isFloating(output.dtype)) return [];
    const [own, attributes] = split(tensors);
    const needs = named(inputs, wanted) as Named<I, boolean>;
    const found = checkGradients(
      name,
      operands,
      guarded(name, "gradient", () => rule(own, attributes, { output, cotangent, wanted: needs })),
    );
    return operands.map((operand, index) => {
      const gradient = found[operand];
      const tensor = tensors[index];
      if (gradient === undefined || tensor === undefined || wanted[index] !== true) return undefined;
      if (!isFloating(gradient.dtype))
        throw new DTypeError(name, `its gradient for ${operand} must be a float, got ${gradient.dtype}`);
      return sumTo(converted(gradient, tensor.dtype), tensor.shape);
    });
  };
}
