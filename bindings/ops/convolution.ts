// Two-dimensional convolution: one op and its two gradients, which are closed under differentiation. Channels are last
// inside; NCHW is a permutation around. Read next: window.ts for paddings, pooling.ts, assembly/convolution.ts.
import { floatOf, promote, requireDType } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { requireInteger, show, sizeOf } from "../core/shape.ts";
import { reshaped } from "./broadcasting.ts";
import { converted } from "./comparison.ts";
import type { KernelCall, KernelOp } from "./descriptor.ts";
import type { EpilogueOptions } from "./epilogue.ts";
import { applyEpilogue, checkEpilogue } from "./epilogue.ts";
import { permuted } from "./movement.ts";
import { convolutionScratch, filterGradientScratch, inputGradientScratch } from "./scratch.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";
import type { DataFormat, Padding, Pair, WindowAxis } from "./window.ts";
import { checkFormat, paddingOf, pairOf, reachOf, windowAxes } from "./window.ts";

export type { DataFormat, Padding, Pair } from "./window.ts";
export type { AvgPool2dOptions, MaxPool2dOptions } from "./pooling.ts";
export { avgPool2d, globalAveragePool2d, globalMaxPool2d, maxPool2d } from "./pooling.ts";

/** The geometry shared by the three ops: x [N, H, W, C], filter [KH, KW, C / groups, O], y [N, OH, OW, O]. */
interface Geometry {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly height: WindowAxis;
  readonly width: WindowAxis;
}

const inputShape = ({ batch, height, width, inputs }: Geometry): Shape => [batch, height.input, width.input, inputs];
const outputShape = ({ batch, height, width, outputs }: Geometry): Shape => [
  batch,
  height.output,
  width.output,
  outputs,
];
const filterShape = ({ height, width, inputs, outputs, groups }: Geometry): Shape => [
  height.window,
  width.window,
  inputs / groups,
  outputs,
];

function words({ batch, inputs, outputs, groups, height: h, width: w }: Geometry): number[] {
  const sizes = [batch, h.input, w.input, inputs, h.output, w.output, outputs, h.window, w.window];
  return [...sizes, h.stride, w.stride, h.before, w.before, h.dilation, w.dilation, groups];
}

const flops = (geometry: Geometry): number =>
  2 * sizeOf(outputShape(geometry)) * sizeOf(filterShape(geometry).slice(0, 3));

/** How a shader is launched. */
type Launch = Pick<KernelCall, "workgroups" | "entry">;

/** A product of `rows` by `columns` for each group: in 32 × 32 tiles, or one thread an element for few columns. */
function tiles(groups: number, rows: number, columns: number): Launch {
  return columns >= 8
    ? { entry: "main", workgroups: groups * Math.ceil(rows / 32) * Math.ceil(columns / 32) }
    : { entry: "direct", workgroups: Math.ceil((rows * columns * groups) / 64) };
}

const forwardOp: KernelOp<Geometry> = {
  kind: "kernel",
  name: "conv2d",
  call: (_inputs, _outputs, g) => ({
    kernel: "conv2d",
    dtype: "f32",
    words: words(g),
    ...tiles(g.groups, g.batch * g.height.output * g.width.output, g.outputs / g.groups),
    scratch: convolutionScratch(words(g)),
  }),
  epilogue: true,
  gradient: ({ inputs: [x, filter], cotangents: [dy], attributes, wanted }) =>
    x && filter && dy
      ? [
          wanted[0] === true ? inputGradient(dy, filter, attributes) : undefined,
          wanted[1] === true ? filterGradient(x, dy, attributes) : undefined,
        ]
      : [],
  flops: (_inputs, _outputs, g) => flops(g),
  work: "convolution",
};

