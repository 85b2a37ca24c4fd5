// A GPU that has every feature and computes nothing: Dawn's null device, which comes with the npm package `webgpu`. It compiles no
// shader for a machine but refuses what is not valid, so kernels can be looked at that no GPU here could run.
// Knows no op. Read next: native.test.ts.
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { createWebGPU } from "../../bindings/backends/webgpu/backend.ts";
import { createEngine, useEngine } from "../../bindings/engine/default.ts";

/** An engine with such a GPU behind the module-level functions. */
export interface NullGpu {
  readonly backend: WebGPUBackend;
  /** The shaders it was given so far. */
  readonly texts: readonly string[];
  close(): Promise<void>;
}

/** Opens one; undefined where the package has no build for this machine. */
export async function openNullGpu(): Promise<NullGpu | undefined> {
  const dawn = await import("webgpu").catch(() => undefined);
  if (dawn === undefined) return undefined;
  const own = dawn.create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const texts: string[] = [];
  const adapter = await own.requestAdapter();
  if (adapter === null) return undefined;
  const request = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    const device = await request(descriptor);
    const make = device.createShaderModule.bind(device);
    device.createShaderModule = (module) => {
      texts.push(module.code);
      return make(module);
    };
    return device;
  };
  const { wgslLanguageFeatures } = own;
  // A device whose instance was collected ends the process.
  const gpu = { own, requestAdapter: () => Promise.resolve(adapter), wgslLanguageFeatures };
  const backend = await createWebGPU({ gpu, trustHalves: true });
  if ("unavailable" in backend) return undefined;
  const engine = createEngine({ simd: "strict", webgpu: "off", tune: "off", threads: 1 });
  const before = useEngine(engine);
  await engine.ready();
  engine.backends.set("webgpu", backend);
  engine.clearPlans();
  return {
    backend,
    texts,
    close: async () => {
      useEngine(before);
      await engine.shutdown();
    },
  };
}
