// Storage of the WebGPU backend: uploads, reads, types and limits.
// Segments are written by hand; the ops built on them are checked by conformance.
// Read next: segments.ts, bindings/backends/webgpu.
import { describe, expect, test } from "vitest";
import type { Segment } from "../../bindings/graph/step.ts";
import { open, openBackend, readAll, target } from "./segments.ts";

const gpu = openBackend();

describe("storage", () => {
  test.each(["f32", "i32", "u32", "u8", "bool"] as const)(
    "%s survives the round trip in its own array type",
    async (dtype) => {
      const data = {
        f32: Float32Array.of(1.5, -0, Infinity),
        i32: Int32Array.of(-1, 2),
        u32: Uint32Array.of(0xffffffff),
        u8: Uint8Array.of(255, 3),
        bool: Uint8Array.of(0, 1, 1),
      }[dtype];
      const storage = gpu.backend.upload(data, dtype);
      expect(storage.bytes).toBe(data.length * 4);
      const read = await gpu.backend.download(storage);
      expect(read.constructor).toBe(data.constructor);
      expect(Array.from(read)).toEqual(Array.from(data));
      storage.release();
    },
  );

  test("tensors without elements have storage", async () => {
    const storage = gpu.backend.upload(new Float32Array(0), "f32");
    expect(await gpu.backend.download(storage)).toEqual(new Float32Array(0));
    storage.release();
  });

  test("f64 is refused with a reason", () => {
    expect(gpu.backend.refusesDType("f64")).toMatch(/no 64-bit floats/);
    expect(gpu.backend.refusesDType("f32")).toBeUndefined();
    expect(() => gpu.backend.upload(Float64Array.of(1), "f64")).toThrow(/^tensor: WGSL has no 64-bit floats/);
  });

  test("a synchronous read is refused with advice", () => {
    const storage = gpu.backend.upload(Float32Array.of(1), "f32");
    expect(() => gpu.backend.downloadSync(storage)).toThrow(/await x\.data\(\)/);
    storage.release();
    expect(() => storage.release()).toThrow(/was freed/);
  });

  test("a tensor larger than the device allows in parts is refused with the limit", async () => {
    const lone = await open({ limits: { maxStorageBufferBindingSize: 1024 } });
    const segment: Segment = { slots: [target(0, "f32", 1025)], steps: [], buffers: [] };
    expect(() => lone.compile(segment).run([], [])).toThrow(
      /a buffer of 4\.0 KiB is more than this GPU allows \(4 pieces of 1\.0 KiB\)/,
    );
    expect(lone.memory().inUse).toBe(0);
    lone.dispose();
  });

  test("many reads in one turn come back right", async () => {
    const storages = Array.from({ length: 20 }, (_, i) =>
      gpu.backend.upload(
        Float32Array.from({ length: i + 1 }, () => i),
        "f32",
      ),
    );
    const data = await readAll(gpu.backend, storages);
    data.forEach((values, i) => expect(values).toEqual(new Array(i + 1).fill(i)));
    for (const storage of storages) storage.release();
  });
});
