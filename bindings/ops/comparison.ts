// Elementwise ops: comparisons, truth values, bits, selection and conversion between element types.
// Only `where` and conversions between floats have derivatives. Read next: ../expr/primitives/logic.ts.
import type { DType } from "../core/dtype.ts";
import { dtypes, isDType, isFloating } from "../core/dtype.ts";
import { ParameterError } from "../core/errors.ts";
import type { Expression } from "../expr/expression.ts";
import * as scalar from "../expr/primitives/index.ts";
import { own } from "./alias.ts";
import type { BinaryFunction, TernaryFunction, UnaryFunction } from "./define.ts";
import { elementwise } from "./define.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";

// Truth values are ordered as 0 and 1.
const ordered = (x: Expression): Expression => (x.dtype === "bool" ? scalar.cast(x, "i32") : x);

const truth = (x: Expression): Expression => scalar.cast(x, "bool");

/** x = y. False where one is NaN. */
export const equal: BinaryFunction = elementwise("equal", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.equal(x, y),
});

/** x ≠ y. True where one is NaN. */
export const notEqual: BinaryFunction = elementwise("notEqual", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.notEqual(x, y),
});

/** x < y. */
export const less: BinaryFunction = elementwise("less", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.less(ordered(x), ordered(y)),
});

/** x ≤ y. */
export const lessEqual: BinaryFunction = elementwise("lessEqual", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.lessEqual(ordered(x), ordered(y)),
});

/** x > y. */
export const greater: BinaryFunction = elementwise("greater", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.greater(ordered(x), ordered(y)),
});

/** x ≥ y. */
export const greaterEqual: BinaryFunction = elementwise("greaterEqual", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.greaterEqual(ordered(x), ordered(y)),
});

/** True where both are; numbers other than 0 count as true here and in the next three. */
export const logicalAnd: BinaryFunction = elementwise("logicalAnd", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.and(truth(x), truth(y)),
});

/** True where one or both are. */
export const logicalOr: BinaryFunction = elementwise("logicalOr", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.or(truth(x), truth(y)),
});

/** True where exactly one is. */
export const logicalXor: BinaryFunction = elementwise("logicalXor", {
  operands: ["x", "y"],
  dtypes: "any",
  expression: (x, y) => scalar.xor(truth(x), truth(y)),
});

/** True where x is not. */
export const logicalNot: UnaryFunction = elementwise("logicalNot", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => scalar.not(truth(x)),
});

/** True where x is not a number. */
export const isNaN: UnaryFunction = elementwise("isNaN", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => scalar.isNaN(x),
});

/** True where x is neither infinite nor NaN. */
export const isFinite: UnaryFunction = elementwise("isFinite", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => (isFloating(x.dtype) ? scalar.less(scalar.abs(x), Infinity) : scalar.equal(x, x)),
});

/** True where x is ∞ or −∞. */
export const isInf: UnaryFunction = elementwise("isInf", {
  operands: ["x"],
  dtypes: "any",
  expression: (x) => (isFloating(x.dtype) ? scalar.equal(scalar.abs(x), Infinity) : scalar.notEqual(x, x)),
});

const words = ["i32", "u32"] as const;
const bits = [...words, "u8", "bool"] as const;

/** Bits set in both. */
export const bitwiseAnd: BinaryFunction = elementwise("bitwiseAnd", {
  operands: ["x", "y"],
  dtypes: bits,
  expression: (x, y) => scalar.and(x, y),
});

/** Bits set in one or both. */
export const bitwiseOr: BinaryFunction = elementwise("bitwiseOr", {
  operands: ["x", "y"],
  dtypes: bits,
  expression: (x, y) => scalar.or(x, y),
});

/** Bits set in exactly one. */
export const bitwiseXor: BinaryFunction = elementwise("bitwiseXor", {
  operands: ["x", "y"],
  dtypes: bits,
  expression: (x, y) => scalar.xor(x, y),
});

/** All bits turned. */
export const bitwiseNot: UnaryFunction = elementwise("bitwiseNot", {
  operands: ["x"],
  dtypes: words,
  expression: (x) => scalar.not(x),
});

/** Bits moved up by y (modulo 32); those that leave are lost. */
export const shiftLeft: BinaryFunction = elementwise("shiftLeft", {
  operands: ["x", "y"],
  dtypes: words,
  expression: (x, y) => scalar.shiftLeft(x, y),
});

/** Bits moved down by y (modulo 32); zeros enter for u32, the sign for i32. */
export const shiftRight: BinaryFunction = elementwise("shiftRight", {
  operands: ["x", "y"],
  dtypes: words,
  expression: (x, y) => scalar.shiftRight(x, y),
});

/** x where the condition holds, else y. Gradients go to the side that was taken. */
export const where: TernaryFunction = elementwise("where", {
  operands: ["condition", "x", "y"],
  dtypes: "any",
  conditions: [0],
  expression: (condition, x, y) => scalar.select(condition, x, y),
});

const castTo = (dtype: DType): UnaryFunction =>
  /* @__PURE__ */ elementwise("cast", { operands: ["x"], dtypes: "own", expression: (x) => scalar.cast(x, dtype) });

const casts: Readonly<Record<DType, UnaryFunction>> = {
  f16: /* @__PURE__ */ castTo("f16"),
  f32: /* @__PURE__ */ castTo("f32"),
  f64: /* @__PURE__ */ castTo("f64"),
  i32: /* @__PURE__ */ castTo("i32"),
  u32: /* @__PURE__ */ castTo("u32"),
  u8: /* @__PURE__ */ castTo("u8"),
  bool: /* @__PURE__ */ castTo("bool"),
};

/**
 * x converted to another element type. Floats become integers by dropping the fraction; what is out of range takes the
 * nearest bound, NaN 0. Wider integers keep their low bits. Anything but 0 is true. Numbers become floats by rounding to the
 * nearest one, ties to the even; from 65520 on to f16 that is infinity.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  requireArguments("cast", { x });
  if (!isDType(dtype))
    throw new ParameterError("cast", `dtype must be one of ${dtypes.join(", ")}, got ${String(dtype)}`);
  return own(converted(x, dtype), x);
}

/** cast for callers inside: x itself where nothing changes. */
export function converted(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : casts[dtype](x);
}
