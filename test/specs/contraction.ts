// Rows of bindings/ops/contraction.ts. Every result is a sum of products and judged against the sum of their magnitudes.
// Read next: spec.ts, ../reference/contraction.ts.
import * as athanor from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { map } from "../reference/array.ts";
import * as reference from "../reference/contraction.ts";
import { erf, sigmoid } from "../reference/functions.ts";
import { transpose } from "../reference/movement.ts";
import type { LayoutName, OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulps, ulpsOfSum } from "./spec.ts";

const laid = (
  shape: readonly number[],
  layout: LayoutName = "contiguous",
  dtype: OperandSpec["dtype"] = "f32",
): OperandSpec => ({ shape, layout, dtype });

function product(label: string, a: OperandSpec, b: OperandSpec, more: Partial<Sample> = {}): Sample {
  return {
    label,
    operands: [a, b],
    call: (x, y) => athanor.matmul(x, y),
    reference: (x, y) => reference.matmul(x, y),
    ...more,
  };
}

const big = { gradient: false, gpu: true } as const;

const matrixSamples: readonly Sample[] = [
  product("[3,4]·[4,5]", laid([3, 4]), laid([4, 5])),
  product("transposed operands", laid([5, 7], "transposed"), laid([7, 3], "transposed")),
  product("[3]·[3]", laid([3]), laid([3])),
  product("[3]·[3,4]", laid([3]), laid([3, 4])),
  product("[2,3,4]·[4]", laid([2, 3, 4]), laid([4])),
  product("batched [2,3,4]·[2,4,5]", laid([2, 3, 4]), laid([2, 4, 5]), { gpu: true }),
  product("batches broadcast", laid([2, 1, 3, 4]), laid([3, 4, 2]), { gpu: true }),
  product("stride 0", laid([3, 4, 5], "broadcast"), laid([5, 2], "sliced")),
  product("sliced operands", laid([6, 9], "sliced"), laid([9, 4], "sliced")),
  product("[1,1]·[1,1]", laid([1, 1]), laid([1, 1])),
  product("[2,0]·[0,3]", laid([2, 0]), laid([0, 3]), { gpu: true }),
  product("[0,3]·[3,2]", laid([0, 3]), laid([3, 2])),
  product("[17,300]·[300,33]", laid([17, 300]), laid([300, 33]), big),
  product("[70,45]·[45,67] transposed", laid([70, 45], "transposed"), laid([45, 67], "transposed"), big),
  product("f64 [5,40]·[40,7]", laid([5, 40], "transposed", "f64"), laid([40, 7], "contiguous", "f64"), {
    gradient: false,
  }),
  product(
    "i32 [5,4]·[4,7]",
    { shape: [5, 4], dtype: "i32", domain: [-99, 99] },
    { shape: [4, 7], dtype: "i32", domain: [-99, 99] },
    { gradient: false },
  ),
  {
    label: "transposeA and transposeB",
    operands: [laid([4, 3]), laid([5, 4])],
    call: (x, y) => athanor.matmul(x, y, { transposeA: true, transposeB: true }),
    reference: (x, y) => reference.matmul(transpose(x), transpose(y)),
  },
  ...(
    [
      ["relu", (x: number): number => Math.max(x, 0)],
      ["sigmoid", sigmoid],
      ["tanh", Math.tanh],
      ["gelu", (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2],
      ["silu", (x: number): number => x * sigmoid(x)],
    ] as const
  ).map(([activation, f]): Sample => {
    const before = (x: NdArray, y: NdArray, b: NdArray): NdArray => map((u, v) => u + v, reference.matmul(x, y), b);
    return {
      label: `bias and ${activation}`,
      operands: [laid([3, 4]), laid([4, 5]), laid([5])],
      call: (x, y, bias) => athanor.matmul(x, y, { bias: bias, activation }),
      reference: (x, y, bias) => map((u) => f(u), before(x, y, bias)),
      // The activation passes the sum's rounding on, scaled by a slope below 1.2.
      against: (x, y, bias) => map((u) => 1.2 * u + 1, before(absolute(x), absolute(y), absolute(bias))),
      gpu: activation === "relu" || activation === "gelu",
    };
  }),
];

function absolute(x: NdArray): NdArray {
  return { shape: x.shape, data: x.data.map(Math.abs) };
}

function sums(label: string, spec: string, operands: readonly OperandSpec[]): Sample {
  return {
    label,
    operands,
    call: (...x) => athanor.einsum(spec, ...x),
    reference: (...x) => reference.einsum(spec, ...x),
  };
}

// Gradients are sums too, and saturated activations have slopes that cancel: errors are relative to the largest.
const ofSums = { floor: 0.5 } as const;

export const contraction: StructuredRows<"matmul" | "dot" | "outer" | "tensordot" | "einsum"> = {
  matmul: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: matrixSamples,
    errors: [
      {
        label: "inner sizes",
        shapes: [
          [32, 784],
          [512, 784],
        ],
        call: (a, b) => athanor.matmul(a, b),
        error: "ShapeError",
        message:
          "matmul: inner dimensions differ: a is [32, 784], b is [512, 784] (784 ≠ 512). Transpose b? matmul(a, b.T)",
      },
    ],
  },
  dot: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      {
        label: "[5]·[5]",
        operands: [laid([5]), laid([5], "sliced")],
        call: (x, y) => athanor.dot(x, y),
        reference: (x, y) => reference.matmul(x, y),
      },
      {
        label: "[3,5]·[5]",
        operands: [laid([3, 5]), laid([5])],
        call: (x, y) => athanor.dot(x, y),
        reference: (x, y) => reference.matmul(x, y),
      },
    ],
  },
  outer: {
    tolerance: ulps(0.5),
    samples: [
      {
        label: "[3] with [4]",
        operands: [laid([3]), laid([4], "sliced")],
        call: (x, y) => athanor.outer(x, y),
        reference: (x, y) => reference.outer(x, y),
      },
    ],
  },
  tensordot: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      {
        label: "two axes",
        operands: [laid([2, 3, 4]), laid([4, 3, 5])],
        call: (x, y) =>
          athanor.tensordot(x, y, [
            [1, 2],
            [1, 0],
          ]),
        reference: (x, y) => reference.tensordot(x, y, [1, 2], [1, 0]),
      },
      {
        label: "last with first",
        operands: [laid([2, 3], "transposed"), laid([3, 5])],
        call: (x, y) => athanor.tensordot(x, y, 1),
        reference: (x, y) => reference.tensordot(x, y, [1], [0]),
      },
    ],
  },
  einsum: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: [
      sums("matrix product", "ij,jk->ik", [laid([3, 4]), laid([4, 5])]),
      sums("batched, transposed", "bij,bkj->bik", [laid([2, 3, 4]), laid([2, 5, 4])]),
      sums("trace", "ii->", [laid([4, 4])]),
      sums("diagonal", "ii->i", [laid([4, 4])]),
      sums("sum over rows", "ij->j", [laid([3, 4], "transposed")]),
      sums("permutation", "ijk->kij", [laid([2, 3, 4])]),
      sums("outer", "i,j->ij", [laid([3]), laid([4])]),
      sums("three operands", "ij,jk,kl->il", [laid([2, 3]), laid([3, 4]), laid([4, 2])]),
      sums("implicit output", "ij,jk", [laid([3, 4]), laid([4, 2])]),
      sums("elementwise", "ij,ij->ij", [laid([3, 4]), laid([3, 4], "sliced")]),
    ],
  },
};
