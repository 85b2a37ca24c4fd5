// The machine under the other tests: SIMD and relaxed SIMD in V8, and a WebGPU adapter in Node that computes.
// When this file fails, read it first; the failures elsewhere follow from it. Knows nothing of athanor.
// Read next: scripts/software-gpu.ts, which brings the adapter; vitest.config.ts, which sets the V8 flag.
import { create, globals } from "webgpu";
import { expect, test } from "vitest";
import { runDoubling } from "./doubling.ts";
import { relaxedModule, simdModule } from "./wasm-features.ts";

test("SIMD compiles", () => {
  expect(WebAssembly.validate(simdModule)).toBe(true);
});

test("relaxed SIMD compiles", () => {
  expect(WebAssembly.validate(relaxedModule)).toBe(true);
});

test("a WebGPU adapter runs a shader", async () => {
  Object.assign(globalThis, globals);
  expect(await runDoubling(create([]))).toEqual([2, 4, 6, 8]);
});
