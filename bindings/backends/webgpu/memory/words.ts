// How many 32-bit words elements take in a GPU buffer: one each, but for halves, of which two share a word.
// Knows no buffers. Read next: storage.ts, parts.ts.
import type { DType } from "../../../core/dtype.ts";
import type { Slot } from "../../../graph/step.ts";

/** Elements in a word. */
export function elementsOfWord(dtype: DType): number {
  return dtype === "f16" ? 2 : 1;
}

/** Words that `size` elements take. */
export function wordsFor(dtype: DType, size: number): number {
  return Math.ceil(size / elementsOfWord(dtype));
}

/** Words of a slot that has a buffer; a number of the run takes one. */
export function wordsOf(slot: Slot): number {
  return slot.kind === "scalar" ? 1 : wordsFor(slot.dtype, slot.size);
}
