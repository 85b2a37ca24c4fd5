// Checks the three ops on every device of this machine: run it by itself, or call the same from any test runner.
import type { NdArray } from "athanor/testing";
import { testOp, ulpsOfSum } from "athanor/testing";
import { median } from "./median.js";
import { rmsNorm } from "./rms-norm.js";
import { softCap } from "./soft-cap.js";

/** The rows of an array, along its last axis. */
const rowsOf = ({ shape, data }: NdArray): number[][] => {
  const length = shape.at(-1) ?? 1;
  return Array.from({ length: data.length / length }, (_, row) => data.slice(row * length, (row + 1) * length));
};

const reports = [
  // Shapes, layouts, types and broadcasting are sampled without help.
  await testOp(softCap, {
    reference: ({ x }, { cap }) => cap * Math.tanh(x / cap),
    domain: [-100, 100],
    attributes: [{}, { cap: 2 }],
  }),
  await testOp(rmsNorm, {
    reference: ({ x, gain }, { epsilon }) => {
      const data = rowsOf(x).flatMap((row) => {
        const scale = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / row.length + epsilon);
        return row.map((value, column) => value * scale * (gain.data[column] ?? 0));
      });
      return { shape: x.shape, data };
    },
    samples: [
      { inputs: { x: { shape: [3, 5] }, gain: { shape: [5], domain: [0.5, 2] } } },
      { inputs: { x: { shape: [2, 3, 70], layout: "sliced" }, gain: { shape: [70] } }, attributes: { epsilon: 0.1 } },
      { inputs: { x: { shape: [0, 4] }, gain: { shape: [4] } } },
    ],
    tolerance: 8,
    errors: [
      {
        label: "a gain of another size",
        shapes: [[3, 5], [4]],
        call: (x, gain) => rmsNorm(x!, gain!),
        error: "ShapeError",
        message: "rmsNorm: gain must have the size of the last axis of [3,5], got [4]",
      },
    ],
  }),
  await testOp(median, {
    reference: ({ x }) => {
      const data = rowsOf(x).map((row) => row.sort((a, b) => a - b)[(row.length - 1) >> 1] ?? NaN);
      return { shape: x.shape.slice(0, -1), data };
    },
    // Where two elements are equal there is no derivative to compare with.
    samples: [
      { inputs: { x: { shape: [4, 7], apart: true } } },
      { inputs: { x: { shape: [3, 6], apart: true, layout: "transposed", dtype: "f64" } } },
      { inputs: { x: { shape: [9], dtype: "i32", domain: [-100, 100] } } },
    ],
    tolerance: ulpsOfSum(0),
  }),
];

for (const report of reports) console.log(String(report.assert()));
