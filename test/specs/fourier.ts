// Rows of the Fourier transforms: against the sum of the definition, for lengths of small factors, primes that need Bluestein's
// way, several axes and both directions. On the CPU. Read next: spec.ts, ../reference/fourier.ts.
import { linalg } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { build } from "../reference/array.ts";
import * as reference from "../reference/fourier.ts";
import type { ErrorName, ErrorRow, Sample, StructuredRows } from "./spec.ts";
import { ulpsOfSum } from "./spec.ts";

type Axes = readonly number[];
type DType = "f32" | "f64";

/** Errors are measured against the root of the length times the largest input: what a transform of noise amounts to. */
const sizes = (shape: readonly number[], size: number): NdArray => build(shape, () => size);

function sample(
  label: string,
  shape: readonly number[],
  dtype: DType,
  parts: 1 | 2,
  call: Sample["call"],
  expected: (...arrays: NdArray[]) => readonly NdArray[],
  hasGradient: boolean,
  resultShape = shape,
): Sample {
  return {
    label: `${label} [${shape.join()}] ${dtype}`,
    operands: Array.from({ length: parts }, () => ({ shape, dtype })),
    call,
    reference: expected,
    against: () => [1, 2].map(() => sizes(resultShape, 4 * Math.sqrt(shape.reduce((a, b) => a * b, 1)))),
    gpu: false,
    gradient: hasGradient ? { ulps: 64 } : false,
  };
}

const lengths = [1, 2, 3, 4, 6, 7, 8, 12, 15, 16, 17, 20, 31, 34, 64, 100, 101, 128, 210] as const;

const refuse = (
  label: string,
  shapes: readonly (readonly number[])[],
  call: ErrorRow["call"],
  error: ErrorName,
  message: string,
): ErrorRow => ({ label, shapes, call, error, message });

function both(isInverse: boolean): Sample[] {
  const name = isInverse ? "ifft" : "fft";
  const one = (shape: readonly number[], axes: Axes, dtype: DType, hasGradient: boolean): Sample =>
    sample(
      `${name} over ${axes.join()}`,
      shape,
      dtype,
      2,
      (real, imag) => {
        const result = linalg[name]({ real: real, imag: imag }, { axes });
        return [result.real, result.imag];
      },
      (real, imag) => reference.transformed([real, imag], axes, isInverse),
      hasGradient,
    );
  return [
    ...lengths.map((n) => one([2, n], [-1], n % 2 === 0 ? "f32" : "f64", n < 8)),
    one([17, 2], [0], "f32", false),
    one([3, 4], [-2, -1], "f64", true),
    one([2, 6, 19], [1, 2], "f32", false),
    one([500], [0], "f64", false),
    // Rows in groups of a vector's lanes, and some left over; every stage, and the first of a row by itself.
    ...(
      [
        [9, 60],
        [7, 77],
        [5, 169],
        [4, 143],
        [6, 1155],
        [11, 8],
        [3, 32],
      ] as const
    ).flatMap((shape) => (["f32", "f64"] as const).map((dtype) => one(shape, [-1], dtype, false))),
  ];
}

export const fourier: StructuredRows<"fft" | "ifft" | "rfft" | "irfft"> = {
  fft: {
    tolerance: ulpsOfSum(4),
    samples: [
      ...both(false),
      sample(
        "of a real tensor",
        [3, 5],
        "f32",
        1,
        (x) => {
          const { real, imag } = linalg.fft(x);
          return [real, imag];
        },
        (x) => reference.transformed([x, build(x.shape, () => 0)], [-1], false),
        true,
      ),
    ],
    errors: [
      refuse(
        "shapes",
        [[2], [3]],
        (real, imag) => linalg.fft({ real: real, imag: imag }).real,
        "ShapeError",
        "fft: real and imag must have one shape, got [2] and [3]",
      ),
      refuse(
        "scalar",
        [[]],
        (x) => linalg.fft(x).real,
        "ShapeError",
        "fft: a scalar has no axis to transform. Reshape it to [1]",
      ),
    ],
  },
  ifft: { tolerance: ulpsOfSum(4), samples: both(true) },
  rfft: {
    tolerance: ulpsOfSum(4),
    samples: [
      [[2, 8], [-1]],
      [[2, 7], [-1]],
      [[6, 4], [0]],
      [
        [3, 4, 5],
        [-2, -1],
      ],
    ].map(([shape, axes]) =>
      sample(
        `over ${axes!.join()}`,
        shape!,
        "f32",
        1,
        (x) => {
          const { real, imag } = linalg.rfft(x, { axes: axes! });
          return [real, imag];
        },
        (x) => reference.halved(reference.transformed([x, build(x.shape, () => 0)], axes!, false), axes!),
        true,
        shape!.map((extent, axis) =>
          axis === (axes!.at(-1)! + shape!.length) % shape!.length ? (extent >> 1) + 1 : extent,
        ),
      ),
    ),
  },
  irfft: {
    tolerance: ulpsOfSum(4),
    samples: (
      [
        [[2, 8], [-1], 8],
        [[2, 7], [-1], 7],
        [[1], [-1], 1],
        [[6, 3], [0], 6],
        [[3, 4, 5], [-2, -1], 5],
      ] as const
    ).map(([shape, axes, size]) =>
      sample(
        `of rfft over ${axes.join()}`,
        shape,
        "f64",
        1,
        (x) => linalg.irfft(linalg.rfft(x, { axes }), { axes, size }),
        (x) => [x],
        false,
      ),
    ),
    errors: [
      refuse(
        "too few",
        [[3], [3]],
        (real, imag) => linalg.irfft({ real: real, imag: imag }, { size: 6 }),
        "ShapeError",
        "irfft: size 6 needs 4 frequencies on axis 0, got [3]. Pad with zeros",
      ),
    ],
  },
};
