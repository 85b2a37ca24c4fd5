// Starts the engine for one column of the support table, or says why it cannot be had on this machine.
// The only file of the conformance suite that knows how the engine is configured. Read next: run.ts.
import type { InitOptions } from "../../bindings/index.ts";
import * as athanor from "../../bindings/index.ts";
import { checkGuards, memoryGuards } from "../../bindings/engine/index.ts";

/** The columns of the support table. A browser runs "wasm-relaxed" and "webgpu" once more with the same harness. */
export type BackendName = "wasm" | "wasm-relaxed" | "webgpu";
export const backendNames: readonly BackendName[] = ["wasm", "wasm-relaxed", "webgpu"];

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
  wasm: { simd: "strict", webgpu: "off", tune: "off" },
  "wasm-relaxed": { simd: "relaxed", webgpu: "off", tune: "off" },
  webgpu: { simd: "strict", webgpu: "require", tune: "off" },
};

export async function openBackend(name: BackendName): Promise<OpenedBackend | MissingBackend> {
  await athanor.shutdown();
  try {
    await athanor.init(options[name]);
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
