// Rows of bindings/ops/quantization.ts. The integers are exact, so the results are compared to the last bit.
// Read next: spec.ts, ../reference/quantization.ts.
import * as athanor from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import * as reference from "../reference/quantization.ts";
import type { OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulps } from "./spec.ts";

const weight = (rows: number, columns: number, more: Partial<OperandSpec> = {}): OperandSpec => ({
  shape: [rows, columns],
  domain: [-1, 2],
  ...more,
});

const onCpu = { gradient: false, gpu: false } as const;
const everywhere = { gradient: false } as const;

function packing(label: string, operand: OperandSpec): Sample[] {
  const part = (key: "values" | "scale" | "sums", w: athanor.Tensor): athanor.Tensor => athanor.quantizeMatrix(w)[key];
  const columns = operand.shape[1] ?? 0;
  const listed = (key: "scale" | "sums", matrix: NdArray): NdArray => {
    return { shape: [columns], data: reference.quantize(matrix)[key] };
  };
  return [
    {
      ...onCpu,
      label: `${label} values`,
      operands: [operand],
      call: (w) => part("values", w),
      reference: reference.packed,
      result: "u8",
    },
    {
      ...onCpu,
      label: `${label} scale`,
      operands: [operand],
      call: (w) => part("scale", w),
      reference: (w) => listed("scale", w),
    },
    {
      ...onCpu,
      label: `${label} sums`,
      operands: [operand],
      call: (w) => part("sums", w),
      reference: (w) => listed("sums", w),
      result: "i32",
    },
  ];
}

function product(label: string, x: readonly number[], columns: number, more: Partial<OperandSpec> = {}): Sample {
  return {
    ...everywhere,
    label,
    operands: [{ shape: x, domain: [-3, 5], ...more }, weight(x.at(-1) ?? 1, columns)],
    call: (left, w) => athanor.quantizedMatmul(left, athanor.quantizeMatrix(w)),
    reference: reference.product,
  };
}

export const quantization: StructuredRows<"quantizeMatrix" | "dequantizeMatrix" | "quantizedMatmul"> = {
  quantizeMatrix: {
    tolerance: ulps(0),
    gradient: false,
    samples: [
      ...packing("[5,3]", weight(5, 3)),
      ...packing("[8,16] transposed", weight(8, 16, { layout: "transposed" })),
      ...packing("zeros", { shape: [4, 2], values: [0, 1, 0, -2, 0, 3, 0, 0] }),
    ],
    errors: [
      {
        label: "rank",
        shapes: [[4]],
        call: (w) => athanor.quantizeMatrix(w),
        error: "ShapeError",
        message: "quantizeMatrix: weight must be a matrix [in, out], got [4]. Reshape it first",
      },
      {
        label: "type",
        shapes: [[4, 2]],
        dtypes: ["i32"],
        call: (w) => athanor.quantizeMatrix(w),
        error: "DTypeError",
        message: "quantizeMatrix: weight must be f32, got i32. Cast it first",
      },
    ],
  },
  dequantizeMatrix: {
    tolerance: ulps(0),
    gradient: false,
    samples: [
      {
        ...onCpu,
        label: "[9,11]",
        operands: [weight(9, 11)],
        call: (w) => athanor.dequantizeMatrix(athanor.quantizeMatrix(w)),
        reference: reference.dequantized,
      },
    ],
  },
  quantizedMatmul: {
    tolerance: ulps(0),
    gradient: false,
    samples: [
      product("[3,5] by [5,4]", [3, 5], 4),
      product("[7,16] by [16,8]", [7, 16], 8),
      product("[13,37] by [37,19]", [13, 37], 19),
      product("[50,70] by [70,9]", [50, 70], 9),
      product("[2,3,6] by [6,10]", [2, 3, 6], 10),
      product("a vector", [33], 17),
      product("positive", [4, 12], 8, { domain: [1, 2] }),
      product("negative, sliced", [4, 12], 8, { domain: [-2, -1], layout: "sliced" }),
      product("no rows", [0, 4], 8),
      product("one row of zeros", [2, 4], 3, { values: [0, 0, 0, 0, 1, -1, 2, 3] }),
      {
        ...everywhere,
        label: "bias and relu",
        operands: [{ shape: [6, 20], domain: [-3, 5] }, weight(20, 12), { shape: [12] }],
        call: (x, w, bias) => athanor.quantizedMatmul(x, athanor.quantizeMatrix(w), { bias, activation: "relu" }),
        reference: (x, w, bias) => {
          const { shape, data } = reference.product(x, w);
          return {
            shape,
            data: data.map((value, index) => Math.max(0, Math.fround(value + (bias.data[index % 12] ?? 0)))),
          };
        },
      },
    ],
    errors: [
      {
        label: "inner sizes",
        shapes: [
          [2, 5],
          [4, 3],
        ],
        call: (x, w) => athanor.quantizedMatmul(x, athanor.quantizeMatrix(w)),
        error: "ShapeError",
        message: "quantizedMatmul: the last axis of x must equal the rows of weight: x is [2, 5], weight is [4, 3]",
      },
      {
        label: "parts",
        shapes: [
          [2, 5],
          [5, 3],
        ],
        call: (x, w) => athanor.quantizedMatmul(x, { ...athanor.quantizeMatrix(w), rows: 9 }),
        error: "ParameterError",
        message:
          "quantizedMatmul: the parts of the quantized matrix do not belong together. Make it with quantizeMatrix",
      },
    ],
  },
};
