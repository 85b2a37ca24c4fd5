// Rows of bindings/ops/pooling.ts: strides, every kind of padding, ceil mode, both formats, the channel counts and windows
// that have loops of their own on the CPU, NaN.
// Read next: spec.ts, ../reference/convolution.ts.
import * as athanor from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import type { Padding, PoolOptions } from "../reference/convolution.ts";
import * as reference from "../reference/convolution.ts";
import { permute } from "../reference/movement.ts";
import { average, largest, reduce } from "../reference/reduction.ts";
import type { OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulps, ulpsOfSum } from "./spec.ts";

type PoolingOptions = Parameters<typeof athanor.maxPool2d>[1];
type AverageOptions = Parameters<typeof athanor.avgPool2d>[1];

const around = (vertical: number, horizontal: number): Padding => [
  [vertical, vertical],
  [horizontal, horizontal],
];
const toLast = (x: NdArray): NdArray => permute(x, [0, 2, 3, 1]);
const toFirst = (x: NdArray): NdArray => permute(x, [0, 3, 1, 2]);

function pool(
  label: string,
  operand: OperandSpec | readonly number[],
  options: PoolingOptions,
  plain: PoolOptions,
  kind: "max" | "avg",
  more: Partial<Sample> = {},
): Sample {
  const spec: OperandSpec = "shape" in operand ? operand : { shape: operand };
  const call = kind === "max" ? athanor.maxPool2d : athanor.avgPool2d;
  const expected = kind === "max" ? reference.maxPool2d : reference.avgPool2d;
  return {
    label,
    operands: [{ ...spec, apart: true }],
    call: (x) => call(x, options),
    reference: (x) => expected(x, plain),
    ...more,
  };
}

function pools(kind: "max" | "avg"): Sample[] {
  const negative = { shape: [1, 4, 4, 2], domain: [-9, -1] } as const;
  return [
    pool("[2,4,6,3] by 2", [2, 4, 6, 3], { window: 2 }, { window: [2, 2] }, kind),
    pool(
      "3 by 2, stride 1, padding 1",
      negative,
      { window: [3, 2], stride: 1, padding: 1 },
      { window: [3, 2], stride: [1, 1], padding: around(1, 1) },
      kind,
    ),
    pool(
      "transposed",
      { shape: [2, 5, 5, 2], layout: "transposed" },
      { window: 2, stride: [1, 2] },
      { window: [2, 2], stride: [1, 2] },
      kind,
    ),
    pool("ceil mode", [1, 5, 6, 1], { window: 2, ceilMode: true }, { window: [2, 2], ceilMode: true }, kind, {
      gpu: true,
    }),
    {
      label: "NCHW",
      operands: [{ shape: [2, 2, 3, 4], apart: true }],
      call: (x) =>
        kind === "max"
          ? athanor.maxPool2d(x, { window: 2, stride: 1, dataFormat: "NCHW" })
          : athanor.avgPool2d(x, { window: 2, stride: 1, dataFormat: "NCHW" }),
      reference: (x) =>
        toFirst(
          (kind === "max" ? reference.maxPool2d : reference.avgPool2d)(toLast(x), { window: [2, 2], stride: [1, 1] }),
        ),
    },
    pool(
      "same",
      negative,
      { window: 3, stride: 2, padding: "same" },
      {
        window: [3, 3],
        stride: [2, 2],
        padding: reference.samePadding([4, 4], [3, 3], [2, 2], [1, 1]),
        countIncludePad: false,
      },
      kind,
    ),
    // Whole vectors of channels, one that overlaps the last, blocks of four; windows that share columns, and one left over.
    ...([4, 6, 16, 20, 37] as const).flatMap((channels) => [
      pool(`2×2 of ${channels} channels`, [2, 4, 4, channels], { window: 2 }, { window: [2, 2] }, kind, {
        ...(channels < 16 ? {} : { gradient: false }),
      }),
      pool(
        `3×3 by 2 of ${channels} channels`,
        [1, 7, 9, channels],
        { window: 3, stride: 2, padding: 1 },
        { window: [3, 3], stride: [2, 2], padding: around(1, 1) },
        kind,
        channels < 6 ? {} : { gradient: false },
      ),
    ]),
    pool("2×2 by 3, image cut off", [1, 6, 7, 5], { window: 2, stride: 3 }, { window: [2, 2], stride: [3, 3] }, kind),
    pool("f64", { shape: [1, 4, 4, 2], dtype: "f64" }, { window: 2 }, { window: [2, 2] }, kind),
    pool("empty batch", [0, 4, 4, 2], { window: 2 }, { window: [2, 2] }, kind),
  ];
}

const globals = (
  call: (x: athanor.Tensor, options?: { dataFormat?: "NHWC" | "NCHW" }) => athanor.Tensor,
  fold: (values: readonly number[]) => number,
): Sample[] => [
  {
    label: "[2,3,4,5]",
    operands: [{ shape: [2, 3, 4, 5], apart: true }],
    call: (x) => call(x),
    reference: (x) => reduce(x, { axis: [1, 2] }, fold),
  },
  {
    label: "NCHW",
    operands: [{ shape: [2, 3, 4, 5], layout: "sliced", apart: true }],
    call: (x) => call(x, { dataFormat: "NCHW" }),
    reference: (x) => reduce(x, { axis: [2, 3] }, fold),
  },
];

export const pooling: StructuredRows<"maxPool2d" | "avgPool2d" | "globalMaxPool2d" | "globalAveragePool2d"> = {
  maxPool2d: {
    tolerance: ulps(0),
    samples: [
      ...pools("max"),
      pool(
        "dilation 2",
        [1, 6, 6, 2],
        { window: 2, stride: 1, dilation: 2 },
        { window: [2, 2], stride: [1, 1], dilation: [2, 2] },
        "max",
      ),
      ...([2, 3] as const).map((window) =>
        pool(
          `NaN and infinities in 5 channels, ${window} by ${window}`,
          {
            shape: [1, 7, 7, 5],
            values: Array.from({ length: 245 }, (_, i) => [NaN, Infinity, -Infinity][i % 23] ?? ((i * 37) % 101) - 50),
          },
          { window, stride: 2 },
          { window: [window, window], stride: [2, 2] },
          "max",
          { gradient: false },
        ),
      ),
      pool(
        "NaN",
        { shape: [1, 2, 4, 1], values: [1, 2, NaN, 4, 5, 6, 7, 8] },
        { window: 2 },
        { window: [2, 2] },
        "max",
        { gradient: false, gpu: true },
      ),
    ],
  },
  avgPool2d: {
    tolerance: ulpsOfSum(2),
    samples: [
      ...pools("avg"),
      ...[0, 1].map((padding) =>
        pool(
          `windows of 3, two apart, 6 channels, padding ${padding}`,
          [2, 9, 10, 6],
          { window: 3, stride: 2, padding },
          { window: [3, 3], stride: [2, 2], padding: around(padding, padding) },
          "avg",
        ),
      ),
      pool(
        "padding not counted",
        [1, 4, 5, 2],
        { window: 3, stride: 2, padding: 1, countIncludePad: false } as AverageOptions,
        { window: [3, 3], stride: [2, 2], padding: around(1, 1), countIncludePad: false },
        "avg",
        { gpu: true },
      ),
    ],
  },
  globalMaxPool2d: { tolerance: ulps(0), samples: globals(athanor.globalMaxPool2d, largest) },
  globalAveragePool2d: { tolerance: ulpsOfSum(2), samples: globals(athanor.globalAveragePool2d, average) },
};
