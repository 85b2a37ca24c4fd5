// Memory of a segment: which temporaries share a buffer, and which results may take the memory of an operand that the caller
// gives away. Knows steps and slots. Read next: memory.ts for the sharing, in-place.ts for what may be overwritten.
import { bytesOf } from "../core/dtype.ts";
import { isInPlace } from "./in-place.ts";
import type { Lifetime } from "./memory.ts";
import { planMemory } from "./memory.ts";
import type { DeviceName } from "./node.ts";
import type { Slot, Step } from "./step.ts";
import { viewsOf } from "./step.ts";

/** Slots with their memory, and the bytes of each buffer for temporaries. */
export interface PlannedSlots {
  readonly planned: readonly Slot[];
  readonly buffers: readonly number[];
}

/** Gives every temporary a buffer, and results the memory of inputs where `isFree` lets them have it. CPU programs only work in place. */
export function planSlots(
  slots: readonly Slot[],
  steps: readonly Step[],
  device: DeviceName,
  isFree: (input: number) => boolean,
): PlannedSlots {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  /** Slots that may still be overwritten, by the last step that touches them. */
  const ending = new Map<number, Set<number>>();
  steps.forEach((step, time) => {
    for (const { slot } of viewsOf(step)) {
      if (!first.has(slot)) first.set(slot, time);
      last.set(slot, time);
    }
  });
  for (const [slot, time] of last) ending.set(time, (ending.get(time) ?? new Set()).add(slot));
  /** A slot that ends with the step that makes `slot`, which may lie in its place; each is given once. */
  const victimOf = (slot: number, isFit: (victim: number) => boolean): number | undefined => {
    const born = first.get(slot);
    if (device !== "wasm" || born === undefined) return undefined;
    const fitting = ending.get(born) ?? new Set<number>();
    for (const victim of fitting) {
      const fits = isFit(victim) && sizeOf(slots[slot]) === sizeOf(slots[victim]);
      if (!fits || !isInPlace(steps[born], slot, victim)) continue;
      fitting.delete(victim);
      return victim;
    }
    return undefined;
  };

  const temporaries = slots.flatMap(({ kind }, slot) => (kind === "temporary" && first.has(slot) ? [slot] : []));
  const place = new Map(temporaries.map((slot, position) => [slot, position]));
  const lifetimes = temporaries.map((slot): Lifetime => {
    const victim = victimOf(slot, (other) => slots[other]?.kind === "temporary");
    const { dtype, size } = slots[slot] as Slot & { readonly kind: "temporary" };
    return {
      bytes: size * (device === "webgpu" && dtype !== "f16" ? 4 : bytesOf(dtype)),
      first: first.get(slot) ?? 0,
      last: last.get(slot) ?? 0,
      inPlaceOf: victim === undefined ? undefined : place.get(victim),
    };
  });
  const { buffers, assignment } = planMemory(lifetimes);
  const buffer = new Map(temporaries.map((slot, position) => [slot, assignment[position] ?? 0]));

  const planned = slots.map((slot, index): Slot => {
    if (slot.kind === "temporary") return { ...slot, buffer: buffer.get(index) ?? -1 };
    if (slot.kind !== "output") return slot;
    const isFit = (other: Slot | undefined): boolean =>
      other?.kind === "input" && other.dtype === slot.dtype && isFree(other.index);
    const victim = slots[victimOf(index, (other) => isFit(slots[other])) ?? -1];
    return victim?.kind === "input" ? { ...slot, over: victim.index } : slot;
  });
  return { planned, buffers };
}

function sizeOf(slot: Slot | undefined): number {
  if (slot === undefined || slot.kind === "scalar") return -1;
  return slot.size * bytesOf(slot.dtype);
}
