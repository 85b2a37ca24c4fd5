// Movement in the reference: every output element names the input element it came from.
// Imports nothing from bindings/. Read next: array.ts, indexing.ts.
import type { NdArray } from "./array.ts";
import { at, atBroadcast, axisOf, build, withEntry } from "./array.ts";

export function reshape(x: NdArray, shape: readonly number[]): NdArray {
  return { shape, data: x.data };
}

/** Axis i of the result is axis order[i] of x. */
export function permute(x: NdArray, order: readonly number[]): NdArray {
  const axes = order.map((axis) => axisOf(axis, x.shape.length));
  return build(
    axes.map((axis) => x.shape[axis]!),
    (index) => {
      const source = x.shape.map(() => 0);
      axes.forEach((axis, i) => (source[axis] = index[i]!));
      return at(x, source);
    },
  );
}

export function transpose(x: NdArray, axis0 = -2, axis1 = -1): NdArray {
  const order = x.shape.map((_, axis) => axis);
  const a = axisOf(axis0, order.length);
  const b = axisOf(axis1, order.length);
  [order[a], order[b]] = [order[b]!, order[a]!];
  return permute(x, order);
}

/** The positions Python's range(extent)[begin:end:step] lists. */
export function positions(extent: number, begin: number | undefined, end: number | undefined, step: number): number[] {
  const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
  const wrap = (value: number): number => (value < 0 ? value + extent : value);
  const first =
    begin === undefined
      ? step > 0
        ? 0
        : extent - 1
      : clamp(wrap(begin), step > 0 ? 0 : -1, step > 0 ? extent : extent - 1);
  const last =
    end === undefined ? (step > 0 ? extent : -1) : clamp(wrap(end), step > 0 ? 0 : -1, step > 0 ? extent : extent - 1);
  const list: number[] = [];
  for (let i = first; step > 0 ? i < last : i > last; i += step) list.push(i);
  return list;
}

export function slice(
  x: NdArray,
  begin: readonly (number | undefined)[],
  end: readonly (number | undefined)[] = [],
  step: readonly number[] = [],
): NdArray {
  const lists = x.shape.map((extent, axis) => positions(extent, begin[axis], end[axis], step[axis] ?? 1));
  return build(
    lists.map((list) => list.length),
    (index) =>
      at(
        x,
        index.map((i, axis) => lists[axis]![i]!),
      ),
  );
}

export function concat(list: readonly NdArray[], axis = 0): NdArray {
  const first = list[0]!;
  const a = axisOf(axis, first.shape.length);
  const extent = list.reduce((sum, x) => sum + x.shape[a]!, 0);
  return build(withEntry(first.shape, a, extent), (index) => {
    let offset = index[a]!;
    const owner = list.find((x) => {
      if (offset < x.shape[a]!) return true;
      offset -= x.shape[a]!;
      return false;
    });
    return at(owner!, withEntry(index, a, offset));
  });
}

export function stack(list: readonly NdArray[], axis = 0): NdArray {
  const rank = list[0]!.shape.length + 1;
  const a = axisOf(axis, rank);
  const shape = [...list[0]!.shape.slice(0, a), list.length, ...list[0]!.shape.slice(a)];
  return build(shape, (index) => at(list[index[a]!]!, [...index.slice(0, a), ...index.slice(a + 1)]));
}

export function split(x: NdArray, parts: number | readonly number[], axis = 0): NdArray[] {
  const a = axisOf(axis, x.shape.length);
  const sizes = typeof parts === "number" ? Array.from({ length: parts }, () => x.shape[a]! / parts) : parts;
  let offset = 0;
  return sizes.map((size) => {
    const from = offset;
    offset += size;
    return build(withEntry(x.shape, a, size), (index) => at(x, withEntry(index, a, index[a]! + from)));
  });
}

export type PadMode = "constant" | "reflect" | "edge";

