// Placement: gives every group the device with which the whole graph takes the least predicted time, transfers included, and
// says why in words.
// Knows devices only by what they refuse and what they cost; measuring is the engine's.
// Read next: cheapest.ts for the search; engine/dispatch/cost-model.ts for the costs.
import type { DType } from "../core/dtype.ts";
import { bytesOf } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import { isContiguous } from "../core/layout.ts";
import { sizeOf } from "../core/shape.ts";
import { costOf, topological } from "../expr/expression.ts";
import type { KernelCall, Method, OwnKernels, Work } from "../ops/descriptor.ts";
import { look } from "../ops/descriptor.ts";
import type { Predict } from "./cheapest.ts";
import { cheapestPlacement, predictedTime } from "./cheapest.ts";
import type { Fused, Group, ReduceGroup, Tile } from "./group.ts";
import { expressionsOf, readsOf, tilesOf } from "./group.ts";
import type { DeviceName } from "./node.ts";

/** What placement asks of a device. */
export interface Device {
  readonly name: DeviceName;
  /** Why this type cannot be stored or computed here; undefined if it can. */
  refusesDType(dtype: DType): string | undefined;
  /** Why a fold cannot walk so many elements here; undefined if it can. */
  refusesCount?(elements: number): string | undefined;
  /** Why tensors of so many 32-bit words cannot be in one kernel here; undefined if they can. Elementwise work may be cut. */
  refusesSizes?(sizes: readonly number[], isElementwise: boolean): string | undefined;
  /** Whether there is a kernel of this name for this type. */
  hasKernel(kernel: string, dtype: DType): boolean;
  /** What a kernel's work amounts to where that depends on the method that this device has for it; as the op says where undefined. */
  methodOf?(call: KernelCall): Method | undefined;
  /** The same of a fold. */
  methodOfFold?(fold: Fold): Method | undefined;
  /** Bytes in which it stores an element; those of an array of the type when absent. */
  bytesOf?(dtype: DType): number;
}

/** A fold of the middle axis of [outer, length, inner]. */
export type Fold = Pick<ReduceGroup, "outer" | "length" | "inner" | "dtype">;

/** Predicted costs in microseconds. */
export interface Costs {
  /** One kernel that amounts to this. */
  compute(device: DeviceName, amount: Amount): number;
  /** Moving bytes to another device; waiting for the work before it included. */
  transfer(from: DeviceName | "host", to: DeviceName | "host", bytes: number): number;
  /** Handing a program over to a device; 0 when absent. */
  start?(device: DeviceName): number;
}

/** Where a group runs and why. */
export interface Placement {
  readonly device: DeviceName;
  /** What it amounts to there. */
  readonly amount: Amount;
  /** Made when it is asked for: a plan is placed more often than it is explained. */
  readonly reason: string;
  /** Microseconds. */
  readonly predicted: number;
  /** Why there was no choice, in words; undefined where there was one. */
  readonly forced: string | undefined;
}

/** The placement of a graph, with the microseconds predicted for it and for each device alone, as far as it has a choice. */
export interface Placed {
  readonly placements: readonly Placement[];
  readonly predicted: number;
  readonly alone: Readonly<Partial<Record<DeviceName, number>>>;
}

/** Where the bound inputs of a plan are, by input index; and whether the host reads the results. */
export interface Surroundings {
  readonly residence: readonly (readonly (DeviceName | "host")[])[];
  readonly readBack: boolean;
  /** Which inputs the caller may give away, so that results are written over them. */
  readonly given?: readonly boolean[];
  /** For an input that is the state of a loop, the result that takes its place in the next run: it lies where that is made. */
  readonly carried?: ReadonlyMap<number, number>;
  /** Inputs that stay the same from run to run: where they are not on the GPU alone, moving them once costs nothing in the long run. */
  readonly lasting?: readonly boolean[];
}

/**
 * The GPU must win by this factor and by this many microseconds before work is moved to it: predictions are not exact, and work
 * that is nearly as fast on both should not go to and fro. What that gives away stays below 15 %.
 */
export const hysteresis = { factor: 0.88, microseconds: 10 } as const;

/** What beginning and ending a row costs the CPU, in elementwise operations: measured, about. */
const row = 300;

/** Primitives that cost this much are exponentials and their like. */
const transcendental = 10;

/** What a group amounts to: class of work, operations, bytes moved, and how often invocations wait for their workgroups. */
export interface Amount {
  readonly work: Work;
  readonly flops: number;
  readonly bytes: number;
  readonly meetings?: number;
}

