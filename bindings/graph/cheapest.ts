// The predicted time of a placement, and the placement for which it is least: a minimum cut with the CPU on one side and the
// GPU on the other. Knows groups by what they read and write, and costs as numbers; what is decided with them is place.ts's.
// Read next: place.ts, cut.ts.
import { bytesOf } from "../core/dtype.ts";
import { Network } from "./cut.ts";
import type { Fused } from "./group.ts";
import { readsOf } from "./group.ts";
import type { DeviceName } from "./node.ts";
import type { Costs, Surroundings } from "./place.ts";

/** Microseconds of group `index` on a device. */
export type Predict = (index: number, device: DeviceName) => number;

/** What is known of a graph: the time of its groups, and the bytes of its buffers on the way to a GPU or from there. */
export interface Outlook {
  readonly predict: Predict;
  readonly moved: (buffer: number) => number;
}

/** Time of a whole placement: programs, kernels, one transfer per buffer and device, and the read at the end. */
export function predictedTime(
  fused: Fused,
  choice: readonly DeviceName[],
  outlook: Outlook,
  costs: Costs,
  surroundings: Surroundings,
): number {
  const places = startingPlaces(fused, surroundings);
  const move = mover(fused, places, outlook, costs);
  const carried = carriedBuffers(fused, surroundings);
  const used = new Set(fused.groups.map((_, index) => choice[index] ?? "wasm"));
  let time = 0;
  for (const device of used) time += costs.start?.(device) ?? 0;
  fused.groups.forEach((group, index) => {
    const device = choice[index] ?? "wasm";
    for (const output of group.outputs) {
      const before = carried.get(output);
      if (before !== undefined) places.set(before, new Set([device]));
    }
  });
  fused.groups.forEach((group, index) => {
    const device = choice[index] ?? "wasm";
    time += outlook.predict(index, device);
    for (const read of readsOf(group)) time += move(read, device);
    for (const output of group.outputs) places.set(output, new Set([device]));
  });
  if (surroundings.readBack) for (const result of fused.results) time += move(result, "host");
  return time;
}

type Places = Map<number, Set<DeviceName | "host">>;

function startingPlaces(fused: Fused, { residence, lasting }: Surroundings): Places {
  const places: Places = new Map();
  fused.buffers.forEach(({ input }, index) => {
    if (input === undefined) return;
    const own = new Set<DeviceName | "host">(residence[input] ?? ["host"]);
    // Where only the GPU has it, fetching it even once would have to wait.
    const isFree = lasting?.[input] === true && (own.has("host") || own.has("wasm"));
    places.set(index, isFree ? new Set<DeviceName | "host">(["host", "wasm", "webgpu"]) : own);
  });
  return places;
}

/** For a result that is the state of a loop the buffer of the input that it will be. */
function carriedBuffers(fused: Fused, { carried }: Surroundings): ReadonlyMap<number, number> {
  const buffers = new Map<number, number>();
  fused.buffers.forEach(({ input }, index) => {
    const result = input === undefined ? undefined : carried?.get(input);
    const buffer = result === undefined ? undefined : fused.results[result];
    // A state that is handed on as it came stays where it is.
    if (buffer !== undefined && fused.buffers[buffer]?.input === undefined) buffers.set(buffer, index);
  });
  return buffers;
}

/** Microseconds of moving a buffer that is not there yet, after which it is. */
type Move = (index: number, to: DeviceName | "host") => number;

const mover =
  (fused: Fused, places: Places, { moved }: Outlook, costs: Costs): Move =>
  (index, to) => {
    const where = places.get(index);
    const buffer = fused.buffers[index];
    if (where === undefined || buffer === undefined || where.has(to)) return 0;
    const from = nearest(where);
    where.add(to);
    const isByGpu = from === "webgpu" || to === "webgpu";
    return costs.transfer(from, to, isByGpu ? moved(index) : buffer.size * bytesOf(buffer.dtype));
  };

/**
 * The placement with the least predicted time: a minimum cut with the CPU on one side and the GPU on the other. A group on
 * either side costs its kernel there; a buffer costs a transfer once if any of its readers is on the other side than it is.
 */
export function cheapestPlacement(
  fused: Fused,
  forced: readonly ({ readonly device: DeviceName } | undefined)[],
  { predict, moved }: Outlook,
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
  const carried = carriedBuffers(fused, surroundings);
  const states = new Set(carried.values());
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
    const pay = (from: DeviceName | "host", to: DeviceName, place: number, by = own): void => {
      const all = network.add();
      const cost = costs.transfer(from, to, from === "webgpu" || to === "webgpu" ? moved(index) : bytes);
      if (to === "webgpu") network.connect(place, all, cost);
      else network.connect(all, place, cost);
      for (const reader of by) {
        if (to === "webgpu") network.connect(all, reader, never);
        else network.connect(reader, all, never);
      }
    };
    if (maker !== undefined && own.length > 0) {
      pay("wasm", "webgpu", maker);
      pay("webgpu", "wasm", maker);
    }
    const state = carried.get(index);
    if (maker !== undefined && state !== undefined) {
      // The next turn reads it where it needs it.
      pay("wasm", "webgpu", maker, readers[state]);
      pay("webgpu", "wasm", maker, readers[state]);
    }
    if (residence !== undefined && own.length > 0 && !states.has(index)) {
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
