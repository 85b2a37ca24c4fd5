// Filters that are kept transformed on the GPU, on any adapter, a software one included: a Winograd convolution with filters that were
// met before against the same with filters that are new, in turns on one device. Milliseconds from recording to the end of the
// work. Nothing is read back. Read next: measurements.ts; bindings/backends/forms.ts.
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, evaluate, withDevice } from "../bindings/engine/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import { onGpu } from "./gpu-overhead.ts";
import type { Measurement } from "./measurements.ts";
import type { Row } from "./row.ts";

/** Edge of the image and channels, read and written. */
const shapes = [
  [28, 128],
  [14, 256],
  [8, 512],
] as const;
/** Turns of each; the fastest counts. */
const turns = 10;

async function measure(gpu: WebGPUBackend, name: string, edge: number, channels: number): Promise<Row> {
  const numbers = (...shape: number[]): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(at)),
      { shape },
    );
  gpu.adoptTuned({ "conv2d:*": "winograd 32x64/4x8" });
  defaultEngine().clearPlans();
  const [x, known] = [numbers(1, edge, edge, channels), numbers(3, 3, channels, channels)];
  const run = async (filter: Tensor): Promise<number> => {
    const begun = performance.now();
    const result = withDevice("webgpu", () => ops.conv2d(x, filter, { padding: 1 }));
    await evaluate(result);
    await gpu.idle();
    const time = performance.now() - begun;
    result.dispose();
    return time;
  };
  // The first compiles, the second transforms for good.
  for (let turn = 0; turn < 2; turn++) await run(known);
  let [kept, anew] = [Infinity, Infinity];
  for (let turn = 0; turn < turns; turn++) {
    const fresh = withDevice("webgpu", () => ops.mul(known, 1 + turn));
    await evaluate(fresh);
    await gpu.idle();
    // Either goes first in every other turn.
    for (const filter of turn % 2 === 0 ? [known, fresh] : [fresh, known]) {
      const time = await run(filter);
      if (filter === known) kept = Math.min(kept, time);
      else anew = Math.min(anew, time);
    }
    fresh.dispose();
  }
  for (const operand of [x, known]) operand.dispose();
  return { name, backend: "webgpu", threads: 1, value: kept, unit: "ms", versus: "new filters", ratio: anew / kept };
}

export const gpuPreparedMeasurements: readonly Measurement[] = shapes.map(([edge, channels]) => {
  const name = `gpu-prepared/winograd-${String(edge)}x${String(channels)}`;
  return { ...onGpu(name, async (gpu) => [await measure(gpu, name, edge, channels)]), long: false };
});
