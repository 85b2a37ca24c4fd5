// Convolution and pooling of the reference: for every output element, the loop over its window.
// NHWC images and HWIO filters; other formats are permuted by the caller. Imports nothing from bindings/.
// Read next: array.ts, test/specs/convolution.ts.
import type { NdArray } from "./array.ts";
import { at, build, eachIndex, positionOf } from "./array.ts";
import { total } from "./reduction.ts";

/** Rows and columns of padding: [top, bottom], [left, right]. */
export type Padding = readonly [readonly [number, number], readonly [number, number]];

export interface ConvolutionOptions {
  readonly stride?: readonly [number, number];
  readonly padding?: Padding;
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

export interface PoolOptions {
  readonly window: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: Padding;
  readonly dilation?: readonly [number, number];
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
}

const none: Padding = [
  [0, 0],
  [0, 0],
];

/** Padding that gives ceil(size / stride) outputs, the odd cell at the end. */
export function samePadding(
  size: readonly number[],
  window: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): Padding {
  const sides = [0, 1].map((i): [number, number] => {
    const outputs = Math.ceil(size[i]! / stride[i]!);
    const whole = Math.max(0, (outputs - 1) * stride[i]! + (window[i]! - 1) * dilation[i]! + 1 - size[i]!);
    return [Math.floor(whole / 2), whole - Math.floor(whole / 2)];
  });
  return [sides[0]!, sides[1]!];
}

function outputs(
  size: number,
  window: number,
  stride: number,
  pads: readonly [number, number],
  dilation: number,
  ceil = false,
): number {
  const span = size + pads[0] + pads[1] - (window - 1) * dilation - 1;
  let count = (ceil ? Math.ceil(span / stride) : Math.floor(span / stride)) + 1;
  // A last window that would begin in the padding at the end is not counted.
  if (ceil && (count - 1) * stride >= size + pads[0]) count--;
  return Math.max(0, count);
}

export function conv2d(x: NdArray, filter: NdArray, options: ConvolutionOptions = {}): NdArray {
  return convolution(x, filter, options);
}

/** Options of the other ranks: one entry for each axis. */
export interface WindowOptions {
  readonly stride?: readonly number[];
  readonly padding?: readonly (readonly [number, number])[];
  readonly dilation?: readonly number[];
  readonly groups?: number;
}

/** x [N, ...sizes, C] with filter [...window, C / groups, O], for any number of axes. */
export function convolution(x: NdArray, filter: NdArray, options: WindowOptions = {}): NdArray {
  const [n, ...rest] = x.shape;
  const sizes = rest.slice(0, -1);
  const window = filter.shape.slice(0, -2);
  const [perGroup, o] = filter.shape.slice(-2) as [number, number];
  const pads = options.padding ?? sizes.map((): [number, number] => [0, 0]);
  const strides = options.stride ?? sizes.map(() => 1);
  const dilations = options.dilation ?? sizes.map(() => 1);
  const counts = sizes.map((size, i) => outputs(size, window[i]!, strides[i]!, pads[i]!, dilations[i]!));
  const data: number[] = [];
  eachIndex([n!, ...counts], ([image, ...place]) => {
    // What of the window lies inside the image: positions of the first channel there, and of its first weight.
    const cells: number[] = [];
    const weights: number[] = [];
    eachIndex(window, (tap) => {
      const cell = place.map((from, i) => from * strides[i]! + tap[i]! * dilations[i]! - pads[i]![0]);
      if (cell.some((p, i) => p < 0 || p >= sizes[i]!)) return;
      cells.push(positionOf(x.shape, [image!, ...cell, 0]));
      weights.push(positionOf(filter.shape, [...tap, 0, 0]));
    });
    for (let channel = 0; channel < o; channel++) {
      const first = Math.floor(channel / (o / (options.groups ?? 1))) * perGroup;
      const terms: number[] = [0];
      for (let i = 0; i < cells.length; i++) {
        for (let c = 0; c < perGroup; c++)
          terms.push(x.data[cells[i]! + first + c]! * filter.data[weights[i]! + c * o + channel]!);
      }
      data.push(total(terms));
    }
  });
  return { shape: [n!, ...counts, o], data };
}

/** Each channel with its own filters: output channel c·multiplier + q is channel c under filter [.., .., c, q]. */
export function depthwiseConv2d(x: NdArray, filter: NdArray, options: ConvolutionOptions = {}): NdArray {
  const [kh, kw, channels, multiplier] = filter.shape as [number, number, number, number];
  const grouped = build([kh, kw, 1, channels * multiplier], ([i, j, , o]) =>
    at(filter, [i!, j!, Math.floor(o! / multiplier), o! % multiplier]),
  );
  return conv2d(x, grouped, { ...options, groups: channels });
}

/** Every input element adds its value times the filter [KH, KW, O, C] to the window it would have been read from. */
export function convTranspose2d(
  x: NdArray,
  filter: NdArray,
  options: ConvolutionOptions & { outputPadding?: readonly [number, number] } = {},
): NdArray {
  const { stride = [1, 1], padding = none, dilation = [1, 1], outputPadding = [0, 0] } = options;
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [kh, kw, o] = filter.shape as [number, number, number];
  const oh = (h - 1) * stride[0] + (kh - 1) * dilation[0] + 1 - padding[0][0] - padding[0][1] + outputPadding[0];
  const ow = (w - 1) * stride[1] + (kw - 1) * dilation[1] + 1 - padding[1][0] - padding[1][1] + outputPadding[1];
  const shape = [n, oh, ow, o];
  const data = new Array<number>(n * oh * ow * o).fill(0);
  eachIndex([n, h, w, kh, kw], ([image, row, column, i, j]) => {
    const y = row! * stride[0] + i! * dilation[0] - padding[0][0];
    const z = column! * stride[1] + j! * dilation[1] - padding[1][0];
    if (y < 0 || y >= oh || z < 0 || z >= ow) return;
    const from = positionOf(x.shape, [image!, row!, column!, 0]);
    const weights = positionOf(filter.shape, [i!, j!, 0, 0]);
    const to = positionOf(shape, [image!, y, z, 0]);
    for (let out = 0; out < o; out++) {
      for (let channel = 0; channel < c; channel++)
        data[to + out]! += x.data[from + channel]! * filter.data[weights + out * c + channel]!;
    }
  });
  return { shape, data };
}

/** The values of x under each window, and how many cells of the window lie inside the padded image. */
function pool(x: NdArray, options: PoolOptions, fold: (values: readonly number[], cells: number) => number): NdArray {
  const { window, stride = window, padding = none, dilation = [1, 1], ceilMode = false } = options;
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const oh = outputs(h, window[0], stride[0], padding[0], dilation[0], ceilMode);
  const ow = outputs(w, window[1], stride[1], padding[1], dilation[1], ceilMode);
  const data: number[] = [];
  eachIndex([n, oh, ow], ([image, row, column]) => {
    // Positions of the first channel of what lies inside the image.
    const inside: number[] = [];
    let cells = 0;
    for (let i = 0; i < window[0]; i++) {
      for (let j = 0; j < window[1]; j++) {
        const y = row! * stride[0] + i * dilation[0] - padding[0][0];
        const z = column! * stride[1] + j * dilation[1] - padding[1][0];
        if (y < h + padding[0][1] && z < w + padding[1][1]) cells++;
        if (y >= 0 && y < h && z >= 0 && z < w) inside.push(positionOf(x.shape, [image!, y, z, 0]));
      }
    }
    for (let channel = 0; channel < c; channel++) {
      data.push(
        fold(
          inside.map((first) => x.data[first + channel]!),
          cells,
        ),
      );
    }
  });
  return { shape: [n, oh, ow, c], data };
}

export function maxPool2d(x: NdArray, options: PoolOptions): NdArray {
  return pool(x, options, (values) => values.reduce((a, b) => Math.max(a, b), -Infinity));
}

export function avgPool2d(x: NdArray, options: PoolOptions): NdArray {
  return pool(
    x,
    options,
    (values, cells) => total(values) / (options.countIncludePad === false ? values.length : cells),
  );
}
