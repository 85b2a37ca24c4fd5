// What can be computed, as plain data that crosses to other processes as JSON. Images are NHWC, filters HWIO.
// Knows no library, no clock and no numbers. Read next: work.ts for what is measured, operands.ts for the numbers.
import type { InferenceNet, TrainingNet } from "./nets.ts";

/** One computation. */
export type Task =
  | MatmulTask
  | ConvolutionTask
  | PoolingTask
  | MapTask
  | { readonly op: "sum"; readonly count: number }
  | RowsTask
  | LinalgTask
  | AttentionTask
  | LayerTask
  | AxesTask
  | TrainingTask
  | InferenceTask;

/**
 * The product [m, k] · [k, n] of operands that lie in memory as they are or, where named, transposed. int8: f32 by weights that
 * were quantised to eight bits before. f16: operands and result stored in halves.
 */
export interface MatmulTask {
  readonly op: "matmul";
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly dtype: "f16" | "f32" | "f64" | "int8";
  readonly transposed: "none" | "a" | "b";
}

/** An elementwise function of so many elements; f16 is how they are stored. */
export interface MapTask {
  readonly op: "map";
  readonly name: MapName;
  readonly count: number;
  readonly dtype: "f16" | "f32";
}

/** add: x + y; gelu: the tanh form of x · 1.1 + 0.1; the others of x. */
export type MapName = "add" | "exp" | "tanh" | "sigmoid" | "gelu";

/** A convolution that pads to the input's size over the stride ("same"), or one of its two gradients. */
export interface ConvolutionTask {
  readonly op: "conv";
  readonly batch: number;
  readonly edge: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly window: number;
  readonly stride: number;
  readonly depthwise: boolean;
  /** output: of x and filter. inputGradient: of the output's gradient and filter. filterGradient: of x and the output's gradient. */
  readonly gives: "output" | "inputGradient" | "filterGradient";
}

/** Pooling without padding, or its gradient from x and the gradient of its result. */
export interface PoolingTask {
  readonly op: "pool";
  readonly kind: "max" | "avg";
  readonly batch: number;
  readonly edge: number;
  readonly channels: number;
  readonly window: number;
  readonly stride: number;
  readonly gives: "output" | "inputGradient";
}

/** Along rows: softmax, or the layer norm with scale and shift (ε = 10⁻⁵). */
export interface RowsTask {
  readonly op: "softmax" | "layerNorm";
  readonly rows: number;
  readonly columns: number;
}

/**
 * A decomposition of a [rows, columns] matrix or the solution of a system with one right side. eigh is of a symmetric matrix;
 * cholesky and solve of a positive definite one, which solve is not told. Compared are values, |R|, the factor, the solution.
 */
export interface LinalgTask {
  readonly op: "linalg";
  readonly name: "eigh" | "svd" | "qr" | "cholesky" | "solve";
  readonly rows: number;
  readonly columns: number;
  readonly dtype: "f32" | "f64";
}

/** Attention of query, key and value [heads, length, depth], scaled by 1 / √depth, or its three gradients. */
export interface AttentionTask {
  readonly op: "attention";
  readonly heads: number;
  readonly length: number;
  readonly depth: number;
  readonly gives: "output" | "gradients";
}

/** What a layer does: a product, its bias and gelu (the tanh form), or a convolution, its bias, a shortcut and relu. */
export interface LayerTask {
  readonly op: "layer";
  readonly product: MatmulTask | ConvolutionTask;
}

/** A convolution along one axis or three, [batch, edge…, inputs] by [window…, inputs, outputs], padded to the same size. */
export interface AxesTask {
  readonly op: "convAxes";
  readonly axes: 1 | 3;
  readonly batch: number;
  readonly edge: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly window: number;
}

/** A step of training: forward, backward and update, of the mean cross entropy of ten classes. */
export interface TrainingTask {
  readonly op: "train";
  readonly net: TrainingNet;
  readonly batch: number;
}

/** Logits of one image from a whole net, batch norm folded into its convolutions. */
export interface InferenceTask {
  readonly op: "infer";
  readonly net: InferenceNet;
}

/** Tasks of one operation. */
export type SingleTask = Exclude<Task, TrainingTask | InferenceTask>;

/** Rows and columns of zeros before and after an image that make the result ⌈edge / stride⌉ wide. */
export function samePadding({ edge, window, stride }: ConvolutionTask): readonly [before: number, after: number] {
  const total = Math.max(0, (Math.ceil(edge / stride) - 1) * stride + window - edge);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** Edge of what a convolution or pooling gives. */
export const outputEdge = ({ op, edge, window, stride }: ConvolutionTask | PoolingTask): number =>
  op === "conv" ? Math.ceil(edge / stride) : Math.floor((edge - window) / stride) + 1;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
