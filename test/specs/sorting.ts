// Rows of bindings/ops/sorting.ts: lengths around what kernels do at once, ties, every type, and values that compare oddly.
// Read next: spec.ts, ../reference/sorting.ts.
import * as athanor from "../../bindings/index.ts";
import type { DType } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import * as reference from "../reference/sorting.ts";
import type { ErrorRow, OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulps } from "./spec.ts";

interface Setting {
  readonly label: string;
  readonly operand: OperandSpec;
  readonly options?: { readonly axis?: number; readonly descending?: boolean };
  /** Slopes are taken only where no two elements are near each other. */
  readonly gradient?: false;
  readonly gpu?: boolean;
}

const whole = (shape: readonly number[], dtype: DType, domain: readonly [number, number]): OperandSpec => ({
  shape,
  dtype,
  domain,
});
const odd = [2, NaN, -0, Infinity, 0, -Infinity, NaN, 1e-30, -0, -1, 0, 2];

const settings: readonly Setting[] = [
  { label: "[3,7]", operand: { shape: [3, 7], apart: true } },
  {
    label: "[5,3,2] axis 0, descending",
    operand: { shape: [5, 3, 2], apart: true, layout: "transposed" },
    options: { axis: 0, descending: true },
  },
  {
    label: "[3,4,5] sliced, axis 1",
    operand: { shape: [3, 4, 5], apart: true, layout: "sliced" },
    options: { axis: 1 },
    gpu: true,
  },
  ...[0, 1, 2, 3].map((length) => ({
    label: `[2,${length}] short`,
    operand: { shape: [2, length], apart: true },
    options: { descending: true },
    gpu: true,
  })),
  { label: "[0,3]", operand: { shape: [0, 3] }, options: { axis: 0 }, gradient: false },
  ...[255, 257, 1025, 4500].map((length) => ({
    label: `[2,${length}] long`,
    operand: { shape: [2, length] },
    options: { descending: length === 257 },
    gradient: false as const,
    gpu: length === 257 || length === 1025,
  })),
  { label: "[9000] wide digits", operand: { shape: [9000], domain: [-1e30, 1e30] }, gradient: false },
  { label: "[40000] all workers", operand: { shape: [40000] }, gradient: false },
  { label: "[2,2600] ties", operand: whole([2, 2600], "i32", [-3, 3]), gradient: false, gpu: true },
  {
    label: "[300] ties, descending",
    operand: whole([300], "u8", [0, 255]),
    options: { descending: true },
    gradient: false,
    gpu: true,
  },
  { label: "odd values", operand: { shape: [12], values: odd }, gradient: false, gpu: true },
  {
    label: "odd values, descending",
    operand: { shape: [2, 12], values: [...odd, ...odd] },
    options: { descending: true },
    gradient: false,
    gpu: true,
  },
  { label: "f64 odd values", operand: { shape: [12], dtype: "f64", values: odd }, gradient: false },
  {
    label: "f64 [3,60]",
    operand: { shape: [3, 60], dtype: "f64", domain: [-1e300, 1e300] },
    gradient: false,
  },
  { label: "f64 [4,5] gradient", operand: { shape: [4, 5], dtype: "f64", apart: true } },
  { label: "f64 [33000] all workers", operand: { shape: [33000], dtype: "f64" }, gradient: false },
  { label: "u32 [2,300]", operand: whole([2, 300], "u32", [0, 4294967295]), gradient: false, gpu: true },
  { label: "i32 [300]", operand: whole([300], "i32", [-2147483648, 2147483647]), gradient: false, gpu: true },
  { label: "bool [70]", operand: whole([70], "bool", [0, 1]), gradient: false, gpu: true },
];

function samples(
  call: (x: athanor.Tensor, options: athanor.SortOptions) => athanor.Tensor,
  expected: (x: NdArray, options: reference.Order) => NdArray,
  more: Partial<Sample> = {},
): Sample[] {
  return settings.map(({ label, operand, options = {}, ...rest }) => ({
    label,
    operands: [operand],
    call: (x) => call(x, options),
    reference: (x) => expected(x, options),
    ...rest,
    ...more,
  }));
}

function refusals(op: "sort" | "argSort"): ErrorRow[] {
  const call = athanor[op];
  return [
    {
      label: "axis outside",
      shapes: [[2, 3]],
      call: (x) => call(x, { axis: 2 }),
      error: "ShapeError",
      message: `${op}: axis 2 does not exist in a tensor of 2 axes: valid axes are -2 to 1`,
    },
    {
      label: "a scalar",
      shapes: [[]],
      call: (x) => call(x),
      error: "ShapeError",
      message: `${op}: axis -1 does not exist in a tensor of 0 axes: a scalar has no axes`,
    },
    {
      label: "no flag",
      shapes: [[3]],
      call: (x) => call(x, { descending: "yes" as never }),
      error: "ParameterError",
      message: `${op}: descending must be true or false, got string`,
    },
  ];
}

export const sorting: StructuredRows<"sort" | "argSort"> = {
  sort: {
    tolerance: ulps(0),
    samples: samples(athanor.sort, (x, options) =>
      reference.elementsAt(x, reference.positions(x, options), options.axis),
    ),
    errors: refusals("sort"),
  },
  argSort: {
    tolerance: ulps(0),
    gradient: false,
    samples: samples(athanor.argSort, reference.positions, { result: "i32", gradient: false }),
    errors: refusals("argSort"),
  },
};
