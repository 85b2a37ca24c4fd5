// Placement: gives every group the device with which the whole graph takes the least predicted time, transfers included, and
// says why in words.
// Knows devices only by what they refuse and what they cost; measuring is the engine's. Read next: engine/cost-model.ts.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import { sizeOf } from "../core/shape.ts";
import { costOf, topological } from "../expr/expression.ts";
import type { OwnKernels, Work } from "../ops/descriptor.ts";
import { Network } from "./cut.ts";
import type { Fused, Group } from "./group.ts";
import { expressionsOf, readsOf } from "./group.ts";
import type { DeviceName } from "./node.ts";

/** What placement asks of a device. */
export interface Device {
  readonly name: DeviceName;
  refusesDType(dtype: DType): string | undefined;
  /** Why tensors of so many elements cannot be in one kernel here; undefined if they can. Elementwise work may be cut. */
  refusesSizes?(sizes: readonly number[], isElementwise: boolean): string | undefined;
  hasKernel(kernel: string, dtype: DType): boolean;
}

/** Predicted costs in microseconds. */
export interface Costs {
  /** One kernel of this class of work. */
  compute(device: DeviceName, work: Work, flops: number, bytes: number): number;
  /** Moving bytes to another device; waiting for the work before it included. */
  transfer(from: DeviceName | "host", to: DeviceName | "host", bytes: number): number;
}

/** Where a group runs and why. */
export interface Placement {
  readonly device: DeviceName;
  readonly reason: string;
  /** Microseconds. */
  readonly predicted: number;
}

/** Where the bound inputs of a plan are, by input index; and whether the host reads the results. */
export interface Surroundings {
  readonly residence: readonly (readonly (DeviceName | "host")[])[];
  readonly readBack: boolean;
  /** Which inputs the caller may give away, so that results are written over them. */
  readonly given?: readonly boolean[];
}

/** The GPU must win by this factor and by this many microseconds before work is moved to it. */
const hysteresis = { factor: 0.8, microseconds: 20 };

/** Class of work, operations and bytes moved of a group. */
export function workOf(fused: Fused, group: Group): { work: Work; flops: number; bytes: number } {
  const touched = [...readsOf(group), ...group.outputs];
  const bytes = touched.reduce((sum, index) => {
    const buffer = fused.buffers[index];
    return buffer === undefined || buffer.scalar !== undefined ? sum : sum + buffer.size * bytesOf(buffer.dtype);
  }, 0);
  if (group.kind === "kernel") return { work: group.work, flops: group.flops, bytes };
  let elements = 0;
  if (group.kind === "map") elements = sizeOf(group.tile.shape);
  else if (group.kind === "reduce") elements = group.outer * group.length * group.inner;
  else for (const piece of group.pieces) elements += sizeOf(piece.tile.shape);
  const each = expressionsOf(group).reduce((sum, expression) => sum + costOf(expression), 1);
  return { work: "stream", flops: elements * each, bytes };
}

/** Why a device cannot run a group; undefined if it can. */
export function refusal(fused: Fused, group: Group, device: Device): string | undefined {
  const dtypes = new Set<DType>(
    [...readsOf(group), ...group.outputs].map((index) => fused.buffers[index]?.dtype ?? "f32"),
  );
  for (const expression of expressionsOf(group)) for (const node of topological(expression)) dtypes.add(node.dtype);
  for (const dtype of dtypes) {
    const reason = device.refusesDType(dtype);
    if (reason !== undefined) return reason;
  }
  // Who asks for a device is told by its error what does not fit there.
  if (group.device === undefined) {
    const touched = [...new Set([...readsOf(group), ...group.outputs])];
    const sizes = touched.map((index) => fused.buffers[index]?.size ?? 0);
    const reason = device.refusesSizes?.(sizes, group.kind === "map" || group.kind === "assemble");
    if (reason !== undefined) return reason;
  }
  if (group.kind !== "kernel") return undefined;
  const { kernel, dtype, unsupported, own } = group.call;
  if (own !== undefined) return ownRefusal(kernel, own, device.name);
  return (
    unsupported?.[device.name] ??
    (device.hasKernel(kernel, dtype) ? undefined : `no ${kernel} kernel for ${dtype} on ${device.name}`)
  );
}

