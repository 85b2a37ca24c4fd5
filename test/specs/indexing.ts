// Rows of bindings/ops/indexing.ts: values picked and placed by whole numbers, negative ones counted from the end.
// Read next: spec.ts, ../reference/indexing.ts.
import * as athanor from "../../bindings/index.ts";
import type { LayoutName, OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulps, ulpsOfSum } from "./spec.ts";
import * as reference from "../reference/indexing.ts";

const index = (shape: readonly number[], values: readonly number[]): OperandSpec => ({ shape, dtype: "i32", values });
const x = (shape: readonly number[], layout: LayoutName = "contiguous"): OperandSpec => ({ shape, layout });

function takeSample(label: string, source: OperandSpec, indices: OperandSpec, axis?: number): Sample {
  return {
    label,
    operands: [source, indices],
    call: (a, i) => (axis === undefined ? athanor.take(a, i) : athanor.take(a, i, { axis })),
    reference: (a, i) => reference.take(a, i, axis),
    result: source.dtype ?? "f32",
  };
}

function gatherSample(label: string, source: OperandSpec, axis: number, indices: OperandSpec): Sample {
  return {
    label,
    operands: [source, indices],
    call: (a, i) => athanor.gather(a, axis, i),
    reference: (a, i) => reference.gather(a, axis, i),
  };
}

function scatterSample(
  label: string,
  target: OperandSpec,
  axis: number,
  indices: OperandSpec,
  source: OperandSpec,
): Sample {
  return {
    label,
    operands: [target, indices, source],
    call: (a, i, s) => athanor.scatterAdd(a, axis, i, s),
    reference: (a, i, s) => reference.scatterAdd(a, axis, i, s),
    against: (a, i, s) =>
      reference.scatterAdd({ ...a, data: a.data.map(Math.abs) }, axis, i, { ...s, data: s.data.map(Math.abs) }),
  };
}

export const indexing: StructuredRows<"take" | "gather" | "scatterAdd" | "oneHot"> = {
  take: {
    tolerance: ulps(0),
    samples: [
      takeSample("[5,3] rows", x([5, 3]), index([4], [0, 4, 2, 2])),
      takeSample("[4,5] axis -1, negative", x([4, 5], "transposed"), index([2, 2], [0, -1, 3, -5]), -1),
      takeSample("[7] vector", x([7], "sliced"), index([3], [6, 0, 3])),
      takeSample("[5,3] none", x([5, 3]), index([0], [])),
      takeSample("u8 [5,3]", { shape: [5, 3], dtype: "u8", domain: [0, 255] }, index([3], [4, 0, 4])),
      takeSample("f64 [2,3,4] axis 1", { shape: [2, 3, 4], dtype: "f64" }, index([2], [2, 0]), 1),
    ],
  },
  gather: {
    tolerance: ulps(0),
    samples: [
      gatherSample("[3,4] axis 1", x([3, 4]), 1, index([3, 2], [0, 3, 1, 1, 2, 0])),
      gatherSample("[3,4] axis 0", x([3, 4], "transposed"), 0, index([2, 4], [0, 2, 1, 1, 2, 2, 0, 0])),
    ],
  },
  scatterAdd: {
    tolerance: ulpsOfSum(1),
    samples: [
      scatterSample("[3,4] axis 1", x([3, 4]), 1, index([3, 2], [0, 3, 1, 1, 2, 2]), x([3, 2])),
      scatterSample(
        "[3,4] axis 0",
        x([3, 4], "sliced"),
        0,
        index([2, 4], [0, 2, 1, 1, 2, 2, 1, 0]),
        x([2, 4], "transposed"),
      ),
    ],
  },
  oneHot: {
    tolerance: ulps(0),
    gradient: false,
    samples: [
      {
        label: "[4] depth 5",
        operands: [index([4], [0, 4, 2, 2])],
        call: (i) => athanor.oneHot(i, 5),
        reference: (i) => reference.oneHot(i, 5),
        result: "f32",
      },
      {
        label: "[2,2] depth 3",
        operands: [index([2, 2], [0, 1, 2, 0])],
        call: (i) => athanor.oneHot(i, 3),
        reference: (i) => reference.oneHot(i, 3),
        result: "f32",
      },
    ],
  },
};
