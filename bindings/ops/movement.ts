// Ops that change the layout of elements and compute nothing: permute, slice, and what is built of them.
// Inside a plan they cost nothing; a copy is made only where a kernel or a reader needs row-major order.
// Read next: ../core/layout.ts for the algebra of layouts, assembly.ts for the ops that put tensors together.
import { ParameterError, ShapeError } from "../core/errors.ts";
import type { Layout } from "../core/layout.ts";
import { permuteLayout, sliceLayout } from "../core/layout.ts";
import type { Shape } from "../core/shape.ts";
import { normalizeAxes, normalizeAxis, requireInteger, show, sizeOf } from "../core/shape.ts";
import { alias, own, recordView } from "./alias.ts";
import { broadcasted, reshape, reshaped } from "./broadcasting.ts";
import type { AssembleAttributes, AssembleOp, ViewOp } from "./descriptor.ts";
import type { Tensor } from "./tensor.ts";
import { isTensor, recorderOf, requireArguments, requireList } from "./tensor.ts";

const permuteOp: ViewOp<readonly number[]> = {
  kind: "view",
  name: "permute",
  layout: (source, _shape, order) => permuteLayout(source, order),
  gradient: ({ cotangents: [dy], attributes: order }) =>
    dy
      ? [
          permuted(
            dy,
            order.map((_, axis) => order.indexOf(axis)),
          ),
        ]
      : [],
};

/** The axes in another order: axis i of the result is axis `order[i]` of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  requireArguments("permute", { x });
  requireList("permute", "order", order);
  return own(permuted(x, order), x);
}

/** permute for callers inside: x itself where nothing changes. */
export function permuted(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (axes.length !== x.rank || new Set(axes).size !== x.rank) {
    throw new ShapeError(
      "permute",
      `order must name each of the ${String(x.rank)} axes of ${show(x.shape)} once, got [${order.join(", ")}]`,
    );
  }
  if (axes.every((axis, index) => axis === index)) return x;
  return recordView(
    permuteOp,
    x,
    axes.map((axis) => x.shape[axis] ?? 1),
    axes,
  );
}

interface SliceAttributes {
  readonly begin: readonly number[];
  readonly step: readonly number[];
}

const sliceOp: ViewOp<SliceAttributes> = {
  kind: "view",
  name: "slice",
  layout: (source: Layout, shape, { begin, step }) => sliceLayout(source, begin, step, shape),
  region: (attributes) => attributes,
  gradient: ({ inputs: [x], cotangents: [dy], attributes }) =>
    x && dy ? [assemble([dy], x.shape, { pieces: [attributes], fill: 0 })] : [],
};

/** A strided region of x that is known to lie inside it. */
export function region(x: Tensor, begin: readonly number[], step: readonly number[], shape: Shape): Tensor {
  return recordView(sliceOp, x, shape, { begin, step });
}

/** Elements [from, to) of one axis; the bounds are known to lie inside. */
export function range(x: Tensor, axis: number, from: number, to: number): Tensor {
  if (from === 0 && to === x.shape[axis]) return x;
  const begin = x.shape.map((_, index) => (index === axis ? from : 0));
  return region(
    x,
    begin,
    x.shape.map(() => 1),
    x.shape.map((extent, index) => (index === axis ? to - from : extent)),
  );
}

const assembleOp: AssembleOp = {
  kind: "assemble",
  name: "assemble",
  gradient: ({ inputs, cotangents: [dy], attributes }) =>
    dy === undefined
      ? []
      : inputs.map((x, index) => {
          const piece = attributes.pieces[index];
          return piece === undefined ? undefined : region(dy, piece.begin, piece.step, x.shape);
        }),
};

/** Inputs placed into regions of a new tensor. Regions are known to lie inside it and not to overlap. */
export function assemble(inputs: readonly Tensor[], shape: Shape, attributes: AssembleAttributes): Tensor {
  const [first] = inputs;
  if (first === undefined) throw new ShapeError("assemble", "needs at least one input");
  const [result] = recorderOf("assemble", inputs).record(assembleOp, inputs, attributes, [
    { shape, dtype: first.dtype },
  ]);
  return result ?? first;
}

