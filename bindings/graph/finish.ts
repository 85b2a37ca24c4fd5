// Elementwise work that follows a kernel becomes a part of the kernel's step, which does it block by block while its result is
// in cache. Joined loops with several results too, and operands of any kind: biases, residuals, the state of an optimiser.
// CPU only. Read next: lower.ts, which asks; in-place.ts for memory; assembly/elementwise/finish.ts for how it runs.
import { bytesOf } from "../core/dtype.ts";
import type { KernelStep, MapStep, SlotView, Step } from "./step.ts";
import { groupsOf, viewsOf, writesOf } from "./step.ts";

/** How far behind a kernel its map is looked for. */
const lookahead = 64;

/**
 * Bytes of other operands and results that a map may go along. From the third level of cache they come at 15 to 20 GB/s when
 * they are read in bursts between the blocks of a kernel, and at 70 in one go (AMD EPYC with Zen 4, November 2026): the
 * processor does not fetch ahead there. The second level has no such difference.
 */
const mostOther = 256 * 1024;

/** What is asked about the slots of the segment. */
export interface SlotFates {
  /** Whether the slot is read after the segment. */
  readonly isKept: (slot: number) => boolean;
  /** Whether a result may be written over it. */
  readonly isGiven: (slot: number) => boolean;
}

/** The steps with maps moved into the kernels whose results they read. */
export function withFinishes(steps: readonly Step[], fates: SlotFates): Step[] {
  const left: (Step | undefined)[] = [...steps];
  const users = new Map<number, number>();
  for (const step of steps)
    for (const slot of new Set(viewsOf(step).map((view) => view.slot))) users.set(slot, (users.get(slot) ?? 0) + 1);
  for (const [index, step] of steps.entries()) {
    if (step.kind !== "kernel" || step.columns === undefined) continue;
    const position = mapBehind(left, index, step);
    const map = left[position];
    if (map?.kind !== "map") continue;
    const [result] = step.outputs;
    const finish = result === undefined ? undefined : overColumns(map, step.columns, result);
    if (finish === undefined || result === undefined) continue;
    const isLocal = !fates.isKept(result.slot) && users.get(result.slot) === 2;
    // What may lie over an operand needs the result elsewhere.
    const isOver = finish.inputs.some(({ slot }) => fates.isGiven(slot));
    const joined = attached(step, finish, result, isLocal && !isOver);
    if (otherBytes(joined) > mostOther) continue;
    left[index] = joined;
    left[position] = undefined;
  }
  return left.filter((step) => step !== undefined);
}

/** The kernel with its map; it writes where the map does if only the map reads what it writes. */
function attached(kernel: KernelStep, finish: MapStep, result: SlotView, isLocal: boolean): KernelStep {
  const label = finish.label === kernel.label ? kernel.label : `${kernel.label}+${finish.label}`;
  const groups = groupsOf([kernel, finish]);
  const { output } = finish;
  const isSame =
    output.dtype === result.dtype &&
    output.offset === 0 &&
    isRowMajor(output, finish.shape) &&
    output.slot !== result.slot;
  const isRead = finish.inputs.some(({ slot }) => slot === output.slot);
  if (!isLocal || !isSame || isRead) return { ...kernel, label, groups, finish };
  const moved = (view: SlotView): SlotView => (view.slot === result.slot ? { ...view, slot: output.slot } : view);
  return {
    ...kernel,
    label,
    groups,
    outputs: kernel.outputs.map(moved),
    finish: { ...finish, inputs: finish.inputs.map(moved) },
  };
}

/** Where the map is that reads the kernel's result first and can be moved to it; -1 if there is none. */
function mapBehind(steps: readonly (Step | undefined)[], index: number, kernel: KernelStep): number {
  const result = kernel.outputs[0]?.slot;
  const own = new Set(kernel.inputs.map(({ slot }) => slot));
  const touched = new Set<number>();
  const written = new Set<number>();
  for (let position = index + 1; position < Math.min(steps.length, index + lookahead); position++) {
    const step = steps[position];
    if (step === undefined) continue;
    const views = viewsOf(step);
    if (views.some(({ slot }) => slot === result)) {
      if (step.kind !== "map") return -1;
      const writes = writesOf(step);
      const isFree =
        views.every(({ slot }) => !written.has(slot)) &&
        writes.every(({ slot }) => !touched.has(slot) && !own.has(slot));
      return isFree ? position : -1;
    }
    for (const { slot } of views) touched.add(slot);
    for (const { slot } of writesOf(step)) written.add(slot);
  }
  return -1;
}

/** Bytes that the map goes along beside the kernel's result. */
function otherBytes({ outputs: [result], finish }: KernelStep): number {
  if (finish === undefined) return 0;
  const others = viewsOf(finish).filter(({ slot }) => slot !== result?.slot);
  return others.reduce((sum, { strides, dtype }) => {
    const elements = finish.shape.reduce((size, extent, axis) => size * (strides[axis] === 0 ? 1 : extent), 1);
    return sum + elements * bytesOf(dtype);
  }, 0);
}

/**
 * The map over [.., columns] if it reads the kernel's result where it lies, element for element, and ends rows where the kernel
 * does.
 */
function overColumns(map: MapStep, columns: number, result: SlotView): MapStep | undefined {
  if (map.shape.includes(0)) return undefined;
  const read = map.inputs.filter(({ slot }) => slot === result.slot);
  if (read.length === 0 || !read.every((view) => view.offset === 0 && isRowMajor(view, map.shape))) return undefined;
  // What it writes over the result is written where it was read.
  const own = writesOf(map).filter(({ slot }) => slot === result.slot);
  if (!own.every((view) => view.offset === 0 && isRowMajor(view, map.shape))) return undefined;
  const inner = map.shape.at(-1) ?? 1;
  if (inner === columns && map.shape.length > 1) return map;
  if (inner % columns !== 0) return undefined;
  // Rows of the map are several of the kernel's.
  const outer = map.shape.slice(0, -1);
  const shape = [...outer, inner / columns, columns];
  const refine = (view: SlotView): SlotView => {
    const stride = view.strides[outer.length] ?? 0;
    return { ...view, strides: [...view.strides.slice(0, outer.length), stride * columns, stride] };
  };
  const also = map.also?.map(({ expression, output }) => ({ expression, output: refine(output) }));
  const refined = { ...map, shape, inputs: map.inputs.map(refine), output: refine(map.output) };
  return also === undefined ? refined : { ...refined, also };
}

/** Whether the view goes over its slot element by element. */
function isRowMajor(view: SlotView, shape: readonly number[]): boolean {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] ?? 1;
    if (extent !== 1 && view.strides[axis] !== stride) return false;
    stride *= extent;
  }
  return true;
}
