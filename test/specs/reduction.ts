// Rows of bindings/ops/reduction.ts and of the softmax family: every op over several axes, layouts and lengths.
// Sums are judged against the sum of magnitudes, which is what bounds their rounding. Read next: spec.ts.
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import * as reference from "../reference/reduction.ts";
import type { AxisChoice } from "../reference/reduction.ts";
import type { ErrorRow, OperandSpec, Sample, StructuredRows, StructuredSpec } from "./spec.ts";
import { ulps, ulpsOfSum } from "./spec.ts";

type Fold = (values: readonly number[]) => number;
type Reduction = (x: Tensor, options?: AxisChoice) => Tensor;

interface Setting {
  readonly label: string;
  readonly operand: OperandSpec;
  readonly options?: AxisChoice;
}

const settings: readonly Setting[] = [
  { label: "[3,4,5] axis 1", operand: { shape: [3, 4, 5] }, options: { axis: 1 } },
  {
    label: "[5,7] transposed, last axis kept",
    operand: { shape: [5, 7], layout: "transposed" },
    options: { axis: -1, keepDims: true },
  },
  { label: "[2,3,4] all", operand: { shape: [2, 3, 4] } },
  { label: "[] all", operand: { shape: [] } },
  { label: "[1]", operand: { shape: [1] }, options: { axis: 0 } },
  { label: "[3,4,5] sliced, axes 0 and 2", operand: { shape: [3, 4, 5], layout: "sliced" }, options: { axis: [0, 2] } },
  { label: "[3,4,5] broadcast, axis 0", operand: { shape: [3, 4, 5], layout: "broadcast" }, options: { axis: 0 } },
  { label: "[6,17] no axes", operand: { shape: [6, 17] }, options: { axis: [] } },
];

const long: readonly Setting[] = [
  { label: "[1023] all", operand: { shape: [1023] } },
  { label: "[40000] long", operand: { shape: [40000] } },
  { label: "[3,1500] rows", operand: { shape: [3, 1500] }, options: { axis: 1 } },
  { label: "[1500,3] columns", operand: { shape: [1500, 3] }, options: { axis: 0 } },
];

function samplesOf(call: Reduction, fold: Fold, chosen: readonly Setting[], more: Partial<Sample> = {}): Sample[] {
  return chosen.map(({ label, operand, options }) => {
    const isLong = operand.shape.some((extent) => extent > 100);
    return {
      label,
      operands: [operand],
      call: (x) => (options === undefined ? call(x) : call(x, options)),
      reference: (x) => reference.reduce(x, options ?? {}, fold),
      ...(isLong ? { gradient: false as const, gpu: label.includes("rows") || label.includes("long") } : {}),
      ...more,
    };
  });
}

function doubled(call: Reduction, fold: Fold, dtype: "f64" | "i32"): Sample[] {
  const operand = { shape: [4, 9], dtype, domain: [-20, 20] } as const;
  return samplesOf(call, fold, [{ label: `${dtype} [4,9] axis 0`, operand, options: { axis: 0 } }], {
    gpu: dtype === "i32",
    result: dtype,
  });
}

function badAxis(name: string, call: Reduction): ErrorRow[] {
  return [
    {
      label: "axis outside",
      shapes: [[2, 3]],
      call: (x) => call(x, { axis: 2 }),
      error: "ShapeError",
      message: `${name}: axis 2 does not exist in a tensor of 2 axes: valid axes are -2 to 1`,
    },
    {
      label: "axis twice",
      shapes: [[2, 3]],
      call: (x) => call(x, { axis: [0, -2] }),
      error: "ShapeError",
      message: `${name}: an axis is named twice in [0, -2]. Name each axis once`,
    },
  ];
}

