// Rows of the activations without options of bindings/ops/activation.ts, as functions of f64 from their definitions.
// Derivatives at kinks are PyTorch's and are tested in test/kinks.test.ts; samples of the gradient keep off them.
// Read next: spec.ts, parametric.ts for the activations with options.
import type * as ops from "../../bindings/ops/activation.ts";
import { sigmoid, softplus } from "../reference/functions.ts";
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

const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

export const activation: ElementwiseRows<typeof ops> = {
  sigmoid: row(
    sigmoid,
    [-20, 20],
    [
      [0, 0.5],
      [-Infinity, 0],
      [Infinity, 1],
    ],
    // y(1 − y) is exact to the size of 1, not of itself.
    { gradient: { floor: 0.1 } },
  ),
  relu: row(
    (x) => Math.max(x, 0),
    [-10, 10],
    [
      [-1, 0],
      [NaN, NaN],
    ],
    { kinks: [0] },
  ),
  relu6: row(
    (x) => Math.min(Math.max(x, 0), 6),
    [-10, 10],
    [
      [7, 6],
      [-Infinity, 0],
    ],
    { kinks: [0, 6] },
  ),
  selu: row(
    (x) => seluScale * (x > 0 ? x : seluAlpha * Math.expm1(x)),
    [-20, 10],
    [[-Infinity, -seluScale * seluAlpha]],
    { kinks: [0] },
  ),
  silu: row((x) => (x === -Infinity ? -0 : x * sigmoid(x)), [-80, 80], [[0, 0]], { extremes: false }),
  mish: row((x) => x * Math.tanh(softplus(x)), [-50, 50], [[0, 0]], { extremes: false }),
  softplus: row(
    softplus,
    [-80, 80],
    [
      [0, Math.LN2],
      [-Infinity, 0],
      [Infinity, Infinity],
    ],
    { gradient: { floor: 0.01 } },
  ),
  softsign: row((x) => x / (1 + Math.abs(x)), [-100, 100], [[-0, -0]], { extremes: false }),
  logSigmoid: row(
    (x) => -softplus(-x),
    [-80, 80],
    [
      [0, -Math.LN2],
      [-Infinity, -Infinity],
    ],
  ),
  hardSigmoid: row(
    (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
    [-5, 5],
    [
      [-3, 0],
      [3, 1],
    ],
    { tolerance: { f32: ulps(4, 2 ** -24), f64: ulps(4, 2 ** -53) }, kinks: [-3, 3] },
  ),
  hardSwish: row((x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6, [-5, 5], [[3, 3]], {
    tolerance: { f32: ulps(4, 2 ** -24), f64: ulps(4, 2 ** -53) },
    kinks: [-3, 3],
    extremes: false,
  }),
  step: row(
    (x) => (Number.isNaN(x) ? NaN : x > 0 ? 1 : 0),
    [-3, 3],
    [
      [0, 0],
      [2, 1],
    ],
    { gradient: false, extremes: false },
  ),
  prelu: {
    reference: (x, slope) => (x >= 0 ? x : slope * x),
    domain: [
      [-5, 5],
      [0.01, 0.5],
    ],
    tolerance: close,
    kinks: (x) => Math.abs(x) < 1e-3,
    extremes: false,
  },
};
