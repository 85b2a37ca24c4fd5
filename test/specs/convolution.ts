// Rows of bindings/ops/convolution.ts: strides, every kind of padding, dilation, groups, both formats.
// Read next: spec.ts, ../reference/convolution.ts.
import * as athanor from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { map } from "../reference/array.ts";
import type { ConvolutionOptions, Padding } from "../reference/convolution.ts";
import * as reference from "../reference/convolution.ts";
import { permute } from "../reference/movement.ts";
import type { Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

type Conv2dOptions = NonNullable<Parameters<typeof athanor.conv2d>[2]>;

const around = (vertical: number, horizontal: number): Padding => [
  [vertical, vertical],
  [horizontal, horizontal],
];
const toLast = (x: NdArray): NdArray => permute(x, [0, 2, 3, 1]);
const toFirst = (x: NdArray): NdArray => permute(x, [0, 3, 1, 2]);

function convolve(
  label: string,
  x: readonly number[],
  filter: readonly number[],
  options: Conv2dOptions,
  plain: ConvolutionOptions,
  more: Partial<Sample> = {},
): Sample {
  return {
    label,
    operands: [{ shape: x }, { shape: filter }],
    call: (a, b) => athanor.conv2d(a, b, options),
    reference: (a, b) => reference.conv2d(a, b, plain),
    ...more,
  };
}

const sameOf = (
  x: readonly number[],
  filter: readonly number[],
  stride: readonly [number, number] = [1, 1],
  dilation: readonly [number, number] = [1, 1],
): Padding => reference.samePadding([x[1]!, x[2]!], [filter[0]!, filter[1]!], stride, dilation);

const first: Sample = {
  label: "NCHW",
  operands: [{ shape: [2, 2, 4, 3] }, { shape: [3, 3, 2, 2] }],
  call: (a, b) => athanor.conv2d(a, b, { dataFormat: "NCHW", padding: 1 }),
  reference: (a, b) => toFirst(reference.conv2d(toLast(a), b, { padding: around(1, 1) })),
  gpu: true,
};

const biased: Sample = {
  label: "bias and relu",
  operands: [{ shape: [1, 4, 4, 2] }, { shape: [3, 3, 2, 3] }, { shape: [3] }],
  call: (a, b, bias) => athanor.conv2d(a, b, { bias: bias, activation: "relu", padding: "same" }),
  reference: (a, b, bias) =>
    map(
      (u) => Math.max(u, 0),
      map((u, v) => u + v, reference.conv2d(a, b, { padding: around(1, 1) }), bias),
    ),
  against: (a, b, bias) =>
    map((u, v) => u + v, reference.conv2d(absolute(a), absolute(b), { padding: around(1, 1) }), absolute(bias)),
  gpu: true,
};

function absolute(x: NdArray): NdArray {
  return { shape: x.shape, data: x.data.map(Math.abs) };
}

const uneven: Padding = [
  [2, 0],
  [1, 3],
];

const lopsided: Padding = [
  [1, 0],
  [0, 1],
];

/** Shapes that the CPU convolves as Winograd does: borders, tiles cut off, half panels, cut sums, more than one block. The last is padded too much. */
const winograd: Sample[] = (
  [
    [[2, 8, 8, 16], 16, around(1, 1)],
    [[2, 9, 10, 16], 20, lopsided],
    [[1, 22, 7, 20], 24, around(0, 0)],
    [[1, 31, 31, 16], 16, around(1, 1)],
    [[1, 13, 11, 64], 16, around(1, 1)],
    [[2, 7, 9, 68], 20, lopsided],
    [[1, 23, 22, 132], 16, around(0, 1)],
    [[1, 10, 10, 16], 16, uneven],
  ] as const
).map(([x, filters, padding]) =>
  convolve(
    `[${x.join()}] 3×3, ${String(filters)} filters, padding ${JSON.stringify(padding)}`,
    x,
    [3, 3, x[3], filters],
    { padding },
    { padding },
    { gradient: false },
  ),
);

/** The input gradient of Winograd's shapes. */
const transposed: Sample[] = (
  [
    [[1, 12, 9, 16], 20, around(1, 1)],
    [
      [2, 10, 9, 64],
      16,
      [
        [1, 2],
        [2, 1],
      ],
    ],
    [[1, 12, 9, 16], 16, around(0, 0)],
  ] as const
).map(([x, filters, padding]) => ({
  label: `[${x.join()}] 3×3, ${String(filters)} filters, padding ${JSON.stringify(padding)}`,
  operands: [{ shape: x }, { shape: [3, 3, filters, x[3]] }],
  call: (a, b) => athanor.convTranspose2d(a, b, { padding }),
  reference: (a, b) => reference.convTranspose2d(a, b, { padding }),
  gradient: false,
}));

/**
 * Numbers of one sign, which round most: by Winograd's method and by sums. Their tolerances are those of docs/accuracy.md, because
 * of 576 terms of one sign no sum of either kind stays within 4; ../convolution-accuracy.test.ts tries more of them.
 */
const positive: Sample[] = (
  [
    [false, 12],
    [true, 9],
  ] as const
).map(([strict, tolerance]) => ({
  label: `numbers of one sign${strict ? ", strict" : ""}`,
  operands: [
    { shape: [1, 10, 10, 64], domain: [0.5, 1.5] },
    { shape: [3, 3, 64, 16], domain: [0.5, 1.5] },
  ],
  call: (a, b) => athanor.conv2d(a, b, { padding: "same", strict }),
  reference: (a, b) => reference.conv2d(a, b, { padding: around(1, 1) }),
  ...{ tolerance: ulpsOfSum(tolerance), gradient: false, gpu: true },
}));

// Gradients are sums of products too: errors are relative to the largest.
const ofSums = { floor: 0.5 } as const;

export const convolution: StructuredRows<"conv2d" | "depthwiseConv2d" | "convTranspose2d"> = {
  conv2d: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      convolve("[2,4,5,2] 3×3 valid", [2, 4, 5, 2], [3, 3, 2, 3], {}, {}),
      convolve(
        "same, stride 2",
        [1, 5, 6, 2],
        [3, 3, 2, 3],
        { padding: "same", stride: 2 },
        { padding: sameOf([1, 5, 6], [3, 3], [2, 2]), stride: [2, 2] },
      ),
      convolve(
        "uneven padding",
        [1, 4, 5, 2],
        [3, 2, 2, 2],
        {
          padding: [
            [2, 0],
            [1, 3],
          ],
        },
        { padding: uneven },
        { gpu: true },
      ),
      convolve(
        "dilation 2 by 1",
        [1, 7, 5, 2],
        [3, 2, 2, 3],
        { dilation: [2, 1], padding: [1, 0] },
        { dilation: [2, 1], padding: around(1, 0) },
        { gpu: true },
      ),
      convolve(
        "groups 2",
        [1, 4, 4, 4],
        [3, 3, 2, 4],
        { groups: 2, padding: 1 },
        { groups: 2, padding: around(1, 1) },
        { gpu: true },
      ),
      convolve(
        "groups 2, stride 2, dilation 2",
        [1, 7, 7, 4],
        [2, 2, 2, 2],
        { groups: 2, stride: 2, dilation: 2 },
        { groups: 2, stride: [2, 2], dilation: [2, 2] },
      ),
      convolve("1×1", [2, 3, 4, 5], [1, 1, 5, 3], {}, {}),
      convolve(
        "even window, same",
        [1, 5, 5, 1],
        [2, 4, 1, 2],
        { padding: "same" },
        { padding: sameOf([1, 5, 5], [2, 4]) },
      ),
      // The last window of a row ends with the image: no border after it, and a pixel wider than any edge tile.
      convolve(
        "many channels, a border before and none after",
        [1, 6, 6, 80],
        [3, 3, 80, 4],
        { padding: 1, stride: 2 },
        { padding: around(1, 1), stride: [2, 2] },
        { gradient: false },
      ),
      convolve("window as large as the image", [2, 3, 4, 2], [3, 4, 2, 3], {}, {}),
      convolve("empty batch", [0, 5, 5, 2], [3, 3, 2, 3], {}, {}),
      convolve(
        "[1,28,28,1] 5×5, LeNet",
        [1, 28, 28, 1],
        [5, 5, 1, 6],
        { padding: 2 },
        { padding: around(2, 2) },
        { gradient: false, gpu: true },
      ),
      convolve(
        "[2,7,7,16] 3×3, 20 filters",
        [2, 7, 7, 16],
        [3, 3, 16, 20],
        { padding: 1 },
        { padding: around(1, 1) },
        { gradient: false, gpu: true },
      ),
      // Few channels: planes, with panels of windows that go on in the next row, few outputs, and phases of a stride.
      convolve("few channels, 5 filters", [2, 3, 11, 1], [2, 3, 1, 5], { padding: [0, 1] }, { padding: around(0, 1) }),
      convolve(
        "few channels, stride 2 by 2",
        [1, 4, 18, 3],
        [3, 4, 3, 9],
        { padding: 1, stride: 2 },
        { padding: around(1, 1), stride: [2, 2] },
        { gradient: { ...ofSums, second: false } },
      ),
      convolve(
        "few channels, dilation 2, stride 3",
        [1, 5, 30, 2],
        [2, 3, 2, 8],
        { dilation: 2, stride: [1, 3] },
        { dilation: [2, 2], stride: [1, 3] },
        { gradient: { ...ofSums, second: false } },
      ),
      ...winograd,
      ...positive,
      {
        ...convolve("laid out otherwise", [1, 4, 4, 2], [3, 3, 2, 2], { padding: 1 }, { padding: around(1, 1) }),
        operands: [
          { shape: [1, 4, 4, 2], layout: "transposed" },
          { shape: [3, 3, 2, 2], layout: "sliced" },
        ],
      },
      first,
      biased,
    ],
  },
  depthwiseConv2d: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      {
        label: "multiplier 2",
        operands: [{ shape: [1, 4, 3, 2] }, { shape: [3, 3, 2, 2] }],
        call: (a, b) => athanor.depthwiseConv2d(a, b, { padding: 1 }),
        reference: (a, b) => reference.depthwiseConv2d(a, b, { padding: around(1, 1) }),
      },
      {
        label: "stride 2",
        operands: [{ shape: [2, 5, 5, 2] }, { shape: [2, 3, 2, 1] }],
        call: (a, b) => athanor.depthwiseConv2d(a, b, { stride: 2 }),
        reference: (a, b) => reference.depthwiseConv2d(a, b, { stride: [2, 2] }),
      },
      // Vectors of channels and one left over, in the gradients too: taps in threes, padding that turns round and that does not.
      ...(
        [
          ["3×3 of 5 channels", [1, 4, 5, 5], [3, 3], around(1, 1), [1, 1], [1, 1]],
          ["2×5 of 4 channels, stride 2", [1, 4, 7, 4], [2, 5], around(1, 2), [2, 2], [1, 1]],
          ["3×3 of 18 channels, stride 2", [1, 5, 4, 18], [3, 3], around(1, 1), [2, 2], [1, 1]],
          ["3×2 of 4 channels, dilation 2", [1, 6, 4, 4], [3, 2], lopsided, [1, 1], [2, 2]],
          ["2×2 of 4 channels, padding wider than the window", [1, 3, 3, 4], [2, 2], around(2, 2), [1, 1], [1, 1]],
        ] as const
      ).map(([label, x, window, padding, stride, dilation]): Sample => ({
        label,
        operands: [{ shape: x }, { shape: [...window, x[3], 1] }],
        call: (a, b) => athanor.depthwiseConv2d(a, b, { padding, stride, dilation }),
        reference: (a, b) => reference.depthwiseConv2d(a, b, { padding, stride, dilation }),
      })),
      ...([7, 9, 20] as const).map((channels): Sample => ({
        label: `3×3 of ${String(channels)} channels`,
        operands: [{ shape: [2, 4, channels - 1, channels] }, { shape: [3, 3, channels, 1] }],
        call: (a, b) => athanor.depthwiseConv2d(a, b, { padding: lopsided }),
        reference: (a, b) => reference.depthwiseConv2d(a, b, { padding: lopsided }),
        gradient: false,
      })),
    ],
  },
  convTranspose2d: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      ...(
        [
          ["stride 1", {}, {}],
          [
            "stride 2, padding 1, output padding 1",
            { stride: 2, padding: 1, outputPadding: 1 },
            { stride: [2, 2], padding: around(1, 1), outputPadding: [1, 1] },
          ],
          ["dilation 2", { dilation: 2 }, { dilation: [2, 2] }],
        ] as const
      ).map(([label, options, plain]): Sample => ({
        label,
        operands: [{ shape: [1, 3, 2, 2] }, { shape: [3, 3, 3, 2] }],
        call: (a, b) => athanor.convTranspose2d(a, b, options),
        reference: (a, b) => reference.convTranspose2d(a, b, plain),
      })),
      ...transposed,
    ],
  },
};