const empty: readonly Setting[] = [
  { label: "[0,3] axis 0", operand: { shape: [0, 3] }, options: { axis: 0 } },
  { label: "[3,0] axis 0", operand: { shape: [3, 0] }, options: { axis: 0 } },
];
const hostile: Setting = {
  label: "NaN and ∞",
  operand: { shape: [2, 3], values: [1, NaN, 2, -Infinity, 3, Infinity] },
  options: { axis: 1 },
};
const cancelling: Setting = {
  label: "cancellation",
  operand: { shape: [4096], values: Array.from({ length: 4096 }, (_, i) => (i % 2 === 0 ? 1e6 + i : -1e6 - i + 1)) },
};

const anyOf: Fold = (values) => Number(values.some((value) => value !== 0));
const allOf: Fold = (values) => Number(values.every((value) => value !== 0));
const truths: readonly Setting[] = [
  { label: "[3,4] axis 1", operand: { shape: [3, 4], dtype: "bool", domain: [0, 1] }, options: { axis: 1 } },
  { label: "[3,4] all", operand: { shape: [3, 4], dtype: "bool", domain: [0, 1] } },
  { label: "[0]", operand: { shape: [0], dtype: "bool" } },
];

function row(
  name: string,
  call: Reduction,
  fold: Fold,
  more: Partial<StructuredSpec> & { readonly extra?: readonly Sample[] },
): StructuredSpec {
  const { extra = [], ...rest } = more;
  return {
    tolerance: ulpsOfSum(2),
    samples: [...samplesOf(call, fold, [...settings, ...long]), ...doubled(call, fold, "f64"), ...extra],
    errors: badAxis(name, call),
    ...rest,
  };
}

function extremeRow(name: string, call: Reduction, fold: Fold): StructuredSpec {
  // A stretched operand is all ties along its axis, where there is no derivative.
  const tied = settings.filter(({ operand }) => operand.layout === "broadcast");
  const noTies = settings
    .filter((setting) => !tied.includes(setting))
    .map((setting) => ({ ...setting, operand: { ...setting.operand, apart: true } }));
  const noRows: ErrorRow = {
    label: "nothing to choose from",
    shapes: [[0, 3]],
    call: (x) => call(x, { axis: 0 }),
    error: "ShapeError",
    message: `${name}: axis 0 of [0, 3] has no elements, so there is no ${name}. Leave empty slices out, or pad them`,
  };
  return {
    tolerance: ulps(0),
    samples: [
      ...samplesOf(call, fold, [...noTies, ...long]),
      ...samplesOf(call, fold, [...tied, hostile, ...empty.slice(1)], { gradient: false, gpu: true }),
      ...doubled(call, fold, "f64"),
      ...doubled(call, fold, "i32"),
    ],
    errors: [...badAxis(name, call), noRows],
  };
}

function positionRow(name: string, call: Reduction, beats: (a: number, b: number) => boolean): StructuredSpec {
  const fold: Fold = (values) => reference.firstBest(values, beats);
  const single = [...settings, ...long, hostile].filter(({ options }) => !Array.isArray(options?.axis));
  const ties: Setting = {
    label: "ties",
    operand: { shape: [2, 4], values: [1, 3, 3, 1, -0, 0, -0, 0] },
    options: { axis: 1 },
  };
  return {
    tolerance: ulps(0),
    gradient: false,
    samples: samplesOf(call, fold, [...single, ties], { result: "i32" }),
    errors: badAxis(name, call).slice(0, 1),
  };
}