/** What a group amounts to, by the method of a device where one is given. */
export function workOf(fused: Fused, group: Group, device?: Device): Amount {
  const touched = [...readsOf(group), ...group.outputs];
  const bytes = touched.reduce((sum, index) => sum + storedBytes(fused, index, device), 0);
  if (group.kind === "kernel") {
    return { work: group.work, flops: group.flops, bytes, ...device?.methodOf?.(group.call) };
  }
  let elements = 0;
  let rows = 0;
  if (group.kind === "map") elements = sizeOf(group.tile.shape);
  else if (group.kind === "reduce") {
    elements = group.outer * group.length * group.inner;
    // Columns are folded beside each other, and so are rows on a GPU.
    if (group.inner === 1 && device?.name === "wasm") rows = group.outer;
  } else for (const piece of group.pieces) elements += sizeOf(piece.tile.shape);
  const finding = tilesOf(group).reduce((sum, tile) => sum + sizeOf(tile.shape) * findingOf(tile, device), 0);
  const expressions = expressionsOf(group);
  const each = expressions.reduce((sum, expression) => sum + costOf(expression), 1);
  const hard = expressions.reduce((sum, expression) => sum + costOf(expression, transcendental), 0);
  const easy = group.kind === "reduce" ? "reduction" : "stream";
  return {
    work: hard > each / 2 ? "transcendental" : easy,
    flops: elements * each + rows * row + finding,
    bytes,
    ...(group.kind === "reduce" ? device?.methodOfFold?.(group) : undefined),
  };
}

/** Bytes of a buffer where a device has it; none of a number of the run. */
function storedBytes(fused: Fused, index: number, device: Device | undefined): number {
  const buffer = fused.buffers[index];
  if (buffer === undefined || buffer.scalar !== undefined) return 0;
  return buffer.size * (device?.bytesOf?.(buffer.dtype) ?? bytesOf(buffer.dtype));
}

/** Operations for an invocation to find its element, and for each axis of it that it has to know: about. */
const [placing, along] = [8, 4];

/** Operations to find an element of a tile, its operands and its result on a device, beside what is computed of them. */
function findingOf({ shape, operands: all }: Tile, device: Device | undefined): number {
  // What is the same for all elements is at hand.
  const operands = all.filter(({ layout }) => layout.strides.some((stride) => stride !== 0));
  if (device?.name === "webgpu") {
    const isPlain = operands.every(({ layout }) => isContiguous(layout));
    const fetched = new Set(operands.map(({ buffer }) => buffer)).size;
    return placing + look * (fetched + 1) + (isPlain ? 0 : along * shape.length);
  }
  // The CPU reads four lanes at once where elements are neighbours; where they are not, each is looked up by itself.
  return device?.name === "wasm" ? look * operands.filter(({ layout }) => isScattered(layout)).length : 0;
}

/** Whether neighbours along the last axis do not lie beside each other. */
function isScattered({ shape, strides }: Layout): boolean {
  const last = shape.reduce((found, extent, axis) => (extent > 1 ? axis : found), -1);
  return last >= 0 && ![0, 1].includes(strides[last] ?? 0);
}

