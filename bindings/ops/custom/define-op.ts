// defineOp: an op of a user's own, from an expression or from kernels. It checks what both have in common; the rest is in
// expression-op.ts and kernel-op.ts. Read next: docs/own-ops.md, the three kinds as examples.
import { ParameterError } from "../../core/errors.ts";
import { describe } from "../tensor.ts";
import { checkNames } from "./arguments.ts";
import type {
  Attributes,
  ExpressionDefinition,
  ExpressionOp,
  KernelDefinition,
  KernelFunction,
  Outputs,
} from "./definition.ts";
import { expressionOp } from "./expression-op.ts";
import { kernelOp } from "./kernel-op.ts";

/** No attributes. */
export type None = Readonly<Record<string, never>>;

/**
 * Defines an op and returns the function that records it. The op is checked, placed, fused, differentiated and explained like
 * the built-in ones.
 *
 * From an `expression`, one element of the result from one of each input, follow kernels on both devices, broadcasting, type
 * promotion and gradients of every order:
 *
 *     const softCap = defineOp("softCap", {
 *       inputs: ["x"],
 *       attributes: { cap: 30 },
 *       expression: ({ x }, e, { cap }) => e.mul(cap, e.tanh(e.div(x, cap))),
 *     });
 *     softCap(x); softCap(x, { cap: 50 });
 *
 * Otherwise `output` gives shape and type of the result, and one kernel or more compute it: `wgsl` on the GPU, `wasm` or the
 * TypeScript of `compute` on the CPU; `gradient` is written in ops. The op runs where it has a kernel.
 *
 * Throws a ParameterError for a definition that cannot work. What a rule throws later is told under the op's name.
 */
export function defineOp<const I extends readonly string[], A extends Attributes = None>(
  name: string,
  definition: ExpressionDefinition<I, A>,
): ExpressionOp<I, A>;
export function defineOp<const I extends readonly string[], R extends Outputs, A extends Attributes = None>(
  name: string,
  definition: KernelDefinition<I, A, R>,
): KernelFunction<I, A, R>;
/* @__NO_SIDE_EFFECTS__ */
export function defineOp(
  name: string,
  definition:
    ExpressionDefinition<readonly string[], Attributes> | KernelDefinition<readonly string[], Attributes, Outputs>,
): ExpressionOp<readonly string[], Attributes> | KernelFunction<readonly string[], Attributes, Outputs> {
  if (typeof definition !== "object" || (definition as unknown) === null)
    throw new ParameterError("defineOp", `the definition must be an object, got ${describe(definition)}`);
  checkNames(name, definition.inputs, definition.attributes ?? {});
  if (!("expression" in definition)) return kernelOp(name, definition);
  const given = Object.entries(definition).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  const further = ["output", "wgsl", "wasm", "compute"].filter((key) => given.includes(key));
  if (further.length > 0)
    throw new ParameterError(
      name,
      `an expression is all that is needed; ${further.join(", ")} would not be used. Leave one or the other out`,
    );
  if (typeof definition.expression !== "function")
    throw new ParameterError(name, `expression must be a function, got ${describe(definition.expression)}`);
  return expressionOp(name, definition);
}
