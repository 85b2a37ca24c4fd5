// How rows of the primitive table are written: small constructors that give each row its builder function.
// A builder is called like the operation, `add(x, 1)`, and makes an expression node.
// Knows no particular primitive. Read next: arithmetic.ts, logic.ts and functions.ts, which hold the rows.
import type { DType } from "../../core/dtype.ts";
import type { Code, Expression, Operand, Primitive } from "../expression.ts";
import { apply } from "../expression.ts";

export type Unary = (x: Operand) => Expression;
export type Binary = (x: Operand, y: Operand) => Expression;

/** A SIMD instruction by its AssemblyScript method (`f32x4.add`) and its opcode after the 0xFD prefix. */
export function simd(method: string, opcode: number): Code {
  return { method, opcode };
}

/** An exported function of the kernel module, such as `f32x4_exp`. */
export function helper(name: string): Code {
  return { helper: name };
}

/** The f32 and f64 functions of the kernel module named after the primitive. */
export function floatHelpers(name: string): Partial<Record<DType, Code>> {
  return { f32: helper(`f32x4_${name}`), f64: helper(`f64_${name}`) };
}

/** A row of one operand. */
export function unary(row: Omit<Primitive, "arity" | "result"> & { readonly result?: "bool" }): Unary {
  const primitive: Primitive = { result: "same", ...row, arity: 1 };
  return (x) => apply(primitive, [x]);
}

/** A row of two operands of one type. */
export function binary(row: Omit<Primitive, "arity" | "result"> & { readonly result?: "bool" }): Binary {
  const primitive: Primitive = { result: "same", ...row, arity: 2 };
  return (x, y) => apply(primitive, [x, y]);
}

/** WGSL text of a call `name_f32(x)`: a function of shaders/prelude.wgsl. */
export function preludeCall(name: string): (operands: readonly string[], dtype: DType) => string {
  return (operands, dtype) => `${name}_${dtype === "u8" ? "u32" : dtype}(${operands.join(", ")})`;
}

/** WGSL text of a built-in function. */
export function builtinCall(name: string): (operands: readonly string[]) => string {
  return (operands) => `${name}(${operands.join(", ")})`;
}

/** WGSL text of an infix operator. */
export function infix(operator: string): (operands: readonly string[]) => string {
  return ([x, y]) => `(${x ?? ""} ${operator} ${y ?? ""})`;
}
