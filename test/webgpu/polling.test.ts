// Firefox tells of finished work every 100 ms, or when something is submitted. A stand-in for it here tells only then: who waits without
// giving it anything to do waits for ever. Read next: bindings/backends/webgpu/device/polling.ts.
import { create } from "webgpu";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import { elementwise, open, run, x } from "./segments.ts";

/** A GPU of this runtime whose promises wait for the next list after the work is done, if `isLazy`. Counts lists of no commands. */
function standIn(isLazy: boolean): { readonly gpu: GPU; readonly empty: () => number } {
  let empty = 0;
  let waiting: (() => void)[] = [];
  const late = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    if (isLazy) await new Promise<void>((resolve) => waiting.push(resolve));
    return result;
  };
  const changed = (device: GPUDevice): GPUDevice => {
    const { queue } = device;
    const [submit, done] = [queue.submit.bind(queue), queue.onSubmittedWorkDone.bind(queue)];
    const createBuffer = device.createBuffer.bind(device);
    const own = {
      submit: (lists: readonly GPUCommandBuffer[]): undefined => {
        submit(lists);
        if (lists.length === 0) empty++;
        for (const tell of waiting) tell();
        waiting = [];
      },
      onSubmittedWorkDone: () => late(done()),
    };
    Object.defineProperty(device, "queue", { value: Object.assign(queue, own) });
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const mapAsync = buffer.mapAsync.bind(buffer);
      return Object.assign(buffer, { mapAsync: (...where: Parameters<typeof mapAsync>) => late(mapAsync(...where)) });
    };
    return device;
  };
  const gpu = create([]);
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    const requestDevice = adapter?.requestDevice.bind(adapter);
    if (adapter === null || requestDevice === undefined) return null;
    return Object.assign(adapter, {
      requestDevice: async (wanted: GPUDeviceDescriptor) => changed(await requestDevice(wanted)),
    });
  };
  return { gpu, empty: () => empty };
}

const negated = elementwise(scalar.neg(x), ["f32"], 3);
const numbers = [[Float32Array.of(1, 2, 3), "f32"]] as const;

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("in Firefox", () => {
  beforeEach(() => {
    vi.stubGlobal("navigator", { userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0" });
  });

  test("reads, and waiting for all work, give the device something to do until it tells", async () => {
    const { gpu, empty } = standIn(true);
    const backend = await open({ gpu });
    expect(await run(backend, negated, numbers)).toEqual([-1, -2, -3]);
    const before = empty();
    expect(before).toBeGreaterThan(0);
    await backend.idle();
    expect(empty()).toBeGreaterThan(before);
    backend.dispose();
  });

  test("nothing is submitted once nobody waits, whether the device told or was lost", async () => {
    const { gpu, empty } = standIn(true);
    const backend = await open({ gpu });
    await run(backend, negated, numbers);
    const waiting = backend.download(backend.upload(Float32Array.of(1), "f32"));
    backend.dispose();
    await expect(waiting).rejects.toThrow(/disposed|lost/);
    const before = empty();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(empty()).toBe(before);
  });
});

test("elsewhere nothing but work is submitted", async () => {
  const { gpu, empty } = standIn(false);
  const backend = await open({ gpu });
  expect(await run(backend, negated, numbers)).toEqual([-1, -2, -3]);
  await backend.idle();
  expect(empty()).toBe(0);
  backend.dispose();
});