/** Why an op with kernels of its own cannot run on a device. */
function ownRefusal(op: string, { wgsl, wasm, compute }: OwnKernels, device: DeviceName): string | undefined {
  if (device === "webgpu") return wgsl === undefined ? `${op} has no WGSL kernel` : undefined;
  return wasm === undefined && compute === undefined ? `${op} has a WGSL kernel only` : undefined;
}

/** Whether a group is computed by a user's TypeScript when it is on the CPU. */
function isInTypeScript(group: Group | undefined): boolean {
  const own = group?.kind === "kernel" ? group.call.own : undefined;
  return own !== undefined && own.wasm === undefined;
}

/** A device for every group. `devices` holds those that are available; the CPU is always among them. */
export function place(fused: Fused, devices: readonly Device[], costs: Costs, surroundings: Surroundings): Placement[] {
  const cpu = devices.find((device) => device.name === "wasm");
  const gpu = devices.find((device) => device.name === "webgpu");
  const facts = fused.groups.map((group) => {
    const refusals = new Map(devices.map((device) => [device.name, refusal(fused, group, device)]));
    return { ...workOf(fused, group), refusals };
  });
  const predict = (index: number, device: DeviceName): number => {
    const { work, flops, bytes } = facts[index] ?? { work: "stream" as const, flops: 0, bytes: 0 };
    return costs.compute(device, work, flops, bytes);
  };
  /** A device that must run the group, with the reason; undefined where there is a choice. */
  const forced = fused.groups.map((group, index): { device: DeviceName; reason: string } | undefined => {
    const refusals = facts[index]?.refusals;
    const onGpu = gpu === undefined ? "no GPU in use" : refusals?.get("webgpu");
    if (onGpu !== undefined) return { device: "wasm", reason: onGpu };
    const onCpu = cpu === undefined ? "the CPU is switched off" : refusals?.get("wasm");
    if (onCpu !== undefined) return { device: "webgpu", reason: onCpu };
    return group.device === undefined ? undefined : { device: group.device, reason: `withDevice("${group.device}")` };
  });
  const all = (device: DeviceName): DeviceName[] => forced.map((choice) => choice?.device ?? device);
  const describe = (choice: readonly DeviceName[], why: (index: number) => string): Placement[] =>
    choice.map((device, index) => ({
      device,
      reason:
        (forced[index]?.reason ?? why(index)) +
        (device === "wasm" && isInTypeScript(fused.groups[index]) ? "; computed in TypeScript" : ""),
      predicted: predict(index, device),
    }));
  if (gpu === undefined || forced.every((choice) => choice !== undefined))
    return describe(all("wasm"), () => "no GPU in use");

  const simulate = (choice: readonly DeviceName[]): number =>
    predictedTime(fused, choice, predict, costs, surroundings);
  const candidates = [all("webgpu"), cheapestPlacement(fused, forced, predict, costs, surroundings)];
  const onCpu = all("wasm");
  const base = simulate(onCpu);
  let best = onCpu;
  let bestTime = base;
  // Work that has no choice is in every sum; the gain is judged by what can move.
  const fixed = forced.reduce(
    (sum, choice, index) => sum + (choice === undefined ? 0 : predict(index, choice.device)),
    0,
  );
  for (const candidate of candidates) {
    const time = simulate(candidate);
    const wins = time - fixed < (base - fixed) * hysteresis.factor && base - time > hysteresis.microseconds;
    if (wins && time < bestTime) [best, bestTime] = [candidate, time];
  }
  const microseconds = (time: number): string => `${time < 10 ? time.toFixed(1) : String(Math.round(time))} µs`;
  const alone = simulate(all("webgpu"));
  return describe(best, (index) => {
    const here = best[index] ?? "wasm";
    const there: DeviceName = here === "wasm" ? "webgpu" : "wasm";
    const whole = `plan ${microseconds(here === "wasm" ? bestTime : alone)} here against ${microseconds(here === "wasm" ? alone : base)} there`;
    return `${microseconds(predict(index, here))} here, ${microseconds(predict(index, there))} on ${there}; ${whole}, transfers included`;
  });
}

/** Microseconds of group `index` on a device. */
export type Predict = (index: number, device: DeviceName) => number;

