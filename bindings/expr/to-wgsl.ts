// Lowers scalar expressions to WGSL: one `let` per node of the graph, so that a shared subtree is computed once.
// Constants are `let`s too: WGSL evaluates expressions of literals while it compiles and rejects those that overflow.
// Knows how values look in registers and in storage, but no buffers, shapes or devices.
// Read next: primitives/*, whose rows hold the text of each operation, and backends/webgpu/wgsl/operands.ts, which feeds inputs.
import type { DType } from "../core/dtype.ts";
import { roundToHalf } from "../core/half.ts";
import type { Expression } from "./expression.ts";
import { topological } from "./expression.ts";

/** Type of a value in a register. */
export function wgslType(dtype: DType): string {
  if (dtype === "bool") return "bool";
  if (dtype === "f16") return "f32";
  return dtype === "u8" ? "u32" : dtype;
}

/** Type of an element in a buffer: booleans and bytes are 32-bit words there, two halves share a word. */
export function wgslStorageType(dtype: DType): string {
  return dtype === "bool" || dtype === "u8" || dtype === "f16" ? "u32" : dtype;
}

/** A register value from the text of a stored element; of a half from the text of its bits. */
export function fromStorage(text: string, dtype: DType): string {
  if (dtype === "f16") return `half_value(${text})`;
  return dtype === "bool" ? `(${text} != 0u)` : text;
}

/** A stored element from the text of a register value; of a half its bits. */
export function toStorage(text: string, dtype: DType): string {
  if (dtype === "f16") return `half_bits(${text})`;
  return dtype === "bool" ? `select(0u, 1u, ${text})` : text;
}

/** A literal that gives exactly `value` rounded to `dtype`. WGSL has none for infinities and NaN; the prelude has functions. */
export function wgslLiteral(value: number, dtype: DType): string {
  if (dtype === "bool") return value !== 0 ? "true" : "false";
  if (dtype === "i32") return `i32(${String(value | 0)})`;
  if (dtype === "u32" || dtype === "u8") return `${String(dtype === "u8" ? value & 255 : value >>> 0)}u`;
  const rounded = dtype === "f16" ? roundToHalf(value) : Math.fround(value);
  if (Number.isNaN(rounded)) return "nan_f32()";
  if (!Number.isFinite(rounded)) return rounded > 0 ? "infinity_f32()" : "-infinity_f32()";
  // A minus before a literal 0 may be folded away, and a subnormal literal flushed: both are written as bits.
  const isSubnormal = rounded !== 0 && Math.abs(rounded) < 2 ** -126;
  if (Object.is(rounded, -0) || isSubnormal) return `bitcast<f32>(${String(bitsOfFloat(rounded))}u)`;
  const text = String(rounded);
  // Digits alone would be an integer literal, which ends at 2^63.
  return `f32(${/[.e]/.test(text) ? text : `${text}.0`})`;
}

const single = /* @__PURE__ */ new Float32Array(1);
const singleBits = /* @__PURE__ */ new Uint32Array(single.buffer);

/** The bits of an f32 as an unsigned integer. */
export function bitsOfFloat(value: number): number {
  single[0] = value;
  return singleBits[0] ?? 0;
}

/** Statements that compute an expression, and the name (or text) that holds its value afterwards. */
export interface WGSLBody {
  readonly lines: readonly string[];
  readonly result: string;
}

/**
 * The statements of an expression. `inputs[i]` is the text of input i as a register value; each text is printed once.
 * Names begin with `prefix`, which keeps the bodies of two expressions in one function apart.
 */
export function toWGSL(root: Expression, inputs: readonly string[], prefix = "v"): WGSLBody {
  const { lines, results } = allToWGSL([root], inputs, prefix);
  return { lines, result: results[0] ?? "" };
}

/** The same for several expressions: what they have in common is computed once. */
export function allToWGSL(
  roots: readonly Expression[],
  inputs: readonly string[],
  prefix = "v",
): { readonly lines: readonly string[]; readonly results: readonly string[] } {
  const names = new Map<Expression, string>();
  const lines: string[] = [];
  for (const node of roots.flatMap(topological)) {
    if (names.has(node)) continue;
    const name = `${prefix}${String(names.size)}`;
    names.set(node, name);
    lines.push(letOf(name, node, inputs, names));
  }
  return { lines, results: roots.map((root) => names.get(root) ?? "") };
}

/** The statement that gives a node its name; `names` has those of its operands. */
export function letOf(
  name: string,
  node: Expression,
  inputs: readonly string[],
  names: ReadonlyMap<Expression, string>,
): string {
  return `let ${name}: ${wgslType(node.dtype)} = ${textOf(node, inputs, names)};`;
}

function textOf(node: Expression, inputs: readonly string[], names: ReadonlyMap<Expression, string>): string {
  if (node.kind === "constant") return wgslLiteral(node.value, node.dtype);
  if (node.kind === "input") {
    const text = inputs[node.index];
    if (text === undefined) throw new RangeError(`expression input ${String(node.index)} has no text`);
    return text;
  }
  const operands = node.operands.map((operand) => names.get(operand) ?? "");
  // The type a row's text depends on is that of its values; the first operand of a selection is its condition.
  const own = node.operands[node.primitive.arity === 3 ? 1 : 0] ?? node;
  return node.primitive.wgsl(operands, own.dtype);
}
