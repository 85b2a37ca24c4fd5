// All ops users call, re-exported family by family. An op is an exported constant or function; there is no other list.
// What is not named here is for the floors above only. Read next: README.md.
export * from "./activation.ts";
export * from "./arithmetic.ts";
export { scaledDotProductAttention } from "./attention.ts";
export type { AttentionOptions } from "./attention-arguments.ts";
export { broadcastTo, reshape } from "./broadcasting.ts";
export {
  bitwiseAnd,
  bitwiseNot,
  bitwiseOr,
  bitwiseXor,
  cast,
  equal,
  greater,
  greaterEqual,
  isFinite,
  isInf,
  isNaN,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  notEqual,
  shiftLeft,
  shiftRight,
  where,
} from "./comparison.ts";
export type { MatmulOptions } from "./contraction.ts";
export { dot, matmul, outer, tensordot } from "./contraction.ts";
export type {
  Conv2dOptions,
  ConvTranspose2dOptions,
  ConvolutionSettings,
  DataFormat,
  DepthwiseConv2dOptions,
  Padding,
  Pair,
} from "./convolution.ts";
export type { AxisPadding } from "./window.ts";
export { conv2d, convTranspose2d, depthwiseConv2d } from "./convolution.ts";
export type { Conv1dOptions, ConvTranspose1dOptions } from "./sequence-convolution.ts";
export { conv1d, convTranspose1d } from "./sequence-convolution.ts";
export type { Conv3dOptions, Triple, VolumePadding } from "./volume-convolution.ts";
export { conv3d } from "./volume-convolution.ts";
export type { CumulativeOptions } from "./cumulative.ts";
export { cumProd, cumSum } from "./cumulative.ts";
export { eigh } from "./eigh.ts";
export { einsum } from "./einsum.ts";
export type { ActivationName, EpilogueOptions } from "./epilogue.ts";
export * from "./exponential.ts";
export { gather, oneHot, scatterAdd, take } from "./indexing.ts";
export type { PadOptions } from "./joining.ts";
export { concat, diag, pad, roll, split, stack, tril, triu } from "./joining.ts";
export type { MeshGridOptions } from "./movement.ts";
export {
  expandDims,
  flatten,
  flip,
  meshGrid,
  moveAxis,
  permute,
  repeat,
  slice,
  squeeze,
  tile,
  transpose,
} from "./movement.ts";
export type { AvgPool2dOptions, MaxPool2dOptions } from "./pooling.ts";
export { avgPool2d, globalAveragePool2d, globalMaxPool2d, maxPool2d } from "./pooling.ts";
export type { QuantizedMatrix } from "./quantization.ts";
export { dequantizeMatrix, quantizedMatmul, quantizeMatrix } from "./quantization.ts";
export type { PositionOptions } from "./positions.ts";
export { argMax, argMin } from "./positions.ts";
export type { CellWeights, LstmState } from "./recurrent.ts";
export { gruCell, lstmCell } from "./recurrent.ts";
export type { NormOptions, VarianceOptions } from "./reduction.ts";
export { all, any, max, mean, min, norm, prod, std, sum, variance } from "./reduction.ts";
export type { SortOptions, TopKOptions } from "./sorting.ts";
export { argSort, searchSorted, sort, topK } from "./sorting.ts";
export { stopGradient } from "./stop-gradient.ts";
export type { AxisOptions } from "./tensor.ts";
