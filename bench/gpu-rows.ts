// Rows on the GPU, on any adapter, a software one included: a softmax, a layer norm and sums by row kernels against the same with a
// launch for every step and folds by halving, in turns on one device. Milliseconds from recording to the end of the work.
// Nothing is read back. Read next: measurements.ts; bindings/backends/webgpu/variants/folds.ts.
import { grad } from "../bindings/autodiff/index.ts";
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { folds } from "../bindings/backends/webgpu/variants/folds.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, evaluate, withDevice } from "../bindings/engine/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import { onGpu } from "./gpu-overhead.ts";
import type { Measurement } from "./measurements.ts";
import { forward } from "./ours.ts";
import type { Row } from "./row.ts";

interface Work {
  readonly name: string;
  readonly shape: readonly [rows: number, length: number];
  readonly compute: (x: Tensor, scale: Tensor, shift: Tensor) => Tensor;
}

const layerNorm = forward({ op: "layerNorm", rows: 512, columns: 768 }) as Work["compute"];
/** The gradients of a layer norm's scale and shift, beside each other. */
const parameterSlopes: Work["compute"] = (x, scale, shift) => {
  const slopes = grad((a: Tensor, b: Tensor) => layerNorm(x, a, b).square().sum(), { argnums: [0, 1] })(scale, shift);
  return ops.concat([...slopes]);
};
const works: readonly Work[] = [
  { name: "softmax-512x1024", shape: [512, 1024], compute: (x) => ops.softmax(x) },
  { name: "layerNorm-512x768", shape: [512, 768], compute: layerNorm },
  { name: "sums-4096x4096", shape: [4096, 4096], compute: (x) => ops.sum(x, { axis: 1 }) },
  { name: "columns-512x768", shape: [512, 768], compute: (x) => ops.sum(x, { axis: 0 }) },
  { name: "columns-4096x4096", shape: [4096, 4096], compute: (x) => ops.sum(x, { axis: 0 }) },
  { name: "columns-65536x64", shape: [65536, 64], compute: (x) => ops.sum(x, { axis: 0 }) },
  { name: "columns-262144x3", shape: [262144, 3], compute: (x) => ops.sum(x, { axis: 0 }) },
  { name: "layerNorm-512x768/d", shape: [512, 768], compute: parameterSlopes },
  { name: "sum-16M", shape: [4096, 4096], compute: (x) => ops.sum(x) },
];

/** Turns of each variant; the fastest counts. */
const turns = 3;

async function measure(gpu: WebGPUBackend, { name, shape, compute }: Work): Promise<Row> {
  const [rows, length] = shape;
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(at));
  const operands = [
    tensor(numbers(rows * length), { shape }),
    tensor(numbers(length), { shape: [length] }),
    tensor(numbers(length), { shape: [length] }),
  ] as const;
  const chosen = folds.nameOf(folds.byRule({ rows, length }, gpu.limits));
  const least = new Map<string, number>();
  for (const variant of [chosen, "apart"]) {
    // A name of another family leaves columns to the rule.
    const columns = variant === "apart" ? "columns together" : variant;
    gpu.adoptTuned({ "rows:*": variant, "reduce:*": variant, "columns:*": columns });
    defaultEngine().clearPlans();
    // The first turn compiles and uploads.
    for (let turn = 0; turn <= turns; turn++) {
      const begun = performance.now();
      const result = withDevice("webgpu", () => compute(...operands));
      await evaluate(result);
      await gpu.idle();
      result.dispose();
      if (turn > 0) least.set(variant, Math.min(least.get(variant) ?? Infinity, performance.now() - begun));
    }
  }
  for (const operand of operands) operand.dispose();
  const value = least.get(chosen) ?? Number.NaN;
  const ratio = (least.get("apart") ?? Number.NaN) / value;
  return { name: `gpu-rows/${name}`, backend: "webgpu", threads: 1, value, unit: "ms", versus: "step by step", ratio };
}

export const gpuRowMeasurements: readonly Measurement[] = works.map((work) => ({
  ...onGpu(`gpu-rows/${work.name}`, async (gpu) => [await measure(gpu, work)]),
  long: work.shape[1] > 1024,
}));
