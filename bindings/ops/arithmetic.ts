// Elementwise ops: arithmetic, rounding and extremes.
// One definition each; see README.md in this folder for what follows from it, and exponential.ts, activation.ts for more.
import * as scalar from "../expr/primitives/index.ts";
import type { BinaryFunction, UnaryFunction } from "./define.ts";
import { elementwise } from "./define.ts";

/** Sum x + y. */
export const add: BinaryFunction = elementwise("add", { operands: ["x", "y"], dtypes: "any", expression: (x, y) => scalar.add(x, y) });

/** Difference x − y. */
export const sub: BinaryFunction = elementwise("sub", { operands: ["x", "y"], dtypes: "any", expression: (x, y) => scalar.sub(x, y) });

/** Product x · y. */
export const mul: BinaryFunction = elementwise("mul", { operands: ["x", "y"], dtypes: "any", expression: (x, y) => scalar.mul(x, y) });

/** Quotient x / y; integers are divided as floats. */
export const div: BinaryFunction = elementwise("div", { operands: ["x", "y"], dtypes: "floating", expression: (x, y) => scalar.div(x, y) });

/** Square root; NaN below 0. */
export const sqrt: UnaryFunction = elementwise("sqrt", { operands: ["x"], dtypes: "floating", expression: (x) => scalar.sqrt(x) });