function softRow(
  name: string,
  call: (x: Tensor, options?: { axis?: number }) => Tensor,
  f: (x: NdArray, axis: number) => NdArray,
  tolerance: StructuredSpec["tolerance"],
): StructuredSpec {
  const one = (label: string, operand: OperandSpec, axis?: number, more: Partial<Sample> = {}): Sample => ({
    label,
    operands: [{ domain: [-5, 5], ...operand }],
    call: (x) => (axis === undefined ? call(x) : call(x, { axis })),
    reference: (x) => f(x, axis ?? -1),
    ...more,
  });
  return {
    tolerance,
    // dy − Σ y·dy cancels.
    gradient: { ulps: 32, floor: 0.2 },
    samples: [
      one("[3,5]", { shape: [3, 5] }),
      one("[3,4,5] axis 1", { shape: [3, 4, 5] }, 1),
      one("[5,7] transposed", { shape: [5, 7], layout: "transposed" }),
      one("[3,4] sliced axis 0", { shape: [3, 4], layout: "sliced" }, 0),
      one("[1]", { shape: [1] }),
      one("[3,500]", { shape: [3, 500] }, -1, { gradient: false, gpu: true }),
      one("large values", { shape: [2, 3], values: [1000, 999, 0, -1000, -1001, -5000] }, -1, {
        gradient: false,
        gpu: true,
      }),
      one("f64 [3,5]", { shape: [3, 5], dtype: "f64" }),
      one("[0,3]", { shape: [0, 3] }),
    ],
    errors: [
      {
        label: "axis outside",
        shapes: [[2, 3]],
        call: (x) => call(x, { axis: 5 }),
        error: "ShapeError",
        message: `${name}: axis 5 does not exist in a tensor of 2 axes: valid axes are -2 to 1`,
      },
    ],
  };
}

const variance =
  (ddof: number): Fold =>
  (values) =>
    reference.variance(values, ddof);
// Slices of one element have no deviation to speak of, and a root no derivative at 0.
const spread = [...settings, ...long].filter(
  ({ label }) => !["[] all", "[1]", "[6,17] no axes", "[3,4,5] broadcast, axis 0"].includes(label),
);
const ord =
  (order: number): Reduction =>
  (x, options) =>
    athanor.norm(x, { ...options, ord: order });

export const reduction: StructuredRows<
  | "sum"
  | "mean"
  | "prod"
  | "max"
  | "min"
  | "all"
  | "any"
  | "variance"
  | "std"
  | "norm"
  | "argMax"
  | "argMin"
  | "softmax"
  | "logSoftmax"
  | "logSumExp"
  | "maxout"
