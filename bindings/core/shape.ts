// Shapes, strides, axes and broadcasting: pure functions over lists of sizes.
// Knows nothing of element types, tensors or devices. Every complaint is a ShapeError that names the op.
// Read next: layout.ts, for how an operand walks through memory.
import { ParameterError, ShapeError } from "./errors.ts";

/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** The most axes a tensor may have. */
export const maxRank = 8;

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

/** `[2, 3]` as text, for messages. */
export function show(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

const texts = new WeakMap<Shape, string>();

/** `2,3`, for keys. Shapes are passed from tensor to tensor, so that most are written once. */
export function textOf(shape: Shape): string {
  let text = texts.get(shape);
  if (text === undefined) texts.set(shape, (text = shape.join()));
  return text;
}

/** True if both have the same axes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a === b || (a.length === b.length && a.every((extent, axis) => extent === b[axis]));
}

/** Checks that every extent is a whole number ≥ 0 and that the rank is at most `maxRank`. */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ShapeError(op, `a shape is a list of sizes, got ${String(shape)}`);
  if (shape.length > maxRank) {
    throw new ShapeError(
      op,
      `at most ${String(maxRank)} axes are supported, got ${show(shape)} (${String(shape.length)}). Merge axes with reshape`,
    );
  }
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0) {
      throw new ShapeError(op, `sizes must be whole numbers ≥ 0, got ${show(shape)}`);
    }
  }
}

/** The index of `axis`, counted from the front; negative axes count from the end. Throws a ShapeError outside the rank. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const index = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || index < 0 || index >= rank) {
    const range = rank === 0 ? "a scalar has no axes" : `valid axes are ${String(-rank)} to ${String(rank - 1)}`;
    throw new ShapeError(op, `axis ${String(axis)} does not exist in a tensor of ${String(rank)} axes: ${range}`);
  }
  return index;
}

/** Normalised, ascending, distinct axes; `undefined` means all. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normalizeAxis(op, axis, rank));
  if (new Set(list).size !== list.length) {
    throw new ShapeError(op, `an axis is named twice in [${[axes].flat().join(", ")}]. Name each axis once`);
  }
  return list.sort((a, b) => a - b);
}

/** The common shape of two operands under NumPy's rule, or undefined if they do not broadcast. */
export function broadcastPair(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let axis = 1; axis <= rank; axis++) {
    const x = a[a.length - axis] ?? 1;
    const y = b[b.length - axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out[rank - axis] = x === 1 ? y : x;
  }
  return out;
}

/** The common shape of all operands; a ShapeError names the first pair that does not broadcast. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Shape {
  let out: Shape = shapes[0] ?? [];
  for (let index = 1; index < shapes.length; index++) {
    const shape = shapes[index] ?? [];
    if (sameShape(out, shape)) continue;
    const next = broadcastPair(out, shape);
    if (next === undefined) {
      throw new ShapeError(
        op,
        `shapes ${shapes.map(show).join(" and ")} do not broadcast: each axis must be equal or 1. Reshape or expandDims one of them`,
      );
    }
    out = next;
  }
  return out;
}

/** The shape after reducing `axes` (normalised). */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** Resolves one −1 in a target shape against `size` elements. */
export function resolveShape(op: string, target: Shape, size: number, from: Shape): number[] {
  const unknown = target.filter((extent) => extent === -1).length;
  if (unknown > 1) throw new ShapeError(op, `only one size may be -1, got ${show(target)}`);
  const known = sizeOf(target.filter((extent) => extent !== -1));
  const shape =
    unknown === 0 ? [...target] : target.map((extent) => (extent === -1 ? (known === 0 ? 0 : size / known) : extent));
  if (shape.some((extent) => !Number.isInteger(extent)) || sizeOf(shape) !== size) {
    throw new ShapeError(
      op,
      `cannot view ${show(from)} (${String(size)} elements) as ${show(target)}. The element counts must be equal`,
    );
  }
  checkShape(op, shape);
  return shape;
}

/** Throws a ParameterError unless `value` is a whole number in [low, high]. */
export function requireInteger(
  op: string,
  name: string,
  value: number,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    const range = high === Number.MAX_SAFE_INTEGER ? `≥ ${String(low)}` : `in [${String(low)}, ${String(high)}]`;
    throw new ParameterError(op, `${name} must be a whole number ${range}, got ${String(value)}`);
  }
}
