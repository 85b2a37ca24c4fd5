// Where the argument words of a program hold addresses, by what the address is of: an operand, a buffer, a result, scratch memory.
// Knows no memory: program.ts writes the words, and only those whose address is not the one of the run before.
// Read next: program.ts.
import type { Slot } from "../../graph/step.ts";
import { scratchSlot } from "./periods.ts";

/** A word that holds the address of a slot plus a constant. */
export interface Patch {
  word: number;
  readonly slot: number;
  readonly offset: number;
  /** Bytes the pointer moves in a strip loop: from strip to strip, from worker to worker. */
  readonly advance: number;
  readonly share: number;
}

/** Words that hold one address, each plus its constant. */
export interface Place {
  readonly patches: Patch[];
  /** The address they were last written for. */
  address: number;
}

/** The places of a program; lists are by the index that slots bear. */
export interface Places {
  readonly inputs: Place[];
  readonly buffers: Place[];
  readonly outputs: Place[];
  readonly scalars: Place[];
  readonly scratch: Place;
}

/** Sorts the words by what they point to. */
export function placesOf(slots: readonly Slot[], patches: readonly Patch[]): Places {
  const place = (): Place => ({ patches: [], address: -1 });
  const places: Places = { inputs: [], buffers: [], outputs: [], scalars: [], scratch: place() };
  const of = slots.map((slot): Place => {
    switch (slot.kind) {
      case "input":
        return (places.inputs[slot.index] ??= place());
      case "scalar":
        return (places.scalars[slot.index] ??= place());
      case "temporary":
        return (places.buffers[slot.buffer] ??= place());
      case "output":
        return (places.outputs[slot.index] ??= place());
      default:
        return slot satisfies never;
    }
  });
  for (const patch of patches) (patch.slot === scratchSlot ? places.scratch : of[patch.slot])?.patches.push(patch);
  return places;
}
