// Ops that change the layout of elements and compute nothing: permute, slice, and what is built of them.
// Inside a plan they cost nothing; a copy is made only where a kernel or a reader needs row-major order.
// Read next: ../core/layout.ts for the algebra of layouts.
import type { Layout } from "../core/layout.ts";
import { permuteLayout, sliceLayout } from "../core/layout.ts";
import { ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { normalizeAxis, show } from "../core/shape.ts";
import { recordView } from "./broadcasting.ts";
import type { AssembleAttributes, AssembleOp, ViewOp } from "./descriptor.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf } from "./tensor.ts";

const permuteOp: ViewOp<readonly number[]> = {
  kind: "view",
  name: "permute",
  layout: (source, _shape, order) => permuteLayout(source, order),
  gradient: ({ cotangents: [dy], attributes: order }) => (dy ? [permute(dy, order.map((_, axis) => order.indexOf(axis)))] : []),
};

/** The axes in another order: axis i of the result is axis `order[i]` of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (axes.length !== x.rank || new Set(axes).size !== x.rank) {
    throw new ShapeError("permute", `order must name each of the ${String(x.rank)} axes of ${show(x.shape)} once, got [${order.join(", ")}]`);
  }
  if (axes.every((axis, index) => axis === index)) return x;
  return recordView(permuteOp, x, axes.map((axis) => x.shape[axis] ?? 1), axes);
}

interface SliceAttributes {
  readonly begin: readonly number[];
  readonly step: readonly number[];
}

const sliceOp: ViewOp<SliceAttributes> = {
  kind: "view",
  name: "slice",
  layout: (source: Layout, shape, { begin, step }) => sliceLayout(source, begin, step, shape),
  gradient: ({ inputs: [x], cotangents: [dy], attributes }) => (x && dy ? [assemble([dy], x.shape, { pieces: [attributes], fill: 0 })] : []),
};

/** A strided region of x that is known to lie inside it. */
export function region(x: Tensor, begin: readonly number[], step: readonly number[], shape: Shape): Tensor {
  return recordView(sliceOp, x, shape, { begin, step });
}

const assembleOp: AssembleOp = {
  kind: "assemble",
  name: "assemble",
  gradient: ({ inputs, cotangents: [dy], attributes }) =>
    dy === undefined ? [] : inputs.map((x, index) => {
      const piece = attributes.pieces[index];
      return piece === undefined ? undefined : region(dy, piece.begin, piece.step, x.shape);
    }),
};

/** Inputs placed into regions of a new tensor. Regions are known to lie inside it and not to overlap. */
export function assemble(inputs: readonly Tensor[], shape: Shape, attributes: AssembleAttributes): Tensor {
  const [first] = inputs;
  if (first === undefined) throw new ShapeError("assemble", "needs at least one input");
  const [result] = recorderOf("assemble", inputs).record(assembleOp, inputs, attributes, [{ shape, dtype: first.dtype }]);
  return result ?? first;
}
