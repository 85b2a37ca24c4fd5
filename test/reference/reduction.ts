// Reductions of the reference: the elements of each slice are listed, then folded by a plain function.
// Imports nothing from bindings/. Read next: array.ts.
import type { NdArray } from "./array.ts";
import { at, axisOf, build, eachIndex, positionOf, withEntry } from "./array.ts";

export interface AxisChoice {
  readonly axis?: number | readonly number[];
  readonly keepDims?: boolean;
}

/** Folds the elements of every slice along the chosen axes; all axes when none is chosen. */
export function reduce(x: NdArray, choice: AxisChoice, fold: (values: readonly number[]) => number): NdArray {
  const rank = x.shape.length;
  const axes =
    choice.axis === undefined ? x.shape.map((_, axis) => axis) : [choice.axis].flat().map((axis) => axisOf(axis, rank));
  const inner = axes.map((axis) => x.shape[axis]!);
  const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const reduced = build(kept, (index) => {
    const values: number[] = [];
    eachIndex(inner, (offsets) => {
      const source = [...index];
      axes.forEach((axis, i) => (source[axis] = offsets[i]!));
      values.push(at(x, source));
    });
    return fold(values);
  });
  const shape = choice.keepDims === true ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  return { shape, data: reduced.data };
}

/** Σ with Neumaier's correction: exact enough to judge f64 kernels too. */
export function total(values: readonly number[]): number {
  let sum = 0;
  let correction = 0;
  for (const value of values) {
    const next = sum + value;
    correction += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return Number.isFinite(sum) ? sum + correction : sum;
}

export function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

export function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}

export function smallest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

export function average(values: readonly number[]): number {
  return total(values) / values.length;
}

export function variance(values: readonly number[], ddof = 0): number {
  const mean = average(values);
  return total(values.map((value) => (value - mean) ** 2)) / (values.length - ddof);
}

/** (Σ|x|^ord)^(1/ord); the largest |x| for ord = ∞. */
export function vectorNorm(values: readonly number[], ord: number): number {
  const sizes = values.map(Math.abs);
  if (ord === Infinity) return sizes.reduce((a, b) => Math.max(a, b), 0);
  if (ord === 1) return total(sizes);
  return total(sizes.map((size) => size ** ord)) ** (1 / ord);
}

/** Position of the first value that no other beats; a NaN beats every number. */
export function firstBest(values: readonly number[], beats: (a: number, b: number) => boolean): number {
  const nan = values.findIndex(Number.isNaN);
  if (nan >= 0) return nan;
  return values.reduce((best, value, i) => (beats(value, values[best]!) ? i : best), 0);
}

export function logSumExp(values: readonly number[]): number {
  const top = largest(values);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(total(values.map((value) => Math.exp(value - top))));
}

/** eˣ over its sum along one axis. */
export function softmax(x: NdArray, axis: number): NdArray {
  const a = axisOf(axis, x.shape.length);
  return build(x.shape, (index) => Math.exp(at(x, index) - logSumExp(lineThrough(x, index, a))));
}

export function logSoftmax(x: NdArray, axis: number): NdArray {
  const a = axisOf(axis, x.shape.length);
  return build(x.shape, (index) => at(x, index) - logSumExp(lineThrough(x, index, a)));
}

/** All elements on the line along `axis` that goes through `index`. */
export function lineThrough(x: NdArray, index: readonly number[], axis: number): number[] {
  return Array.from({ length: x.shape[axis]! }, (_, i) => at(x, withEntry(index, axis, i)));
}

/** What `combine` makes of the elements up to each one along an axis, from its neutral element on. */
export function cumulative(
  x: NdArray,
  options: { readonly axis?: number; readonly reverse?: boolean; readonly exclusive?: boolean },
  combine: (a: number, b: number) => number,
  identity: number,
): NdArray {
  const a = axisOf(options.axis ?? 0, x.shape.length);
  const data = [...x.data];
  eachIndex(withEntry(x.shape, a, Math.min(x.shape[a]!, 1)), (index) => {
    let result = identity;
    for (let step = 0; step < x.shape[a]!; step++) {
      const place = withEntry(index, a, options.reverse === true ? x.shape[a]! - 1 - step : step);
      const next = combine(result, at(x, place));
      data[positionOf(x.shape, place)] = options.exclusive === true ? result : next;
      result = next;
    }
  });
  return { shape: x.shape, data };
}

/** The largest of every group of consecutive elements along an axis. */
export function maxout(x: NdArray, pieces: number, axis: number): NdArray {
  const a = axisOf(axis, x.shape.length);
  return build(withEntry(x.shape, a, x.shape[a]! / pieces), (index) =>
    largest(
      lineThrough(
        x,
        index.map((i, k) => (k === a ? 0 : i)),
        a,
      ).slice(index[a]! * pieces, (index[a]! + 1) * pieces),
    ),
  );
}
