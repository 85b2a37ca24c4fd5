// Rows of the elementwise ops of bindings/ops/exponential.ts: logarithms, exponentials, trigonometry.
// JavaScript's Math is the f64 reference; a row's special values are those of IEEE and NumPy.
// Read next: spec.ts, elementwise.ts.
import type * as ops from "../../bindings/ops/exponential.ts";
import { erf, logAddExp, sinc } from "../reference/functions.ts";
import type { ElementwiseRows, ElementwiseSpec, Range } from "./spec.ts";
import { ulps } from "./spec.ts";

const close = { f32: ulps(4), f64: ulps(4) };

function row(
  reference: (x: number) => number,
  domain: Range,
  special: ElementwiseSpec["special"] = [],
  more: Partial<ElementwiseSpec> = {},
): ElementwiseSpec {
  return { reference, domain, tolerance: close, special, ...more };
}

const atPole = { kinks: [0] } as const;

export const exponential: ElementwiseRows<typeof ops> = {
  exp: row(
    Math.exp,
    [-87, 88],
    [
      [-Infinity, 0],
      [-0, 1],
      [89, Infinity],
    ],
    { gradient: { floor: 1e-6 }, dtypes: ["f32", "f64", "i32", "u8"], result: "float" },
  ),
  exp2: row(
    (x) => 2 ** x,
    [-125, 127],
    [
      [3, 8],
      [128, Infinity],
    ],
    { gradient: { floor: 1e-6 } },
  ),
  expm1: row(
    Math.expm1,
    [-10, 80],
    [
      [-0, -0],
      [-Infinity, -1],
      [1e-10, 1e-10],
    ],
    { gradient: { floor: 1e-6 } },
  ),
  log: row(
    Math.log,
    [1e-5, 1e5],
    [
      [0, -Infinity],
      [-0, -Infinity],
      [-1, NaN],
      [1, 0],
    ],
    { gradient: { floor: 1e-6 } },
  ),
  log2: row(
    Math.log2,
    [1e-5, 1e5],
    [
      [8, 3],
      [0, -Infinity],
      [1, 0],
    ],
  ),
  log10: row(
    Math.log10,
    [1e-5, 1e5],
    [
      [1000, 3],
      [0, -Infinity],
      [1, 0],
    ],
  ),
  log1p: row(
    Math.log1p,
    [-0.99, 1e5],
    [
      [-1, -Infinity],
      [-0, -0],
      [-2, NaN],
      [1e-10, 1e-10],
    ],
  ),
  logAddExp: {
    reference: logAddExp,
    domain: [
      [-50, 50],
      [-50, 50],
    ],
    // The sum of the larger and a logarithm cancels where the two nearly meet 0.
    tolerance: { f32: ulps(4, 2 ** -24), f64: ulps(4, 2 ** -52) },
    special: [
      [[-Infinity, -Infinity], -Infinity],
      [[Infinity, 1], Infinity],
      [[0, 0], Math.LN2],
      [[1000, 1000], 1000 + Math.LN2],
    ],
  },
  sin: row(
    Math.sin,
    [-1000, 1000],
    [
      [-0, -0],
      [Infinity, NaN],
      [100000, Math.sin(100000)],
    ],
  ),
  cos: row(
    Math.cos,
    [-1000, 1000],
    [
      [0, 1],
      [-Infinity, NaN],
    ],
  ),
  tan: row(
    Math.tan,
    [-1.4, 1.4],
    [
      [-0, -0],
      [Infinity, NaN],
    ],
  ),
  asin: row(
    Math.asin,
    [-0.99, 0.99],
    [
      [1, Math.PI / 2],
      [-0, -0],
      [1.5, NaN],
    ],
  ),
  acos: row(
    Math.acos,
    [-0.99, 0.99],
    [
      [1, 0],
      [-1, Math.PI],
      [1.5, NaN],
    ],
  ),
  atan: row(
    Math.atan,
    [-100, 100],
    [
      [Infinity, Math.PI / 2],
      [-0, -0],
    ],
  ),
  atan2: {
    reference: Math.atan2,
    domain: [
      [-10, 10],
      [0.1, 10],
    ],
    tolerance: close,
    special: [
      [[0, -1], Math.PI],
      [[-0, -1], -Math.PI],
      [[-0, 0], -0],
      [[0, -0], Math.PI],
      [[-1, 0], -Math.PI / 2],
      [[Infinity, -Infinity], (3 * Math.PI) / 4],
    ],
  },
  sinh: row(
    Math.sinh,
    [-20, 20],
    [
      [-0, -0],
      [90, Infinity],
    ],
    { gradient: { floor: 1e-6 } },
  ),
  cosh: row(
    Math.cosh,
    [-20, 20],
    [
      [0, 1],
      [-Infinity, Infinity],
    ],
    { gradient: { floor: 1e-6 } },
  ),
  tanh: row(
    Math.tanh,
    [-9, 9],
    [
      [-0, -0],
      [Infinity, 1],
      [-Infinity, -1],
      [50, 1],
    ],
    // (1 − y)(1 + y) is exact to the size of 1, not of itself.
    { gradient: { floor: 0.2 } },
  ),
  asinh: row(
    Math.asinh,
    [-1000, 1000],
    [
      [-0, -0],
      [-Infinity, -Infinity],
    ],
  ),
  acosh: row(
    Math.acosh,
    [1.1, 1000],
    [
      [1, 0],
      [0.5, NaN],
      [Infinity, Infinity],
    ],
  ),
  atanh: row(
    Math.atanh,
    [-0.95, 0.95],
    [
      [1, Infinity],
      [-1, -Infinity],
      [-0, -0],
      [2, NaN],
    ],
  ),
  erf: row(
    erf,
    [-4, 4],
    [
      [-0, -0],
      [Infinity, 1],
      [-Infinity, -1],
    ],
  ),
  sinc: row(
    sinc,
    [-5.4, 5.4],
    [
      [0, 1],
      [-0, 1],
    ],
    { tolerance: { f32: ulps(4, 2 ** -24), f64: ulps(4, 2 ** -52) }, ...atPole },
  ),
};
