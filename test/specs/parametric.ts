// Rows of the elementwise ops that take options. Each variant is a setting with its own call and reference.
// Read next: spec.ts, activation.ts for the activations without options.
import type { DType } from "../../bindings/core/dtype.ts";
import * as athanor from "../../bindings/index.ts";
import { erf, sigmoid } from "../reference/functions.ts";
import type { ElementwiseSpec, ParametricSpec } from "./spec.ts";
import { ulps } from "./spec.ts";

const close = { f32: ulps(4), f64: ulps(4) };
const exact = { f32: ulps(0.5), f64: ulps(0.5) };
const clamp = (x: number, low: number, high: number): number =>
  Number.isNaN(x) ? x : Math.min(Math.max(x, low), high);
const elu = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x));
const celu = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x / alpha));
const exactGelu = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2;
const tanhGelu = (x: number): number => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2;

const signed: Pick<ElementwiseSpec, "domain" | "tolerance" | "kinks"> = {
  domain: [-5, 5],
  tolerance: close,
  kinks: [0],
};

/** Whole numbers are cut towards zero and saturate, NaN becomes 0; anything but 0 is true. */
function conversion(
  to: DType,
  dtypes: readonly DType[],
  reference: (x: number) => number,
): ParametricSpec["variants"][number] {
  return {
    label: `to ${to}`,
    call: (x) => athanor.cast(x, to),
    reference: (x) => reference(x),
    domain: [-300, 300],
    tolerance: exact,
    dtypes,
    result: to,
    gradient: isFloat(to) ? { second: false } : false,
  };
}

function isFloat(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f64";
}

function toBool(x: number): number {
  return x === 0 ? 0 : 1;
}

function toInteger(low: number, high: number): (x: number) => number {
  return (x) => (Number.isNaN(x) ? 0 : clamp(Math.trunc(x), low, high));
}

export const parametric: Readonly<
  Record<"clip" | "leakyRelu" | "elu" | "celu" | "gelu" | "swish" | "cast", ParametricSpec>
> = {
  clip: {
    variants: [
      {
        label: "both",
        call: (x) => athanor.clip(x, { min: -1, max: 2 }),
        reference: (x) => clamp(x, -1, 2),
        domain: [-5, 5],
        tolerance: exact,
        kinks: [-1, 2],
      },
      {
        label: "min",
        call: (x) => athanor.clip(x, { min: -1 }),
        reference: (x) => clamp(x, -1, Infinity),
        domain: [-5, 5],
        tolerance: exact,
        kinks: [-1],
      },
      {
        label: "max",
        call: (x) => athanor.clip(x, { max: 2 }),
        reference: (x) => clamp(x, -Infinity, 2),
        domain: [-5, 5],
        tolerance: exact,
        kinks: [2],
      },
    ],
  },
  leakyRelu: {
    variants: [
      { label: "default", call: (x) => athanor.leakyRelu(x), reference: (x) => (x >= 0 ? x : 0.01 * x), ...signed },
      {
        label: "0.3",
        call: (x) => athanor.leakyRelu(x, { negativeSlope: 0.3 }),
        reference: (x) => (x >= 0 ? x : 0.3 * x),
        ...signed,
      },
    ],
  },
  elu: {
    variants: [
      {
        label: "default",
        call: (x) => athanor.elu(x),
        reference: (x) => elu(x, 1),
        special: [[-Infinity, -1]],
        ...signed,
      },
      { label: "0.5", call: (x) => athanor.elu(x, { alpha: 0.5 }), reference: (x) => elu(x, 0.5), ...signed },
    ],
  },
  celu: {
    variants: [
      { label: "default", call: (x) => athanor.celu(x), reference: (x) => celu(x, 1), ...signed },
      { label: "2", call: (x) => athanor.celu(x, { alpha: 2 }), reference: (x) => celu(x, 2), ...signed },
    ],
  },
  gelu: {
    variants: [
      // 1 + erf cancels for negative x: relative accuracy ends where torch's ends too.
      {
        label: "exact",
        call: (x) => athanor.gelu(x),
        reference: exactGelu,
        domain: [-5, 5],
        tolerance: { f32: ulps(4, 2 ** -22), f64: ulps(4, 2 ** -50) },
        extremes: false,
      },
      {
        label: "tanh",
        call: (x) => athanor.gelu(x, { approximate: "tanh" }),
        reference: tanhGelu,
        domain: [-5, 5],
        tolerance: { f32: ulps(4, 2 ** -22), f64: ulps(4, 2 ** -50) },
        extremes: false,
      },
    ],
  },
  swish: {
    variants: [
      {
        label: "default",
        call: (x) => athanor.swish(x),
        reference: (x) => x * sigmoid(x),
        domain: [-50, 50],
        tolerance: close,
        extremes: false,
      },
      {
        label: "1.7",
        call: (x) => athanor.swish(x, { beta: 1.7 }),
        reference: (x) => x * sigmoid(1.7 * x),
        domain: [-8, 8],
        tolerance: { f32: ulps(16), f64: ulps(16) },
        extremes: false,
      },
    ],
  },
  cast: {
    variants: [
      conversion("bool", ["f32", "f64", "i32", "u8"], toBool),
      conversion("i32", ["f32", "f64", "u8", "bool"], toInteger(-2147483648, 2147483647)),
      conversion("u32", ["f32", "f64", "u8", "bool"], toInteger(0, 4294967295)),
      conversion("u8", ["f32", "f64", "bool"], toInteger(0, 255)),
      conversion("f32", ["f32", "f64", "i32", "u32", "u8", "bool"], (x) => x),
      conversion("f64", ["f32", "i32", "u32", "u8", "bool"], (x) => x),
    ],
  },
};