const inputGradientOp: KernelOp<Geometry> = {
  kind: "kernel",
  name: "conv2dInputGradient",
  call: (_inputs, _outputs, g) => ({
    kernel: "conv2dInputGradient",
    dtype: "f32",
    words: words(g),
    ...tiles(g.groups, g.batch * g.height.input * g.width.input, g.inputs / g.groups),
    scratch: inputGradientScratch(words(g)),
  }),
  // dx is linear in dy and in the filter: with a cotangent in the place of x these are the other two ops.
  gradient: ({ inputs: [dy, filter], cotangents: [x], attributes, wanted }) =>
    x && filter && dy
      ? [
          wanted[0] === true ? forward(x, filter, attributes) : undefined,
          wanted[1] === true ? filterGradient(x, dy, attributes) : undefined,
        ]
      : [],
  flops: (_inputs, _outputs, g) => flops(g),
  work: "convolution",
};

const filterGradientOp: KernelOp<Geometry> = {
  kind: "kernel",
  name: "conv2dFilterGradient",
  call: (_inputs, _outputs, g) => ({
    kernel: "conv2dFilterGradient",
    dtype: "f32",
    words: words(g),
    ...filterGradientLaunch(g),
    scratch: filterGradientScratch(words(g)),
  }),
  gradient: ({ inputs: [x, dy], cotangents: [filter], attributes, wanted }) =>
    x && filter && dy
      ? [
          wanted[0] === true ? inputGradient(dy, filter, attributes) : undefined,
          wanted[1] === true ? forward(x, filter, attributes) : undefined,
        ]
      : [],
  flops: (_inputs, _outputs, g) => flops(g),
  work: "convolution",
};

/** As shaders/conv2dFilterGradient.wgsl says: tiles, or a workgroup for each element where there would be one tile. */
function filterGradientLaunch(g: Geometry): Launch {
  const [kh = 1, kw = 1, inputs = 1, outputs = 1] = filterShape(g);
  const perGroup = outputs / g.groups;
  const count = g.groups * Math.ceil((kh * kw * inputs) / 32) * Math.ceil(perGroup / 32);
  return count >= 2 && perGroup >= 8
    ? { entry: "main", workgroups: count }
    : { entry: "element", workgroups: kh * kw * inputs * outputs };
}

function recorded(op: KernelOp<Geometry>, first: Tensor, second: Tensor, geometry: Geometry, shape: Shape): Tensor {
  const [result] = recorderOf(op.name, [first, second]).record(op, [first, second], geometry, [
    { shape, dtype: "f32" },
  ]);
  return result ?? first;
}

const forward = (x: Tensor, filter: Tensor, g: Geometry): Tensor => recorded(forwardOp, x, filter, g, outputShape(g));
const inputGradient = (dy: Tensor, filter: Tensor, g: Geometry): Tensor =>
  recorded(inputGradientOp, dy, filter, g, inputShape(g));
const filterGradient = (x: Tensor, dy: Tensor, g: Geometry): Tensor =>
  recorded(filterGradientOp, x, dy, g, filterShape(g));

/** Options of the convolutions. */
export interface Conv2dOptions extends EpilogueOptions {
  readonly stride?: Pair;
  readonly padding?: Padding;
  /** Distance between neighbouring taps of a filter. */
  readonly dilation?: Pair;
  /** Channels are cut into this many groups that are convolved apart. */
  readonly groups?: number;
  readonly dataFormat?: DataFormat;
}

/** Options of `depthwiseConv2d`: there are as many groups as channels. */
export type DepthwiseConv2dOptions = Omit<Conv2dOptions, "groups">;

/** Options of `convTranspose2d`; `outputPadding` lengthens the result at the bottom and right. */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  readonly outputPadding?: Pair;
}

const toLast = (x: Tensor, format: DataFormat): Tensor => (format === "NCHW" ? permuted(x, [0, 2, 3, 1]) : x);
const fromLast = (x: Tensor, format: DataFormat): Tensor => (format === "NCHW" ? permuted(x, [0, 3, 1, 2]) : x);

interface Operands {
  readonly x: Tensor;
  readonly filter: Tensor;
  readonly sizes: readonly [batch: number, height: number, width: number, channels: number];
  readonly filterSizes: readonly [height: number, width: number, third: number, fourth: number];
}

