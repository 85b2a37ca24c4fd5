// From a captured graph to a plan: fuse, place, cut into segments, lower. A plan holds no data and can run many times.
// Read next: engine/run.ts, which carries plans out.
import type { Capture } from "./capture.ts";
import { fuse } from "./fuse.ts";
import type { Fused } from "./group.ts";
import { readsOf } from "./group.ts";
import type { LoweredSegment } from "./lower.ts";
import { lower } from "./lower.ts";
import type { DeviceName } from "./node.ts";
import type { Costs, Device, Placed, Placement, Surroundings } from "./place.ts";
import { place } from "./place.ts";

/** Segments in order. Before each, the inputs it lacks on its device are transferred. */
export interface Plan {
  readonly fused: Fused;
  readonly placements: readonly Placement[];
  /** Microseconds, transfers and the read at the end included; and those of each device alone, where there is a choice. */
  readonly predicted: number;
  readonly alone: Placed["alone"];
  readonly segments: readonly LoweredSegment[];
  /** For every segment, the buffers no later segment reads and no result is: they are let go after it. */
  readonly lastReads: readonly (readonly number[])[];
  /** True if some value must come back from the GPU in the middle of the plan. */
  readonly waits: boolean;
}

/** A device as planning sees it. */
export interface PlannedDevice extends Device {
  readonly workers: number;
  /** Whether all its kernels read and store halves themselves. */
  readonly hasHalves?: boolean;
}

/**
 * Plans a captured graph for the devices at hand. Of the plans in `known`, made for the same capture and devices with inputs
 * elsewhere, one that places everything alike is the plan: where inputs lie decides nothing else.
 */
export function makePlan(
  capture: Capture,
  devices: readonly PlannedDevice[],
  costs: Costs,
  surroundings: Surroundings,
  known: readonly Plan[] = [],
): Plan {
  const fused = known[0]?.fused ?? fuse(capture);
  const { placements, predicted, alone } = place(fused, devices, costs, surroundings);
  const alike = known.find((plan) => plan.placements.every(({ device }, at) => device === placements[at]?.device));
  if (alike !== undefined) return alike;
  const order = schedule(fused, placements);
  const runs: { device: DeviceName; groups: number[] }[] = [];
  for (const index of order) {
    const device = placements[index]?.device ?? "wasm";
    const run = runs.at(-1);
    if (run?.device === device) run.groups.push(index);
    else runs.push({ device, groups: [index] });
  }
  const lastReader = new Map<number, number>();
  runs.forEach((run, position) => {
    for (const index of run.groups) {
      const group = fused.groups[index];
      if (group !== undefined) for (const buffer of readsOf(group)) lastReader.set(buffer, position);
    }
  });
  const results = new Set(fused.results);
  // A run that fails leaves what it was given as it was: nothing is overwritten where a later part, a matrix, or a user's
  // kernel may fail.
  const canFail =
    runs.length > 1 ||
    fused.groups.some(
      (group) => group.kind === "kernel" && (group.call.status !== undefined || group.call.own !== undefined),
    );
  const given = canFail ? undefined : surroundings.given;
  const segments = runs.map((run, position) => {
    const target = devices.find((device) => device.name === run.device) ?? { name: run.device, workers: 1 };
    return lower(
      fused,
      run.groups,
      target,
      (buffer) => results.has(buffer) || (lastReader.get(buffer) ?? -1) > position,
      (buffer) => given?.[fused.buffers[buffer]?.input ?? -1] === true,
    );
  });
  const lastReads = segments.map((_, position) =>
    [...lastReader].filter(([buffer, last]) => last === position && !results.has(buffer)).map(([buffer]) => buffer),
  );
  return { fused, placements, predicted, alone, segments, lastReads, waits: readsBack(segments) };
}

function readsBack(segments: readonly LoweredSegment[]): boolean {
  const onGpu = new Set<number>();
  return segments.some((segment) => {
    if (segment.device === "wasm" && segment.inputs.some((buffer) => onGpu.has(buffer))) return true;
    if (segment.device === "webgpu") for (const buffer of segment.outputs) onGpu.add(buffer);
    return false;
  });
}

/** An order in which groups can run that changes device as seldom as a greedy choice allows. */
function schedule(fused: Fused, placements: readonly Placement[]): number[] {
  const maker = new Map<number, number>();
  fused.groups.forEach((group, index) => {
    for (const output of group.outputs) maker.set(output, index);
  });
  const missing = fused.groups.map(
    (group, index) =>
      new Set(
        readsOf(group)
          .flatMap((buffer) => maker.get(buffer) ?? [])
          .filter((other) => other !== index),
      ),
  );
  const waiting = new Map<number, number[]>();
  missing.forEach((set, index) => {
    for (const other of set) waiting.set(other, [...(waiting.get(other) ?? []), index]);
  });
  const ready: Record<DeviceName, number[]> = { wasm: [], webgpu: [] };
  const enqueue = (index: number): void => {
    ready[placements[index]?.device ?? "wasm"].push(index);
  };
  missing.forEach((set, index) => {
    if (set.size === 0) enqueue(index);
  });
  const order: number[] = [];
  let device: DeviceName = "wasm";
  while (ready.wasm.length + ready.webgpu.length > 0) {
    if (ready[device].length === 0) device = device === "wasm" ? "webgpu" : "wasm";
    // The earliest ready group keeps the recorded order, which keeps lifetimes short.
    const queue = ready[device];
    const position = queue.indexOf(Math.min(...queue));
    const [index = -1] = queue.splice(position, 1);
    order.push(index);
    for (const next of waiting.get(index) ?? []) {
      missing[next]?.delete(index);
      if (missing[next]?.size === 0) enqueue(next);
    }
  }
  return order;
}
