// Decides which temporary slots of a program share a buffer. The plan's own sharing is for linear memory, where a step may
// write over what it reads; WebGPU forbids to bind one buffer for reading and for writing in one dispatch, so slots share
// here only when one is dead before the other is born. Knows dispatches as lists of slots. Read next: ../run/program.ts.
import type { Slot } from "../../../graph/step.ts";
import type { GPULimits } from "../device/description.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import { partCount, wordBytes } from "./parts.ts";
import { wordsOf } from "./words.ts";

/** Which buffer each temporary slot lies in, and the bytes of each buffer. */
export interface Temporaries {
  readonly bufferOf: ReadonlyMap<number, number>;
  readonly bytes: readonly number[];
}

/** Shares buffers among the temporary slots of `dispatches`. */
export function assignTemporaries(
  dispatches: readonly Dispatch[],
  slots: readonly Slot[],
  limits: GPULimits,
): Temporaries {
  const lastUse = new Map<number, number>();
  dispatches.forEach(({ bindings }, at) => {
    for (const { access, source } of bindings) {
      if (access !== "uniform" && slots[source]?.kind === "temporary") lastUse.set(source, at);
    }
  });
  const bufferOf = new Map<number, number>();
  const bytes: number[] = [];
  let free: number[] = [];
  dispatches.forEach(({ bindings }, at) => {
    for (const { access, source } of bindings) {
      const slot = slots[source];
      if (access === "uniform" || slot?.kind !== "temporary" || bufferOf.has(source)) continue;
      const words = wordsOf(slot);
      const needed = words * wordBytes;
      // What lies in parts does not share with what lies in fewer.
      const count = partCount(words, limits);
      const fitting = free.filter((buffer) => partCount((bytes[buffer] ?? 0) / wordBytes, limits) === count);
      const chosen = chooseFree(fitting, bytes, needed) ?? bytes.push(0) - 1;
      free = free.filter((buffer) => buffer !== chosen);
      bytes[chosen] = Math.max(bytes[chosen] ?? 0, needed);
      bufferOf.set(source, chosen);
    }
    // Freed only after the whole dispatch: its outputs must not meet its inputs.
    for (const { access, source } of bindings) {
      const buffer = bufferOf.get(source);
      if (access !== "uniform" && buffer !== undefined && lastUse.get(source) === at && !free.includes(buffer))
        free.push(buffer);
    }
  });
  return { bufferOf, bytes };
}

/** The smallest free buffer that is large enough, else the largest, which then grows. */
function chooseFree(free: readonly number[], bytes: readonly number[], needed: number): number | undefined {
  const size = (buffer: number): number => bytes[buffer] ?? 0;
  const sorted = [...free].sort((a, b) => size(a) - size(b));
  return sorted.find((buffer) => size(buffer) >= needed) ?? sorted.at(-1);
}
