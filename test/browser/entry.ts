// The page that the browser project runs: first what the machine offers, then the conformance suite on both devices.
// Each check becomes one Vitest test of the same name. Add checks by importing a function that calls `check`.
// Read next: report.ts, machine.ts, webgpu.ts, conformance.ts.
import { checkConformance } from "./conformance.ts";
import { checkMachine } from "./machine.ts";
import { page } from "./report.ts";
import { checkThreads } from "./threads.ts";
import { checkWebGPU } from "./webgpu.ts";

await page(async () => {
  await checkMachine();
  await checkWebGPU();
  await checkThreads();
  await checkConformance("wasm-relaxed");
  await checkConformance("wasm-threads");
  await checkConformance("webgpu");
});
