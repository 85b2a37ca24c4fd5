// The convolution of images as an op, and its two gradients as ops: the three are closed under differentiation.
// Channels last, everything in numbers; knows no options and no formats.
// Read next: convolution.ts, which makes geometries; assembly/convolution/convolution.ts, shaders/conv2d.wgsl.
import type { Shape } from "../core/shape.ts";
import { sizeOf } from "../core/shape.ts";
import type { KernelCall, KernelOp } from "./descriptor.ts";
import {
  convolutionPreparation,
  convolutionScratch,
  filterGradientScratch,
  inputGradientPreparation,
  inputGradientScratch,
} from "./scratch.ts";
import { flip } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf } from "./tensor.ts";
import type { WindowAxis } from "./window.ts";
import { reachOf } from "./window.ts";

/** The geometry shared by the three ops: x [N, H, W, C], filter [KH, KW, C / groups, O], y [N, OH, OW, O]. */
export interface Geometry {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly height: WindowAxis;
  readonly width: WindowAxis;
  /** Sums only, no Winograd. */
  readonly strict: boolean;
}

export const inputShape = ({ batch, height, width, inputs }: Geometry): Shape => [
  batch,
  height.input,
  width.input,
  inputs,
];
export const outputShape = ({ batch, height, width, outputs }: Geometry): Shape => [
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

function words({ batch, inputs, outputs, groups, strict, height: h, width: w }: Geometry): number[] {
  const sizes = [batch, h.input, w.input, inputs, h.output, w.output, outputs, h.window, w.window];
  return [...sizes, h.stride, w.stride, h.before, w.before, h.dilation, w.dilation, groups, strict ? 1 : 0];
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
    preparation: convolutionPreparation(words(g)),
  }),
  epilogue: true,
  gradient: ({ inputs: [x, filter], cotangents: [dy], attributes, wanted }) =>
    x && filter && dy
      ? [
          wanted[0] === true ? backward(dy, filter, attributes) : undefined,
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
    preparation: inputGradientPreparation(words(g)) ?? "none",
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

export const forward = (x: Tensor, filter: Tensor, g: Geometry): Tensor =>
  recorded(forwardOp, x, filter, g, outputShape(g));
export const inputGradient = (dy: Tensor, filter: Tensor, g: Geometry): Tensor =>
  recorded(inputGradientOp, dy, filter, g, inputShape(g));
const filterGradient = (x: Tensor, dy: Tensor, g: Geometry): Tensor =>
  recorded(filterGradientOp, x, dy, g, filterShape(g));

/** The input gradient of `forward`: for a depthwise one without strides, dy convolved with the filter turned round. */
function backward(dy: Tensor, filter: Tensor, geometry: Geometry): Tensor {
  const { groups, inputs, outputs, height, width } = geometry;
  const turned = (axis: WindowAxis): WindowAxis => {
    const reach = reachOf(axis.window, axis.dilation);
    const [before, after] = [reach - 1 - axis.before, reach - 1 - axis.after];
    return { ...axis, input: axis.output, output: axis.input, before, after };
  };
  const [high, wide] = [turned(height), turned(width)];
  const isDepthwise = groups > 1 && groups === inputs && groups === outputs;
  const fits = height.stride === 1 && width.stride === 1 && high.before >= 0 && wide.before >= 0;
  if (!isDepthwise || !fits) return inputGradient(dy, filter, geometry);
  return forward(dy, flip(filter, [0, 1]), { ...geometry, height: high, width: wide });
}
