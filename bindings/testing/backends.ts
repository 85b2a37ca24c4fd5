// Starts the engine for one column of the support table, or says why it cannot be had on this machine.
// The only file of the conformance suite that knows how the engine is configured. Read next: checks.ts.
import { WasmBackend } from "../backends/wasm/backend.ts";
import type { WebGPUBackend } from "../backends/webgpu/backend.ts";
import { createEngine, useEngine } from "../engine/default.ts";
import { checkGuards, memoryGuards } from "../engine/guards.ts";
import { memory } from "../engine/init.ts";
import type { InitOptions } from "../engine/start.ts";
import { reportOf, settleThreads } from "../engine/start.ts";

/** The columns of the support table. A browser runs all but "wasm" once more with the same harness. */
export type BackendName = "wasm" | "wasm-relaxed" | "wasm-threads" | "webgpu";
export const backendNames: readonly BackendName[] = ["wasm", "wasm-relaxed", "wasm-threads", "webgpu"];

/** The GPU as a device with all that its adapter has, or with WebGPU's default limits and no optional feature. */
export type GPUTier = "all" | "base";

export interface OpenedBackend {
  readonly name: BackendName;
  readonly device: "wasm" | "webgpu";
  /** Bytes held by tensors and running programs on all devices. */
  liveBytes(): number;
  /** What was written outside of a block; undefined if nothing. The GPU checks bounds itself. */
  guardDamage(): string | undefined;
  close(): Promise<void>;
}

export interface MissingBackend {
  readonly name: BackendName;
  readonly missing: string;
}

const options: Readonly<Record<BackendName, InitOptions>> = {
  wasm: { simd: "strict", webgpu: "off", tune: "off", threads: 1 },
  "wasm-relaxed": { simd: "relaxed", webgpu: "off", tune: "off", threads: 1 },
  // Three workers: shares that are empty and shares that are uneven both occur. With the build that a user of threads gets.
  "wasm-threads": { simd: "auto", webgpu: "off", tune: "off", threads: 3 },
  webgpu: { simd: "strict", webgpu: "require", tune: "off", threads: 1 },
};

/**
 * Puts an engine of this kind behind the module-level functions, until `close` puts the one before back. Says why where there
 * can be none.
 */
export async function openBackend(name: BackendName, tier: GPUTier = "all"): Promise<OpenedBackend | MissingBackend> {
  const isBase = name === "webgpu" && tier === "base";
  const engine = createEngine(isBase ? { ...options[name], webgpu: "off" } : options[name]);
  const before = useEngine(engine);
  const close = async (): Promise<void> => {
    useEngine(before);
    await engine.shutdown();
  };
  try {
    await engine.ready();
    await settleThreads(engine);
    if (isBase) {
      const gpu = await openBaseGPU();
      if ("unavailable" in gpu) {
        await close();
        return { name, missing: gpu.unavailable };
      }
      engine.backends.set("webgpu", gpu);
      engine.clearPlans();
    }
    const wasm = engine.backends.get("wasm");
    if (name === "wasm-threads" && wasm instanceof WasmBackend) {
      const { used = 1, detail = "" } = reportOf(engine)?.threads ?? {};
      if (used < 3) {
        await close();
        return { name, missing: detail };
      }
      // Everything is shared, however small it is.
      wasm.shareFrom = 0;
    }
  } catch (error) {
    await close();
    return { name, missing: error instanceof Error ? error.message : String(error) };
  }
  memoryGuards(true);
  return {
    name,
    device: name === "webgpu" ? "webgpu" : "wasm",
    liveBytes: () => Object.values(memory()).reduce((sum, { inUse }) => sum + inUse, 0),
    guardDamage: () => (checkGuards() === 0 ? undefined : `${checkGuards()} blocks were written outside of`),
    close,
  };
}

async function openBaseGPU(): Promise<WebGPUBackend | { readonly unavailable: string }> {
  const { createWebGPU } = await import("../backends/webgpu/backend.ts");
  return createWebGPU({ base: true });
}
