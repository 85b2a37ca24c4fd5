// Primitive rows: comparisons, truth values, bits, selection and conversion.
// In registers a bool is a mask (all ones or all zeros) on the CPU and a WGSL bool on the GPU.
// Derivatives here are zero, but for `select`, which passes them through. Read next: arithmetic.ts.
import type { DType } from "../../core/dtype.ts";
import { isFloating } from "../../core/dtype.ts";
import type { Code, Expression, Operand, Primitive } from "../expression.ts";
import { apply, constant } from "../expression.ts";
import type { Binary, Unary } from "./define.ts";
import { binary, simd, unary } from "./define.ts";

const none = (): readonly undefined[] => [];

// A NaN is found by its bits: a WGSL compiler may assume that there are none.
const notNaN = (operands: readonly string[]): string => operands.map((x) => `!is_nan(${x})`).join(" && ");

/** x = y. */
export const equal: Binary = binary({
  name: "equal",
  result: "bool",
  cost: 1,
  wasm: {
    f32: simd("f32x4.eq", 0x41),
    f64: simd("f64x2.eq", 0x47),
    i32: simd("i32x4.eq", 0x37),
    u32: simd("i32x4.eq", 0x37),
    u8: simd("i32x4.eq", 0x37),
    bool: simd("i32x4.eq", 0x37),
  },
  wgsl: (operands, dtype) =>
    dtype === "f32" ? `(${operands.join(" == ")} && ${notNaN(operands)})` : `(${operands.join(" == ")})`,
  derivative: none,
});

/** x ≠ y; true where one is NaN. */
export const notEqual: Binary = (x, y) => not(equal(x, y));

const less32: Partial<Record<DType, Code>> = {
  f32: simd("f32x4.lt", 0x43),
  f64: simd("f64x2.lt", 0x49),
  i32: simd("i32x4.lt_s", 0x39),
  u32: simd("i32x4.lt_u", 0x3a),
  u8: simd("i32x4.lt_s", 0x39),
};

const lessEqual32: Partial<Record<DType, Code>> = {
  f32: simd("f32x4.le", 0x45),
  f64: simd("f64x2.le", 0x4b),
  i32: simd("i32x4.le_s", 0x3d),
  u32: simd("i32x4.le_u", 0x3e),
  u8: simd("i32x4.le_s", 0x3d),
};

const ordered =
  (operator: string) =>
  (operands: readonly string[], dtype: DType): string =>
    dtype === "f32"
      ? `(${operands.join(` ${operator} `)} && ${notNaN(operands)})`
      : `(${operands.join(` ${operator} `)})`;

/** x < y. */
export const less: Binary = binary({
  name: "less",
  result: "bool",
  cost: 1,
  wasm: less32,
  wgsl: ordered("<"),
  derivative: none,
});

/** x ≤ y. */
export const lessEqual: Binary = binary({
  name: "lessEqual",
  result: "bool",
  cost: 1,
  wasm: lessEqual32,
  wgsl: ordered("<="),
  derivative: none,
});

/** x > y. */
export const greater: Binary = (x, y) => less(y, x);

/** x ≥ y. */
export const greaterEqual: Binary = (x, y) => lessEqual(y, x);

/** True where x is NaN: the only value that differs from itself. */
export const isNaN: Unary = (x) => not(equal(x, x));

const bits = (method: string, opcode: number): Partial<Record<DType, Code>> => {
  const code = simd(method, opcode);
  return { i32: code, u32: code, u8: code, bool: code };
};

const truth =
  (operator: string, both: string) =>
  (operands: readonly string[], dtype: DType): string =>
    `(${operands.join(` ${dtype === "bool" ? both : operator} `)})`;

/** Bitwise and of integers, logical and of booleans. */
export const and: Binary = binary({
  name: "and",
  cost: 1,
  wasm: bits("v128.and", 0x4e),
  wgsl: truth("&", "&&"),
  derivative: none,
});

/** Bitwise or of integers, logical or of booleans. */
export const or: Binary = binary({
  name: "or",
  cost: 1,
  wasm: bits("v128.or", 0x50),
  wgsl: truth("|", "||"),
  derivative: none,
});

/** Bitwise exclusive or of integers, inequality of booleans. */
export const xor: Binary = binary({
  name: "xor",
  cost: 1,
  wasm: bits("v128.xor", 0x51),
  wgsl: truth("^", "!="),
  derivative: none,
});

