// Rows of bindings/ops/sequence-convolution.ts and volume-convolution.ts: every option on one axis and on three.
// Read next: convolution.ts, the rows of two axes; ../reference/convolution.ts.
import * as athanor from "../../bindings/index.ts";
import { map } from "../reference/array.ts";
import type { WindowOptions } from "../reference/convolution.ts";
import * as reference from "../reference/convolution.ts";
import { permute } from "../reference/movement.ts";
import type { Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

type Conv1dOptions = NonNullable<Parameters<typeof athanor.conv1d>[2]>;
type Conv3dOptions = NonNullable<Parameters<typeof athanor.conv3d>[2]>;

// Gradients are sums of products too: errors are relative to the largest.
const ofSums = { floor: 0.5 } as const;

function sequence(
  label: string,
  x: readonly number[],
  filter: readonly number[],
  options: Conv1dOptions,
  plain: WindowOptions,
  more: Partial<Sample> = {},
): Sample {
  return {
    label,
    operands: [{ shape: x }, { shape: filter }],
    call: (a, b) => athanor.conv1d(a, b, options),
    reference: (a, b) => reference.convolution(a, b, plain),
    ...more,
  };
}

function volume(
  label: string,
  x: readonly number[],
  filter: readonly number[],
  options: Conv3dOptions,
  plain: WindowOptions,
  more: Partial<Sample> = {},
): Sample {
  return {
    label,
    operands: [{ shape: x }, { shape: filter }],
    call: (a, b) => athanor.conv3d(a, b, options),
    reference: (a, b) => reference.convolution(a, b, plain),
    ...more,
  };
}

/** The adjoint of one axis as that of two, of height 1. */
const transposed = (
  label: string,
  x: readonly number[],
  filter: readonly number[],
  options: NonNullable<Parameters<typeof athanor.convTranspose1d>[2]>,
  plain: NonNullable<Parameters<typeof reference.convTranspose2d>[2]>,
): Sample => ({
  label,
  operands: [{ shape: x }, { shape: filter }],
  call: (a, b) => athanor.convTranspose1d(a, b, options),
  reference: (a, b) => {
    const [n, l, c] = a.shape as [number, number, number];
    const y = reference.convTranspose2d(
      { shape: [n, 1, l, c], data: a.data },
      { shape: [1, ...b.shape], data: b.data },
      plain,
    );
    return { shape: [n, y.shape[2]!, y.shape[3]!], data: y.data };
  },
});

export const convolutionRanks: StructuredRows<"conv1d" | "convTranspose1d" | "conv3d"> = {
  conv1d: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      sequence("[2,7,3] by 3", [2, 7, 3], [3, 3, 4], {}, {}),
      sequence(
        "same, stride 2",
        [2, 9, 2],
        [4, 2, 3],
        { padding: "same", stride: 2 },
        { padding: [[1, 2]], stride: [2] },
      ),
      sequence(
        "uneven padding, dilation 2, groups 2",
        [1, 8, 4],
        [3, 2, 6],
        { padding: [3, 1], dilation: 2, groups: 2 },
        { padding: [[3, 1]], dilation: [2], groups: 2 },
        { gpu: true },
      ),
      sequence("one channel, long", [2, 40, 1], [9, 1, 5], { padding: 4 }, { padding: [[4, 4]] }),
      sequence("1 tap", [2, 5, 3], [1, 3, 4], {}, {}),
      {
        label: "NCL, bias, relu",
        operands: [{ shape: [2, 3, 6] }, { shape: [3, 3, 2] }, { shape: [2] }],
        call: (a, b, bias) => athanor.conv1d(a, b, { dataFormat: "NCL", padding: 1, bias, activation: "relu" }),
        reference: (a, b, bias) =>
          permute(
            map(
              (u) => Math.max(u, 0),
              map((u, v) => u + v, reference.convolution(permute(a, [0, 2, 1]), b, { padding: [[1, 1]] }), bias),
            ),
            [0, 2, 1],
          ),
        against: (a, b, bias) =>
          permute(
            map(
              (u, v) => u + Math.abs(v),
              reference.convolution(map(Math.abs, permute(a, [0, 2, 1])), map(Math.abs, b), { padding: [[1, 1]] }),
              bias,
            ),
            [0, 2, 1],
          ),
        gpu: true,
      },
      {
        label: "bias of two axes",
        operands: [{ shape: [2, 5, 2] }, { shape: [2, 2, 3] }, { shape: [4, 3] }],
        call: (a, b, bias) => athanor.conv1d(a, b, { bias }),
        reference: (a, b, bias) => map((u, v) => u + v, reference.convolution(a, b), bias),
      },
    ],
  },
  convTranspose1d: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      transposed("stride 1", [1, 4, 2], [3, 3, 2], {}, {}),
      transposed(
        "stride 2, padding 1, output padding 1",
        [2, 4, 2],
        [3, 3, 2],
        { stride: 2, padding: 1, outputPadding: 1 },
        {
          stride: [1, 2],
          padding: [
            [0, 0],
            [1, 1],
          ],
          outputPadding: [0, 1],
        },
      ),
    ],
  },
  conv3d: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      volume("[1,4,3,5,2] by 2×2×3", [1, 4, 3, 5, 2], [2, 2, 3, 2, 3], {}, {}),
      volume(
        "same, stride 2",
        [1, 4, 3, 4, 1],
        [3, 2, 3, 1, 2],
        { padding: "same", stride: 2 },
        {
          padding: [
            [0, 1],
            [0, 1],
            [0, 1],
          ],
          stride: [2, 2, 2],
        },
      ),
      volume(
        "uneven padding, dilation, groups 2",
        [2, 4, 3, 3, 4],
        [2, 2, 2, 2, 4],
        { padding: [[2, 0], 1, [0, 1]], dilation: [2, 1, 2], groups: 2 },
        {
          padding: [
            [2, 0],
            [1, 1],
            [0, 1],
          ],
          dilation: [2, 1, 2],
          groups: 2,
        },
        { gpu: true, gradient: { ...ofSums, second: false } },
      ),
      volume("1×1×1", [1, 2, 3, 2, 3], [1, 1, 1, 3, 2], {}, {}),
      volume(
        "[1,3,12,12,6] by 3×3×3, 16 filters, Winograd on the CPU",
        [1, 3, 12, 12, 6],
        [3, 3, 3, 6, 16],
        { padding: 1 },
        {
          padding: [
            [1, 1],
            [1, 1],
            [1, 1],
          ],
        },
        { gradient: false },
      ),
      {
        label: "NCDHW, bias",
        operands: [{ shape: [1, 2, 3, 2, 3] }, { shape: [2, 1, 2, 2, 3] }, { shape: [3] }],
        call: (a, b, bias) => athanor.conv3d(a, b, { dataFormat: "NCDHW", stride: [1, 1, 2], bias }),
        reference: (a, b, bias) =>
          permute(
            map((u, v) => u + v, reference.convolution(permute(a, [0, 2, 3, 4, 1]), b, { stride: [1, 1, 2] }), bias),
            [0, 4, 1, 2, 3],
          ),
        gpu: true,
      },
    ],
  },
};
