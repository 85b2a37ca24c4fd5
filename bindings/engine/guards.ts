// Debugging of kernels: painted zones around every block of the WASM heap, checked on demand and when a block is freed.
// Used by the conformance suite. Read next: backends/wasm/heap.ts.
import { WasmBackend } from "../backends/wasm/backend.ts";
import { defaultEngine } from "./default.ts";

/** Switches painted zones on or off for blocks allocated from now on. */
export function memoryGuards(on: boolean): void {
  const backend = defaultEngine().backends.get("wasm");
  if (backend instanceof WasmBackend) backend.heap.setGuards(on);
}

/** Number of live blocks whose surroundings a kernel has overwritten. */
export function checkGuards(): number {
  const backend = defaultEngine().backends.get("wasm");
  return backend instanceof WasmBackend ? backend.heap.brokenGuards().length : 0;
}
