// Two-dimensional convolution, depthwise and transposed. Channels are last inside; NCHW is a permutation around.
// Read next: convolution-kernel.ts for the ops, window.ts for paddings, sequence-convolution.ts, volume-convolution.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { requireInteger, show } from "../core/shape.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import type { Geometry } from "./convolution-kernel.ts";
import { forward, inputGradient, inputShape, outputShape } from "./convolution-kernel.ts";
import { fromLast, prepared, requireDepth, requireDivisible } from "./convolution-operands.ts";
import type { EpilogueOptions } from "./epilogue.ts";
import { applyEpilogue, checkEpilogue } from "./epilogue.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments } from "./tensor.ts";
import type { DataFormat, Padding, Pair, WindowAxis } from "./window.ts";
import { paddingOf, pairOf, reachOf, windowAxes } from "./window.ts";

export type { DataFormat, Padding, Pair } from "./window.ts";
export type { AvgPool2dOptions, MaxPool2dOptions } from "./pooling.ts";
export { avgPool2d, globalAveragePool2d, globalMaxPool2d, maxPool2d } from "./pooling.ts";

const formats = ["NHWC", "NCHW"] as const;
const axes = ["height", "width"] as const;

/** What every convolution takes. */
export interface ConvolutionSettings extends EpilogueOptions {
  /** Channels are cut into this many groups that are convolved apart. */
  readonly groups?: number;
  /**
   * Sums of products only. Otherwise a 3 × 3 convolution of many channels may be Winograd's, which is two to three times
   * faster, rounds more (docs/accuracy.md: most of all beside padding, where all numbers have one sign) and spreads an infinity
   * or NaN over the tile it lies in. Holds for gradients too.
   */
  readonly strict?: boolean;
}

/** Options of `conv2d`. */
export interface Conv2dOptions extends ConvolutionSettings {
  readonly stride?: Pair;
  readonly padding?: Padding;
  /** Distance between neighbouring taps of a filter. */
  readonly dilation?: Pair;
  readonly dataFormat?: DataFormat;
}

/** Options of `depthwiseConv2d`: there are as many groups as channels. */
export type DepthwiseConv2dOptions = Omit<Conv2dOptions, "groups">;

/** Options of `convTranspose2d`; `outputPadding` lengthens the result at the bottom and right. */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  readonly outputPadding?: Pair;
}

/**
 * Cross-correlation of images with filters: x [N, H, W, C] and filter [KH, KW, C / groups, O] give [N, OH, OW, O], with
 * OH = ⌊(H + padding − (KH − 1) · dilation − 1) / stride⌋ + 1. With `dataFormat: "NCHW"` images have their channels
 * second; filters are the same. f32.
 */
export function conv2d(x: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  requireArguments("conv2d", { x, filter }, options);
  return convolve("conv2d", x, filter, options);
}

function convolve(op: string, x: Tensor, filter: Tensor, options: Conv2dOptions): Tensor {
  const { groups = 1, dataFormat = "NHWC", strict = false } = options;
  const stride = pairOf(op, "stride", options.stride ?? 1, 1);
  const dilation = pairOf(op, "dilation", options.dilation ?? 1, 1);
  requireInteger(op, "groups", groups, 1);
  const { x: images, filter: taps, rounded } = prepared(op, x, filter, dataFormat, formats, axes);
  const [n = 0, h = 0, w = 0, c = 0] = images.shape;
  const [kh = 0, kw = 0, , o = 0] = taps.shape;
  requireDivisible(op, groups, c, o);
  requireDepth(op, x, filter, c, groups, axes);
  const [height, width] = windowAxes(op, [h, w], {
    window: [kh, kw],
    stride,
    dilation,
    padding: options.padding ?? "valid",
  });
  const geometry: Geometry = { batch: n, inputs: c, outputs: o, groups, height, width, strict };
  checkEpilogue(op, outputShape(geometry), options);
  return x.recorder.compose(op, () => {
    const y = applyEpilogue(convolved(images, taps, geometry), options);
    return fromLast(rounded(y, options.bias), dataFormat);
  });
}

/**
 * One channel a group with several outputs each is one output a channel, if every channel is there as often: then no
 * sum over channels is left, which both devices are good at.
 */