/** Bitwise complement of 32-bit integers, negation of booleans. */
export const not: Unary = unary({
  name: "not",
  cost: 1,
  wasm: { i32: simd("v128.not", 0x4d), u32: simd("v128.not", 0x4d), bool: simd("v128.not", 0x4d) },
  wgsl: ([x], dtype) => `(${dtype === "bool" ? "!" : "~"}${x ?? ""})`,
  derivative: none,
});

// WebAssembly shifts all lanes by one count; counts that differ by lane go through a helper.
const shiftCodes = (name: string, unsigned: number, signed: number): Partial<Record<DType, Code>> => ({
  u32: { helper: `u32x4_${name}`, byConstant: unsigned },
  i32: { helper: `i32x4_${name}`, byConstant: signed },
});

/** x · 2^y of integers; bits that leave are lost. y counts modulo 32. */
export const shiftLeft: Binary = binary({
  name: "shiftLeft",
  cost: 1,
  wasm: shiftCodes("shiftLeft", 0xab, 0xab),
  wgsl: ([x, y]) => `(${x ?? ""} << (u32(${y ?? ""}) & 31u))`,
  derivative: none,
});

/** x shifted right by y modulo 32: zeros enter for u32, the sign for i32. */
export const shiftRight: Binary = binary({
  name: "shiftRight",
  cost: 1,
  wasm: shiftCodes("shiftRight", 0xad, 0xac),
  wgsl: ([x, y]) => `(${x ?? ""} >> (u32(${y ?? ""}) & 31u))`,
  derivative: none,
});

const bitselect = simd("v128.bitselect", 0x52);

const selectPrimitive: Primitive = {
  name: "select",
  arity: 3,
  result: "same",
  cost: 1,
  wasm: { f32: bitselect, f64: bitselect, i32: bitselect, u32: bitselect, u8: bitselect, bool: bitselect },
  wgsl: ([condition, x, y]) => `select(${y ?? ""}, ${x ?? ""}, ${condition ?? ""})`,
  derivative: ([condition, x]) => {
    const dtype = x?.dtype ?? "f32";
    const when = (yes: number, no: number): Expression =>
      select(condition ?? constant(0, "bool"), constant(yes, dtype), constant(no, dtype));
    return [undefined, when(1, 0), when(0, 1)];
  },
};

/** x where the condition holds, else y. */
export function select(condition: Expression, x: Operand, y: Operand): Expression {
  const dtype = typeof x !== "number" ? x.dtype : typeof y !== "number" ? y.dtype : "f32";
  const typed = (value: Operand): Expression => (typeof value === "number" ? constant(value, dtype) : value);
  return apply(selectPrimitive, [condition, typed(x), typed(y)]);
}

// A half is an f32 in registers: rounded where it becomes one.
const wgslTypes: Readonly<Record<DType, string>> = {
  f16: "f32",
  f32: "f32",
  f64: "f64",
  i32: "i32",
  u32: "u32",
  u8: "u32",
  bool: "bool",
};

const castPrimitive = (from: DType, to: DType): Primitive => ({
  name: `cast_${from}`,
  arity: 1,
  result: "cast",
  cost: 1,
  wasm: {},
  wgsl: ([x = ""]) => {
    const isFraction = from === "f32" || from === "f16";
    if (to === "f16") return `half_from_f32(${from === "f32" ? x : `f32(${x})`})`;
    if (isFraction && to === "f32") return x;
    if (isFraction && to !== "bool") return `${to}_from_f32(${x})`;
    if (to === "bool") return isFraction ? `(${x} != 0.0 || is_nan(${x}))` : `bool(${x})`;
    if (to === "u8") return `(u32(${x}) & 255u)`;
    return `${wgslTypes[to]}(${x})`;
  },
  derivative: () => (isFloating(from) && isFloating(to) ? [1] : []),
});

/** Whether every number of the smaller type is one of the larger type: nothing is lost on the way there and back. */
const widens = (from: DType, to: DType): boolean =>
  (from === "f16" && (to === "f32" || to === "f64")) || (from === "f32" && to === "f64");

/**
 * x as another type. Floats become integers by truncation and saturate (NaN gives 0); wider integers become u8 modulo
 * 256; anything but zero is true. Floats become smaller ones by rounding to the nearest, once.
 */
export function cast(x: Expression, dtype: DType): Expression {
  if (x.dtype === dtype) return x;
  if (x.kind === "apply" && x.primitive.result === "cast") {
    const [source] = x.operands;
    if (source?.dtype === dtype && widens(dtype, x.dtype)) return source;
  }
  return apply(castPrimitive(x.dtype, dtype), [x], dtype);
}
