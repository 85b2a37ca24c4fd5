// Order in the reference: positions sorted by a comparator, one slice at a time. NaN is the greatest, the two zeros are equal,
// and what is equal keeps its order. Imports nothing from bindings/. Read next: array.ts, indexing.ts.
import type { NdArray } from "./array.ts";
import { at, axisOf, build, eachIndex, positionOf, withEntry } from "./array.ts";

export interface Order {
  readonly axis?: number;
  readonly descending?: boolean;
}

/** Less than 0 if a comes before b. */
export function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : Number(a > b);
}

/** Along an axis, the positions of the first `count` elements in order; all of them without a count. */
export function positions(x: NdArray, { axis = -1, descending = false }: Order, count?: number): NdArray {
  const along = axisOf(axis, x.shape.length);
  const length = x.shape[along]!;
  const shape = x.shape.map((extent, i) => (i === along ? (count ?? length) : extent));
  const data = new Array<number>(shape.reduce((product, extent) => product * extent, 1));
  eachIndex(
    x.shape.map((extent, i) => (i === along ? Math.min(extent, 1) : extent)),
    (index) => {
      const value = (i: number): number => at(x, withEntry(index, along, i));
      const order = Array.from({ length }, (_, i) => i).sort(
        (i, j) => (descending ? compareNumbers(value(j), value(i)) : compareNumbers(value(i), value(j))) || i - j,
      );
      order.slice(0, count).forEach((from, i) => (data[positionOf(shape, withEntry(index, along, i))] = from));
    },
  );
  return { shape, data };
}

/** The elements at these positions along an axis. */
export function elementsAt(x: NdArray, index: NdArray, axis = -1): NdArray {
  const along = axisOf(axis, x.shape.length);
  const data: number[] = [];
  eachIndex(index.shape, (place) => data.push(at(x, withEntry(place, along, at(index, place)))));
  return { shape: index.shape, data };
}

/** How many of the sorted values come before each value (left), or come before it or are equal (right). */
export function searchSorted(sorted: NdArray, values: NdArray, side: "left" | "right"): NdArray {
  return build(values.shape, (index) => {
    const value = at(values, index);
    return sorted.data.filter((own) => compareNumbers(own, value) < (side === "left" ? 0 : 1)).length;
  });
}
