// The work of the op table: every op of test/specs, small, medium and large. The table below is typed over the names there: an op
// without a row does not compile. Elementwise ops need none. Ops of bindings/linalg beside eigh have no kernel for the GPU, so
// there is nothing to choose. Read next: works.ts, which adds compositions, gradients and training; regret.ts.
import type { DType, TypedArray } from "../../bindings/core/dtype.ts";
import { sizeOf } from "../../bindings/core/shape.ts";
import { tensor } from "../../bindings/engine/creation.ts";
import * as ops from "../../bindings/ops/index.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";
import type { Range } from "../../bindings/testing/spec.ts";
import { domainsOf } from "../../bindings/testing/samples.ts";
import { generator } from "../work/operands.ts";
import type { ElementwiseName } from "../../test/specs/elementwise.ts";
import { elementwise } from "../../test/specs/elementwise.ts";
import type { structured } from "../../test/specs/structured.ts";
import { withOptions } from "../../test/specs/structured.ts";

export const scales = ["small", "medium", "large"] as const;
export type Scale = (typeof scales)[number];

/** An operand: shape, type, and the range that its values are drawn from. */
export interface Draw {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly range?: Range;
}

/** A computation and its operands. The host reads the first result. */
export interface OpWork {
  readonly operands: readonly Draw[];
  readonly compute: (...operands: Tensor[]) => Tensor | readonly Tensor[];
}

type Call = (...operands: [Tensor, Tensor, Tensor, ...Tensor[]]) => Tensor | readonly Tensor[];
type Row = (scale: Scale) => OpWork;

const edges: Readonly<Record<Scale, number>> = { small: 32, medium: 256, large: 1024 };

const work = (operands: readonly (Draw | readonly number[])[], compute: Call): OpWork => ({
  operands: operands.map((operand) => ("shape" in operand ? operand : { shape: operand })),
  compute,
});

/** Of one square matrix, and of two. */
const ofOne =
  (compute: (x: Tensor) => Tensor | readonly Tensor[], draw: Omit<Draw, "shape"> = {}): Row =>
  (scale) =>
    work([{ shape: [edges[scale], edges[scale]], ...draw }], compute);
const ofTwo =
  (compute: (x: Tensor, y: Tensor) => Tensor | readonly Tensor[]): Row =>
  (scale) => {
    const shape = [edges[scale], edges[scale]];
    return work([shape, shape], compute);
  };
/** A view: what reads it pays for it. */
const viewed = (view: (x: Tensor) => Tensor): Row => ofOne((x) => ops.neg(view(x)));
/** A product of matrices. */
const product = (compute: (x: Tensor, y: Tensor) => Tensor): Row => {
  const sizes: Readonly<Record<Scale, number>> = { small: 32, medium: 128, large: 512 };
  return (scale) => {
    const shape = [sizes[scale], sizes[scale]];
    return work([shape, shape], compute);
  };
};
/** Images [batch, edge, edge, channels], or lines and volumes of them, with a filter. */
const images: Readonly<Record<Scale, readonly [batch: number, edge: number, channels: number]>> = {
  small: [1, 8, 8],
  medium: [1, 28, 32],
  large: [4, 56, 32],
};
const convolution =
  (axes: 1 | 2 | 3, window: number, outputs: "many" | "each", compute: (x: Tensor, filter: Tensor) => Tensor): Row =>
  (scale) => {
    const [batch, edge, channels] = images[scale];
    const along = axes === 3 ? Math.ceil(edge / 3) : axes === 1 ? edge * 8 : edge;
    const extents = Array.from({ length: axes }, () => along);
    const windows = Array.from({ length: axes }, () => window);
    return work(
      [
        [batch, ...extents, channels],
        [...windows, channels, outputs === "many" ? channels : 1],
      ],
      compute,
    );
  };
const pooling =
  (compute: (x: Tensor) => Tensor): Row =>
  (scale) => {
    const [batch, edge, channels] = images[scale];
    return work([[batch, 2 * edge, 2 * edge, channels]], compute);
  };
const eigen =
  (compute: (x: Tensor) => Tensor): Row =>
  (scale) => {
    const shapes = { small: [1, 8, 8], medium: [32, 16, 16], large: [64, 32, 32] } as const;
    return work([shapes[scale]], (x) => compute(x.add(ops.transpose(x))));
  };
const cell =
  (gates: number, compute: Call): Row =>
  (scale) => {
    const [batch, hidden] = { small: [4, 16], medium: [32, 128], large: [128, 256] }[scale] as [number, number];
    const state = [batch, hidden];
    const weight = [hidden, gates * hidden];
    return work([state, state, state, weight, weight, [gates * hidden]], compute);
  };
