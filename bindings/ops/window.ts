// Windows over images: strides, paddings and the sizes that follow, the same for convolution and pooling.
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

/** Both entries of a pair, checked to be whole numbers from `low` up. */
export function pairOf(op: string, name: string, value: Pair, low: number): readonly [number, number] {
  const pair: readonly number[] = typeof value === "number" ? [value, value] : value;
  if (!Array.isArray(pair) || pair.length !== 2)
    throw new ParameterError(op, `${name} must be a number or [height, width], got ${JSON.stringify(value)}`);
  for (const entry of pair as number[]) requireInteger(op, name, entry, low);
  const [height = low, width = low] = pair as number[];
  return [height, width];
}

export function checkFormat(op: string, format: DataFormat): void {
  if (!["NHWC", "NCHW"].includes(format))
    throw new ParameterError(op, `dataFormat must be "NHWC" or "NCHW", got ${JSON.stringify(format)}`);
}

/** The padding of both axes, by the length of their input. */
export function paddingOf(
  op: string,
  padding: Padding,
  inputs: readonly [number, number],
  reach: readonly [number, number],
  stride: readonly [number, number],
): readonly [readonly [number, number], readonly [number, number]] {
  if (padding === "valid")
    return [
      [0, 0],
      [0, 0],
    ];
  if (padding === "same") {
    const axis = (index: 0 | 1): readonly [number, number] => {
      const total = Math.max(
        0,
        (Math.ceil(inputs[index] / stride[index]) - 1) * stride[index] + reach[index] - inputs[index],
      );
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    };
    return [axis(0), axis(1)];
  }
  if (typeof padding === "string")
    throw new ParameterError(
      op,
      `padding must be "valid", "same", a number or pairs of numbers, got ${JSON.stringify(padding)}`,
    );
  const [vertical, horizontal] = typeof padding === "number" ? [padding, padding] : padding;
  const sides = (value: number | readonly [number, number]): readonly [number, number] =>
    typeof value === "number" ? [value, value] : value;
  const both = [sides(vertical), sides(horizontal)] as const;
  for (const side of both.flat()) requireInteger(op, "padding", side, 0);
  return both;
}

/** Length of a window with the holes that dilation makes. */
export const reachOf = (window: number, dilation: number): number => (window - 1) * dilation + 1;

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
  options: WindowOptions,
): readonly [WindowAxis, WindowAxis] {
  const { window, stride, dilation, padding, ceilMode = false } = options;
  const reach = [reachOf(window[0], dilation[0]), reachOf(window[1], dilation[1])] as const;
  const sides = paddingOf(op, padding, inputs, reach, stride);
  const axis = (index: 0 | 1): WindowAxis => {
    const [before, after] = sides[index];
    const room = inputs[index] + before + after - reach[index];
    if (room < 0) {
      const name = index === 0 ? "height" : "width";
      throw new ShapeError(
        op,
        `window ${name} ${String(reach[index])} exceeds the input ${name} ${String(inputs[index])} with padding ${String(before)} + ${String(after)}. Add padding, or use "same"`,
      );
    }
    let output = (ceilMode ? Math.ceil(room / stride[index]) : Math.floor(room / stride[index])) + 1;
    // A last window that would begin in the padding behind the input is left out.
    if (ceilMode && (output - 1) * stride[index] >= inputs[index] + before) output--;
    return {
      input: inputs[index],
      output,
      window: window[index],
      stride: stride[index],
      dilation: dilation[index],
      before,
      after,
    };
  };
  return [axis(0), axis(1)];
}
