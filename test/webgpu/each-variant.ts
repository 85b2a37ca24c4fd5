// Runs with a GPU of its own that takes variants of kernels in turn wherever it can, in the default engine.
// Knows no kernel. Read next: bindings/backends/webgpu/variants/tuner.ts; pooling.test.ts and depthwise.test.ts, which use it.
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import type { GPULimits } from "../../bindings/backends/webgpu/device/description.ts";
import { defaultEngine } from "../../bindings/engine/index.ts";
import { open } from "./segments.ts";

/** `families` are the names before the buckets of shapes under which the variants are chosen. */
export async function eachVariant(
  families: readonly string[],
  variants: readonly string[],
  body: (backend: WebGPUBackend, variant: string) => Promise<void>,
  limits: Partial<GPULimits> = {},
): Promise<void> {
  const engine = defaultEngine();
  const backend = await open({ limits });
  engine.backends.set("webgpu", backend);
  try {
    for (const variant of variants) {
      backend.adoptTuned(Object.fromEntries(families.map((name) => [`${name}:*`, variant])));
      engine.clearPlans();
      await body(backend, variant);
    }
    await backend.idle();
  } finally {
    engine.backends.delete("webgpu");
    engine.clearPlans();
    backend.dispose();
  }
}
