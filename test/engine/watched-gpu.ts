// The software GPU with a way to the device that the engine opened last, so that tests can destroy it behind the engine's back.
// Read next: devices.test.ts, lost-in-fit.test.ts.
import { afterAll, beforeAll, vi } from "vitest";

/** For all tests of a file. The optional package gives no way to a device that a backend opened: its entry point is wrapped instead. */
export function watchedGPU(): { device: GPUDevice } {
  const watched: { opened?: GPUDevice } = {};
  beforeAll(async () => {
    const { create } = (await import("webgpu")) as { create: (flags: string[]) => GPU };
    const root = create([]);
    const requestAdapter = async (options: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
      const adapter = await root.requestAdapter(options);
      if (adapter === null) return null;
      const requestDevice = adapter.requestDevice.bind(adapter);
      Object.defineProperty(adapter, "requestDevice", {
        value: async (descriptor: GPUDeviceDescriptor) => (watched.opened = await requestDevice(descriptor)),
      });
      return adapter;
    };
    vi.stubGlobal("navigator", { gpu: { requestAdapter } });
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });
  return {
    get device(): GPUDevice {
      if (watched.opened === undefined) throw new Error("no device was opened");
      return watched.opened;
    },
    set device(other: GPUDevice) {
      watched.opened = other;
    },
  };
}
