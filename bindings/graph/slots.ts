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
  steps.forEach((step, time) => {
    for (const { slot } of viewsOf(step)) {
      if (!first.has(slot)) first.set(slot, time);
      last.set(slot, time);
    }
  });
  /** Whether `slot` may lie where `victim` does, which ends with the step that makes it. */
  const mayReplace = (slot: number, victim: number): boolean => {
    const [own, other] = [slots[slot], slots[victim]];
    const born = first.get(slot);
    if (device !== "wasm" || born === undefined || last.get(victim) !== born || sizeOf(own) !== sizeOf(other))
      return false;
    return isInPlace(steps[born], slot, victim);
  };

  const temporaries = slots.flatMap(({ kind }, slot) => (kind === "temporary" && first.has(slot) ? [slot] : []));
  const lifetimes = temporaries.map((slot): Lifetime => {
    const victim = temporaries.findIndex((other) => mayReplace(slot, other));
    const { dtype, size } = slots[slot] as Slot & { readonly kind: "temporary" };
    return {
      bytes: size * (device === "webgpu" ? 4 : bytesOf(dtype)),
      first: first.get(slot) ?? 0,
      last: last.get(slot) ?? 0,
      inPlaceOf: victim < 0 ? undefined : victim,
    };
  });
  const { buffers, assignment } = planMemory(lifetimes);
  const buffer = new Map(temporaries.map((slot, position) => [slot, assignment[position] ?? 0]));

  const free = new Set(slots.flatMap((slot, index) => (slot.kind === "input" && isFree(slot.index) ? [index] : [])));
  const planned = slots.map((slot, index): Slot => {
    if (slot.kind === "temporary") return { ...slot, buffer: buffer.get(index) ?? -1 };
    if (slot.kind !== "output") return slot;
    const victim = [...free].find((other) => slots[other]?.dtype === slot.dtype && mayReplace(index, other));
    if (victim === undefined) return slot;
    free.delete(victim);
    return { ...slot, over: (slots[victim] as Slot & { readonly kind: "input" }).index };
  });
  return { planned, buffers };
}

function sizeOf(slot: Slot | undefined): number {
  if (slot === undefined || slot.kind === "scalar") return -1;
  return slot.size * bytesOf(slot.dtype);
}