/** A square matrix, indices of one of its rows or for each element, and another matrix. */
const indexed =
  (each: boolean, compute: Call): Row =>
  (scale) => {
    const edge = edges[scale];
    const indices: Draw = { shape: each ? [edge, edge] : [edge], dtype: "i32", range: [0, edge - 1] };
    return work([[edge, edge], indices, [edge, edge]], compute);
  };

const last = { axis: -1 } as const;

const rows: Readonly<Record<keyof typeof structured, Row>> = {
  sum: ofOne((x) => ops.sum(x, last)),
  mean: ofOne((x) => ops.mean(x, { axis: 0 })),
  prod: ofOne((x) => ops.prod(x, last), { range: [0.9, 1.1] }),
  max: ofOne((x) => ops.max(x, last)),
  min: ofOne((x) => ops.min(x)),
  all: ofOne((x) => ops.all(x, last), { dtype: "bool" }),
  any: ofOne((x) => ops.any(x, last), { dtype: "bool" }),
  variance: ofOne((x) => ops.variance(x, last)),
  std: ofOne((x) => ops.std(x, last)),
  norm: ofOne((x) => ops.norm(x, last)),
  logSumExp: ofOne((x) => ops.logSumExp(x, last)),
  argMax: ofOne((x) => ops.argMax(x, last)),
  argMin: ofOne((x) => ops.argMin(x, last)),
  cumSum: ofOne((x) => ops.cumSum(x, last)),
  cumProd: ofOne((x) => ops.cumProd(x, last), { range: [0.9, 1.1] }),
  softmax: ofOne((x) => ops.softmax(x)),
  logSoftmax: ofOne((x) => ops.logSoftmax(x)),
  maxout: ofOne((x) => ops.maxout(x, { groups: 4 })),
  stopGradient: viewed((x) => ops.stopGradient(x)),
  reshape: viewed((x) => ops.reshape(x, [-1])),
  flatten: viewed((x) => ops.flatten(x)),
  transpose: viewed((x) => ops.transpose(x)),
  permute: viewed((x) => ops.permute(x, [1, 0])),
  moveAxis: viewed((x) => ops.moveAxis(x, 0, 1)),
  expandDims: viewed((x) => ops.expandDims(x, 1)),
  squeeze: viewed((x) => ops.squeeze(ops.expandDims(x, 0))),
  slice: ofOne((x) => ops.slice(x, [1, 1])),
  concat: ofTwo((x, y) => ops.concat([x, y])),
  stack: ofTwo((x, y) => ops.stack([x, y])),
  split: ofOne((x) => ops.split(x, 2, { axis: 1 }).map((part) => ops.neg(part))),
  pad: ofOne((x) =>
    ops.pad(x, [
      [1, 1],
      [1, 1],
    ]),
  ),
  flip: ofOne((x) => ops.flip(x, [1])),
  roll: ofOne((x) => ops.roll(x, 3, 1)),
  tile: ofOne((x) => ops.tile(x, [1, 2])),
  repeat: ofOne((x) => ops.repeat(x, 2, { axis: 0 })),
  broadcastTo: viewed((x) => ops.broadcastTo(ops.slice(x, [0, 0], [1, x.shape[1]!]), x.shape)),
  triu: ofOne((x) => ops.triu(x)),
  tril: ofOne((x) => ops.tril(x)),
  diag: (scale) => work([[edges[scale]]], (x) => ops.diag(x)),
  meshGrid: (scale) =>
    work([[edges[scale]], [edges[scale]]], (x, y) => ops.meshGrid(x, y).map((grid) => ops.neg(grid))),
  take: indexed(false, (x, indices) => ops.take(x, indices)),
  gather: indexed(true, (x, indices) => ops.gather(x, 1, indices)),
  scatterAdd: indexed(true, (x, indices, source) => ops.scatterAdd(x, 1, indices, source)),
  sort: ofOne((x) => ops.sort(x)),
  argSort: ofOne((x) => ops.argSort(x, { axis: 0 })),
  topK: ofOne((x) => ops.topK(x, 5).values),
  oneHot: (scale) =>
    work([{ shape: [edges[scale]], dtype: "i32", range: [0, edges[scale] - 1] }], (x) => ops.oneHot(x, edges[scale])),
  searchSorted: (scale) => work([[edges[scale]], [edges[scale], edges[scale]]], (x, y) => ops.searchSorted(x, y)),
  matmul: product((x, y) => ops.matmul(x, y)),
  dot: (scale) => work([[edges[scale] ** 2], [edges[scale] ** 2]], (x, y) => ops.dot(x, y)),
  outer: (scale) => work([[edges[scale]], [edges[scale]]], (x, y) => ops.outer(x, y)),
  tensordot: product((x, y) => ops.tensordot(x, y, 1)),
  einsum: product((x, y) => ops.einsum("ij,kj->ik", x, y)),
  conv2d: convolution(2, 3, "many", (x, filter) => ops.conv2d(x, filter, { padding: "same" })),
  depthwiseConv2d: convolution(2, 3, "each", (x, filter) => ops.depthwiseConv2d(x, filter, { padding: "same" })),
  convTranspose2d: convolution(2, 3, "many", (x, filter) => ops.convTranspose2d(x, filter)),
  conv1d: convolution(1, 5, "many", (x, filter) => ops.conv1d(x, filter, { padding: "same" })),
  convTranspose1d: convolution(1, 3, "many", (x, filter) => ops.convTranspose1d(x, filter)),
  conv3d: convolution(3, 3, "many", (x, filter) => ops.conv3d(x, filter, { padding: "same" })),
  maxPool2d: pooling((x) => ops.maxPool2d(x, { window: 2 })),
  avgPool2d: pooling((x) => ops.avgPool2d(x, { window: 3, stride: 2 })),
  globalMaxPool2d: pooling((x) => ops.globalMaxPool2d(x)),
  globalAveragePool2d: pooling((x) => ops.globalAveragePool2d(x)),
  eigh: eigen((x) => ops.eigh(x).vectors),
  lstmCell: cell(4, (x, h, c, wx, wh, bias) =>
    ops.lstmCell(x, [h, c], { inputWeight: wx, hiddenWeight: wh, inputBias: bias }),
  ),
  gruCell: cell(3, (x, h, _, wx, wh, bias) =>
    ops.gruCell(x, h, { inputWeight: wx, hiddenWeight: wh, inputBias: bias }),
  ),
  scaledDotProductAttention: (scale) => {
    const shape = { small: [2, 16, 8], medium: [4, 64, 32], large: [8, 256, 64] }[scale];
    return work([shape, shape, shape], (query, key, value) => ops.scaledDotProductAttention(query, key, value));
  },
  quantizeMatrix: ofOne((x) => ops.quantizeMatrix(x).values),
  dequantizeMatrix: ofOne((x) => ops.dequantizeMatrix(ops.quantizeMatrix(x))),
  quantizedMatmul: product((x, w) => ops.quantizedMatmul(x, ops.quantizeMatrix(w))),
};

