// Primitive rows: the transcendental functions. On the CPU each is one of ../wasm-functions.ts or assembly/lanes/functions.ts, on the GPU one
// of shaders/prelude.wgsl; error bounds on the CPU are in docs/accuracy.md, measured errors in the generated support table.
// Read next: ../differentiate.ts, which uses the derivatives given here.
import type { Expression, Operand } from "../expression.ts";
import { constant } from "../expression.ts";
import { add, div, mul, neg, sqrt, sub } from "./arithmetic.ts";
import type { Binary, Unary } from "./define.ts";
import { binary, floatHelpers, helper, preludeCall, unary } from "./define.ts";
import { and, equal, lessEqual, select } from "./logic.ts";

/** A function of one float with derivative `slope(x, f(x))`. */
function float(name: string, cost: number, slope: (x: Expression, result: Expression) => Operand): Unary {
  return unary({
    name,
    cost,
    wasm: floatHelpers(name),
    wgsl: preludeCall(name),
    derivative: ([x], result) => [x && slope(x, result)],
  });
}

const square = (x: Expression): Expression => mul(x, x);

/** eˣ. */
export const exp: Unary = float("exp", 10, (_, result) => result);
/** 2ˣ. */
export const exp2: Unary = float("exp2", 10, (_, result) => mul(result, Math.LN2));
/** eˣ − 1 without cancellation near 0. */
export const expm1: Unary = float("expm1", 14, (x) => exp(x));
/** Natural logarithm. */
export const log: Unary = float("log", 12, (x) => div(1, x));
/** Logarithm to base 2. */
export const log2: Unary = float("log2", 12, (x) => div(Math.LOG2E, x));
/** Logarithm to base 10. */
export const log10: Unary = float("log10", 12, (x) => div(Math.LOG10E, x));
/** log(1 + x) without cancellation near 0. */
export const log1p: Unary = float("log1p", 14, (x) => div(1, add(1, x)));
/** Sine of x radians. */
export const sin: Unary = float("sin", 14, (x) => cos(x));
/** Cosine of x radians. */
export const cos: Unary = float("cos", 14, (x) => neg(sin(x)));
/** Tangent of x radians. */
export const tan: Unary = float("tan", 18, (_, result) => add(1, square(result)));
/** Arc sine, radians in [−π/2, π/2]. */
export const asin: Unary = float("asin", 18, (x) => div(1, sqrt(mul(sub(1, x), add(1, x)))));
/** Arc cosine, radians in [0, π]. */
export const acos: Unary = float("acos", 18, (x) => neg(div(1, sqrt(mul(sub(1, x), add(1, x))))));
/** Arc tangent, radians in [−π/2, π/2]. */
export const atan: Unary = float("atan", 16, (x) => div(1, add(1, square(x))));
/** Hyperbolic sine. */
export const sinh: Unary = float("sinh", 18, (x) => cosh(x));
/** Hyperbolic cosine. */
export const cosh: Unary = float("cosh", 18, (x) => sinh(x));
/** Hyperbolic tangent. Its slope is written 1 − y² and not (1 − y)(1 + y): differentiated again that would cancel near 0. */
export const tanh: Unary = float("tanh", 16, (_, result) => sub(1, square(result)));
/** Inverse hyperbolic sine. */
export const asinh: Unary = float("asinh", 20, (x) => div(1, sqrt(add(1, square(x)))));
/** Inverse hyperbolic cosine, for x ≥ 1. */
export const acosh: Unary = float("acosh", 20, (x) => div(1, sqrt(mul(sub(x, 1), add(x, 1)))));
/** Inverse hyperbolic tangent, for |x| < 1. */
export const atanh: Unary = float("atanh", 20, (x) => div(1, mul(sub(1, x), add(1, x))));
/** Error function 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf: Unary = float("erf", 24, (x) => mul(2 / Math.sqrt(Math.PI), exp(neg(square(x)))));

/** x to the power y, with IEEE pow's special cases; integers wrap. */
export const pow: Binary = binary({
  name: "pow",
  cost: 40,
  wasm: { ...floatHelpers("pow"), i32: helper("i32x4_pow"), u32: helper("u32x4_pow"), u8: helper("u32x4_pow") },
  wgsl: preludeCall("pow"),
  derivative: ([x, y], result) => {
    if (x === undefined || y === undefined) return [];
    const zero = constant(0, x.dtype);
    // At y = 0 the slope by x is 0 even where x is 0; at x = 0 and y ≥ 0 the slope by y is 0, not 0·log 0.
    const isFlat = and(equal(x, 0), lessEqual(0, y));
    return [select(equal(y, 0), zero, mul(y, pow(x, sub(y, 1)))), select(isFlat, zero, mul(result, log(x)))];
  },
});

/** The angle of the point (x, y) from the positive x axis, radians in [−π, π]: atan2(y, x). */
export const atan2: Binary = binary({
  name: "atan2",
  cost: 24,
  wasm: floatHelpers("atan2"),
  wgsl: preludeCall("atan2"),
  derivative: ([y, x]) => {
    if (x === undefined || y === undefined) return [];
    const squares = add(square(x), square(y));
    return [div(x, squares), neg(div(y, squares))];
  },
});