export function pad(
  x: NdArray,
  widths: readonly (readonly [number, number])[],
  value = 0,
  mode: PadMode = "constant",
): NdArray {
  const shape = x.shape.map((extent, axis) => extent + widths[axis]![0] + widths[axis]![1]);
  return build(shape, (index) => {
    const places = index.map((i, axis) => i - widths[axis]![0]);
    const isInside = places.every((place, axis) => place >= 0 && place < x.shape[axis]!);
    const source = places.map((place, axis) => {
      const extent = x.shape[axis]!;
      let position = place;
      if (position >= 0 && position < extent) return position;
      if (mode === "edge") return position < 0 ? 0 : extent - 1;
      while (mode === "reflect" && (position < 0 || position >= extent))
        position = position < 0 ? -position : 2 * (extent - 1) - position;
      return position;
    });
    return isInside || mode !== "constant" ? at(x, source) : value;
  });
}

export function flip(x: NdArray, axes: readonly number[] = x.shape.map((_, axis) => axis)): NdArray {
  const list = axes.map((axis) => axisOf(axis, x.shape.length));
  return build(x.shape, (index) =>
    at(
      x,
      index.map((i, axis) => (list.includes(axis) ? x.shape[axis]! - 1 - i : i)),
    ),
  );
}

/** Elements move `shift` places towards the end and come in again at the front; over the flat array without an axis. */
export function roll(x: NdArray, shift: number, axis?: number): NdArray {
  const wrap = (i: number, extent: number): number => (((i - shift) % extent) + extent) % extent;
  if (axis === undefined) return { shape: x.shape, data: x.data.map((_, i) => x.data[wrap(i, x.data.length)]!) };
  const a = axisOf(axis, x.shape.length);
  return build(x.shape, (index) => at(x, withEntry(index, a, wrap(index[a]!, x.shape[a]!))));
}

export function tile(x: NdArray, reps: readonly number[]): NdArray {
  const rank = Math.max(reps.length, x.shape.length);
  const lead = <T>(list: readonly T[], fill: T): T[] => [
    ...Array.from({ length: rank - list.length }, () => fill),
    ...list,
  ];
  const source = lead(x.shape, 1);
  const counts = lead(reps, 1);
  const grown: NdArray = { shape: source, data: x.data };
  return build(
    source.map((extent, axis) => extent * counts[axis]!),
    (index) =>
      at(
        grown,
        index.map((i, axis) => i % source[axis]!),
      ),
  );
}

/** Every element `count` times in a row, along an axis or over the flat array. */
export function repeat(x: NdArray, count: number, axis?: number): NdArray {
  if (axis === undefined)
    return {
      shape: [x.data.length * count],
      data: x.data.flatMap((value) => Array.from({ length: count }, () => value)),
    };
  const a = axisOf(axis, x.shape.length);
  return build(withEntry(x.shape, a, x.shape[a]! * count), (index) =>
    at(x, withEntry(index, a, Math.floor(index[a]! / count))),
  );
}

export function broadcastTo(x: NdArray, shape: readonly number[]): NdArray {
  return build(shape, (index) => atBroadcast(x, index));
}

/** Keeps what lies on or above (upper) or below diagonal k of the last two axes; zero elsewhere. */
export function triangle(x: NdArray, upper: boolean, k = 0): NdArray {
  return build(x.shape, (index) => {
    const distance = index[index.length - 1]! - index[index.length - 2]!;
    return (upper ? distance >= k : distance <= k) ? at(x, index) : 0;
  });
}

/** A matrix with a vector on diagonal k, or diagonal k of a matrix. */
export function diag(x: NdArray, k = 0): NdArray {
  const below = Math.max(0, -k);
  const right = Math.max(0, k);
  if (x.shape.length === 1) {
    const n = x.shape[0]! + Math.abs(k);
    return build([n, n], ([row, column]) => (row! + k === column ? x.data[row! - below]! : 0));
  }
  const length = Math.max(0, Math.min(x.shape[0]! - below, x.shape[1]! - right));
  return build([length], ([i]) => at(x, [i! + below, i! + right]));
}

export function meshGrid(list: readonly NdArray[], indexing: "xy" | "ij" = "xy"): NdArray[] {
  const order = list.map((_, axis) => axis);
  if (indexing === "xy" && list.length >= 2) [order[0], order[1]] = [1, 0];
  const shape = order.map((which) => list[which]!.shape[0]!);
  return list.map((x, which) => build(shape, (index) => x.data[index[order.indexOf(which)]!]!));
}
