// Calls that structured ops refuse, and in which words. Each says what was expected, what came and what to do.
// Error rows that belong to one family only stand with its rows. Read next: spec.ts, ../conformance/run.ts.
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { ErrorName, ErrorRow } from "./spec.ts";

type Shapes = readonly (readonly number[])[];

function refuse(label: string, shapes: Shapes, call: ErrorRow["call"], error: ErrorName, message: string): ErrorRow {
  return { label, shapes, call, error, message };
}

const asAny = (value: unknown): never => value as never;

/** Error rows by op. */
export const refusals: Readonly<Record<string, readonly ErrorRow[]>> = {
  concat: [
    refuse(
      "nothing",
      [],
      () => athanor.concat([]),
      "ParameterError",
      "concat: needs at least one tensor, got an empty list",
    ),
    refuse(
      "other axes",
      [
        [2, 3],
        [2, 4],
      ],
      (x, y) => athanor.concat([x, y]),
      "ShapeError",
      "concat: shapes [2, 3] and [2, 4] differ outside axis 0. All other axes must be equal",
    ),
  ],
  stack: [
    refuse(
      "shapes",
      [[2], [3]],
      (x, y) => athanor.stack([x, y]),
      "ShapeError",
      "stack: shapes [2] and [3] differ. All must be equal; concat joins along an existing axis",
    ),
  ],
  split: [
    refuse(
      "remainder",
      [[5]],
      (x) => athanor.split(x, 2),
      "ShapeError",
      "split: axis 0 of [5] does not divide into 2 equal parts. Give a list of sizes instead",
    ),
    refuse(
      "sizes",
      [[5]],
      (x) => athanor.split(x, [2, 2]),
      "ShapeError",
      "split: sizes [2, 2] must add up to 5, the size of axis 0 of [5]",
    ),
  ],
  pad: [
    refuse(
      "widths",
      [[2, 3]],
      (x) => athanor.pad(x, [[1, 1]]),
      "ShapeError",
      "pad: needs a pair [before, after] for each of the 2 axes of [2, 3], got 1",
    ),
    refuse(
      "reflection beyond",
      [[3]],
      (x) => athanor.pad(x, [[3, 0]], { mode: "reflect" }),
      "ShapeError",
      "pad: reflection needs widths below the size of the axis: axis 0 has size 3, widths are [3, 0]",
    ),
  ],
  permute: [
    refuse(
      "axis twice",
      [[2, 3]],
      (x) => athanor.permute(x, [0, 0]),
      "ShapeError",
      "permute: order must name each of the 2 axes of [2, 3] once, got [0, 0]",
    ),
  ],
  squeeze: [
    refuse(
      "long axis",
      [[2, 1]],
      (x) => athanor.squeeze(x, 0),
      "ShapeError",
      "squeeze: axis 0 of [2, 1] has size 2, not 1. Take one element of it: slice",
    ),
  ],
  slice: [
    refuse("step 0", [[4]], (x) => athanor.slice(x, [0], [4], [0]), "ParameterError", "slice: step must not be 0"),
    refuse(
      "too many",
      [[4]],
      (x) => athanor.slice(x, [0, 0]),
      "ShapeError",
      "slice: begin has 2 entries, but x is [4] with 1 axes",
    ),
  ],
  meshGrid: [
    refuse(
      "a matrix",
      [[2, 2], [2]],
      (x, y) => athanor.meshGrid(x, y),
      "ShapeError",
      "meshGrid: expects vectors, got [2, 2]. Flatten it first",
    ),
  ],
  diag: [
    refuse(
      "three axes",
      [[2, 2, 2]],
      (x) => athanor.diag(x),
      "ShapeError",
      "diag: expects a vector or a matrix, got [2, 2, 2]",
    ),
  ],
  take: [
    refuse(
      "float indices",
      [[3], [2]],
      (x, i) => athanor.take(x, i),
      "DTypeError",
      'take: indices must be whole numbers (i32, u32 or u8), got f32. Convert it: cast(indices, "i32")',
    ),
  ],
  searchSorted: [
    refuse(
      "a matrix",
      [[2, 2], [2]],
      (s, v) => athanor.searchSorted(s, v),
      "ShapeError",
      "searchSorted: sorted must be a vector, got [2, 2]",
    ),
  ],
  matmul: [
    refuse(
      "a scalar",
      [[], [2, 2]],
      (a, b) => athanor.matmul(a, b),
      "ShapeError",
      "matmul: a is a scalar. Multiply by it instead: mul(a, b)",
    ),
    refuse(
      "batches",
      [
        [2, 3, 4],
        [3, 4, 5],
      ],
      (a, b) => athanor.matmul(a, b),
      "ShapeError",
      "matmul: batch axes do not broadcast: a is [2, 3, 4], b is [3, 4, 5]. All axes but the last two must be equal or 1",
    ),
  ],
  dot: [
    refuse(
      "inner sizes",
      [[3], [4]],
      (a, b) => athanor.dot(a, b),
      "ShapeError",
      "dot: inner dimensions differ: a is [3], b is [4] (3 ≠ 4)",
    ),
  ],
  einsum: [
    refuse(
      "unknown output",
      [[2, 2]],
      (x) => athanor.einsum("ij->k", x),
      "ParameterError",
      'einsum: "ij->k" asks for label k, which no operand has',
    ),
    refuse(
      "rank",
      [[2, 2]],
      (x) => athanor.einsum("ijk->i", x),
      "ShapeError",
      'einsum: "ijk" names 3 axes, but operand 0 is [2, 2]',
    ),
    refuse(
      "sizes",
      [
        [2, 3],
        [4, 5],
      ],
      (x, y) => athanor.einsum("ij,jk->ik", x, y),
      "ShapeError",
      "einsum: label j has size 3 in one operand and 4 in another ([2, 3], [4, 5])",
    ),
  ],
  conv2d: [
    refuse(
      "rank",
      [
        [5, 5, 1],
        [3, 3, 1, 1],
      ],
      (x, w) => athanor.conv2d(x, w),
      "ShapeError",
      "conv2d: x must have four axes [N, H, W, C], got [5, 5, 1]",
    ),
    refuse(
      "channels",
      [
        [1, 5, 5, 2],
        [3, 3, 3, 4],
      ],
      (x, w) => athanor.conv2d(x, w),
      "ShapeError",
      "conv2d: channels differ: x is [1, 5, 5, 2] with 2 channels in 1 group, filter is [3, 3, 3, 4] with 3 (expected 2). A filter is [height, width, in / groups, out]",
    ),
    refuse(
      "window too large",
      [
        [1, 2, 5, 1],
        [3, 3, 1, 1],
      ],
      (x, w) => athanor.conv2d(x, w),
      "ShapeError",
      'conv2d: window height 3 exceeds the input height 2 with padding 0 + 0. Add padding, or use "same"',
    ),
    refuse(
      "padding",
      [
        [1, 5, 5, 1],
        [3, 3, 1, 1],
      ],
      (x, w) => athanor.conv2d(x, w, { padding: asAny("full") }),
      "ParameterError",
      'conv2d: padding must be "valid", "same", a number or pairs of numbers, got "full"',
    ),
    refuse(
      "groups",
      [
        [1, 5, 5, 4],
        [3, 3, 2, 3],
      ],
      (x, w) => athanor.conv2d(x, w, { groups: 2 }),
      "ParameterError",
      "conv2d: groups must divide both channel counts, got 2 for 4 in and 3 out",
    ),
  ],
  conv1d: [
    refuse(
      "rank",
      [
        [5, 1],
        [3, 1, 1],
      ],
      (x, w) => athanor.conv1d(x, w),
      "ShapeError",
      "conv1d: x must have three axes [N, L, C], got [5, 1]",
    ),
  ],
  conv3d: [
    refuse(
      "channels",
      [
        [1, 3, 3, 3, 2],
        [2, 2, 2, 3, 1],
      ],
      (x, w) => athanor.conv3d(x, w),
      "ShapeError",
      "conv3d: channels differ: x is [1, 3, 3, 3, 2] with 2 channels in 1 group, filter is [2, 2, 2, 3, 1] with 3 (expected 2). A filter is [depth, height, width, in / groups, out]",
    ),
    refuse(
      "stride",
      [
        [1, 3, 3, 3, 2],
        [2, 2, 2, 2, 1],
      ],
      (x, w) => athanor.conv3d(x, w, { stride: asAny([1, 2]) }),
      "ParameterError",
      "conv3d: stride must be a number or [depth, height, width], got [1,2]",
    ),
  ],
  maxPool2d: [
    refuse(
      "stride 0",
      [[1, 4, 4, 1]],
      (x) => athanor.maxPool2d(x, { window: 2, stride: 0 }),
      "ParameterError",
      "maxPool2d: stride must be a whole number ≥ 1, got 0",
    ),
    refuse(
      "format",
      [[1, 4, 4, 1]],
      (x) => athanor.maxPool2d(x, { window: 2, dataFormat: asAny("CHWN") }),
      "ParameterError",
      'maxPool2d: dataFormat must be "NHWC" or "NCHW", got "CHWN"',
    ),
  ],
  maxout: [
    refuse(
      "remainder",
      [[5]],
      (x) => athanor.maxout(x, { groups: 2 }),
      "ShapeError",
      "maxout: axis 0 of [5] does not divide into pieces of 2. The size must be a multiple of groups",
    ),
  ],
  argMax: [
    refuse(
      "no elements",
      [[0, 3]],
      (x) => athanor.argMax(x, { axis: 0 }),
      "ShapeError",
      "argMax: axis 0 of [0, 3] has no elements, so there is no position. Leave empty slices out, or pad them",
    ),
  ],
  eigh: [
    refuse(
      "not square",
      [[2, 3]],
      (x) => athanor.linalg.eigh(x),
      "ShapeError",
      "eigh: expects square matrices, got [2, 3]",
    ),
  ],
  cast: [
    refuse(
      "unknown type",
      [[2]],
      (x) => athanor.cast(x, asAny("f8")),
      "ParameterError",
      "cast: dtype must be one of bool, u8, u32, i32, f16, f32, f64, got f8",
    ),
  ],
  gelu: [
    refuse(
      "approximation",
      [[2]],
      (x) => athanor.gelu(x, { approximate: asAny("fast") }),
      "ParameterError",
      'gelu: approximate must be "none" or "tanh", got "fast"',
    ),
  ],
  celu: [
    refuse(
      "alpha 0",
      [[2]],
      (x) => athanor.celu(x, { alpha: 0 }),
      "ParameterError",
      "celu: alpha must be above 0, got 0",
    ),
  ],
  add: [
    refuse(
      "an array",
      [[2]],
      (x) => athanor.add(x, asAny([1, 2])),
      "ParameterError",
      "add: y must be a tensor or a number, got an array. Wrap it: tensor(value)",
    ),
    refuse(
      "only numbers",
      [],
      () => athanor.add(1, 2),
      "ParameterError",
      "add: expects a tensor, got 1, 2. Wrap the value: tensor(value)",
    ),
    refuse(
      "too few",
      [[2]],
      (x) => (athanor.add as unknown as (x: Tensor) => Tensor)(x),
      "ParameterError",
      "add: expects 2 operands (x, y), got 1",
    ),
  ],
  bitwiseAnd: [
    refuse(
      "floats",
      [[2], [2]],
      (x, y) => athanor.bitwiseAnd(x, y),
      "DTypeError",
      'bitwiseAnd: x must be i32 or u32 or u8 or bool, got f32. Convert it: cast(x, "i32")',
    ),
  ],
  zeros: [
    refuse(
      "negative size",
      [],
      () => athanor.zeros([2, -1]),
      "ShapeError",
      "zeros: sizes must be whole numbers ≥ 0, got [2, -1]",
    ),
  ],
};
