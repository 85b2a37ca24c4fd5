// All ops, re-exported. An op is an exported constant or function; there is no other list.
export * from "./activation.ts";
export * from "./arithmetic.ts";
export { broadcastTo, reshape } from "./broadcasting.ts";
export * from "./comparison.ts";
export * from "./exponential.ts";
export { concat, diag, pad, roll, split, stack, tril, triu } from "./joining.ts";
export type { PadOptions } from "./joining.ts";
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
export { all, any, max, mean, min, norm, prod, std, sum, variance } from "./reduction.ts";
export { cumSum } from "./cumulative.ts";
export { argMax, argMin } from "./positions.ts";
export { gather, oneHot, scatterAdd, searchSorted, take } from "./indexing.ts";
export { dot, matmul, outer, tensordot } from "./contraction.ts";
export { einsum } from "./einsum.ts";
export { conv2d, convTranspose2d, depthwiseConv2d } from "./convolution.ts";
export { avgPool2d, globalAveragePool2d, globalMaxPool2d, maxPool2d } from "./pooling.ts";
export { eigh } from "./eigh.ts";
export { stopGradient } from "./stop-gradient.ts";
