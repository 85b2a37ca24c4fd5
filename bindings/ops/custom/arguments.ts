// What users say of their ops and to them: names and attributes of a definition are checked once, those of a call every time,
// and what their rules throw is told under the op's name.
// Knows no kind of op. Read next: expression-op.ts and kernel-op.ts.
import { AthanorError, ParameterError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Spec } from "../tensor.ts";
import { describe, isTensor } from "../tensor.ts";
import type { Attribute, Attributes, OperandInfo } from "./definition.ts";

const identifier = /^[A-Za-z]\w*$/;

/** Throws a ParameterError unless the names of an op, its inputs and its attributes can be told apart and be written in a program. */
export function checkNames(op: unknown, inputs: unknown, attributes: Attributes): asserts op is string {
  if (typeof op !== "string" || !identifier.test(op))
    throw new ParameterError("defineOp", `the name must be an identifier such as "softCap", got ${quote(op)}`);
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw new ParameterError(op, `inputs must be a list of names such as ["x"], got ${describe(inputs)}`);
  const names = [...(inputs as readonly unknown[]), ...Object.keys(attributes)];
  for (const [index, name] of names.entries()) {
    if (typeof name !== "string" || !identifier.test(name))
      throw new ParameterError(op, `names of inputs and attributes must be identifiers, got ${quote(name)}`);
    if (names.indexOf(name) !== index)
      throw new ParameterError(op, `the name ${name} is given twice among inputs and attributes. Rename one of them`);
  }
  for (const [name, value] of Object.entries<unknown>(attributes)) {
    if (kindOf(value) === undefined)
      throw new ParameterError(
        op,
        `attribute ${name} must be a number, boolean, string, or a list of numbers or strings, got ${describe(value)}`,
      );
  }
}

function quote(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : describe(value);
}

/** What kind of attribute a value is; undefined if it is none. */
export function kindOf(value: unknown): string | undefined {
  if (["number", "boolean", "string"].includes(typeof value)) return `a ${typeof value}`;
  if (!Array.isArray(value)) return undefined;
  if (value.every((item) => typeof item === "number")) return "a list of numbers";
  return value.every((item) => typeof item === "string") ? "a list of strings" : undefined;
}

/** A call taken apart. */
export interface Arguments {
  readonly operands: readonly unknown[];
  /** The attributes of the definition, with what the call says in place of defaults. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Operands and attributes of a call; `isValue` tells what may stand in place of a number. */
export function takeApart(
  op: string,
  inputs: readonly string[],
  defaults: Attributes,
  args: readonly unknown[],
  isValue: (value: unknown) => boolean = () => false,
): Arguments {
  const options = args[inputs.length];
  if (args.length < inputs.length || args.length > inputs.length + 1) {
    const got = String(args.length);
    throw new ParameterError(
      op,
      `expects ${inputs.join(", ")} and perhaps an object of attributes, got ${got} arguments`,
    );
  }
  if (options === undefined) return { operands: args.slice(0, inputs.length), attributes: defaults };
  if (typeof options !== "object" || options === null || Array.isArray(options) || isTensor(options))
    throw new ParameterError(op, `attributes must be an object, got ${describe(options)}`);
  const attributes: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(options)) {
    const known = Object.keys(defaults);
    const standard = defaults[name];
    if (standard === undefined)
      throw new ParameterError(
        op,
        `there is no attribute ${name}. ${known.length === 0 ? "It has none" : `It has ${known.join(", ")}`}`,
      );
    if (value === undefined) continue;
    const isList = Array.isArray(standard) && Array.isArray(value) && (standard.length === 0 || value.length === 0);
    const fits = kindOf(value) === kindOf(standard) || isList || (typeof standard === "number" && isValue(value));
    if (!fits)
      throw new ParameterError(
        op,
        `attribute ${name} must be ${kindOf(standard) ?? ""}, as its default, got ${describe(value)}. ${isTensor(value) ? "What a tensor holds must be an input" : "Change it, or the default"}`,
      );
    attributes[name] = Array.isArray(value) ? [...(value as Attribute[])] : value;
  }
  return { operands: args.slice(0, inputs.length), attributes };
}

/** The values by the names of the inputs. */
export function named<T>(names: readonly string[], values: readonly T[]): Readonly<Record<string, T>> {
  return Object.fromEntries(names.map((name, index) => [name, values[index]!]));
}

/** A description with what rules like to know beside it. */
export function infoOf({ shape, dtype }: Spec): OperandInfo {
  return { shape, dtype, size: sizeOf(shape), rank: shape.length };
}

/** Runs a rule of a user's op. What it throws is told under the op's name. */
export function guarded<T>(op: string, what: string, rule: () => T): T {
  try {
    return rule();
  } catch (cause) {
    if (cause instanceof AthanorError && cause.op === op) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ParameterError(op, `its ${what} failed: ${message}`, { cause });
  }
}