/** Both operands in f32 with channels last, their ranks and types checked. */
function prepared(op: string, x: Tensor, filter: Tensor, format: DataFormat): Operands {
  checkFormat(op, format);
  for (const [name, operand] of [
    ["x", x],
    ["filter", filter],
  ] as const) {
    if (operand.rank !== 4) {
      const axes = name === "x" ? `[${format.split("").join(", ")}]` : "[height, width, in, out]";
      throw new ShapeError(op, `${name} must have four axes ${axes}, got ${show(operand.shape)}`);
    }
  }
  const dtype = floatOf(promote(x.dtype, filter.dtype));
  requireDType(op, floatOf(x.dtype) === "f32" ? "filter" : "x", dtype, ["f32"]);
  const last = converted(toLast(x, format), "f32");
  const [n = 0, h = 0, w = 0, c = 0] = last.shape;
  const [kh = 0, kw = 0, third = 0, fourth = 0] = filter.shape;
  if (kh === 0 || kw === 0)
    throw new ShapeError(op, `the filter's window must not be empty, got ${show(filter.shape)}`);
  return { x: last, filter: converted(filter, "f32"), sizes: [n, h, w, c], filterSizes: [kh, kw, third, fourth] };
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
  const { groups = 1, dataFormat = "NHWC" } = options;
  const stride = pairOf(op, "stride", options.stride ?? 1, 1);
  const dilation = pairOf(op, "dilation", options.dilation ?? 1, 1);
  requireInteger(op, "groups", groups, 1);
  const {
    x: images,
    filter: taps,
    sizes: [n, h, w, c],
    filterSizes: [kh, kw, depth, o],
  } = prepared(op, x, filter, dataFormat);
  requireDivisible(op, groups, c, o);
  if (depth !== c / groups) {
    throw new ShapeError(
      op,
      `channels differ: x is ${show(x.shape)} with ${String(c)} channels in ${String(groups)} ${groups === 1 ? "group" : "groups"}, filter is ${show(filter.shape)} with ${String(depth)} (expected ${String(c / groups)}). A filter is [height, width, in / groups, out]`,
    );
  }
  const [height, width] = windowAxes(op, [h, w], {
    window: [kh, kw],
    stride,
    dilation,
    padding: options.padding ?? "valid",
  });
  const geometry: Geometry = { batch: n, inputs: c, outputs: o, groups, height, width };
  checkEpilogue(op, outputShape(geometry), options);
  return x.recorder.compose(op, () => fromLast(applyEpilogue(forward(images, taps, geometry), options), dataFormat));
}

function requireDivisible(op: string, groups: number, inputs: number, outputs: number): void {
  if (inputs % groups !== 0 || outputs % groups !== 0) {
    throw new ParameterError(
      op,
      `groups must divide both channel counts, got ${String(groups)} for ${String(inputs)} in and ${String(outputs)} out`,
    );
  }
}

/** Every channel convolved by itself with `multiplier` filters: filter [KH, KW, C, multiplier], result [N, OH, OW, C · multiplier]. */
export function depthwiseConv2d(x: Tensor, filter: Tensor, options: DepthwiseConv2dOptions = {}): Tensor {
  requireArguments("depthwiseConv2d", { x, filter }, options);
  const {
    sizes: [, , , c],
    filterSizes: [kh, kw, channels, multiplier],
  } = prepared("depthwiseConv2d", x, filter, options.dataFormat ?? "NHWC");
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
  const { groups = 1, dataFormat = "NHWC", padding = "valid" } = options;
  const stride = pairOf(op, "stride", options.stride ?? 1, 1);
  const dilation = pairOf(op, "dilation", options.dilation ?? 1, 1);
  const extra = pairOf(op, "outputPadding", options.outputPadding ?? 0, 0);
  requireInteger(op, "groups", groups, 1);
  const {
    x: images,
    filter: taps,
    sizes: [n, h, w, c],
    filterSizes: [kh, kw, depth, channels],
  } = prepared(op, x, filter, dataFormat);
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
  };
  checkEpilogue(op, inputShape(geometry), options);
  return x.recorder.compose(op, () =>
    fromLast(applyEpilogue(inputGradient(images, taps, geometry), options), dataFormat),
  );
}
