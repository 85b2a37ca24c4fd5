// Rows of the singular value decomposition, what is built on it, and functions of matrices. Signs of singular vectors are not
// determined: what is checked is what they rebuild, and, through the pseudoinverse, how they change. All on the CPU.
// Read next: spec.ts, ../reference/matrices.ts.
import * as athanor from "../../bindings/index.ts";
import { linalg } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { build } from "../reference/array.ts";
import type { Matrix } from "../reference/matrices.ts";
import * as reference from "../reference/matrices.ts";
import { eachMatrix, identity, matrixOf, times, transposed } from "../reference/matrices.ts";
import type { ErrorName, ErrorRow, GradientRule, OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

const operand = (shape: readonly number[], dtype: "f32" | "f64" = "f32", size = 1): OperandSpec => {
  return { shape, dtype, domain: [-size, size] };
};

/** A sample whose error is measured against `size` times the largest element of the result. */
function sample(
  label: string,
  operands: readonly OperandSpec[],
  call: Sample["call"],
  expected: (...arrays: NdArray[]) => NdArray,
  size: number,
  more: Partial<Sample> = {},
): Sample {
  const against = (...arrays: NdArray[]): NdArray => {
    const result = expected(...arrays);
    const largest = size * Math.max(1e-30, ...result.data.map(Math.abs));
    return build(result.shape, () => largest);
  };
  return { label, operands, call, reference: expected, against, gpu: false, ...more };
}

const off = { gradient: false } as const;
const first: { readonly gradient: GradientRule } = { gradient: { ulps: 64, second: false } };
const both: { readonly gradient: GradientRule } = { gradient: { ulps: 64 } };

const refuse = (
  label: string,
  shapes: readonly (readonly number[])[],
  call: ErrorRow["call"],
  error: ErrorName,
  message: string,
): ErrorRow => ({ label, shapes, call, error, message });

const notMatrix = (op: string, call: ErrorRow["call"]): ErrorRow =>
  refuse("vector", [[3]], call, "ShapeError", `${op}: a must be a matrix [..., m, n], got [3]. Reshape it or add axes`);

/** a with 2, 3, 4 … added to its diagonal: singular values apart from each other and from 0. */
const ladder = (m: number, n: number): Matrix => matrixOf(m, n, (i, j) => (i === j ? 2 + i : 0));
const spread = (a: Tensor): Tensor => {
  const [m, n] = [a.shape.at(-2) ?? 0, a.shape.at(-1) ?? 0];
  return athanor.add(a, athanor.tensor(Float64Array.from(ladder(m, n).flat()), { shape: [m, n], dtype: a.dtype }));
};
const spreadReference = (a: Matrix): Matrix => {
  const diagonal = ladder(a.length, a[0]?.length ?? 0);
  return a.map((row, i) => row.map((x, j) => x + diagonal[i]![j]!));
};

/** A result per matrix, without the two axes that eachMatrix adds. */
const scalars = (a: NdArray, f: (matrix: Matrix) => number): NdArray => {
  const { shape, data } = eachMatrix([a], (x) => [[f(x)]]);
  return { shape: shape.slice(0, -2), data };
};
const vectors = (a: NdArray, f: (matrix: Matrix) => readonly number[]): NdArray => {
  const { shape, data } = eachMatrix([a], (x) => [f(x)]);
  return { shape: [...shape.slice(0, -2), shape.at(-1) ?? 0], data };
};

const shapes = [
  [[3, 3], "f32", both],
  [[2, 4, 3], "f32", first],
  [[3, 4], "f64", both],
  [[40, 25], "f32", off],
  [[20, 33], "f64", off],
] as const;

/** One sample for each of the shapes. */
const overShapes = (
  call: (a: Tensor) => Tensor,
  expected: (a: NdArray) => NdArray,
  size: (shape: readonly number[]) => number,
): Sample[] =>
  shapes.map(([shape, dtype, more]) =>
    sample(
      `[${shape.join()}] ${dtype}`,
      [operand(shape, dtype)],
      (a) => call(a),
      (a) => expected(a),
      size(shape),
      more,
    ),
  );

const largest = (shape: readonly number[]): number => Math.max(shape.at(-1) ?? 1, shape.at(-2) ?? 1);

const orders = ["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity] as const;
function normReference(a: Matrix, ord: (typeof orders)[number]): number {
  const sums = (rows: Matrix): number[] => rows.map((row) => row.reduce((sum, x) => sum + Math.abs(x), 0));
  const values = reference.singularValues(a);
  switch (ord) {
    case "fro":
      return Math.hypot(...a.flat());
    case "nuc":
      return values.reduce((sum, x) => sum + x, 0);
    case 2:
      return Math.max(...values);
    case -2:
      return Math.min(...values);
    case 1:
      return Math.max(...sums(transposed(a)));
    case -1:
      return Math.min(...sums(transposed(a)));
    default:
      return ord > 0 ? Math.max(...sums(a)) : Math.min(...sums(a));
  }
}

const power = (a: Matrix, exponent: number): Matrix =>
  Array.from({ length: exponent }, () => a).reduce(times, identity(a.length));

export const singular: StructuredRows<
  "svd" | "svdvals" | "pinv" | "lstsq" | "matrixRank" | "norm" | "cond" | "trace" | "kron" | "matrixPower" | "expm"
> = {
  svd: {
    tolerance: ulpsOfSum(4),
    // What is rebuilt is the operand: its second derivative is zero, and nothing to hold rounding against.
    samples: overShapes(
      (a) => {
        const { u, s, vt } = linalg.svd(spread(a));
        return athanor.matmul(athanor.mul(u, athanor.expandDims(s, -2)), vt);
      },
      (a) => eachMatrix([a], spreadReference),
      largest,
    ).map((one) => (one.gradient === false ? one : { ...one, ...first })),
    errors: [notMatrix("svd", (a) => linalg.svd(a))],
  },
  svdvals: {
    tolerance: ulpsOfSum(4),
    samples: overShapes(
      (a) => linalg.svdvals(spread(a)),
      (a) => vectors(a, (x) => reference.singularValues(spreadReference(x))),
      largest,
    ),
    errors: [notMatrix("svdvals", (a) => linalg.svdvals(a))],
  },
  pinv: {
    tolerance: ulpsOfSum(4),
    samples: overShapes(
      (a) => linalg.pinv(spread(a)),
      (a) => eachMatrix([a], (x) => reference.pseudoinverse(spreadReference(x))),
      (shape) => 8 * largest(shape),
    ),
    errors: [
      notMatrix("pinv", (a) => linalg.pinv(a)),
      refuse(
        "rcond",
        [[2, 2]],
        (a) => linalg.pinv(a, { rcond: -1 }),
        "ParameterError",
        "pinv: rcond must be a number ≥ 0, got -1",
      ),
    ],
  },
  lstsq: {
    tolerance: ulpsOfSum(4),
    samples: (["svd", "qr"] as const).flatMap((method) =>
      (
        [
          [[5, 3], [5, 2], "f32", both],
          [[2, 4, 4], [4, 1], "f64", first],
          [[3, 5], [3, 2], "f64", both],
          [[40, 20], [40, 3], "f32", off],
        ] as const
      )
        .filter(([a]) => method === "svd" || a.at(-2)! >= a.at(-1)!)
        .map(([a, b, dtype, more]) =>
          sample(
            `${method} [${a.join()}] [${b.join()}] ${dtype}`,
            [operand(a, dtype), operand(b, dtype)],
            (x, y) => linalg.lstsq(spread(x), y, { method }).x,
            (x, y) => eachMatrix([x, y], (p, q) => times(reference.pseudoinverse(spreadReference(p)), q)),
            8 * largest(a),
            more,
          ),
        ),
    ),
    errors: [
      refuse(
        "rows",
        [
          [3, 2],
          [2, 1],
        ],
        (a, b) => linalg.lstsq(a, b),
        "ShapeError",
        "lstsq: a is [3, 2], so b must have 3 rows, got [2, 1]. A vector, or a matrix with a column for each right-hand side",
      ),
      refuse(
        "wide",
        [[2, 3], [2]],
        (a, b) => linalg.lstsq(a, b, { method: "qr" }),
        "ShapeError",
        'lstsq: "qr" needs at least as many rows as columns, a is [2, 3]. Use "svd"',
      ),
    ],
  },
  matrixRank: {
    tolerance: ulpsOfSum(0),
    gradient: false,
    samples: [
      sample(
        "products of thin matrices",
        [operand([2, 6, 3]), operand([3, 5])],
        (x, y) => linalg.matrixRank(athanor.matmul(x, y)),
        () => ({ shape: [2], data: [3, 3] }),
        1,
        { result: "i32" },
      ),
      sample(
        "zeros",
        [{ shape: [3, 4], values: new Array<number>(12).fill(0) }],
        (a) => linalg.matrixRank(a),
        () => ({ shape: [], data: [0] }),
        1,
        {
          result: "i32",
        },
      ),
    ],
    errors: [notMatrix("matrixRank", (a) => linalg.matrixRank(a))],
  },
  norm: {
    tolerance: ulpsOfSum(4),
    samples: orders.flatMap((ord) => [
      sample(
        `${ord} [2,4,3]`,
        [operand([2, 4, 3])],
        (a) => linalg.norm(spread(a), { ord }),
        (a) => scalars(a, (x) => normReference(spreadReference(x), ord)),
        4,
        first,
      ),
      sample(
        `${ord} f64 [3,3]`,
        [operand([3, 3], "f64")],
        (a) => linalg.norm(spread(a), { ord }),
        (a) => scalars(a, (x) => normReference(spreadReference(x), ord)),
        4,
        typeof ord === "number" && Math.abs(ord) !== 2 ? first : both,
      ),
    ]),
    errors: [
      refuse(
        "order",
        [[2, 2]],
        (a) => linalg.norm(a, { ord: 3 }),
        "ParameterError",
        'norm: ord must be "fro", "nuc", ±1, ±2 or ±Infinity, got 3',
      ),
    ],
  },
  cond: {
    tolerance: ulpsOfSum(4),
    samples: [
      ...overShapes(
        (a) => linalg.cond(spread(a)),
        (a) =>
          scalars(a, (x) => {
            const values = reference.singularValues(spreadReference(x));
            return values[0]! / values.at(-1)!;
          }),
        (shape) => 20 * largest(shape),
      ),
      sample(
        "by columns [3,3]",
        [operand([3, 3])],
        (a) => linalg.cond(spread(a), { ord: 1 }),
        (a) =>
          scalars(a, (x) => {
            const matrix = spreadReference(x);
            return normReference(matrix, 1) * normReference(reference.eliminated(matrix, identity(3)).x, 1);
          }),
        20,
        first,
      ),
    ],
    errors: [notMatrix("cond", (a) => linalg.cond(a))],
  },
  trace: {
    tolerance: ulpsOfSum(4),
    samples: [
      [3, 3],
      [2, 4, 3],
      [2, 5],
    ].map((shape) =>
      sample(
        `[${shape.join()}]`,
        [operand(shape)],
        (a) => linalg.trace(spread(a)),
        (a) => scalars(a, (x) => spreadReference(x).reduce((sum, row, i) => sum + (row[i] ?? 0), 0)),
        4,
        both,
      ),
    ),
    errors: [notMatrix("trace", (a) => linalg.trace(a))],
  },
  kron: {
    tolerance: ulpsOfSum(1),
    samples: [
      sample(
        "[2,3] [4,2]",
        [operand([2, 3]), operand([4, 2])],
        (a, b) => linalg.kron(a, b),
        (a, b) =>
          eachMatrix([a, b], (x, y) =>
            matrixOf(8, 6, (i, j) => x[Math.floor(i / 4)]![Math.floor(j / 2)]! * y[i % 4]![j % 2]!),
          ),
        1,
        both,
      ),
      sample(
        "[2,1,2] [3,1]",
        [operand([2, 1, 2]), operand([3, 1])],
        (a, b) => linalg.kron(a, b),
        (a, b) => eachMatrix([a, b], (x, y) => matrixOf(3, 2, (i, j) => x[0]![j]! * y[i]![0]!)),
        1,
        both,
      ),
    ],
  },
  matrixPower: {
    tolerance: ulpsOfSum(4),
    samples: [0, 1, 2, 3, 10, -2].map((exponent) =>
      sample(
        `[2,3,3] to the ${exponent}`,
        [operand([2, 3, 3])],
        (a) => linalg.matrixPower(spread(a), exponent),
        (a) =>
          eachMatrix([a], (x) => {
            const base = spreadReference(x);
            const positive = exponent < 0 ? reference.eliminated(base, identity(3)).x : base;
            return power(positive, Math.abs(exponent));
          }),
        exponent < 0 ? 60 : 12,
        exponent === 0 ? off : first,
      ),
    ),
    errors: [
      refuse(
        "exponent",
        [[2, 2]],
        (a) => linalg.matrixPower(a, 0.5),
        "ParameterError",
        "matrixPower: the exponent must be a whole number in [-2147483648, 2147483647], got 0.5",
      ),
    ],
  },
  expm: {
    tolerance: ulpsOfSum(4),
    samples: (
      [
        [[3, 3], "f32", 1, both],
        [[2, 4, 4], "f64", 1, both],
        [[3, 3], "f64", 8, first],
        [[20, 20], "f32", 1, off],
      ] as const
    ).map(([shape, dtype, size, more]) =>
      sample(
        `[${shape.join()}] ${dtype} ±${size}`,
        [operand(shape, dtype, size)],
        (a) => linalg.expm(a),
        (a) => eachMatrix([a], reference.exponential),
        16 * size,
        more,
      ),
    ),
  },
};