/** Time of a whole placement: kernels, one transfer per buffer and device, and the read at the end. */
export function predictedTime(
  fused: Fused,
  choice: readonly DeviceName[],
  predict: Predict,
  costs: Costs,
  surroundings: Surroundings,
): number {
  const places = startingPlaces(fused, surroundings);
  let time = 0;
  fused.groups.forEach((group, index) => {
    const device = choice[index] ?? "wasm";
    time += predict(index, device);
    for (const read of readsOf(group)) time += move(fused, places, read, device, costs);
    for (const output of group.outputs) places.set(output, new Set([device]));
  });
  if (surroundings.readBack) for (const result of fused.results) time += move(fused, places, result, "host", costs);
  return time;
}

type Places = Map<number, Set<DeviceName | "host">>;

function startingPlaces(fused: Fused, surroundings: Surroundings): Places {
  const places: Places = new Map();
  fused.buffers.forEach((buffer, index) => {
    if (buffer.input !== undefined) places.set(index, new Set(surroundings.residence[buffer.input] ?? ["host"]));
  });
  return places;
}

function move(fused: Fused, places: Places, index: number, to: DeviceName | "host", costs: Costs): number {
  const where = places.get(index);
  const buffer = fused.buffers[index];
  if (where === undefined || buffer === undefined || where.has(to)) return 0;
  const from = nearest(where);
  where.add(to);
  return costs.transfer(from, to, buffer.size * bytesOf(buffer.dtype));
}

/**
 * The placement with the least predicted time: a minimum cut with the CPU on one side and the GPU on the other. A group on
 * either side costs its kernel there; a buffer costs a transfer once if any of its readers is on the other side than it is.
 */
export function cheapestPlacement(
  fused: Fused,
  forced: readonly ({ readonly device: DeviceName } | undefined)[],
  predict: Predict,
  costs: Costs,
  surroundings: Surroundings,
): DeviceName[] {
  const network = new Network();
  const { source: cpu, sink: gpu } = Network;
  const never = Number.POSITIVE_INFINITY;
  const nodes = fused.groups.map((_, index) => {
    const node = network.add();
    const device = forced[index]?.device;
    network.connect(cpu, node, device === "wasm" ? never : predict(index, "webgpu"));
    network.connect(node, gpu, device === "webgpu" ? never : predict(index, "wasm"));
    return node;
  });
  const readers = fused.buffers.map((): number[] => []);
  const makers = new Map<number, number>();
  fused.groups.forEach((group, index) => {
    const node = nodes[index] ?? cpu;
    for (const read of readsOf(group)) readers[read]?.push(node);
    for (const output of group.outputs) makers.set(output, node);
  });
  const residences = startingPlaces(fused, surroundings);
  fused.buffers.forEach((buffer, index) => {
    const own = readers[index] ?? [];
    const maker = makers.get(index);
    if (maker !== undefined && surroundings.readBack && fused.results.includes(index)) {
      // The host reads by way of the CPU, as any reader there.
      own.push(cpu);
      network.connect(maker, gpu, costs.transfer("wasm", "host", buffer.size * bytesOf(buffer.dtype)));
    }
    const residence = residences.get(index);
    const bytes = buffer.size * bytesOf(buffer.dtype);
    // An edge out of `from` and into what any reader on the GPU draws along, and the same the other way.
    const pay = (from: DeviceName | "host", to: DeviceName, place: number): void => {
      const all = network.add();
      const cost = costs.transfer(from, to, bytes);
      if (to === "webgpu") network.connect(place, all, cost);
      else network.connect(all, place, cost);
      for (const reader of own) {
        if (to === "webgpu") network.connect(all, reader, never);
        else network.connect(reader, all, never);
      }
    };
    if (maker !== undefined && own.length > 0) {
      pay("wasm", "webgpu", maker);
      pay("webgpu", "wasm", maker);
    }
    if (residence !== undefined && own.length > 0) {
      const from = nearest(residence);
      if (!residence.has("webgpu")) pay(from, "webgpu", cpu);
      if (!residence.has("wasm")) pay(from, "wasm", gpu);
    }
  });
  const isOnCpu = network.cut();
  return nodes.map((node) => (isOnCpu[node] === true ? "wasm" : "webgpu"));
}

/** Where a buffer is fetched from: the cheaper place comes first. */
const nearest = (places: ReadonlySet<DeviceName | "host">): DeviceName | "host" =>
  places.has("host") ? "host" : places.has("wasm") ? "wasm" : "webgpu";
