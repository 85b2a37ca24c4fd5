// Layouts: how a logical shape walks through memory. Movement ops are changes of layout, not copies.
// Knows nothing of tensors or devices. Strides and offsets count elements, strides may be 0 or negative.
// Read next: bindings/ops/movement.ts, whose ops are functions from layout to layout.
import type { Shape } from "./shape.ts";
import { sizeOf, stridesOf } from "./shape.ts";

/** A view of a buffer: element at index i lies at offset + Σ iₐ·stridesₐ. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The row-major layout of a shape. */
export function contiguous(shape: Shape, offset = 0): Layout {
  return { shape, strides: stridesOf(shape), offset };
}

/** True if the elements lie in row-major order without gaps (axes of size 1 may have any stride). */
export function isContiguous(layout: Layout): boolean {
  if (layout.shape.includes(0)) return true;
  let stride = 1;
  for (let axis = layout.shape.length - 1; axis >= 0; axis--) {
    const extent = layout.shape[axis] ?? 1;
    if (extent !== 1 && layout.strides[axis] !== stride) return false;
    stride *= extent;
  }
  return true;
}

/** The axes in another order: axis i of the result is axis `order[i]` of the source. */
export function permuteLayout(layout: Layout, order: readonly number[]): Layout {
  return {
    shape: order.map((axis) => layout.shape[axis] ?? 1),
    strides: order.map((axis) => layout.strides[axis] ?? 0),
    offset: layout.offset,
  };
}

/** The layout read as a larger shape: stretched axes get stride 0. The shapes are known to broadcast. */
export function broadcastLayout(layout: Layout, shape: Shape): Layout {
  const lead = shape.length - layout.shape.length;
  const strides = shape.map((extent, axis) => {
    const own = layout.shape[axis - lead];
    return axis < lead || own === undefined || (own === 1 && extent !== 1) ? 0 : (layout.strides[axis - lead] ?? 0);
  });
  return { shape, strides, offset: layout.offset };
}

/** `begin`, `step` and the resulting `shape` a slice takes along every axis. */
export function sliceLayout(layout: Layout, begin: readonly number[], step: readonly number[], shape: Shape): Layout {
  let offset = layout.offset;
  const strides = layout.strides.map((stride, axis) => {
    offset += (begin[axis] ?? 0) * stride;
    return stride * (step[axis] ?? 1);
  });
  return { shape, strides, offset: sizeOf(shape) === 0 ? 0 : offset };
}

/** The same elements under another shape without a copy, or undefined where the strides do not allow it. */
export function reshapeLayout(layout: Layout, shape: Shape): Layout | undefined {
  if (isContiguous(layout)) return contiguous(shape, layout.offset);
  // Match runs of axes of equal size; inside a run the source must be walkable with one stride.
  const source = layout.shape
    .map((extent, axis) => [extent, layout.strides[axis] ?? 0] as const)
    .filter(([extent]) => extent !== 1);
  const strides = new Array<number>(shape.length).fill(0);
  let from = 0;
  let to = 0;
  while (from < source.length && to < shape.length) {
    let fromSize = source[from]?.[0] ?? 1;
    let toSize = shape[to] ?? 1;
    let fromEnd = from + 1;
    let toEnd = to + 1;
    while (fromSize !== toSize) {
      if (fromSize < toSize) fromSize *= source[fromEnd++]?.[0] ?? Number.NaN;
      else toSize *= shape[toEnd++] ?? Number.NaN;
      if (Number.isNaN(fromSize) || Number.isNaN(toSize)) return undefined;
    }
    for (let axis = from; axis + 1 < fromEnd; axis++) {
      const [, stride] = source[axis] ?? [1, 0];
      const [nextExtent, nextStride] = source[axis + 1] ?? [1, 0];
      if (stride !== nextExtent * nextStride) return undefined;
    }
    let stride = source[fromEnd - 1]?.[1] ?? 0;
    for (let axis = toEnd - 1; axis >= to; axis--) {
      strides[axis] = stride;
      stride *= shape[axis] ?? 1;
    }
    from = fromEnd;
    to = toEnd;
  }
  return { shape, strides, offset: layout.offset };
}

/** An iteration space with one stride list per operand, axes of size 1 dropped and mergeable neighbours merged. */
export interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The smallest equivalent walk over several operands of one shape. Strides of all operands must merge together. */
export function mergeWalk(shape: Shape, operands: readonly (readonly number[])[]): Walk {
  const extents: number[] = [];
  const strides: number[][] = operands.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis] ?? 1;
    if (extent === 1) continue;
    const last = extents.length - 1;
    const merges =
      last >= 0 && operands.every((operand, i) => (strides[i]?.[last] ?? 0) === (operand[axis] ?? 0) * extent);
    if (merges) {
      extents[last] = (extents[last] ?? 1) * extent;
      operands.forEach((operand, i) => {
        const list = strides[i];
        if (list !== undefined) list[last] = operand[axis] ?? 0;
      });
    } else {
      extents.push(extent);
      operands.forEach((operand, i) => strides[i]?.push(operand[axis] ?? 0));
    }
  }
  return { shape: extents, strides };
}
