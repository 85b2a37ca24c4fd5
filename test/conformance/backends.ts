// Starts the engine for one column of the support table, or says why it cannot be had on this machine.
// The only file of the conformance suite that knows how the engine is configured. Read next: run.ts.
import type { InitOptions } from "../../bindings/index.ts";
import * as athanor from "../../bindings/index.ts";
import { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { checkGuards, defaultEngine, memoryGuards } from "../../bindings/engine/index.ts";

/** The columns of the support table. A browser runs all but "wasm" once more with the same harness. */
export type BackendName = "wasm" | "wasm-relaxed" | "wasm-threads" | "webgpu";
export const backendNames: readonly BackendName[] = ["wasm", "wasm-relaxed", "wasm-threads", "webgpu"];

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
  // Three workers: shares that are empty and shares that are uneven both occur.
  "wasm-threads": { simd: "relaxed", webgpu: "off", tune: "off", threads: 3 },
  webgpu: { simd: "strict", webgpu: "require", tune: "off", threads: 1 },
};

export async function openBackend(name: BackendName): Promise<OpenedBackend | MissingBackend> {
  await athanor.shutdown();
  try {
    const { threads } = await athanor.init(options[name]);
    const wasm = defaultEngine().backends.get("wasm");
    if (name === "wasm-threads" && wasm instanceof WasmBackend) {
      if (threads.used < 3) return { name, missing: threads.detail };
      // Everything is shared, however small it is.
      wasm.shareFrom = 0;
    }
  } catch (error) {
    return { name, missing: error instanceof Error ? error.message : String(error) };
  }
  memoryGuards(true);
  return {
    name,
    device: name === "webgpu" ? "webgpu" : "wasm",
    liveBytes: () => Object.values(athanor.memory()).reduce((sum, { inUse }) => sum + inUse, 0),
    guardDamage: () => (checkGuards() === 0 ? undefined : `${checkGuards()} blocks were written outside of`),
    close: () => athanor.shutdown(),
  };
}
