// Short ways to write samples of ops that move elements: one or two operands, a call, and what the reference makes of them.
// Results are exact. Read next: movement.ts, assembling.ts.
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import type { LayoutName, OperandSpec, Sample, StructuredSpec } from "./spec.ts";
import { ulps } from "./spec.ts";

const exact = ulps(0);

export function one(
  label: string,
  operand: OperandSpec | readonly number[],
  call: (x: Tensor) => Tensor | readonly Tensor[],
  expected: (x: NdArray) => NdArray | readonly NdArray[],
  more: Partial<Sample> = {},
): Sample {
  const spec: OperandSpec = "shape" in operand ? operand : { shape: operand };
  return { label, operands: [spec], call: (x) => call(x), reference: (x) => expected(x), ...more };
}

export function row(samples: readonly Sample[], errors: StructuredSpec["errors"] = []): StructuredSpec {
  return { tolerance: exact, samples, errors };
}

export const laid = (shape: readonly number[], layout: LayoutName): OperandSpec => ({ shape, layout });

export function two(
  label: string,
  a: OperandSpec | readonly number[],
  b: OperandSpec | readonly number[],
  call: (x: Tensor, y: Tensor) => Tensor | readonly Tensor[],
  expected: (x: NdArray, y: NdArray) => NdArray | readonly NdArray[],
): Sample {
  const operands = [a, b].map((operand): OperandSpec => ("shape" in operand ? operand : { shape: operand }));
  return { label, operands, call: (x, y) => call(x, y), reference: (x, y) => expected(x, y) };
}
