// What the browser under the other checks offers: SIMD, relaxed SIMD, shared memory and a WebGPU adapter that computes.
// When one of these rows fails, read it first; the failures elsewhere follow from it. Knows nothing of athanor.
// Read next: test/setup/software-gpu.test.ts, the same for Node.
import { runDoubling } from "../setup/doubling.ts";
import { relaxedModule, simdModule } from "../setup/wasm-features.ts";
import { check } from "./report.ts";

export async function checkMachine(): Promise<void> {
  await check("machine: SIMD compiles", () => {
    expectTrue(WebAssembly.validate(simdModule));
  });
  await check("machine: relaxed SIMD compiles", () => {
    expectTrue(WebAssembly.validate(relaxedModule));
  });
  await check("machine: the page is cross-origin isolated", () => {
    expectTrue(globalThis.crossOriginIsolated);
  });
  await check("machine: a WebGPU adapter runs a shader", async () => {
    const result = await runDoubling(navigator.gpu);
    expectTrue(result.join() === "2,4,6,8");
  });
}

function expectTrue(value: boolean): void {
  if (!value) throw new Error("expected true");
}
