// Node 20 has relaxed SIMD (fused multiply-add) behind a flag that can still be set at run time; later versions have it on.
// A program may decide that for its process, a library may not: only the command and the benchmarks call this.
// Read next: ../backends/wasm/module.ts, which looks for the feature.
import { setFlagsFromString } from "node:v8";

/** Turns relaxed SIMD on where it is off. Call it before the engine starts. */
export function allowRelaxedSimd(): void {
  const [major] = process.versions.node.split(".").map(Number);
  if (major === 20 || major === 21) setFlagsFromString("--experimental-wasm-relaxed-simd");
}
