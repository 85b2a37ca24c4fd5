// Halves on the GPU, on any adapter whose shaders have 16-bit floats, a software one included: products, convolutions, attention,
// pooling and rows with kernels that take and give halves themselves, against the same device without the feature, where halves
// lie in words and most kernels get them by conversions. Milliseconds from recording to the end of the work; nothing is read back.
// Also the bytes that all kernels move, against the same work in f32. Read next: measurements.ts; docs/types.md.
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { createWebGPU } from "../bindings/backends/webgpu/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, evaluate, explain, withDevice } from "../bindings/engine/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import { onGpu } from "./gpu-overhead.ts";
import type { Measurement } from "./measurements.ts";
import type { Row } from "./row.ts";

interface Work {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly compute: (...operands: Tensor[]) => Tensor;
}

const works: readonly Work[] = [
  {
    name: "matmul-512",
    shapes: [
      [512, 512],
      [512, 512],
    ],
    compute: (a, b) => ops.matmul(a, b),
  },
  {
    name: "matmul-1x2048",
    shapes: [
      [1, 2048],
      [2048, 2048],
    ],
    compute: (a, b) => ops.matmul(a, b),
  },
  {
    name: "conv2d-28x64-twice",
    shapes: [
      [1, 28, 28, 64],
      [3, 3, 64, 64],
    ],
    compute: (x, w) => {
      const padding = "same";
      return ops.conv2d(ops.conv2d(x, w, { padding }), w, { padding });
    },
  },
  {
    name: "conv2d-5x5-28x32",
    shapes: [
      [1, 28, 28, 32],
      [5, 5, 32, 32],
    ],
    compute: (x, w) => ops.conv2d(x, w),
  },
  {
    name: "attention-8x256x64",
    shapes: [
      [8, 256, 64],
      [8, 256, 64],
      [8, 256, 64],
    ],
    compute: (q, k, v) => ops.scaledDotProductAttention(q, k, v),
  },
  { name: "maxPool2d-112x64", shapes: [[1, 112, 112, 64]], compute: (x) => ops.maxPool2d(x, { window: 2 }) },
  { name: "softmax-512x1024", shapes: [[512, 1024]], compute: (x) => ops.softmax(x) },
  {
    name: "add-1M",
    shapes: [
      [1024, 1024],
      [1024, 1024],
    ],
    compute: (a, b) => ops.add(a, b),
  },
];

/** Turns of each variant; the fastest counts. */
const turns = 5;

function operandsOf({ shapes }: Work, dtype: "f16" | "f32"): Tensor[] {
  return shapes.map((shape) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return tensor(
      Float32Array.from({ length: size }, (_, at) => Math.sin(at) / 8),
      { shape, dtype },
    );
  });
}

/** Milliseconds and launches of a run on a GPU, which takes the place of the engine's. */
async function runOn(gpu: WebGPUBackend, work: Work): Promise<{ readonly time: number; readonly launches: number }> {
  const engine = defaultEngine();
  engine.backends.set("webgpu", gpu);
  engine.clearPlans();
  const operands = operandsOf(work, "f16");
  let [time, launches] = [Infinity, 0];
  // The first turn compiles and uploads.
  for (let turn = 0; turn <= turns; turn++) {
    const before = gpu.counts.dispatches;
    const begun = performance.now();
    const result = withDevice("webgpu", () => work.compute(...operands));
    await evaluate(result);
    await gpu.idle();
    result.dispose();
    if (turn > 0) time = Math.min(time, performance.now() - begun);
    launches = gpu.counts.dispatches - before;
  }
  for (const operand of operands) operand.dispose();
  return { time, launches };
}

async function bytesOf(work: Work, dtype: "f16" | "f32"): Promise<number> {
  const operands = operandsOf(work, dtype);
  const result = withDevice("webgpu", () => work.compute(...operands));
  const { kernels } = await explain(result);
  for (const own of [...operands, result]) own.dispose();
  return kernels.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function measure(gpu: WebGPUBackend, work: Work): Promise<Row[]> {
  if (!gpu.hasHalves) return [];
  const features = gpu.adapter.features.filter((feature) => feature !== "shader-f16");
  const without = await createWebGPU({ features });
  if ("unavailable" in without) return [];
  const inWords = await runOn(without, work);
  const alone = await runOn(gpu, work);
  const [bytes, inSingle] = [await bytesOf(work, "f16"), await bytesOf(work, "f32")];
  without.dispose();
  const name = `gpu-halves/${work.name}`;
  const own = { backend: "webgpu", threads: 1 } as const;
  const [value, ratio] = [alone.time, inWords.time / alone.time];
  return [
    { ...own, name, value, unit: "ms", versus: "in words", ratio },
    {
      ...own,
      name: `${name}/launches`,
      value: alone.launches,
      unit: "",
      versus: "in words",
      ratio: inWords.launches / alone.launches,
    },
    { ...own, name: `${name}/bytes`, value: bytes / 1024, unit: "KiB", versus: "in f32", ratio: inSingle / bytes },
  ];
}

export const gpuHalfMeasurements: readonly Measurement[] = works.map((work) =>
  onGpu(`gpu-halves/${work.name}`, (gpu) => measure(gpu, work)),
);