/** Axes `startAxis` and all after it as one. A scalar becomes a vector of one element. */
export function flatten(x: Tensor, startAxis = 0): Tensor {
  requireArguments("flatten", { x });
  if (x.rank === 0) return reshaped(x, [1]);
  const axis = normalizeAxis("flatten", startAxis, x.rank);
  return reshape(x, [...x.shape.slice(0, axis), sizeOf(x.shape.slice(axis))]);
}

/** Two axes exchanged, the last two by default. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  requireArguments("transpose", { x });
  const first = normalizeAxis("transpose", axis0, x.rank);
  const second = normalizeAxis("transpose", axis1, x.rank);
  return permute(
    x,
    x.shape.map((_, axis) => (axis === first ? second : axis === second ? first : axis)),
  );
}

/** Axis `source` moved to position `destination`; the others keep their order. */
export function moveAxis(x: Tensor, source: number, destination: number): Tensor {
  requireArguments("moveAxis", { x });
  const from = normalizeAxis("moveAxis", source, x.rank);
  const to = normalizeAxis("moveAxis", destination, x.rank);
  const order = x.shape.map((_, axis) => axis).filter((axis) => axis !== from);
  order.splice(to, 0, from);
  return permute(x, order);
}

/** A new axis of size 1, which is axis `axis` of the result. */
export function expandDims(x: Tensor, axis: number): Tensor {
  requireArguments("expandDims", { x });
  const position = normalizeAxis("expandDims", axis, x.rank + 1);
  return reshaped(x, [...x.shape.slice(0, position), 1, ...x.shape.slice(position)]);
}

/** Axes of size 1 removed: all of them, or those named. */
export function squeeze(x: Tensor, axis?: number | readonly number[]): Tensor {
  requireArguments("squeeze", { x }, { axis });
  const axes = axis === undefined ? undefined : normalizeAxes("squeeze", axis, x.rank);
  const long = axes?.find((index) => x.shape[index] !== 1);
  if (long !== undefined) {
    throw new ShapeError(
      "squeeze",
      `axis ${String(long)} of ${show(x.shape)} has size ${String(x.shape[long])}, not 1. Take one element of it: slice`,
    );
  }
  return reshape(
    x,
    x.shape.filter((extent, index) => (axes === undefined ? extent !== 1 : !axes.includes(index))),
  );
}

/**
 * Elements begin, begin + step, … before `end` of every axis, as NumPy's x[begin:end:step]: negative bounds count from the
 * end of the axis, bounds outside of it are cut off, and a negative step walks backwards. Axes that are not listed, and
 * bounds that are undefined, are taken whole.
 */
export function slice(
  x: Tensor,
  begin: readonly (number | undefined)[],
  end: readonly (number | undefined)[] = [],
  step: readonly number[] = [],
): Tensor {
  requireArguments("slice", { x });
  requireList("slice", "begin", begin);
  requireList("slice", "end", end);
  requireList("slice", "step", step);
  for (const [name, list] of [
    ["begin", begin],
    ["end", end],
    ["step", step],
  ] as const) {
    if (list.length > x.rank)
      throw new ShapeError(
        "slice",
        `${name} has ${String(list.length)} entries, but x is ${show(x.shape)} with ${String(x.rank)} axes`,
      );
    for (const bound of list) {
      if (bound !== undefined && !Number.isInteger(bound))
        throw new ParameterError("slice", `${name} must hold whole numbers, got ${String(bound)}`);
    }
  }
  if (step.includes(0)) throw new ParameterError("slice", "step must not be 0");
  const steps = x.shape.map((_, axis) => step[axis] ?? 1);
  const begins: number[] = [];
  const shape = x.shape.map((extent, axis) => {
    const stride = steps[axis] ?? 1;
    const isForward = stride > 0;
    // A backward walk may begin at the last element and end before the first one.
    const low = isForward ? 0 : -1;
    const high = isForward ? extent : extent - 1;
    const bound = (value: number | undefined, whole: number): number =>
      value === undefined ? whole : Math.min(Math.max(value < 0 ? value + extent : value, low), high);
    const from = bound(begin[axis], isForward ? low : high);
    const to = bound(end[axis], isForward ? high : low);
    const count = Math.max(0, Math.ceil((to - from) / stride));
    begins.push(count === 0 ? 0 : from);
    return count;
  });
  if (shape.every((extent, axis) => extent === x.shape[axis] && begins[axis] === 0)) return alias(x);
  return region(x, begins, steps, shape);
}

