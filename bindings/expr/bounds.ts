// max(x, c) and min(x, c) by one instruction. WebAssembly's max and min are eight on x86, because they spread NaN and order
// ±0; pmax and pmin are one, and with a literal on their right they keep a NaN in x and differ in the sign of 0 only.
// Read next: to-assembly.ts and to-wasm.ts, which use it.
import type { Code, Constant, Expression } from "./expression.ts";

/** A bounded expression and the code that replaces max or min. */
export interface Bound {
  readonly value: Expression;
  readonly literal: Constant;
  readonly code: Extract<Code, { readonly opcode: number }>;
  /** Whether +0 has to be added, which makes −0 to +0 and changes nothing else. */
  readonly addZero: boolean;
}

const codes = {
  max: { f32: { method: "f32x4.pmax", opcode: 0xeb }, f64: { method: "f64x2.pmax", opcode: 0xf7 } },
  min: { f32: { method: "f32x4.pmin", opcode: 0xea }, f64: { method: "f64x2.pmin", opcode: 0xf6 } },
} as const;

/** The parts of a float max or min with a literal; undefined for anything else. */
export function boundOf(node: Expression): Bound | undefined {
  if (node.kind !== "apply" || (node.dtype !== "f32" && node.dtype !== "f64")) return undefined;
  const { name } = node.primitive;
  if (name !== "max" && name !== "min") return undefined;
  const [first, second] = node.operands;
  const literal = second?.kind === "constant" ? second : first?.kind === "constant" ? first : undefined;
  const value = literal === second ? first : second;
  if (literal === undefined || value === undefined || Number.isNaN(literal.value)) return undefined;
  // min(+0, −0) is −0; pmin would keep +0, and no addition mends that.
  if (name === "min" && Object.is(literal.value, -0)) return undefined;
  return { value, literal, code: codes[name][node.dtype], addZero: name === "max" && Object.is(literal.value, 0) };
}
