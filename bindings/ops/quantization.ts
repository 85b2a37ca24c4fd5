// Products with weights of eight bits: a quarter of the memory, and integer instructions that multiply four at a time.
// The weights are quantised once, by ordinary ops, into the layout the kernel reads; activations are quantised in the kernel.
// Read next: contraction.ts for the product in floats; assembly/products/quantized.ts for the kernel and the exact formula.
import { DTypeError, ParameterError, ShapeError } from "../core/errors.ts";
import { show, sizeOf } from "../core/shape.ts";
import { abs, clip, div, mul, round, sub } from "./arithmetic.ts";
import { reshaped, sum } from "./broadcasting.ts";
import { converted, equal, greater, where } from "./comparison.ts";
import type { KernelOp } from "./descriptor.ts";
import type { EpilogueOptions } from "./epilogue.ts";
import { applyEpilogue, checkEpilogue } from "./epilogue.ts";
import { pad } from "./joining.ts";
import { permuted, range } from "./movement.ts";
import { max } from "./reduction.ts";
import { quantizedMatmulScratch } from "./scratch.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";

/** A matrix [rows, columns] of eight-bit numbers with a scale for each column: w[k, j] ≈ scale[j] · q[k, j]. */
export interface QuantizedMatrix {
  /**
   * The numbers q in −127 … 127 as bytes (a negative q is 256 + q), packed as [⌈columns / 8⌉, ⌈rows / 4⌉, 8, 4]: eight columns by
   * four rows are neighbours. Zeros fill up.
   */
  readonly values: Tensor;
  /** f32 [columns]. */
  readonly scale: Tensor;
  /** Σ q of each column, i32 [columns]. */
  readonly sums: Tensor;
  readonly rows: number;
}

/** Columns and rows that are neighbours in the packed layout. */
const columnGroup = 8;
const rowGroup = 4;
/** Sums of so many products of 127 · 127 stay within 32 bits. */
const deepest = 131072;

const quantizedMatmulOp: KernelOp<null> = {
  kind: "kernel",
  name: "quantizedMatmul",
  call: ([x], [output]) => {
    const [m = 1, n = 1] = output?.shape ?? [];
    const k = x?.shape.at(-1) ?? 0;
    return {
      kernel: "quantizedMatmul",
      dtype: "f32",
      words: [m, n, k],
      workgroups: Math.ceil(m / 4) * Math.ceil(n / 64),
      scratch: quantizedMatmulScratch(k),
    };
  },
  epilogue: true,
  flops: ([x], [output]) => 2 * sizeOf(output?.shape ?? []) * (x?.shape.at(-1) ?? 0),
  work: "contraction",
};

/**
 * Quantises a matrix [rows, columns] of weights to eight bits, symmetrically and by columns: the scale of a column is the
 * largest magnitude in it over 127, and q the nearest whole number to w / scale. Values must be finite. An error of w is at
 * most half a scale.
 */
export function quantizeMatrix(weight: Tensor): QuantizedMatrix {
  requireArguments("quantizeMatrix", { weight });
  if (weight.rank !== 2)
    throw new ShapeError(
      "quantizeMatrix",
      `weight must be a matrix [in, out], got ${show(weight.shape)}. Reshape it first`,
    );
  if (weight.dtype !== "f32")
    throw new DTypeError("quantizeMatrix", `weight must be f32, got ${weight.dtype}. Cast it first`);
  const [rows = 0, columns = 0] = weight.shape;
  if (rows === 0 || columns === 0 || rows > deepest) {
    throw new ParameterError(
      "quantizeMatrix",
      `weight must have 1 to ${String(deepest)} rows and at least one column, got ${show(weight.shape)}`,
    );
  }
  return weight.recorder.compose("quantizeMatrix", () => {
    const largest = max(abs(weight), { axis: 0 });
    const scale = where(equal(largest, 0), 1, div(largest, 127));
    const numbers = converted(clip(round(div(weight, scale)), { min: -127, max: 127 }), "i32");
    const groups = [Math.ceil(rows / rowGroup), Math.ceil(columns / columnGroup)] as const;
    const filled = pad(numbers, [
      [0, groups[0] * rowGroup - rows],
      [0, groups[1] * columnGroup - columns],
    ]);
    const packed = permuted(reshaped(filled, [groups[0], rowGroup, groups[1], columnGroup]), [2, 0, 3, 1]);
    return { values: converted(packed, "u8"), scale, sums: sum(numbers, { axis: 0 }), rows };
  });
}

/** The matrix [rows, columns] that the numbers stand for, in f32. */
export function dequantizeMatrix(matrix: QuantizedMatrix): Tensor {
  const { values, scale } = requireQuantized("dequantizeMatrix", matrix);
  const [columns = 0, rows = 0] = values.shape;
  return values.recorder.compose("dequantizeMatrix", () => {
    const bytes = converted(values, "f32");
    const signed = where(greater(bytes, 127), sub(bytes, 256), bytes);
    const padded = reshaped(permuted(signed, [1, 3, 0, 2]), [rows * rowGroup, columns * columnGroup]);
    return mul(range(range(padded, 0, 0, matrix.rows), 1, 0, scale.size), scale);
  });
}

/**
 * x · w for x [..., in] in f32 and quantised weights [in, out]: f32 [..., out], with bias and activation as `matmul` has them.
 * Every row of x is quantised to 0 … 127 by a scale and a zero point of its own, so an error of x is at most 1/254 of the
 * range of its row (0 included); products and sums are exact. The result has the same bits on every CPU build; a GPU that
 * divides less exactly may quantise a number that lies halfway to its other neighbour. There is no gradient. Values must be
 * finite.
 */
export function quantizedMatmul(x: Tensor, weight: QuantizedMatrix, options: EpilogueOptions = {}): Tensor {
  requireArguments("quantizedMatmul", { x }, options);
  const { values, scale, sums, rows } = requireQuantized("quantizedMatmul", weight);
  if (x.dtype !== "f32") throw new DTypeError("quantizedMatmul", `x must be f32, got ${x.dtype}. Cast it first`);
  if (x.rank === 0 || x.shape.at(-1) !== rows) {
    throw new ShapeError(
      "quantizedMatmul",
      `the last axis of x must equal the rows of weight: x is ${show(x.shape)}, weight is ${show([rows, scale.size])}`,
    );
  }
  const shape = [...x.shape.slice(0, -1), scale.size];
  checkEpilogue("quantizedMatmul", shape, options);
  return x.recorder.compose("quantizedMatmul", () => {
    const m = sizeOf(x.shape.slice(0, -1));
    const operands = [reshaped(x, [m, rows]), values, scale, sums];
    const [result = x] = recorderOf("quantizedMatmul", operands).record(quantizedMatmulOp, operands, null, [
      { shape: [m, scale.size], dtype: "f32" },
    ]);
    return applyEpilogue(reshaped(result, shape), options);
  });
}

/** Checks that the parts belong together. */
function requireQuantized(op: string, matrix: QuantizedMatrix): QuantizedMatrix {
  const { values, scale, sums, rows } = matrix;
  requireArguments(op, { values, scale, sums });
  const expected = [Math.ceil(scale.size / columnGroup), Math.ceil(rows / rowGroup), columnGroup, rowGroup];
  const fits =
    show(values.shape) === show(expected) &&
    values.dtype === "u8" &&
    scale.dtype === "f32" &&
    scale.rank === 1 &&
    sums.dtype === "i32" &&
    show(sums.shape) === show(scale.shape);
  if (!fits)
    throw new ParameterError(
      op,
      "the parts of the quantized matrix do not belong together. Make it with quantizeMatrix",
    );
  return matrix;
}