const elementwiseWork = (
  scale: Scale,
  domains: readonly Range[],
  dtype: DType,
  compute: (...operands: Tensor[]) => Tensor,
): OpWork => ({
  operands: domains.map((range) => ({ shape: [edges[scale], edges[scale]], dtype, range })),
  compute,
});

/** The work of every op at one size, by the op's name. */
export function opWorks(scale: Scale): ReadonlyMap<string, OpWork> {
  const found = new Map<string, OpWork>();
  for (const name of Object.keys(elementwise) as ElementwiseName[]) {
    const spec = elementwise[name];
    const call = ops[name] as (...operands: Tensor[]) => Tensor;
    found.set(name, elementwiseWork(scale, domainsOf(spec), spec.dtypes?.[0] ?? "f32", call));
  }
  for (const [name, { variants }] of Object.entries(withOptions)) {
    const [variant] = variants;
    if (variant === undefined) continue;
    found.set(name, elementwiseWork(scale, domainsOf(variant), variant.dtypes?.[0] ?? "f32", variant.call));
  }
  for (const [name, row] of Object.entries(rows)) found.set(name, row(scale));
  return found;
}

/** Numbers that were drawn before, by shape, type, range and seed: the same work is prepared for every device. */
const known = new Map<string, TypedArray>();

/** Values of a fixed generator. */
export function drawn(draw: Draw, seed: number): Tensor {
  const { shape, dtype = "f32", range = dtype === "bool" ? [0, 1] : [-1, 1] } = draw;
  const key = [sizeOf(shape), dtype, ...range, seed].join();
  let data = known.get(key);
  if (data === undefined) {
    // Of the work that is prepared now, and no more.
    if (known.size > 8) known.clear();
    known.set(key, (data = numbers(sizeOf(shape), dtype, range, seed)));
  }
  return tensor(data, { shape, dtype });
}

function numbers(count: number, dtype: DType, range: Range, seed: number): TypedArray {
  const [low, high] = range.map((end) => Math.max(-1e6, Math.min(1e6, end))) as [number, number];
  const source = generator(seed + 1);
  const next = (): number => low + ((high - low) * (source() + 1)) / 2;
  const data: TypedArray = dtype === "f32" ? new Float32Array(count) : new Int32Array(count);
  for (let index = 0; index < count; index++) data[index] = dtype === "f32" ? next() : Math.round(next());
  return data;
}
