// Products in tiles on the GPU, on any adapter with subgroups, a software one included: tiles whose quads of invocations share what
// they read against the same tiles without, in turns on one device. Milliseconds of a run, to the end of the work.
// Nothing is read back. Read next: measurements.ts; bindings/backends/webgpu/variants.
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { productSegment } from "../bindings/backends/webgpu/variants/sample.ts";
import type { TileName } from "../bindings/backends/webgpu/variants/products.ts";
import { onGpu } from "./gpu-overhead.ts";
import type { Measurement } from "./measurements.ts";
import type { Row } from "./row.ts";

const tiles: readonly TileName[] = ["32x32/4x4", "64x64/8x8", "128x64/8x8"];
const sizes = [
  [512, 512, 512],
  [200, 500, 136],
] as const;

/** Turns of each variant; the fastest counts. */
const turns = 7;

async function measure(gpu: WebGPUBackend, [m, k, n]: (typeof sizes)[number]): Promise<Row[]> {
  if (gpu.limits.minSubgroupSize === 0) return [];
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(at));
  const operands = [gpu.upload(numbers(m * k), "f32"), gpu.upload(numbers(k * n), "f32")];
  const variants = tiles.flatMap((tile) => [tile, `${tile} with subgroups`]);
  const least = new Map<string, number>();
  const programs = variants.map((variant) => {
    gpu.adoptTuned({ "matmul:*": variant });
    return { variant, program: gpu.compile(productSegment({ batches: 1, m, n, k, components: "f32" })) };
  });
  for (const { program } of programs) await program.compileAhead();
  for (let turn = 0; turn <= turns; turn++) {
    for (const { variant, program } of programs) {
      const begun = performance.now();
      for (const result of program.run(operands, [])) result.release();
      await gpu.idle();
      if (turn > 0) least.set(variant, Math.min(least.get(variant) ?? Infinity, performance.now() - begun));
    }
  }
  for (const { program } of programs) program.dispose();
  for (const operand of operands) operand.release();
  return tiles.map((tile) => {
    const value = least.get(`${tile} with subgroups`) ?? Number.NaN;
    const ratio = (least.get(tile) ?? Number.NaN) / value;
    const name = `gpu-products/${[m, k, n].join("x")}/${tile.replace("/", "-")}`;
    return { name, backend: "webgpu", threads: 1, value, unit: "ms", versus: "without subgroups", ratio };
  });
}

export const gpuProductMeasurements: readonly Measurement[] = sizes.map((size) =>
  onGpu(`gpu-products/${size.join("x")}`, (gpu) => measure(gpu, size)),
);
