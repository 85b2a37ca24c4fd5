// Conformance of every op on the GPU, as a device that has no more than WebGPU promises; and of a few ops with all that the GPU
// has, for kernels that make use of it; of every op, where it is a GPU of the machine's own, which nothing else tests. A page runs
// every op so (browser/), and webgpu/ the variants of products and convolutions, which take a software GPU long to compile.
// Read next: conformance/suite.ts.
import { testBackends } from "./conformance/suite.ts";

/** Ops with kernels that make use of what a device has. */
const featured = [
  "matmul",
  "quantizedMatmul",
  "conv2d",
  "scaledDotProductAttention",
  "softmax",
  "sum",
  "max",
  "cumSum",
];

testBackends(["webgpu"], "base");
testBackends(["webgpu"], "all", process.env.ATHANOR_GPU === "native" ? undefined : featured);
