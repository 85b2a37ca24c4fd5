// Conformance of every op on the GPU, as a device that has no more than WebGPU promises; and of a few ops with all that the GPU
// has, for kernels that make use of it. Read next: conformance/suite.ts.
import { testBackends } from "./conformance/suite.ts";

testBackends(["webgpu"], "base");
testBackends(["webgpu"], "all", [
  "matmul",
  "quantizedMatmul",
  "conv2d",
  "scaledDotProductAttention",
  "softmax",
  "sum",
  "max",
  "cumSum",
]);
