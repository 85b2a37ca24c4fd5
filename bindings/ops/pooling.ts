// Two-dimensional pooling. Each op and its adjoints are closed under differentiation: the maximum with scatter and gather
// by the position of the first maximum, the average with its transpose. Channels are last inside; NCHW is a permutation.
// Read next: window.ts, assembly/pooling/pooling.ts.
import { floatOf } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { show, sizeOf } from "../core/shape.ts";
import { converted } from "./comparison.ts";
import type { KernelOp } from "./descriptor.ts";
import { permuted } from "./movement.ts";
import { max, mean } from "./reduction.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";
import type { DataFormat, Padding, Pair, WindowAxis } from "./window.ts";
import { checkFormat, pairOf, windowAxes } from "./window.ts";

/** x [N, H, W, C], result [N, OH, OW, C]. */
interface Geometry {
  readonly batch: number;
  readonly channels: number;
  readonly height: WindowAxis;
  readonly width: WindowAxis;
  /** For averages: whether padding counts as zeros. */
  readonly countIncludePad: boolean;
}

const inputShape = ({ batch, height, width, channels }: Geometry): Shape => [
  batch,
  height.input,
  width.input,
  channels,
];
const outputShape = ({ batch, height, width, channels }: Geometry): Shape => [
  batch,
  height.output,
  width.output,
  channels,
];
const flops = (g: Geometry): number => sizeOf(outputShape(g)) * g.height.window * g.width.window;

function words({ batch, channels, height: h, width: w }: Geometry): number[] {
  return [
    batch,
    h.input,
    w.input,
    channels,
    h.output,
    w.output,
    h.window,
    w.window,
    h.stride,
    w.stride,
    h.before,
    w.before,
    h.dilation,
    w.dilation,
  ];
}

const averageWords = (g: Geometry): number[] => [...words(g), g.countIncludePad ? 1 : 0, g.height.after, g.width.after];

type PoolOp = KernelOp<Geometry>;

const pool = (name: string, wordsOf: (g: Geometry) => number[], gradient: PoolOp["gradient"]): PoolOp => ({
  kind: "kernel",
  name,
  call: ([x], [output], g) => ({
    kernel: name,
    dtype: x?.dtype ?? "f32",
    words: wordsOf(g),
    workgroups: Math.ceil(sizeOf(output?.shape ?? []) / 64),
  }),
  ...(gradient === undefined ? {} : { gradient }),
  readsHalves: "gpu",
  storesPairs: true,
  flops: (_inputs, _outputs, g) => flops(g),
  work: "walk",
});

const maxOp: PoolOp = /* @__PURE__ */ pool("maxPool2d", words, ({ inputs: [x], cotangents: [dy], attributes }) =>
  x && dy ? [recorded(scatterOp, [x, dy], attributes, inputShape(attributes))] : [],
);

// The positions of the maxima do not change with x but where they jump: both ops are linear in their second operand.
const scatterOp: PoolOp = /* @__PURE__ */ pool(
  "maxPool2dScatter",
  words,
  ({ inputs: [x], cotangents: [g], attributes }) =>
    x && g ? [undefined, recorded(gatherOp, [x, g], attributes, outputShape(attributes))] : [],
);

const gatherOp: PoolOp = /* @__PURE__ */ pool(
  "maxPool2dGather",
  words,
  ({ inputs: [x], cotangents: [dy], attributes }) =>
    x && dy ? [undefined, recorded(scatterOp, [x, dy], attributes, inputShape(attributes))] : [],
);

const averageOp: PoolOp = /* @__PURE__ */ pool("avgPool2d", averageWords, ({ cotangents: [dy], attributes }) =>
  dy ? [recorded(averageGradientOp, [dy], attributes, inputShape(attributes))] : [],
);

const averageGradientOp: PoolOp = /* @__PURE__ */ pool(
  "avgPool2dGradient",
  averageWords,
  ({ cotangents: [g], attributes }) => (g ? [recorded(averageOp, [g], attributes, outputShape(attributes))] : []),
);

