// A lane is one way to compute on this machine: the CPU on one thread, the CPU on all, the GPU. Each has an engine in a worker
// of its own, so that engines of several kinds live side by side and the page stays free.
// Read next: workers/lane.ts, the worker.
import type { DeviceName, InitOptions } from "../bindings/index.ts";
import { showCount } from "./numbers.ts";
import { Remote } from "./workers/remote.ts";
import type { LaneHandlers, Machine } from "./workers/lane.ts";

export type LaneKey = "single" | "threads" | "gpu";

export interface Lane {
  readonly key: LaneKey;
  readonly title: string;
  readonly device: DeviceName;
  readonly options: InitOptions;
}

export type LaneWorker = Remote<LaneHandlers>;

/** The lanes of this machine, slowest kind first. */
export function lanesOf({ devices, threads }: Machine): Lane[] {
  const lanes: Lane[] = [
    { key: "single", title: "CPU, 1 thread", device: "wasm", options: { threads: 1, webgpu: "off", tune: "off" } },
  ];
  if (threads.used > 1) {
    const title = `CPU, ${showCount(threads.used, "thread")}`;
    lanes.push({ key: "threads", title, device: "wasm", options: { webgpu: "off", tune: "off" } });
  }
  // The GPU's engine has the CPU beside it: it is the one that knows what dispatch would choose.
  if (devices.some(({ name, used }) => name === "webgpu" && used))
    lanes.push({ key: "gpu", title: "GPU", device: "webgpu", options: {} });
  return lanes;
}

/** The CPU at its best. */
export function cpuLane(lanes: readonly Lane[]): Lane | undefined {
  return lanes.filter(({ device }) => device === "wasm").at(-1);
}

/** A worker that is not started yet: call "start" first. */
export function openWorker(): LaneWorker {
  return new Remote<LaneHandlers>("workers/lane.js");
}

/** A worker whose engine runs as the lane says. */
export async function openLane(lane: Lane): Promise<LaneWorker> {
  const worker = openWorker();
  try {
    await worker.call("start", lane.options);
  } catch (error) {
    worker.end();
    throw error;
  }
  return worker;
}

/** The CSS variable of a lane's colour. */
export const colourOf = (key: LaneKey): string => `--lane-${key}`;
