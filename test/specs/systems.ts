// Rows of the factorisations and systems of bindings/linalg. Matrices are made well-conditioned inside the samples, so that
// errors are a few ulps of the size of the result. All run on the CPU. Read next: spec.ts, ../reference/matrices.ts.
import * as athanor from "../../bindings/index.ts";
import { linalg } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { build } from "../reference/array.ts";
import type { Matrix } from "../reference/matrices.ts";
import * as reference from "../reference/matrices.ts";
import { eachMatrix, eliminated, matrixOf, times, transposed } from "../reference/matrices.ts";
import type { ErrorName, ErrorRow, GradientRule, OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

/** a + 4 I: far from singular for elements in [-1, 1]. */
const shifted = (a: Tensor): Tensor =>
  athanor.add(a, athanor.mul(athanor.eye(a.shape.at(-1)!, a.shape.at(-1), { dtype: a.dtype }), 4));
const shiftedReference = (a: Matrix): Matrix =>
  matrixOf(a.length, a[0]!.length, (i, j) => a[i]![j]! + (i === j ? 4 : 0));

/** a aᵀ + I: positive definite. */
const positive = (a: Tensor): Tensor =>
  athanor.add(
    athanor.matmul(a, athanor.transpose(a)),
    athanor.eye(a.shape.at(-2)!, a.shape.at(-2), { dtype: a.dtype }),
  );
const positiveReference = (a: Matrix): Matrix => {
  const square = times(a, transposed(a));
  return matrixOf(a.length, a.length, (i, j) => square[i]![j]! + Number(i === j));
};

const unit = [-1, 1] as const;
const operand = (shape: readonly number[], dtype: "f32" | "f64" = "f32"): OperandSpec => {
  return { shape, dtype, domain: unit };
};

type Call = Sample["call"];
type Reference = Sample["reference"];

/** A sample whose error is measured against `size` times the largest element of the result. */
function sample(
  label: string,
  operands: readonly OperandSpec[],
  call: Call,
  reference: Reference,
  size: number,
  more: Partial<Sample> = {},
): Sample {
  const against = (...arrays: NdArray[]): readonly NdArray[] =>
    [reference(...arrays)].flat().map((result) => {
      const largest = size * Math.max(1e-30, ...result.data.map(Math.abs));
      return build(result.shape, () => largest);
    });
  return { label, operands, call, reference, against, gpu: false, ...more };
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

const notSquare = (op: string, call: ErrorRow["call"]): ErrorRow =>
  refuse("not square", [[2, 3]], call, "ShapeError", `${op}: expects square matrices, got [2, 3]`);

const solveOf = (a: NdArray, b: NdArray): NdArray => eachMatrix([a, b], (x, y) => eliminated(shiftedReference(x), y).x);

/** The determinant as [..., 1, 1] and without the two axes. */
const scalars = ({ shape, data }: NdArray): NdArray => ({ shape: shape.slice(0, -2), data });
const determinantOf = (a: NdArray, f: (value: number) => number): NdArray =>
  scalars(eachMatrix([a], (x) => [[f(eliminated(shiftedReference(x), x).determinant)]]));

const part = (upper: boolean, unitDiagonal: boolean, a: Matrix): Matrix =>
  matrixOf(a.length, a.length, (i, j) => (i === j ? (unitDiagonal ? 1 : a[i]![i]!) : i < j === upper ? a[i]![j]! : 0));

function triangular(upper: boolean, isTransposed: boolean, unitDiagonal: boolean, n: number): Sample {
  const options = { upper, transposed: isTransposed, unitDiagonal };
  const names = Object.entries(options).flatMap(([name, value]) => (value ? [name] : []));
  const system = (a: Matrix): Matrix => {
    const triangle = part(upper, unitDiagonal, shiftedReference(a));
    return isTransposed ? transposed(triangle) : triangle;
  };
  return sample(
    `[${n},${n}] ${names.join()}`,
    [operand([n, n]), operand([n, 3])],
    (a, b) => linalg.solveTriangular(shifted(a), b, options),
    (a, b) => eachMatrix([a, b], (x, y) => eliminated(system(x), y).x),
    unitDiagonal ? 4 * n : 2 * n,
    n < 6 ? (unitDiagonal ? first : both) : off,
  );
}

/** Columns of q and rows of r turned so that the diagonal of r is positive. */
function turned({ q, r }: linalg.QRDecomposition): { q: Tensor; r: Tensor } {
  const k = Math.min(r.shape.at(-2)!, r.shape.at(-1)!);
  const square = athanor.slice(r, [...r.shape.slice(0, -2).map(() => 0), 0, 0], [...r.shape.slice(0, -2), k, k]);
  const diagonal = athanor.sum(athanor.mul(square, athanor.eye(k, k, { dtype: r.dtype })), { axis: -1 });
  const signs = athanor.stopGradient(athanor.sign(diagonal));
  return { q: athanor.mul(q, signs.expandDims(-2)), r: athanor.mul(r, signs.expandDims(-1)) };
}

function qrSample(shape: readonly number[], dtype: "f32" | "f64", more: Partial<Sample>): Sample {
  // A multiple of the identity on top keeps the first columns independent.
  const top = (a: Tensor): Tensor => {
    const [m, n] = [a.shape.at(-2)!, a.shape.at(-1)!];
    return athanor.add(
      a,
      athanor.tensor(
        Float64Array.from({ length: m * n }, (_, index) => (Math.floor(index / n) === index % n ? 3 : 0)),
        { shape: [m, n], dtype: a.dtype },
      ),
    );
  };
  const topReference = (a: Matrix): Matrix => matrixOf(a.length, a[0]!.length, (i, j) => a[i]![j]! + (i === j ? 3 : 0));
  return sample(
    `[${shape.join()}] ${dtype}`,
    [operand(shape, dtype)],
    (a) => {
      const { q, r } = turned(linalg.qr(top(a)));
      return [q, r];
    },
    (a) => [
      eachMatrix([a], (x) => reference.gramSchmidt(topReference(x)).q),
      eachMatrix([a], (x) => reference.gramSchmidt(topReference(x)).r),
    ],
    4 * shape.at(-2)!,
    more,
  );
}

function luSample(shape: readonly number[], dtype: "f32" | "f64", more: Partial<Sample>): Sample {
  const [m, n] = [shape.at(-2)!, shape.at(-1)!];
  const k = Math.min(m, n);
  const halves = (x: Matrix): { lower: Matrix; upper: Matrix } => {
    const { packed } = reference.luOf(x);
    return {
      lower: matrixOf(m, k, (i, j) => (i === j ? 1 : i > j ? packed[i]![j]! : 0)),
      upper: matrixOf(k, n, (i, j) => (i <= j ? packed[i]![j]! : 0)),
    };
  };
  return sample(
    `[${shape.join()}] ${dtype}`,
    [operand(shape, dtype)],
    (a) => {
      const { lower, upper } = linalg.lu(a);
      return [lower, upper];
    },
    (a) => [eachMatrix([a], (x) => halves(x).lower), eachMatrix([a], (x) => halves(x).upper)],
    16 * n,
    more,
  );
}

export const systems: StructuredRows<
  "cholesky" | "solve" | "solveTriangular" | "inv" | "lu" | "det" | "slogdet" | "qr"
> = {
  cholesky: {
    tolerance: ulpsOfSum(4),
    samples: [
      ...(
        [
          [[3, 3], both],
          [[2, 4, 4], both],
          [[1, 1], both],
          [[40, 40], off],
          [[2, 70, 70], off],
        ] as const
      ).map(([shape, more]) =>
        sample(
          `[${shape.join()}]`,
          [operand(shape)],
          (a) => linalg.cholesky(positive(a)),
          (a) => eachMatrix([a], (x) => reference.cholesky(positiveReference(x))),
          2 * shape.at(-1)!,
          more,
        ),
      ),
      sample(
        "f64 [5,5]",
        [operand([5, 5], "f64")],
        (a) => linalg.cholesky(positive(a)),
        (a) => eachMatrix([a], (x) => reference.cholesky(positiveReference(x))),
        8,
        both,
      ),
    ],
    errors: [notSquare("cholesky", (a) => linalg.cholesky(a))],
  },
  solve: {
    tolerance: ulpsOfSum(4),
    samples: [
      ...(
        [
          [[3, 3], [3, 2], both],
          [[2, 4, 4], [2, 4, 1], both],
          [[2, 4, 4], [4, 3], first],
          [[50, 50], [50, 9], off],
        ] as const
      ).map(([a, b, more]) =>
        sample(
          `[${a.join()}] [${b.join()}]`,
          [operand(a), operand(b)],
          (x, y) => linalg.solve(shifted(x), y),
          (x, y) => solveOf(x, y),
          2 * a.at(-1)!,
          more,
        ),
      ),
      sample(
        "f64 [5,5] vector",
        [operand([5, 5], "f64"), operand([5], "f64")],
        (x, y) => linalg.solve(shifted(x), y),
        (x, y) => ({ shape: [5], data: solveOf(x, { shape: [5, 1], data: y.data }).data }),
        10,
        both,
      ),
      ...(
        [
          ["f64", [4, 4], [4, 2], both],
          ["f32", [2, 5, 5], [2, 5, 1], first],
          ["f64", [60, 60], [60, 7], off],
        ] as const
      ).map(([dtype, a, b, more]) =>
        sample(
          `refined ${dtype} [${a.join()}] [${b.join()}]`,
          [operand(a, dtype), operand(b, dtype)],
          (x, y) => linalg.solve(shifted(x.cast("f64")), y, { refine: true }),
          (x, y) => solveOf(x, y),
          2 * a.at(-1)!,
          { ...more, result: "f64" },
        ),
      ),
      sample(
        "refined, positive [4,4]",
        [operand([4, 4], "f64"), operand([4, 2], "f64")],
        (x, y) => linalg.solve(positive(x), y, { assume: "positive", refine: true }),
        (x, y) => eachMatrix([x, y], (a, b) => eliminated(positiveReference(a), b).x),
        40,
        both,
      ),
      sample(
        "positive [4,4]",
        [operand([4, 4]), operand([4, 2])],
        (x, y) => linalg.solve(positive(x), y, { assume: "positive" }),
        (x, y) => eachMatrix([x, y], (a, b) => eliminated(positiveReference(a), b).x),
        40,
        first,
      ),
    ],
    errors: [
      notSquare("solve", (a) => linalg.solve(a, a)),
      refuse(
        "rows",
        [
          [3, 3],
          [2, 1],
        ],
        (a, b) => linalg.solve(a, b),
        "ShapeError",
        "solve: a is [3, 3], so b must have 3 rows, got [2, 1]. A vector, or a matrix with a column for each right-hand side",
      ),
      refuse(
        "batches",
        [
          [2, 3, 3],
          [4, 3, 1],
        ],
        (a, b) => linalg.solve(a, b),
        "ShapeError",
        "solve: batch axes do not broadcast: a is [2, 3, 3], b is [4, 3, 1]. All axes but the last two must be equal or 1",
      ),
      refuse(
        "assumption",
        [[3, 3], [3]],
        (a, b) => linalg.solve(a, b, { assume: "symmetric" as "general" }),
        "ParameterError",
        'solve: assume must be "general" or "positive", got symmetric',
      ),
      refuse(
        "refinement",
        [[3, 3], [3]],
        (a, b) => linalg.solve(a, b, { refine: 1 as unknown as boolean }),
        "ParameterError",
        "solve: refine must be true or false, got 1",
      ),
    ],
  },
  solveTriangular: {
    tolerance: ulpsOfSum(4),
    samples: [
      ...[false, true].flatMap((upper) =>
        [false, true].flatMap((turn) => [
          triangular(upper, turn, false, 4),
          triangular(upper, turn, true, 4),
          triangular(upper, turn, false, 37),
        ]),
      ),
    ],
    errors: [notSquare("solveTriangular", (a) => linalg.solveTriangular(a, a))],
  },
  inv: {
    tolerance: ulpsOfSum(4),
    samples: (
      [
        [[3, 3], "f32", both],
        [[2, 4, 4], "f32", first],
        [[4, 4], "f64", both],
        [[40, 40], "f32", off],
      ] as const
    ).map(([shape, dtype, more]) =>
      sample(
        `[${shape.join()}] ${dtype}`,
        [operand(shape, dtype)],
        (a) => linalg.inv(shifted(a)),
        (a) => eachMatrix([a], (x) => eliminated(shiftedReference(x), reference.identity(x.length)).x),
        2 * shape.at(-1)!,
        more,
      ),
    ),
    errors: [notSquare("inv", (a) => linalg.inv(a))],
  },
  lu: {
    tolerance: ulpsOfSum(4),
    samples: [
      luSample([3, 3], "f32", first),
      luSample([2, 4, 4], "f64", both),
      luSample([5, 3], "f32", off),
      luSample([3, 5], "f64", off),
      luSample([40, 40], "f64", off),
    ],
    errors: [
      refuse(
        "vector",
        [[3]],
        (a) => linalg.lu(a),
        "ShapeError",
        "lu: a must be a matrix [..., m, n], got [3]. Reshape it or add axes",
      ),
    ],
  },
  det: {
    tolerance: ulpsOfSum(4),
    samples: (
      [
        [[3, 3], "f32", both],
        [[2, 4, 4], "f32", first],
        [[4, 4], "f64", both],
        [[1, 1], "f32", first],
      ] as const
    ).map(([shape, dtype, more]) =>
      sample(
        `[${shape.join()}] ${dtype}`,
        [operand(shape, dtype)],
        (a) => linalg.det(shifted(a)),
        (a) => determinantOf(a, (value) => value),
        8,
        more,
      ),
    ),
    errors: [notSquare("det", (a) => linalg.det(a))],
  },
  slogdet: {
    tolerance: ulpsOfSum(4),
    samples: (
      [
        [[3, 3], "f32", both],
        [[2, 4, 4], "f64", both],
        [[30, 30], "f32", off],
      ] as const
    ).map(([shape, dtype, more]) =>
      sample(
        `[${shape.join()}] ${dtype}`,
        [operand(shape, dtype)],
        (a) => {
          const { sign, logAbs } = linalg.slogdet(athanor.neg(shifted(a)));
          return [sign, logAbs];
        },
        (a) => [
          determinantOf(a, (value) => Math.sign(value) * (-1) ** shape.at(-1)!),
          determinantOf(a, (value) => Math.log(Math.abs(value))),
        ],
        8,
        more,
      ),
    ),
    errors: [notSquare("slogdet", (a) => linalg.slogdet(a))],
  },
  qr: {
    tolerance: ulpsOfSum(4),
    samples: [
      qrSample([3, 3], "f32", both),
      qrSample([2, 5, 3], "f32", both),
      qrSample([3, 5], "f64", both),
      qrSample([40, 40], "f32", off),
      qrSample([70, 33], "f64", off),
    ],
    errors: [
      refuse(
        "mode",
        [[3, 3]],
        (a) => linalg.qr(a, { mode: "full" as "reduced" }),
        "ParameterError",
        'qr: mode must be "reduced" or "complete", got full',
      ),
    ],
  },
};
