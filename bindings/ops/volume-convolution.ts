// Three-dimensional convolution as one of images: the taps along the depth become channels. Every output plane reads KD
// planes of the input; those, side by side as channels, are an image, and the filter is turned to match:
//
//   x [N, D, H, W, C] → KD slices [N, OD, H, W, groups, C / groups] → [N · OD, H, W, groups · KD · C / groups]
//
// so gradients of every order, both backends and Winograd come from conv2d. Read next: convolution-kernel.ts.
import { requireInteger } from "../core/shape.ts";
import { reshaped } from "./broadcasting.ts";
import type { ConvolutionSettings } from "./convolution.ts";
import type { Geometry } from "./convolution-kernel.ts";
import { forward } from "./convolution-kernel.ts";
import { fromLast, prepared, requireDepth, requireDivisible } from "./convolution-operands.ts";
import { checkEpilogue, finished } from "./epilogue.ts";
import { concat, pad } from "./joining.ts";
import { permuted, slice } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";
import type { WindowAxis } from "./window.ts";
import { entriesOf, paddingAt, windowAxis } from "./window.ts";

/** One number for all axes, or one for each: [depth, height, width]. */
export type Triple = number | readonly [depth: number, height: number, width: number];

/** "valid", "same", a number for all sides, or for each axis a number or [before, after]. */
export type VolumePadding =
  | "valid"
  | "same"
  | number
  | readonly [
      depth: number | readonly [number, number],
      height: number | readonly [number, number],
      width: number | readonly [number, number],
    ];

/** Options of `conv3d`. */
export interface Conv3dOptions extends ConvolutionSettings {
  readonly stride?: Triple;
  readonly padding?: VolumePadding;
  /** Distance between neighbouring taps of a filter. */
  readonly dilation?: Triple;
  readonly dataFormat?: "NDHWC" | "NCDHW";
}

const axes = ["depth", "height", "width"] as const;
const formats = ["NDHWC", "NCDHW"] as const;

/**
 * Cross-correlation of volumes with filters: x [N, D, H, W, C] and filter [KD, KH, KW, C / groups, O] give
 * [N, OD, OH, OW, O], each size ⌊(size + padding − (window − 1) · dilation − 1) / stride⌋ + 1. With
 * `dataFormat: "NCDHW"` volumes have their channels second; filters are the same. No padding when absent. f32.
 */
export function conv3d(x: Tensor, filter: Tensor, options: Conv3dOptions = {}): Tensor {
  const op = "conv3d";
  requireArguments(op, { x, filter }, options);
  const { groups = 1, padding = "valid", dataFormat = "NDHWC", strict = false } = options;
  const strides = entriesOf(op, "stride", options.stride ?? 1, axes, 1);
  const dilations = entriesOf(op, "dilation", options.dilation ?? 1, axes, 1);
  requireInteger(op, "groups", groups, 1);
  const { x: volumes, filter: taps, rounded } = prepared(op, x, filter, dataFormat, formats, axes);
  const [n = 0, , , , c = 0] = volumes.shape;
  const o = taps.shape[4] ?? 0;
  requireDivisible(op, groups, c, o);
  requireDepth(op, x, filter, c, groups, axes);
  const axis = (index: 0 | 1 | 2): WindowAxis =>
    windowAxis(op, axes[index], volumes.shape[index + 1] ?? 0, {
      window: taps.shape[index] ?? 0,
      stride: strides[index] ?? 1,
      dilation: dilations[index] ?? 1,
      padding: paddingAt(padding, index),
    });
  const [depth, height, width] = [axis(0), axis(1), axis(2)];
  const inputs = c * depth.window;
  const geometry: Geometry = { batch: n * depth.output, inputs, outputs: o, groups, height, width, strict };
  const shape = [n, depth.output, height.output, width.output, o];
  checkEpilogue(op, shape, options);
  return x.recorder.compose(op, () => {
    const y = forward(planesOf(volumes, depth, groups), turned(taps), geometry);
    return fromLast(rounded(finished(y, shape, options), options.bias), dataFormat);
  });
}

/** [N · OD, H, W, groups · KD · C / groups]: what each output plane reads, as an image. */
function planesOf(x: Tensor, { window, output, stride, dilation, before, after }: WindowAxis, groups: number): Tensor {
  const [n = 0, , h = 0, w = 0, c = 0] = x.shape;
  const none = [0, 0] as const;
  const padded = before + after === 0 ? x : pad(x, [none, [before, after], none, none, none]);
  const taps = Array.from({ length: window }, (_, tap) => {
    const begin = tap * dilation;
    const end = begin + Math.max(0, output - 1) * stride + 1;
    const planes = slice(padded, [0, begin], [n, end], [1, stride]);
    return reshaped(planes, [n * output, h, w, groups, 1, c / groups]);
  });
  const [first] = taps;
  const together = first !== undefined && taps.length === 1 ? first : concat(taps, { axis: 4 });
  return reshaped(together, [n * output, h, w, c * window]);
}

/** [KD, KH, KW, C / groups, O] as a filter of images, [KH, KW, KD · C / groups, O]. */
function turned(filter: Tensor): Tensor {
  const [kd = 0, kh = 0, kw = 0, c = 0, o = 0] = filter.shape;
  return reshaped(permuted(filter, [1, 2, 0, 3, 4]), [kh, kw, kd * c, o]);
}
