// The page's side of lost.test.ts: trainings that lose the GPU. Read next: ../engine/interrupted-fit.ts.
import { init, ones, shutdown, withDevice } from "../../bindings/index.ts";
import type { Moment } from "../engine/interrupted-fit.ts";
import { interruptedFit, problemsOf } from "../engine/interrupted-fit.ts";

const devices: GPUDevice[] = [];
const requestAdapter = navigator.gpu.requestAdapter.bind(navigator.gpu);
navigator.gpu.requestAdapter = async (options) => {
  const adapter = await requestAdapter(options);
  const requestDevice = adapter?.requestDevice.bind(adapter);
  if (adapter === null || requestDevice === undefined) return null;
  adapter.requestDevice = async (descriptor) => {
    const device = await requestDevice(descriptor);
    devices.push(device);
    return device;
  };
  return adapter;
};

/** The training that is under way: how many batches it has done. */
export const progress = { batches: 0 };

/** Destroys the device at a moment of a training. Returns what is wrong afterwards. */
export async function destroyed(when: Moment): Promise<readonly string[]> {
  await init({ webgpu: "require", tune: "off", threads: 1 });
  try {
    const reached = (moment: Moment): undefined => {
      if (moment === when) devices.at(-1)?.destroy();
    };
    return problemsOf(await interruptedFit("webgpu", reached, { validates: true }));
  } finally {
    await shutdown();
  }
}

/** Trains until some batches after somebody has taken the GPU away. Returns what is wrong. */
export async function crashed(): Promise<readonly string[]> {
  await init({ webgpu: "require", tune: "off", threads: 1 });
  try {
    let [isLost, after] = [false, 0];
    void devices.at(-1)?.lost.then(() => (isLost = true));
    progress.batches = 0;
    const reached = (moment: Moment): "stop" | undefined => {
      if (moment.startsWith("batch")) progress.batches++;
      return isLost && ++after > 8 ? "stop" : undefined;
    };
    return problemsOf(await interruptedFit("webgpu", reached, { epochs: 100_000 }));
  } finally {
    await shutdown();
  }
}

/** What the GPU computes for 2 · 3, on a device that is opened anew. */
export async function again(): Promise<number> {
  await init({ webgpu: "require", tune: "off", threads: 1 });
  try {
    return await withDevice("webgpu", () => ones([]).mul(2).mul(3)).item();
  } finally {
    await shutdown();
  }
}
