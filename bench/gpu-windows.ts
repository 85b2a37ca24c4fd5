// Windows over images on the GPU, on any adapter, a software one included: pooling and depthwise convolutions with their gradients, by
// the variant that is chosen where nothing was measured, against an element an invocation, in turns on one device. Milliseconds
// from recording to the end of the work. Nothing is read back. Read next: measurements.ts; bindings/backends/webgpu/variants/windows.ts.
import { grad } from "../bindings/autodiff/index.ts";
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, evaluate, withDevice } from "../bindings/engine/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import { onGpu } from "./gpu-overhead.ts";
import type { Measurement } from "./measurements.ts";
import type { Row } from "./row.ts";

interface Work {
  readonly name: string;
  /** The kernels that do it. */
  readonly kernels: readonly string[];
  readonly shape: readonly [number, number, number, number];
  readonly compute: (x: Tensor, filter: Tensor) => Tensor;
}

const overlapping = { window: 3, stride: 2, padding: 1 } as const;
const largest = (x: Tensor): Tensor => ops.maxPool2d(x, { window: 2 });
const depthwise = (stride: number) => (x: Tensor, filter: Tensor) =>
  ops.depthwiseConv2d(x, filter, { stride, padding: "same" });
/** The gradient of the sum of squares, which is another number for each element. */
const slope = (f: (x: Tensor) => Tensor): ((x: Tensor) => Tensor) => grad((x: Tensor) => f(x).sum());

const works: readonly Work[] = [
  { name: "max2-112x112x64", kernels: ["maxPool2d"], shape: [1, 112, 112, 64], compute: largest },
  { name: "max2-112x112x64/dx", kernels: ["maxPool2dScatter"], shape: [1, 112, 112, 64], compute: slope(largest) },
  {
    ...{ name: "max3s2-112x112x64", kernels: ["maxPool2d"], shape: [1, 112, 112, 64] },
    compute: (x) => ops.maxPool2d(x, overlapping),
  },
  {
    ...{ name: "max3s2-112x112x64/dx", kernels: ["maxPool2dScatter"], shape: [1, 112, 112, 64] },
    compute: slope((x) => ops.maxPool2d(x, overlapping)),
  },
  {
    ...{ name: "avg3s1-56x56x64", kernels: ["avgPool2d"], shape: [1, 56, 56, 64] },
    compute: (x) => ops.avgPool2d(x, { window: 3, stride: 1, padding: 1 }),
  },
  {
    ...{ name: "avg3s1-56x56x64/dx", kernels: ["avgPool2dGradient"], shape: [1, 56, 56, 64] },
    compute: slope((x) => ops.avgPool2d(x, { window: 3, stride: 1, padding: 1 })),
  },
  { name: "max2-28x28x6", kernels: ["maxPool2d"], shape: [32, 28, 28, 6], compute: largest },
  { name: "dw3s1-56x56x128", kernels: ["conv2d by windows"], shape: [1, 56, 56, 128], compute: depthwise(1) },
  { name: "dw3s2-112x112x64", kernels: ["conv2d by windows"], shape: [1, 112, 112, 64], compute: depthwise(2) },
  {
    ...{ name: "dw3s2-112x112x64/dx", kernels: ["conv2dInputGradient by windows"], shape: [1, 112, 112, 64] },
    compute: (x, filter) => slope((z) => depthwise(2)(z, filter))(x),
  },
  {
    ...{ name: "dw3s1-56x56x128/df", kernels: ["conv2dFilterGradient by windows"], shape: [1, 56, 56, 128] },
    compute: (x, filter) => slope((z) => depthwise(1)(x, z))(filter),
  },
];

/** Turns of each variant; the fastest counts. */
const turns = 5;

async function measure(gpu: WebGPUBackend, { name, kernels, shape, compute }: Work): Promise<Row> {
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(at));
  const channels = shape[3];
  const x = tensor(numbers(shape.reduce((a, b) => a * b, 1)), { shape });
  const filter = tensor(numbers(9 * channels), { shape: [3, 3, channels, 1] });
  const least = new Map<string, number>();
  // A name of another family leaves windows to the rule.
  for (const variant of ["apart", "plain"]) {
    gpu.adoptTuned(Object.fromEntries(kernels.map((kernel) => [`${kernel}:*`, variant])));
    defaultEngine().clearPlans();
    // The first turn compiles and uploads.
    for (let turn = 0; turn <= turns; turn++) {
      const begun = performance.now();
      const result = withDevice("webgpu", () => compute(x, filter));
      await evaluate(result);
      await gpu.idle();
      result.dispose();
      if (turn > 0) least.set(variant, Math.min(least.get(variant) ?? Infinity, performance.now() - begun));
    }
  }
  for (const operand of [x, filter]) operand.dispose();
  const value = least.get("apart") ?? Number.NaN;
  const ratio = (least.get("plain") ?? Number.NaN) / value;
  return { name: `gpu-windows/${name}`, backend: "webgpu", threads: 1, value, unit: "ms", versus: "plain", ratio };
}

export const gpuWindowMeasurements: readonly Measurement[] = works.map((work) => ({
  ...onGpu(`gpu-windows/${work.name}`, async (gpu) => [await measure(gpu, work)]),
  long: false,
}));