/** Why a device cannot run a group; undefined if it can. What is too large is left to fail where withDevice asked for the device. */
export function refusal(fused: Fused, group: Group, device: Device): string | undefined {
  const touched = [...readsOf(group), ...group.outputs];
  const dtypes = new Set<DType>(touched.map((index) => fused.buffers[index]?.dtype ?? "f32"));
  for (const expression of expressionsOf(group)) for (const node of topological(expression)) dtypes.add(node.dtype);
  for (const dtype of dtypes) {
    const reason = device.refusesDType(dtype);
    if (reason !== undefined) return reason;
  }
  if (group.kind === "reduce") {
    const reason = device.refusesCount?.(group.outer * group.length * group.inner);
    if (reason !== undefined) return reason;
  }
  // Who asks for a device is told by its error what does not fit there.
  if (group.device === undefined) {
    const sizes = [...new Set(touched)].map((index) => {
      const { size = 0, dtype } = fused.buffers[index] ?? {};
      // Two halves share a word, but are put together in f32.
      return dtype === "f16" && group.kind !== "assemble" ? Math.ceil(size / 2) : size;
    });
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
export function place(fused: Fused, devices: readonly Device[], costs: Costs, surroundings: Surroundings): Placed {
  const cpu = devices.find((device) => device.name === "wasm");
  const gpu = devices.find((device) => device.name === "webgpu");
  const amountsOn = (device: Device | undefined): Amount[] =>
    device === undefined ? [] : fused.groups.map((group) => workOf(fused, group, device));
  const amounts = { wasm: amountsOn(cpu), webgpu: amountsOn(gpu) };
  const nothing: Amount = { work: "stream", flops: 0, bytes: 0 };
  const predict = (index: number, device: DeviceName): number =>
    costs.compute(device, amounts[device][index] ?? nothing);
  // What moves between devices does so as the GPU stores it.
  const moved = (index: number): number => storedBytes(fused, index, gpu);
  /** A device that must run the group, with the reason; undefined where there is a choice. */
  const forced = fused.groups.map((group): { device: DeviceName; reason: string } | undefined => {
    const onGpu = gpu === undefined ? "no GPU in use" : refusal(fused, group, gpu);
    if (onGpu !== undefined) return { device: "wasm", reason: onGpu };
    const onCpu = cpu === undefined ? "the CPU is switched off" : refusal(fused, group, cpu);
    if (onCpu !== undefined) return { device: "webgpu", reason: onCpu };
    return group.device === undefined ? undefined : { device: group.device, reason: `withDevice("${group.device}")` };
  });
  const all = (device: DeviceName): DeviceName[] => forced.map((choice) => choice?.device ?? device);
  const simulate = (choice: readonly DeviceName[]): number =>
    predictedTime(fused, choice, { predict, moved }, costs, surroundings);
  const placed = (choice: readonly DeviceName[], predicted: number, alone: Placed["alone"]): Placed => ({
    placements: choice.map(
      (_, index) =>
        new Placing(
          { choice, index, amount: amounts[choice[index] ?? "wasm"][index] ?? nothing },
          predict,
          simulate,
          forced[index]?.reason,
          isInTypeScript(fused.groups[index]),
        ),
    ),
    predicted,
    alone,
  });
  const onCpu = all("wasm");
  const base = simulate(onCpu);
  if (gpu === undefined || cpu === undefined || forced.every((choice) => choice !== undefined))
    return placed(onCpu, base, {});

  const onGpu = all("webgpu");
  const mixed = cheapestPlacement(fused, forced, { predict, moved }, costs, surroundings);
  // Work that has no choice is in every sum; the gain is judged by what can move.
  const fixed = forced.reduce(
    (sum, choice, index) => sum + (choice === undefined ? 0 : predict(index, choice.device)),
    0,
  );
  const beats = (time: number, other: number): boolean =>
    time - fixed < (other - fixed) * hysteresis.factor && other - time > hysteresis.microseconds;
  const alone = { wasm: base, webgpu: simulate(onGpu) };
  let [best, time] = [onCpu, base];
  if (beats(alone.webgpu, base)) [best, time] = [onGpu, alone.webgpu];
  const mixedTime = simulate(mixed);
  // A loop is placed as one: it crosses between devices in every turn only if that gains as much as moving it would have to.
  const isBetter = (surroundings.carried?.size ?? 0) > 0 ? beats(mixedTime, time) : mixedTime < time;
  if (isBetter && beats(mixedTime, base)) [best, time] = [mixed, mixedTime];
  return placed(best, time, alone);
}

const gain = String(Math.round(100 * (1 - hysteresis.factor)));

const showMicroseconds = (time: number): string => `${time < 9.95 ? time.toFixed(1) : String(Math.round(time))} µs`;

/** The placement of one group within a choice for all. */
class Placing implements Placement {
  readonly device: DeviceName;
  readonly amount: Amount;
  readonly predicted: number;
  readonly forced: string | undefined;
  /** What else there is to say of it. */
  private readonly note: string;
  private readonly choice: readonly DeviceName[];
  private readonly index: number;
  private readonly predict: Predict;
  private readonly simulate: (choice: readonly DeviceName[]) => number;

  constructor(
    {
      choice,
      index,
      amount,
    }: { readonly choice: readonly DeviceName[]; readonly index: number; readonly amount: Amount },
    predict: Predict,
    simulate: (choice: readonly DeviceName[]) => number,
    forced: string | undefined,
    isInTypeScript: boolean,
  ) {
    this.device = choice[index] ?? "wasm";
    this.amount = amount;
    this.predicted = predict(index, this.device);
    this.forced = forced;
    this.note = isInTypeScript && this.device === "wasm" ? "; computed in TypeScript" : "";
    this.choice = choice;
    this.index = index;
    this.predict = predict;
    this.simulate = simulate;
  }

  /** What it takes here against there, with the transfers that moving this group alone would add or save. */
  get reason(): string {
    return (this.forced ?? this.comparison) + this.note;
  }

  private get comparison(): string {
    const { choice, index, device, predicted } = this;
    const other: DeviceName = device === "wasm" ? "webgpu" : "wasm";
    const there = this.predict(index, other);
    const moved = this.simulate(choice.map((own, at) => (at === index ? other : own)));
    const change = moved - this.simulate(choice) - there + predicted;
    const transfers =
      Math.abs(change) < 0.05
        ? ""
        : change > 0
          ? ` + ${showMicroseconds(change)} transfer`
          : `, which saves ${showMicroseconds(-change)} of transfer,`;
    const words = `${showMicroseconds(predicted)} here against ${showMicroseconds(there)}${transfers} there (${other})`;
    if (there + change >= predicted) return words;
    return device === "wasm"
      ? `${words}: the plan would have to gain ${gain} % and ${String(hysteresis.microseconds)} µs to move`
      : `${words}: the plan as a whole is faster here`;
  }
}
