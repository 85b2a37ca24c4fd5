// Rows of bindings/ops/cumulative.ts: running sums and products in both directions, with zeros among the factors.
// Read next: spec.ts, ../reference/reduction.ts.
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import * as reference from "../reference/reduction.ts";
import type { OperandSpec, StructuredRows, StructuredSpec } from "./spec.ts";
import { ulps, ulpsOfSum } from "./spec.ts";

type Scan = (x: Tensor, options: athanor.CumulativeOptions) => Tensor;
type ScanCase = readonly [label: string, options: athanor.CumulativeOptions, operand: OperandSpec];

function cumulativeRow(
  name: string,
  call: Scan,
  combine: (a: number, b: number) => number,
  tolerance: StructuredSpec["tolerance"],
  more: readonly ScanCase[] = [],
): StructuredSpec {
  const isProduct = combine(2, 3) === 6;
  const cases: readonly ScanCase[] = [
    ["[3,4,5] default", {}, { shape: [3, 4, 5] }],
    ["[3,5] reverse", { axis: 1, reverse: true }, { shape: [3, 5], layout: "transposed" }],
    ["[3,5] exclusive", { axis: -1, exclusive: true }, { shape: [3, 5], layout: "sliced" }],
    ["[17] both", { axis: 0, exclusive: true, reverse: true }, { shape: [17] }],
    ["[5000] long", {}, { shape: [5000], ...(isProduct ? { domain: [0.99, 1.01] } : {}) }],
    ["[0]", {}, { shape: [0] }],
    ["i32 [9,5]", { axis: 0 }, { shape: [9, 5], dtype: "i32", domain: [-4, 4] }],
    ["f64 [4,9]", { axis: 1 }, { shape: [4, 9], dtype: "f64" }],
    ...more,
  ];
  return {
    tolerance,
    samples: cases.map(([label, options, operand]) => ({
      label,
      operands: [operand],
      call: (x) => call(x, options),
      reference: (x) => reference.cumulative(x, options, combine, isProduct ? 1 : 0),
      ...(label.includes("long") ? { gradient: false as const, gpu: true } : {}),
      // Every factor of a product may round it by half a unit: thousands of them add up as a random walk does.
      ...(label.includes("long") && isProduct ? { tolerance: ulps(200) } : {}),
      ...(label.includes("zeros") ? { gpu: true } : {}),
    })),
    errors: [
      {
        label: "axis outside",
        shapes: [[2, 3]],
        call: (x) => call(x, { axis: 2 }),
        error: "ShapeError",
        message: `${name}: axis 2 does not exist in a tensor of 2 axes: valid axes are -2 to 1`,
      },
    ],
  };
}

export const cumulative: StructuredRows<"cumSum" | "cumProd"> = {
  cumSum: cumulativeRow("cumSum", athanor.cumSum, (a, b) => a + b, ulpsOfSum(2)),
  cumProd: cumulativeRow("cumProd", athanor.cumProd, (a, b) => a * b, ulps(12), [
    ["zeros", { axis: 1 }, { shape: [3, 4], values: [1, 2, 0, 4, 0, 2, 0, 3, 1, 2, 3, 4] }],
    ["zeros, exclusive", { axis: 0, exclusive: true }, { shape: [5], values: [2, 0, 3, 0, 4] }],
  ]),
};
