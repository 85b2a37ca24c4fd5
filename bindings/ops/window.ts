// Windows over images, sequences and volumes: strides, paddings and the sizes that follow, for convolution and pooling.
// Knows no tensors. Read next: convolution.ts, pooling.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { requireInteger } from "../core/shape.ts";

/** One number for both axes, or one for each: [height, width]. */
export type Pair = number | readonly [height: number, width: number];

/**
 * "valid": none. "same": as much as makes the output ceil(input / stride) long, the odd one at the bottom and right as in
 * TensorFlow. Or numbers: for all sides, [vertical, horizontal], or [[top, bottom], [left, right]].
 */
export type Padding =
  "valid" | "same" | Pair | readonly [readonly [top: number, bottom: number], readonly [left: number, right: number]];

/** Where the channels are. Kernels work on NHWC; NCHW is permuted to it and back. */
export type DataFormat = "NHWC" | "NCHW";

/** The padding of one axis: a kind, or numbers of zeros on both sides or on each. */
export type AxisPadding = "valid" | "same" | number | readonly [before: number, after: number];

/** One axis of a window geometry. */
export interface WindowAxis {
  readonly input: number;
  readonly output: number;
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

const wrong = (op: string, name: string, value: unknown, axes: readonly string[]): ParameterError =>
  new ParameterError(op, `${name} must be a number or [${axes.join(", ")}], got ${JSON.stringify(value)}`);

/** The entries of a number or list of numbers for `count` axes, checked to be whole numbers from `low` up. */
export function entriesOf(
  op: string,
  name: string,
  value: number | readonly number[],
  axes: readonly string[],
  low: number,
): readonly number[] {
  const entries: readonly number[] = typeof value === "number" ? axes.map(() => value) : value;
  if (!Array.isArray(value) && typeof value !== "number") throw wrong(op, name, value, axes);
  if (entries.length !== axes.length) throw wrong(op, name, value, axes);
  for (const entry of entries) requireInteger(op, name, entry, low);
  return entries;
}

/** Both entries of a pair, checked to be whole numbers from `low` up. */
export function pairOf(op: string, name: string, value: Pair, low: number): readonly [number, number] {
  const [height = low, width = low] = entriesOf(op, name, value, ["height", "width"], low);
  return [height, width];
}

export function checkFormat(op: string, format: string, allowed: readonly string[] = ["NHWC", "NCHW"]): void {
  if (!allowed.includes(format)) {
    const names = allowed.map((name) => `"${name}"`).join(" or ");
    throw new ParameterError(op, `dataFormat must be ${names}, got ${JSON.stringify(format)}`);
  }
}

/** The padding of one axis as numbers, by the length of its input. */
export function sidesOf(
  op: string,
  padding: AxisPadding,
  input: number,
  reach: number,
  stride: number,
): readonly [before: number, after: number] {
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    const total = Math.max(0, (Math.ceil(input / stride) - 1) * stride + reach - input);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
  if (typeof padding === "string")
    throw new ParameterError(
      op,
      `padding must be "valid", "same", a number or pairs of numbers, got ${JSON.stringify(padding)}`,
    );
  const sides = typeof padding === "number" ? ([padding, padding] as const) : padding;
  for (const side of sides) requireInteger(op, "padding", side, 0);
  return sides;
}

/** A padding of all axes as one for axis `index`. */
export const paddingAt = (padding: "valid" | "same" | number | readonly AxisPadding[], index: number): AxisPadding =>
  typeof padding === "object" ? (padding[index] ?? 0) : padding;

/** The padding of both axes, by the length of their input. */
export function paddingOf(
  op: string,
  padding: Padding,
  inputs: readonly [number, number],
  reach: readonly [number, number],
  stride: readonly [number, number],
): readonly [readonly [number, number], readonly [number, number]] {
  const axis = (index: 0 | 1): readonly [number, number] =>
    sidesOf(op, paddingAt(padding, index), inputs[index], reach[index], stride[index]);
  return [axis(0), axis(1)];
}

/** Length of a window with the holes that dilation makes. */
export const reachOf = (window: number, dilation: number): number => (window - 1) * dilation + 1;

/** What the geometry of one axis is made of. */
export interface AxisOptions {
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: AxisPadding;
  /** Windows may begin inside and end outside. */
  readonly ceilMode?: boolean;
}

/** Output size and padding of one axis. Throws a ShapeError where the window does not fit. */
export function windowAxis(op: string, name: string, input: number, options: AxisOptions): WindowAxis {
  const { window, stride, dilation, padding, ceilMode = false } = options;
  const reach = reachOf(window, dilation);
  const [before, after] = sidesOf(op, padding, input, reach, stride);
  const room = input + before + after - reach;
  if (room < 0) {
    throw new ShapeError(
      op,
      `window ${name} ${String(reach)} exceeds the input ${name} ${String(input)} with padding ${String(before)} + ${String(after)}. Add padding, or use "same"`,
    );
  }
  let output = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  // A last window that would begin in the padding behind the input is left out.
  if (ceilMode && (output - 1) * stride >= input + before) output--;
  return { input, output, window, stride, dilation, before, after };
}

/** What a window geometry is made of. */
export interface WindowOptions {
  readonly window: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: Padding;
  /** Windows may begin inside and end outside. */
  readonly ceilMode?: boolean;
}

/** Output sizes and paddings of both axes. Throws a ShapeError where a window does not fit. */
export function windowAxes(
  op: string,
  inputs: readonly [number, number],
  { window, stride, dilation, padding, ceilMode = false }: WindowOptions,
): readonly [WindowAxis, WindowAxis] {
  const axis = (index: 0 | 1, name: string): WindowAxis =>
    windowAxis(op, name, inputs[index], {
      window: window[index],
      stride: stride[index],
      dilation: dilation[index],
      padding: paddingAt(padding, index),
      ceilMode,
    });
  return [axis(0, "height"), axis(1, "width")];
}
