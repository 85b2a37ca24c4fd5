// Primitive rows: arithmetic, extremes and rounding. Integers wrap modulo 2^32, u8 modulo 256.
// Read next: functions.ts for the transcendental rows, ../../ops/arithmetic.ts for the ops built from them.
import type { DType } from "../../core/dtype.ts";
import type { Code, Expression, Operand, Primitive } from "../expression.ts";
import { constant } from "../expression.ts";
import type { Binary, Unary } from "./define.ts";
import { binary, builtinCall, floatHelpers, helper, infix, preludeCall, simd, unary } from "./define.ts";
import { equal, greater, less, select } from "./logic.ts";

function codes(name: string, f32: number, f64: number, i32?: number): Partial<Record<DType, Code>> {
  const floats = { f32: simd(`f32x4.${name}`, f32), f64: simd(`f64x2.${name}`, f64) };
  if (i32 === undefined) return floats;
  const integer = simd(`i32x4.${name}`, i32);
  return { ...floats, i32: integer, u32: integer, u8: integer };
}

const wrapping =
  (operator: string) =>
  (operands: readonly string[], dtype: DType): string =>
    dtype === "u8" ? `(${infix(operator)(operands)} & 255u)` : infix(operator)(operands);

/** x + y. */
export const add: Binary = binary({
  name: "add",
  cost: 1,
  wasm: codes("add", 0xe4, 0xf0, 0xae),
  wgsl: wrapping("+"),
  derivative: () => [1, 1],
});

/** x − y. */
export const sub: Binary = binary({
  name: "sub",
  cost: 1,
  wasm: codes("sub", 0xe5, 0xf1, 0xb1),
  wgsl: wrapping("-"),
  derivative: () => [1, -1],
});

/** x · y. */
export const mul: Binary = binary({
  name: "mul",
  cost: 1,
  wasm: codes("mul", 0xe6, 0xf2, 0xb5),
  wgsl: wrapping("*"),
  derivative: ([x, y]) => [y, x],
});

/** x / y of floats. */
export const div: Binary = binary({
  name: "div",
  cost: 4,
  wasm: codes("div", 0xe7, 0xf3),
  wgsl: preludeCall("div"),
  derivative: ([, y], result) => [y && div(1, y), y && neg(div(result, y))],
});

/** −x. */
export const neg: Unary = unary({
  name: "neg",
  cost: 1,
  wasm: { f32: simd("f32x4.neg", 0xe1), f64: simd("f64x2.neg", 0xed), i32: simd("i32x4.neg", 0xa1) },
  wgsl: ([x = ""]) => `(-${x})`,
  derivative: () => [-1],
});

/** |x|. Derivative sign(x), 0 at 0. */
export const abs: Unary = unary({
  name: "abs",
  cost: 1,
  wasm: { f32: simd("f32x4.abs", 0xe0), f64: simd("f64x2.abs", 0xec), i32: simd("i32x4.abs", 0xa0) },
  wgsl: builtinCall("abs"),
  derivative: ([x]) => [x && sign(x)],
});

/** −1, 0 or 1; NaN for NaN. */
export function sign(x: Operand): Expression {
  const typed = typeof x === "number" ? constant(x, "f32") : x;
  // x itself where neither larger nor smaller than 0: keeps ±0 and NaN.
  const rest = select(less(typed, 0), constant(-1, typed.dtype), typed);
  return select(greater(typed, 0), constant(1, typed.dtype), rest);
}

// Ties share the derivative equally; where one operand is NaN both get it: PyTorch's rule for maximum and minimum.
const extreme =
  (loses: Binary) =>
  ([x, y]: readonly Expression[]): readonly (Operand | undefined)[] => {
    if (x === undefined || y === undefined) return [];
    const zero = constant(0, x.dtype);
    const share = select(equal(x, y), constant(0.5, x.dtype), constant(1, x.dtype));
    return [select(loses(x, y), zero, share), select(loses(y, x), zero, share)];
  };

/** The larger; NaN if one is NaN; +0 over −0. */
export const max: Binary = binary({
  name: "max",
  cost: 1,
  wasm: {
    f32: simd("f32x4.max", 0xe9),
    f64: simd("f64x2.max", 0xf5),
    i32: simd("i32x4.max_s", 0xb8),
    u32: simd("i32x4.max_u", 0xb9),
    u8: simd("i32x4.max_s", 0xb8),
  },
  wgsl: (operands, dtype) => (dtype === "f32" ? preludeCall("max")(operands, dtype) : builtinCall("max")(operands)),
  derivative: extreme(less),
});

/** The smaller; NaN if one is NaN; −0 under +0. */
export const min: Binary = binary({
  name: "min",
  cost: 1,
  wasm: {
    f32: simd("f32x4.min", 0xe8),
    f64: simd("f64x2.min", 0xf4),
    i32: simd("i32x4.min_s", 0xb6),
    u32: simd("i32x4.min_u", 0xb7),
    u8: simd("i32x4.min_s", 0xb6),
  },
  wgsl: (operands, dtype) => (dtype === "f32" ? preludeCall("min")(operands, dtype) : builtinCall("min")(operands)),
  derivative: extreme(greater),
});

/** √x. */
export const sqrt: Unary = unary({
  name: "sqrt",
  cost: 4,
  wasm: codes("sqrt", 0xe3, 0xef),
  wgsl: preludeCall("sqrt"),
  derivative: (_, result) => [div(0.5, result)],
});

const rounding = (name: string, f32: number, f64: number, wgsl: Primitive["wgsl"] = builtinCall(name)): Unary =>
  unary({
    name,
    cost: 1,
    wasm: { f32: simd(`f32x4.${name}`, f32), f64: simd(`f64x2.${name}`, f64) },
    wgsl,
    derivative: () => [],
  });

/** The largest whole number ≤ x. */
export const floor: Unary = rounding("floor", 0x68, 0x75);

/** The smallest whole number ≥ x. */
export const ceil: Unary = rounding("ceil", 0x67, 0x74);

/** x without its fraction. */
export const trunc: Unary = rounding("trunc", 0x69, 0x7a);

/** The nearest whole number, halves to even. */
export const nearest: Unary = rounding("nearest", 0x6a, 0x94, preludeCall("round"));

/** The floored remainder x − ⌊x/y⌋·y, with the sign of y. Integer remainders by zero are 0. */
export const mod: Binary = binary({
  name: "mod",
  cost: 12,
  wasm: { ...floatHelpers("mod"), i32: helper("i32x4_mod"), u32: helper("u32x4_mod"), u8: helper("u32x4_mod") },
  wgsl: preludeCall("mod"),
  derivative: ([x, y]) => [1, x && y && neg(floor(div(x, y)))],
});

/** ⌊x/y⌋ of integers; 0 where y is 0. */
export const integerFloorDivide: Binary = binary({
  name: "floorDivide",
  cost: 12,
  wasm: { i32: helper("i32x4_floorDivide"), u32: helper("u32x4_floorDivide"), u8: helper("u32x4_floorDivide") },
  wgsl: preludeCall("floorDivide"),
  derivative: () => [],
});
