// One-dimensional convolution and its transpose: images of height 1. Channels are last inside; NCL is a permutation around.
// Read next: convolution-kernel.ts for the op, volume-convolution.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { requireInteger, show } from "../core/shape.ts";
import { reshaped } from "./broadcasting.ts";
import type { ConvolutionSettings } from "./convolution.ts";
import type { Geometry } from "./convolution-kernel.ts";
import { forward, inputGradient } from "./convolution-kernel.ts";
import { fromLast, prepared, requireDepth, requireDivisible } from "./convolution-operands.ts";
import { checkEpilogue, finished } from "./epilogue.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";
import type { AxisPadding, WindowAxis } from "./window.ts";
import { reachOf, sidesOf, windowAxis } from "./window.ts";

/** Options of `conv1d`. Paddings are as those of `conv2d`, for one axis. */
export interface Conv1dOptions extends ConvolutionSettings {
  readonly stride?: number;
  readonly padding?: AxisPadding;
  /** Distance between neighbouring taps of a filter. */
  readonly dilation?: number;
  readonly dataFormat?: "NLC" | "NCL";
}

/** Options of `convTranspose1d`; `outputPadding` lengthens the result at the end. */
export interface ConvTranspose1dOptions extends Conv1dOptions {
  readonly outputPadding?: number;
}

const formats = ["NLC", "NCL"] as const;
const single: WindowAxis = { input: 1, output: 1, window: 1, stride: 1, dilation: 1, before: 0, after: 0 };

/** The numbers among the options, checked. */
function numbersOf(
  op: string,
  { stride = 1, dilation = 1, groups = 1 }: Conv1dOptions,
): { readonly stride: number; readonly dilation: number; readonly groups: number } {
  requireInteger(op, "stride", stride, 1);
  requireInteger(op, "dilation", dilation, 1);
  requireInteger(op, "groups", groups, 1);
  return { stride, dilation, groups };
}

/** Puts a height of 1 in. */
const widened = (x: Tensor): Tensor => reshaped(x, [x.shape[0] ?? 0, 1, x.shape[1] ?? 0, x.shape[2] ?? 0]);
const heightened = (filter: Tensor): Tensor => reshaped(filter, [1, ...filter.shape]);

/**
 * Cross-correlation of sequences with filters: x [N, L, C] and filter [K, C / groups, O] give [N, OL, O], with
 * OL = ⌊(L + padding − (K − 1) · dilation − 1) / stride⌋ + 1. With `dataFormat: "NCL"` sequences have their channels
 * second; filters are the same. No padding when absent. f32.
 */
export function conv1d(x: Tensor, filter: Tensor, options: Conv1dOptions = {}): Tensor {
  const op = "conv1d";
  requireArguments(op, { x, filter }, options);
  const { padding = "valid", dataFormat = "NLC", strict = false } = options;
  const { stride, dilation, groups } = numbersOf(op, options);
  const { x: sequences, filter: taps, rounded } = prepared(op, x, filter, dataFormat, formats, ["length"]);
  const [n = 0, length = 0, c = 0] = sequences.shape;
  const [window = 0, , o = 0] = taps.shape;
  requireDivisible(op, groups, c, o);
  requireDepth(op, x, filter, c, groups, ["length"]);
  const width = windowAxis(op, "length", length, { window, stride, dilation, padding });
  const geometry: Geometry = { batch: n, inputs: c, outputs: o, groups, height: single, width, strict };
  const shape = [n, width.output, o];
  checkEpilogue(op, shape, options);
  return x.recorder.compose(op, () => {
    const y = forward(widened(sequences), heightened(taps), geometry);
    return fromLast(rounded(finished(y, shape, options), options.bias), dataFormat);
  });
}

/**
 * Transposed convolution of sequences, the adjoint of conv1d with the same options: x [N, L, C] and filter
 * [K, O / groups, C] give [N, OL, O], with OL = (L − 1) · stride − padding + (K − 1) · dilation + 1 + outputPadding, or
 * L · stride for "same".
 */
export function convTranspose1d(x: Tensor, filter: Tensor, options: ConvTranspose1dOptions = {}): Tensor {
  const op = "convTranspose1d";
  requireArguments(op, { x, filter }, options);
  const { padding = "valid", dataFormat = "NLC", outputPadding = 0, strict = false } = options;
  const { stride, dilation, groups } = numbersOf(op, options);
  requireInteger(op, "outputPadding", outputPadding, 0);
  const { x: sequences, filter: taps, rounded } = prepared(op, x, filter, dataFormat, formats, ["length"]);
  const [n = 0, length = 0, c = 0] = sequences.shape;
  const [window = 0, depth = 0, channels = 0] = taps.shape;
  if (channels !== c) {
    throw new ShapeError(
      op,
      `channels differ: x is ${show(x.shape)} with ${String(c)}, filter is ${show(filter.shape)} with ${String(channels)}. A filter is [length, out / groups, in]`,
    );
  }
  requireDivisible(op, groups, c, depth * groups);
  if (outputPadding >= Math.max(stride, dilation))
    throw new ParameterError(op, `outputPadding must be below stride or dilation, got ${String(outputPadding)}`);
  const reach = reachOf(window, dilation);
  const [before, after] = sidesOf(op, padding, length * stride, reach, stride);
  const full = Math.max(0, length - 1) * stride + reach;
  const result = padding === "same" ? length * stride : full - before - after + outputPadding;
  if (result < 0) {
    throw new ShapeError(
      op,
      `padding ${String(before)} + ${String(after)} removes all of the result of length ${String(full)}`,
    );
  }
  const width: WindowAxis = { input: result, output: length, window, stride, dilation, before, after };
  const outputs = depth * groups;
  const geometry: Geometry = { batch: n, inputs: outputs, outputs: c, groups, height: single, width, strict };
  const shape = [n, result, outputs];
  checkEpilogue(op, shape, options);
  return x.recorder.compose(op, () => {
    const y = inputGradient(widened(sequences), heightened(taps), geometry);
    return fromLast(rounded(finished(y, shape, options), options.bias), dataFormat);
  });
}
