// The order of elements in memory: work.ts has channels last, half of the libraries have them first.

/** The elements of an array of this shape with its axes in another order. */
export function permuted(data: ArrayLike<number>, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const sizes = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const result = new Float32Array(data.length);
  const index = sizes.map(() => 0);
  for (let to = 0, from = 0; to < result.length; to++) {
    result[to] = data[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/** NHWC to NCHW. */
export const channelsFirst = [0, 3, 1, 2] as const;
/** NCHW to NHWC. */
export const channelsLast = [0, 2, 3, 1] as const;
/** HWIO to OIHW. */
export const outputsFirst = [3, 2, 0, 1] as const;
/** OIHW to HWIO. */
export const outputsLast = [2, 3, 1, 0] as const;

export const reordered = (shape: readonly number[], order: readonly number[]): number[] =>
  order.map((axis) => shape[axis]!);
