// How a reduction over any set of axes becomes a fold of [outer, length, inner] over its middle axis.
// Pure function of shape and axes. Read next: fuse.ts, which uses it.

export interface Fold {
  /** The axes of the source in the order in which [outer, length, inner] is row-major. */
  readonly order: readonly number[];
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** Keeps the order if the reduced axes stand together (axes of size 1 do not count), else moves them to the end. */
export function foldAxes(shape: readonly number[], axes: readonly number[]): Fold {
  const isReduced = (axis: number): boolean => axes.includes(axis);
  const all = shape.map((_, axis) => axis);
  const counting = all.filter((axis) => shape[axis] !== 1);
  const reduced = counting.filter(isReduced);
  const first = counting.findIndex(isReduced);
  const together = reduced.every((axis, index) => counting[first + index] === axis);
  const order = together ? all : [...all.filter((axis) => !isReduced(axis)), ...all.filter(isReduced)];
  const product = (list: readonly number[]): number => list.reduce((size, axis) => size * (shape[axis] ?? 1), 1);
  if (!together)
    return { order, outer: product(all.filter((axis) => !isReduced(axis))), length: product(reduced), inner: 1 };
  const before = first < 0 ? counting : counting.slice(0, first);
  const after = first < 0 ? [] : counting.slice(first + reduced.length);
  return { order, outer: product(before), length: product(reduced), inner: product(after) };
}
