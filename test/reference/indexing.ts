// Indexing in the reference: values picked and placed by whole numbers. Negative positions count from the end.
// Imports nothing from bindings/. Read next: array.ts, movement.ts.
import type { NdArray } from "./array.ts";
import { at, axisOf, build, eachIndex, positionOf, withEntry } from "./array.ts";

const wrap = (i: number, extent: number): number => (i < 0 ? i + extent : i);

/** NumPy's take along one axis: the shape of `indices` replaces the axis. */
export function take(x: NdArray, indices: NdArray, axis = 0): NdArray {
  const a = axisOf(axis, x.shape.length);
  const rank = indices.shape.length;
  return build([...x.shape.slice(0, a), ...indices.shape, ...x.shape.slice(a + 1)], (index) => {
    const row = wrap(at(indices, index.slice(a, a + rank)), x.shape[a]!);
    return at(x, [...index.slice(0, a), row, ...index.slice(a + rank)]);
  });
}

/** torch.gather: out[i][j] = x[index[i][j]][j] for axis 0, and so on. The index may be smaller off the axis. */
export function gather(x: NdArray, axis: number, indices: NdArray): NdArray {
  const a = axisOf(axis, x.shape.length);
  return build(indices.shape, (index) => at(x, withEntry(index, a, wrap(at(indices, index), x.shape[a]!))));
}

/** torch.scatter_add: x plus every source element at the position its index names. */
export function scatterAdd(x: NdArray, axis: number, indices: NdArray, source: NdArray): NdArray {
  const a = axisOf(axis, x.shape.length);
  const data = [...x.data];
  eachIndex(indices.shape, (index) => {
    const target = withEntry(index, a, wrap(at(indices, index), x.shape[a]!));
    data[positionOf(x.shape, target)]! += at(source, index);
  });
  return { shape: x.shape, data };
}

export function oneHot(indices: NdArray, depth: number): NdArray {
  return build([...indices.shape, depth], (index) =>
    at(indices, index.slice(0, -1)) === index[index.length - 1] ? 1 : 0,
  );
}
