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
  { label: "i32 [300]", operand: whole([300], "i32", [-2147483648, 2147483647]), gradient: false },
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

/** The k first, and where they are; the reference says the same of values alone, which have slopes. */
function topSample(label: string, operand: OperandSpec, k: number, options: athanor.TopKOptions = {}): Sample[] {
  const { axis = -1, largest = true } = options;
  const where = (x: NdArray): NdArray => reference.positions(x, { axis, descending: largest }, k);
  const shared = { operands: [operand], ...(operand.apart === true ? {} : { gradient: false as const }) };
  return [
    {
      ...shared,
      label: `${label}: values`,
      call: (x) => athanor.topK(x, k, options).values,
      reference: (x) => reference.elementsAt(x, where(x), axis),
    },
    {
      ...shared,
      label: `${label}: indices`,
      call: (x) => athanor.topK(x, k, options).indices,
      reference: where,
      result: "i32",
      gradient: false,
      gpu: false,
    },
  ];
}

const onGpu = (samples: readonly Sample[]): Sample[] => samples.map((sample) => ({ ...sample, gpu: true }));

const topSamples: readonly Sample[] = [
  ...onGpu(topSample("3 of [2,40]", { shape: [2, 40], apart: true }, 3)),
  ...topSample("all of [3,7], smallest", { shape: [3, 7], apart: true, layout: "transposed" }, 7, { largest: false }),
  ...topSample("2 of [5,3] axis 0, unsorted", { shape: [5, 3], apart: true, layout: "sliced" }, 2, {
    axis: 0,
    sorted: false,
  }),
  ...topSample("1 of [1]", { shape: [1], apart: true }, 1),
  ...onGpu(topSample("5 of [2,2600] ties", whole([2, 2600], "i32", [-40, 40]), 5)),
  ...onGpu(topSample("1500 of [2600]", { shape: [2600] }, 1500, { largest: false })),
  ...topSample("40 of [2,1025]", { shape: [2, 1025] }, 40),
  ...topSample("9000 of [40000] by all workers", { shape: [40000] }, 9000),
  ...topSample("4 of odd values", { shape: [12], values: odd }, 4),
  ...topSample(
    "2 of odd values 9 times, smallest",
    { shape: [108], values: Array.from({ length: 9 }, () => odd).flat() },
    12,
    {
      largest: false,
    },
  ),
  ...topSample("f64 3 of [2,60]", { shape: [2, 60], dtype: "f64", apart: true }, 3),
  ...topSample("f64 50 of [60]", { shape: [60], dtype: "f64", domain: [-3, 3] }, 50),
  ...topSample("u8 20 of [300]", whole([300], "u8", [0, 255]), 20),
  ...topSample("u32 20 of [300]", whole([300], "u32", [0, 4294967295]), 20),
  ...topSample("bool 20 of [30]", whole([30], "bool", [0, 1]), 20),
];

const ascending = { shape: [7], values: [-3, -1, 0, 0, 0.5, 2, 9] } as const;
const wanted = { shape: [2, 4], values: [-4, -3, 0, 0.25, 0.5, 8, 9, 10] } as const;
const oddSorted = [...odd].sort(reference.compareNumbers);

const searches: readonly (readonly [label: string, sorted: OperandSpec, values: OperandSpec, gpu: boolean])[] = [
  ["[7]", ascending, wanted, true],
  ["odd values", { shape: [12], values: oddSorted }, { shape: [12], values: odd, layout: "sliced" }, true],
  ["none", { shape: [0] }, { shape: [3] }, true],
  ["of none", { shape: [3], values: [1, 2, 3] }, { shape: [0, 2] }, true],
  [
    "i32 in u8",
    { shape: [4], dtype: "u8", values: [1, 1, 5, 255] },
    { shape: [5], dtype: "i32", values: [-1, 1, 2, 255, 256] },
    true,
  ],
  [
    "u32",
    { shape: [3], dtype: "u32", values: [0, 2147483648, 4294967295] },
    { shape: [3], dtype: "u32", values: [2147483648, 0, 4294967295] },
    false,
  ],
  ["f64 in f32", ascending, { shape: [9], dtype: "f64", domain: [-4, 10] }, false],
  [
    "4000 in 1000",
    { shape: [1000], values: Array.from({ length: 1000 }, (_, i) => Math.floor(i / 2)) },
    { shape: [4000], domain: [-2, 502] },
    false,
  ],
];

export const sorting: StructuredRows<"sort" | "argSort" | "topK" | "searchSorted"> = {
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
    // A launch in memory of a workgroup takes a software GPU seconds to compile; those of other types are tried by sort.
    samples: samples(athanor.argSort, reference.positions, { result: "i32", gradient: false }).map((sample) => ({
      ...sample,
      gpu: sample.gpu === true && (sample.operands[0]?.dtype ?? "f32") === "f32",
    })),
    errors: refusals("argSort"),
  },
  topK: {
    tolerance: ulps(0),
    samples: topSamples,
    errors: [
      {
        label: "more than there are",
        shapes: [[2, 3]],
        call: (x) => athanor.topK(x, 4),
        error: "ParameterError",
        message: "topK: k must be a whole number in [1, 3], the size of axis 1 of [2, 3], got 4",
      },
      {
        label: "none",
        shapes: [[2, 3]],
        call: (x) => athanor.topK(x, 0, { axis: 0 }),
        error: "ParameterError",
        message: "topK: k must be a whole number in [1, 2], the size of axis 0 of [2, 3], got 0",
      },
      {
        label: "of none",
        shapes: [[2, 0]],
        call: (x) => athanor.topK(x, 1),
        error: "ShapeError",
        message: "topK: axis 1 of [2, 0] has no elements to choose from. Leave empty slices out",
      },
      {
        label: "axis outside",
        shapes: [[2, 3]],
        call: (x) => athanor.topK(x, 1, { axis: -3 }),
        error: "ShapeError",
        message: "topK: axis -3 does not exist in a tensor of 2 axes: valid axes are -2 to 1",
      },
    ],
  },
  searchSorted: {
    tolerance: ulps(0),
    gradient: false,
    samples: searches.flatMap(([label, sorted, values, gpu]) =>
      (["left", "right"] as const).map((side): Sample => ({
        label: `${label}, ${side}`,
        operands: [sorted, values],
        call: (s, v) => athanor.searchSorted(s, v, { side }),
        reference: (s, v) => reference.searchSorted(s, v, side),
        result: "i32",
        gpu,
      })),
    ),
  },
};