function convolved(x: Tensor, filter: Tensor, geometry: Geometry): Tensor {
  const { batch, inputs, outputs, groups, height, width } = geometry;
  const multiplier = outputs / Math.max(1, inputs);
  if (groups !== inputs || groups < 2 || multiplier < 2) return forward(x, filter, geometry);
  const shape = [batch, height.input, width.input, inputs];
  const copies = broadcasted(reshaped(x, [...shape, 1]), [...shape, multiplier]);
  const repeated = reshaped(copies, [batch, height.input, width.input, outputs]);
  return forward(repeated, filter, { ...geometry, inputs: outputs, groups: outputs });
}

/** Every channel convolved by itself with `multiplier` filters: filter [KH, KW, C, multiplier], result [N, OH, OW, C · multiplier]. */
export function depthwiseConv2d(x: Tensor, filter: Tensor, options: DepthwiseConv2dOptions = {}): Tensor {
  requireArguments("depthwiseConv2d", { x, filter }, options);
  const { x: images } = prepared("depthwiseConv2d", x, filter, options.dataFormat ?? "NHWC", formats, axes);
  const c = images.shape[3] ?? 0;
  const [kh = 0, kw = 0, channels = 0, multiplier = 0] = filter.shape;
  if (channels !== c) {
    throw new ShapeError(
      "depthwiseConv2d",
      `channels differ: x is ${show(x.shape)} with ${String(c)}, filter is ${show(filter.shape)} with ${String(channels)}. A filter is [height, width, channels, multiplier]`,
    );
  }
  return convolve("depthwiseConv2d", x, reshaped(filter, [kh, kw, 1, c * multiplier]), {
    ...options,
    groups: Math.max(c, 1),
  });
}

/**
 * Transposed convolution, the adjoint of conv2d with the same options: x [N, H, W, C] and filter [KH, KW, O / groups, C]
 * give [N, OH, OW, O], with OH = (H − 1) · stride − padding + (KH − 1) · dilation + 1 + outputPadding, or H · stride
 * for "same".
 */
export function convTranspose2d(x: Tensor, filter: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  requireArguments("convTranspose2d", { x, filter }, options);
  const op = "convTranspose2d";
  const { groups = 1, dataFormat = "NHWC", padding = "valid", strict = false } = options;
  const stride = pairOf(op, "stride", options.stride ?? 1, 1);
  const dilation = pairOf(op, "dilation", options.dilation ?? 1, 1);
  const extra = pairOf(op, "outputPadding", options.outputPadding ?? 0, 0);
  requireInteger(op, "groups", groups, 1);
  const { x: images, filter: taps, rounded } = prepared(op, x, filter, dataFormat, formats, axes);
  const [n = 0, h = 0, w = 0, c = 0] = images.shape;
  const [kh = 0, kw = 0, depth = 0, channels = 0] = taps.shape;
  if (channels !== c) {
    throw new ShapeError(
      op,
      `channels differ: x is ${show(x.shape)} with ${String(c)}, filter is ${show(filter.shape)} with ${String(channels)}. A filter is [height, width, out / groups, in]`,
    );
  }
  requireDivisible(op, groups, c, depth * groups);
  const reach = [reachOf(kh, dilation[0]), reachOf(kw, dilation[1])] as const;
  const sides = paddingOf(op, padding, [h * stride[0], w * stride[1]], reach, stride);
  const axis = (index: 0 | 1, output: number, window: number): WindowAxis => {
    const [before, after] = sides[index];
    if (extra[index] >= Math.max(stride[index], dilation[index])) {
      throw new ParameterError(op, `outputPadding must be below stride or dilation, got ${String(extra[index])}`);
    }
    const full = Math.max(0, output - 1) * stride[index] + reach[index];
    const length = padding === "same" ? output * stride[index] : full - before - after + extra[index];
    if (length < 0)
      throw new ShapeError(
        op,
        `padding ${String(before)} + ${String(after)} removes all of the result of length ${String(full)}`,
      );
    return { input: length, output, window, stride: stride[index], dilation: dilation[index], before, after };
  };
  const geometry: Geometry = {
    batch: n,
    inputs: depth * groups,
    outputs: c,
    groups,
    height: axis(0, h, kh),
    width: axis(1, w, kw),
    strict,
  };
  checkEpilogue(op, inputShape(geometry), options);
  return x.recorder.compose(op, () => {
    const y = applyEpilogue(inputGradient(images, taps, geometry), options);
    return fromLast(rounded(y, options.bias), dataFormat);
  });
}
