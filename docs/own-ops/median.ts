// The median along the last axis: an op in TypeScript. It runs on the CPU, between kernels, wherever its neighbours run.
import { cast, defineOp, div, equal, expandDims, mul, ShapeError, sum } from "athanor";

/** The element in the middle of each row once it is sorted; the lower one of two. NaN comes last. */
export const median = defineOp("median", {
  inputs: ["x"],
  dtypes: ["f32", "f64", "i32"],
  output: ({ x }) => {
    if (x.rank === 0 || x.shape.at(-1) === 0) {
      throw new ShapeError("median", `the last axis must have elements, got [${x.shape}]`);
    }
    return { shape: x.shape.slice(0, -1), dtype: x.dtype };
  },
  compute: ({ x }, output) => {
    const length = x.shape.at(-1) ?? 1;
    for (let row = 0; row < output.data.length; row++) {
      const sorted = x.data.slice(row * length, (row + 1) * length).sort();
      output.data[row] = sorted[(length - 1) >> 1] ?? NaN;
    }
  },
  gradient: ({ x }, _, { output, cotangent }) => {
    const isMedian = cast(equal(x, expandDims(output, -1)), x.dtype);
    const each = div(cotangent, sum(isMedian, { axis: -1 }));
    return { x: mul(isMedian, expandDims(each, -1)) };
  },
});
