// Rows of bindings/linalg. Eigenvectors are fixed up to sign only, so what is checked is what they must do: rebuild the
// matrix and be orthonormal. Errors are measured against the size of the matrix. Read next: spec.ts, ../reference/linalg.ts.
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { build, map } from "../reference/array.ts";
import * as reference from "../reference/linalg.ts";
import type { OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

// Only the lower triangle is read, and gradients are symmetric: the samples are functions of (a + aᵀ)/2.
function even(a: Tensor): Tensor {
  return athanor.mul(athanor.add(a, athanor.transpose(a)), 0.5);
}

function evenReference(a: NdArray): NdArray {
  return build(a.shape, (index) => {
    const n = a.shape.at(-1)!;
    const [row, column] = [index.at(-2)!, index.at(-1)!];
    const start = index.slice(0, -2).reduce((position, i, axis) => position * a.shape[axis]! + i, 0) * n * n;
    return (a.data[start + row * n + column]! + a.data[start + column * n + row]!) / 2;
  });
}

/** Largest sum of a row's magnitudes, spread over a shape: the size that eigenvalue errors are measured against. */
function sizeOver(shape: readonly number[], a: NdArray): NdArray {
  const largest = Math.max(1e-30, ...a.data.map(Math.abs)) * (a.shape.at(-1) ?? 1);
  return build(shape, () => largest);
}

const identity = (shape: readonly number[]): NdArray => build(shape, (index) => Number(index.at(-1) === index.at(-2)));

function values(label: string, operand: OperandSpec, more: Partial<Sample> = {}): Sample {
  return {
    label,
    operands: [operand],
    call: (a) => athanor.linalg.eigvalsh(even(a)),
    reference: (a) => reference.eigvalsh(evenReference(a)),
    against: (a) => sizeOver(a.shape.slice(0, -1), a),
    ...more,
  };
}

function rebuilt(label: string, operand: OperandSpec, more: Partial<Sample> = {}): Sample {
  return {
    label: `${label} rebuilt`,
    operands: [operand],
    call: (a) => {
      const { values: lambda, vectors } = athanor.linalg.eigh(even(a));
      return athanor.matmul(athanor.mul(vectors, athanor.expandDims(lambda, -2)), athanor.transpose(vectors));
    },
    reference: (a) => evenReference(a),
    against: (a) => sizeOver(a.shape, a),
    ...more,
  };
}

function orthonormal(label: string, operand: OperandSpec, more: Partial<Sample> = {}): Sample {
  return {
    label: `${label} orthonormal`,
    operands: [operand],
    call: (a) => {
      const { vectors } = athanor.linalg.eigh(even(a));
      return athanor.matmul(athanor.transpose(vectors), vectors);
    },
    reference: (a) => identity(a.shape),
    against: (a) => map(() => a.shape.at(-1) ?? 1, identity(a.shape)),
    ...more,
    gradient: false,
  };
}

const off = { gradient: false } as const;
const loose = { gradient: { ulps: 64, second: false } } as const;

export const linalg: StructuredRows<"eigvalsh" | "eigh"> = {
  eigvalsh: {
    tolerance: ulpsOfSum(4),
    samples: [
      values("[3,3]", { shape: [3, 3] }, loose),
      values("[2,5,5]", { shape: [2, 5, 5] }, loose),
      values("[1,1]", { shape: [1, 1] }, loose),
      values("[33,33]", { shape: [33, 33] }, off),
      values("f64 [4,4]", { shape: [4, 4], dtype: "f64" }, off),
      values("diagonal with equal entries", { shape: [3, 3], values: [2, 0, 0, 0, 2, 0, 0, 0, -1] }, off),
    ],
  },
  eigh: {
    tolerance: ulpsOfSum(4),
    samples: [
      rebuilt("[3,3]", { shape: [3, 3] }, loose),
      orthonormal("[2,5,5]", { shape: [2, 5, 5] }),
      rebuilt("[2,16,16]", { shape: [2, 16, 16] }, { ...off, gpu: true }),
      rebuilt("[32,32]", { shape: [32, 32] }, { ...off, gpu: true }),
      orthonormal("[50,50]", { shape: [50, 50] }),
      rebuilt("zeros [4,4]", { shape: [4, 4], values: new Array<number>(16).fill(0) }, off),
    ],
  },
};