function recorded(op: PoolOp, inputs: readonly Tensor[], geometry: Geometry, shape: Shape): Tensor {
  const dtype = inputs[0]?.dtype ?? "f32";
  const [result] = recorderOf(op.name, inputs).record(op, inputs, geometry, [{ shape, dtype }]);
  return result ?? inputs[0]!;
}

/** What both kinds of pooling take. */
interface PoolOptions {
  readonly window: Pair;
  /** The window's size when absent: windows touch but do not overlap. */
  readonly stride?: Pair;
  readonly padding?: Padding;
  /** Keep a last window that reaches beyond the input. */
  readonly ceilMode?: boolean;
  readonly dataFormat?: DataFormat;
}

/** Options of `maxPool2d`. */
export interface MaxPool2dOptions extends PoolOptions {
  readonly dilation?: Pair;
}

/** Options of `avgPool2d`. `countIncludePad: false` divides by the number of elements inside the input; "same" always does. */
export interface AvgPool2dOptions extends PoolOptions {
  readonly countIncludePad?: boolean;
}

function images(op: string, x: Tensor, format: DataFormat): Tensor {
  checkFormat(op, format);
  if (x.rank !== 4)
    throw new ShapeError(op, `x must have four axes [${format.split("").join(", ")}], got ${show(x.shape)}`);
  return format === "NCHW" ? permuted(x, [0, 2, 3, 1]) : x;
}

function pooled(op: PoolOp, x: Tensor, options: MaxPool2dOptions & AvgPool2dOptions): Tensor {
  const { name } = op;
  const { dataFormat = "NHWC", padding = "valid", ceilMode = false, countIncludePad = true } = options;
  const last = images(name, x, dataFormat);
  if ((options as { window?: Pair }).window === undefined)
    throw new ParameterError(name, "needs a window, such as { window: 2 }");
  const window = pairOf(name, "window", options.window, 1);
  const stride = pairOf(name, "stride", options.stride ?? window, 1);
  const dilation = pairOf(name, "dilation", options.dilation ?? 1, 1);
  const [n = 0, h = 0, w = 0, c = 0] = last.shape;
  const [height, width] = windowAxes(name, [h, w], { window, stride, dilation, padding, ceilMode });
  const geometry: Geometry = {
    batch: n,
    channels: c,
    height,
    width,
    countIncludePad: countIncludePad && padding !== "same",
  };
  const y = recorded(op, [converted(last, floatOf(x.dtype))], geometry, outputShape(geometry));
  return dataFormat === "NCHW" ? permuted(y, [0, 3, 1, 2]) : y;
}

/**
 * The largest element of each window of x [N, H, W, C]; padding never wins, NaN does. The gradient goes to the first
 * maximum of a window. Integers give floats.
 */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions): Tensor {
  requireArguments("maxPool2d", { x }, options);
  return pooled(maxOp, x, options);
}

/** The mean of each window of x [N, H, W, C]. Padding counts as zeros unless said otherwise. */
export function avgPool2d(x: Tensor, options: AvgPool2dOptions): Tensor {
  requireArguments("avgPool2d", { x }, options);
  return pooled(averageOp, x, options);
}

/** The largest element of every image and channel, [N, C]. */
export function globalMaxPool2d(x: Tensor, options: { readonly dataFormat?: DataFormat } = {}): Tensor {
  requireArguments("globalMaxPool2d", { x }, options);
  return max(images("globalMaxPool2d", x, options.dataFormat ?? "NHWC"), { axis: [1, 2] });
}

/** The mean of every image and channel, [N, C]. */
export function globalAveragePool2d(x: Tensor, options: { readonly dataFormat?: DataFormat } = {}): Tensor {
  requireArguments("globalAveragePool2d", { x }, options);
  return mean(images("globalAveragePool2d", x, options.dataFormat ?? "NHWC"), { axis: [1, 2] });
}