> = {
  sum: row("sum", athanor.sum, reference.total, {
    extra: [
      ...doubled(athanor.sum, reference.total, "i32"),
      ...samplesOf(athanor.sum, reference.total, [...empty, hostile, cancelling], { gradient: false }),
      ...samplesOf(athanor.sum, reference.total, truths, { result: "i32", gpu: true, gradient: false }),
      ...samplesOf(
        athanor.sum,
        reference.total,
        [{ label: "u8 [300]", operand: { shape: [300], dtype: "u8", domain: [0, 255] } }],
        { result: "i32", gpu: true, gradient: false },
      ),
    ],
  }),
  mean: row("mean", athanor.mean, reference.average, {
    extra: samplesOf(
      athanor.mean,
      reference.average,
      [{ label: "u8 [300]", operand: { shape: [300], dtype: "u8", domain: [0, 255] } }],
      { result: "f32", gradient: false },
    ),
  }),
  prod: {
    tolerance: ulps(12),
    samples: [
      ...samplesOf(athanor.prod, reference.product, settings),
      ...samplesOf(
        athanor.prod,
        reference.product,
        [{ label: "[1,1023] near one", operand: { shape: [1, 1023], domain: [0.99, 1.01] } }],
        { gradient: false, tolerance: ulps(200) },
      ),
      ...samplesOf(
        athanor.prod,
        reference.product,
        [
          {
            label: "one zero and two",
            operand: { shape: [3, 4], values: [1, 2, 0, 4, 0, 2, 0, 3, 1, 2, 3, 4] },
            options: { axis: 1 },
          },
        ],
        { gradient: {} },
      ),
      ...samplesOf(athanor.prod, reference.product, empty, { gradient: false }),
    ],
    errors: badAxis("prod", athanor.prod),
  },
  max: extremeRow("max", athanor.max, reference.largest),
  min: extremeRow("min", athanor.min, reference.smallest),
  all: {
    tolerance: ulps(0),
    gradient: false,
    samples: samplesOf(athanor.all, allOf, truths, { result: "bool" }),
    errors: badAxis("all", athanor.all),
  },
  any: {
    tolerance: ulps(0),
    gradient: false,
    samples: samplesOf(athanor.any, anyOf, truths, { result: "bool" }),
    errors: badAxis("any", athanor.any),
  },
  variance: {
    tolerance: ulps(8),
    samples: [
      ...samplesOf(athanor.variance, variance(0), spread),
      ...samplesOf(
        (x, options) => athanor.variance(x, { ...options, ddof: 1 }),
        variance(1),
        spread.slice(0, 2).map((s) => ({ ...s, label: `${s.label} ddof 1` })),
      ),
      ...samplesOf(
        athanor.variance,
        variance(0),
        // The mean itself is rounded to 2^-10, and its error squared is added.
        [{ label: "mean far from 0", operand: { shape: [1000], domain: [10000, 10001] } }],
        { gradient: false, tolerance: ulps(8, 2 ** -22) },
      ),
      ...doubled(athanor.variance, variance(0), "f64"),
    ],
    errors: badAxis("variance", athanor.variance),
  },
  std: {
    tolerance: ulps(8),
    samples: samplesOf(athanor.std, (values) => Math.sqrt(reference.variance(values)), spread),
    errors: badAxis("std", athanor.std),
  },
  norm: {
    tolerance: ulps(6),
    samples: [
      ...samplesOf(athanor.norm, (values) => reference.vectorNorm(values, 2), spread),
      ...samplesOf(
        ord(1),
        (values) => reference.vectorNorm(values, 1),
        spread.slice(0, 2).map((s) => ({ ...s, label: `${s.label} ord 1` })),
      ),
      ...samplesOf(
        ord(Infinity),
        (values) => reference.vectorNorm(values, Infinity),
        spread.slice(0, 2).map((s) => ({ ...s, label: `${s.label} ord ∞` })),
      ),
    ],
    errors: badAxis("norm", athanor.norm),
  },
  argMax: positionRow("argMax", athanor.argMax as Reduction, (a, b) => a > b),
  argMin: positionRow("argMin", athanor.argMin as Reduction, (a, b) => a < b),
  // Rounding x − max costs |x − max|/2 ulp in the exponential: up to 8 ulp for values 10 apart, as in PyTorch.
  softmax: softRow("softmax", athanor.softmax, reference.softmax, ulps(12)),
  logSoftmax: softRow("logSoftmax", athanor.logSoftmax, reference.logSoftmax, ulps(4, 1e-6)),
  logSumExp: {
    tolerance: ulps(4, 2.5e-7),
    samples: [
      ...samplesOf(athanor.logSumExp, reference.logSumExp, [...settings, ...long]),
      ...samplesOf(
        athanor.logSumExp,
        reference.logSumExp,
        [
          {
            label: "−∞ and large",
            operand: { shape: [2, 3], values: [-Infinity, -Infinity, -Infinity, 1000, 999, 1] },
            options: { axis: 1 },
          },
        ],
        { gradient: false, gpu: true },
      ),
    ],
    errors: badAxis("logSumExp", athanor.logSumExp),
  },
  maxout: {
    tolerance: ulps(0),
    samples: [
      {
        label: "[2,6] by 3",
        operands: [{ shape: [2, 6], apart: true }],
        call: (x) => athanor.maxout(x, { groups: 3 }),
        reference: (x) => reference.maxout(x, 3, -1),
      },
      {
        label: "[4,3] axis 0 by 2",
        operands: [{ shape: [4, 3], layout: "sliced", apart: true }],
        call: (x) => athanor.maxout(x, { groups: 2, axis: 0 }),
        reference: (x) => reference.maxout(x, 2, 0),
      },
    ],
  },
};
