// Memory accounts of the WebGPU backend, how errors of the device reach the caller, loss, and the end of a process.
// Segments are written by hand; the ops built on them are checked by conformance.
// Read next: segments.ts, bindings/backends/webgpu.
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { createWebGPU } from "../../bindings/backends/webgpu/backend.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import type { Segment } from "../../bindings/graph/step.ts";
import { between, elementwise, invalid, map, open, openBackend, run, source, target, view, x } from "./segments.ts";

const gpu = openBackend();

describe("memory and errors", () => {
  test("500 runs leave the pool as it was", async () => {
    const segment: Segment = {
      slots: [source(0, "f32", 5000), between("f32", 5000), target(0, "f32", 5000)],
      steps: [
        map([5000], scalar.add(x, 1), [view(0, "f32", [1])], view(1, "f32", [1])),
        map([5000], scalar.mul(x, 0.5), [view(1, "f32", [1])], view(2, "f32", [1])),
      ],
      buffers: [20000],
    };
    const program = gpu.backend.compile(segment);
    await program.compileAhead();
    let current = gpu.backend.upload(new Float32Array(5000), "f32");
    const step = (): void => {
      const [next] = program.run([current], []);
      current.release();
      if (next !== undefined) current = next;
    };
    for (let i = 0; i < 5; i++) step();
    const before = gpu.backend.memory();
    for (let i = 0; i < 500; i++) step();
    expect(gpu.backend.memory()).toEqual(before);
    expect((await gpu.backend.download(current))[4999]).toBeCloseTo(1, 6);
    current.release();
    expect(gpu.backend.memory().inUse).toBe(before.inUse - 20000);
    program.dispose();
  });

  test("what the device refuses surfaces at the read, with the step's name, and at every later read that depends on it", async () => {
    const lone = await open();
    const good = lone.compile(elementwise(scalar.neg(x), ["f32"], 2));
    const bad = lone.compile(elementwise(invalid(x), ["f32"], 2));
    const start = lone.upload(Float32Array.of(1, 2), "f32");
    const [broken] = bad.run([start], []);
    const [after] = good.run([broken!], []);
    const [fine] = good.run([start], []);
    await expect(lone.download(after!)).rejects.toThrow(
      /^map under test: the shader does not compile on this GPU: .*nonsense/,
    );
    await expect(lone.download(broken!)).rejects.toThrow(/does not compile/);
    expect(Array.from(await lone.download(fine!))).toEqual([-1, -2]);
    bad.run([start], []);
    await expect(lone.idle()).rejects.toThrow(/does not compile/);
    await lone.idle();
    lone.dispose();
  });

  test("a device destroyed midway rejects what waits and refuses what follows; another device goes on", async () => {
    const lone = await open();
    const program = lone.compile(elementwise(scalar.neg(x), ["f32"], 2));
    const start = lone.upload(Float32Array.of(1, 2), "f32");
    const [result] = program.run([start], []);
    const waiting = lone.download(result!);
    lone.dispose();
    await expect(waiting).rejects.toThrow(/disposed|lost/);
    expect(() => program.run([start], [])).toThrow(/init\(\)/);
    expect(() => lone.upload(Float32Array.of(1), "f32")).toThrow(/init\(\)/);
    await expect(lone.idle()).rejects.toThrow(/init\(\)/);
    start.release();
    expect(await run(gpu.backend, elementwise(scalar.neg(x), ["f32"], 1), [[Float32Array.of(3), "f32"]])).toEqual([-3]);
  });

  test.each(["dispose", "forget"])("a process ends by itself: %s", async (mode) => {
    const outfile = `node_modules/.cache/athanor/webgpu-exit-${mode}-${String(process.pid)}.mjs`;
    await build({
      entryPoints: ["bindings/backends/webgpu/backend.ts"],
      outfile,
      bundle: true,
      format: "esm",
      platform: "neutral",
      logLevel: "warning",
    });
    const script = `
      const { createWebGPU } = await import(${JSON.stringify(pathToFileURL(resolve(outfile)).href)});
      const backend = await createWebGPU();
      const storage = backend.upload(Float32Array.of(1, 2), "f32");
      console.log((await backend.download(storage)).join());
      globalThis.kept = backend;
      if (${JSON.stringify(mode)} === "dispose") backend.dispose();`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      timeout: 30_000,
    });
    expect(stdout).toBe("1,2\n");
    await rm(outfile);
  });

  test("a runtime without an adapter is a sentence", async () => {
    const gpu = { requestAdapter: () => Promise.resolve(null) };
    expect(await createWebGPU({ gpu })).toEqual({ unavailable: expect.stringMatching(/no adapter/) as string });
  });
});
