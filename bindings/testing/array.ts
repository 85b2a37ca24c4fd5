// The plain arrays of the reference: a shape and a row-major list of numbers, walked one index at a time.
// Deliberately naive, in f64, and imports nothing: an error of the engine must not be able to hide here.
// Read next: spec.ts, where references stand; test/reference, those of our own ops.

/** An array of f64 numbers, row-major. Types other than f64 exist only in what the specs expect. */
export interface NdArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export type Index = readonly number[];

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Calls `visit` for every index of a shape in row-major order. */
export function eachIndex(shape: readonly number[], visit: (index: number[]) => void): void {
  if (shape.some((extent) => extent === 0)) return;
  const index = shape.map(() => 0);
  for (;;) {
    visit(index.slice());
    let axis = shape.length - 1;
    while (axis >= 0 && (index[axis] = index[axis]! + 1) === shape[axis]) index[axis--] = 0;
    if (axis < 0) return;
  }
}

/** The position of an index in row-major order. */
export function positionOf(shape: readonly number[], index: Index): number {
  // References ask for every element of every operand: the one loop here that has to be quick.
  let position = 0;
  for (let axis = 0; axis < index.length; axis++) position = position * shape[axis]! + index[axis]!;
  return position;
}

export function at(x: NdArray, index: Index): number {
  return x.data[positionOf(x.shape, index)]!;
}

/** An array whose elements are computed one by one from their index. */
export function build(shape: readonly number[], value: (index: number[]) => number): NdArray {
  const data: number[] = [];
  eachIndex(shape, (index) => data.push(value(index)));
  return { shape: [...shape], data };
}

export function array(shape: readonly number[], data: readonly number[]): NdArray {
  return { shape: [...shape], data: [...data] };
}

export function scalar(value: number): NdArray {
  return { shape: [], data: [value] };
}

/** The shape that all operands stretch to: aligned at the last axis, sizes 1 give way. */
export function commonShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.map((shape) => shape[axis - rank + shape.length]).filter((extent) => extent !== undefined);
    return extents.find((extent) => extent !== 1) ?? 1;
  });
}

/** The element of `x` that lies under `index` of a larger shape. */
export function atBroadcast(x: NdArray, index: Index): number {
  const lead = index.length - x.shape.length;
  return at(
    x,
    x.shape.map((extent, axis) => (extent === 1 ? 0 : index[axis + lead]!)),
  );
}

/** Applies a scalar function element by element under broadcasting. */
export function map(f: (...values: number[]) => number, ...operands: readonly NdArray[]): NdArray {
  return build(commonShape(operands.map((x) => x.shape)), (index) => f(...operands.map((x) => atBroadcast(x, index))));
}

/** The axis counted from the front. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** A copy of `index` with one entry replaced. */
export function withEntry(index: Index, axis: number, value: number): number[] {
  return index.map((i, a) => (a === axis ? value : i));
}