/** The order of elements reversed along the axes named, all by default. */
export function flip(x: Tensor, axis?: number | readonly number[]): Tensor {
  requireArguments("flip", { x }, { axis });
  const axes = normalizeAxes("flip", axis, x.rank).filter((index) => (x.shape[index] ?? 0) > 1);
  if (axes.length === 0) return alias(x);
  const begin = x.shape.map((extent, index) => (axes.includes(index) ? extent - 1 : 0));
  return region(
    x,
    begin,
    x.shape.map((_, index) => (axes.includes(index) ? -1 : 1)),
    x.shape,
  );
}

/** x repeated `reps[i]` times as a whole along axis i. Missing axes of x, or of `reps`, count as 1 at the front. */
export function tile(x: Tensor, reps: readonly number[]): Tensor {
  requireArguments("tile", { x });
  requireList("tile", "reps", reps);
  for (const count of reps) requireInteger("tile", "reps", count, 0);
  const rank = Math.max(x.rank, reps.length);
  const counts = [...new Array<number>(rank - reps.length).fill(1), ...reps];
  const shape = [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  let tiled = reshaped(x, shape);
  counts.forEach((count, axis) => {
    if (count === 1) return;
    const outer = sizeOf(tiled.shape.slice(0, axis));
    const inner = sizeOf(tiled.shape.slice(axis));
    const copies = broadcasted(reshaped(tiled, [outer, 1, inner]), [outer, count, inner]);
    tiled = reshaped(
      copies,
      tiled.shape.map((extent, index) => (index === axis ? extent * count : extent)),
    );
  });
  return own(tiled, x);
}

/** Every element repeated `count` times in place along an axis; without an axis x is flattened first. */
export function repeat(x: Tensor, count: number, options: { readonly axis?: number } = {}): Tensor {
  requireArguments("repeat", { x }, options);
  requireInteger("repeat", "count", count, 0);
  if (options.axis === undefined) return repeat(flatten(x), count, { axis: 0 });
  const axis = normalizeAxis("repeat", options.axis, x.rank);
  const outer = sizeOf(x.shape.slice(0, axis + 1));
  const inner = sizeOf(x.shape.slice(axis + 1));
  const copies = broadcasted(reshaped(x, [outer, 1, inner]), [outer, count, inner]);
  const shape = x.shape.map((extent, index) => (index === axis ? extent * count : extent));
  return own(reshaped(copies, shape), x);
}

/** Options of `meshGrid`: "xy" for columns first, "ij" for rows first. */
export interface MeshGridOptions {
  readonly indexing?: "xy" | "ij";
}

/**
 * Coordinate grids of vectors: one tensor for each, repeated along the axes of the others. With "xy" indexing the first
 * two axes of the result are exchanged, as plots have it.
 */
export function meshGrid(
  ...operands: readonly Tensor[] | readonly [...vectors: Tensor[], options: MeshGridOptions]
): Tensor[] {
  const list: readonly (Tensor | MeshGridOptions)[] = operands;
  const vectors = list.filter(isTensor);
  const options = list.find((operand): operand is MeshGridOptions => !isTensor(operand)) ?? {};
  requireArguments("meshGrid", vectors, options);
  if (list.filter((operand) => !isTensor(operand)).length > 1)
    throw new ParameterError(
      "meshGrid",
      "expects tensors and at most one object of options. Wrap values: tensor(value)",
    );
  const { indexing = "xy" } = options;
  if (!["xy", "ij"].includes(indexing))
    throw new ParameterError("meshGrid", `indexing must be "xy" or "ij", got ${JSON.stringify(indexing)}`);
  for (const vector of vectors) {
    if (vector.rank > 1)
      throw new ShapeError("meshGrid", `expects vectors, got ${show(vector.shape)}. Flatten it first`);
  }
  const exchange = indexing === "xy" && vectors.length > 1;
  const axisOf = (index: number): number => (exchange && index < 2 ? 1 - index : index);
  const shape = new Array<number>(vectors.length);
  vectors.forEach((vector, index) => (shape[axisOf(index)] = vector.size));
  return vectors.map((vector, index) => {
    const along = shape.map((_, axis) => (axis === axisOf(index) ? vector.size : 1));
    return own(broadcasted(reshaped(vector, along), shape), vector);
  });
}
