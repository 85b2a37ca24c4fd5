// The memory of a plan: the most it holds at once, against what its tensors take together.
// Pure functions of plans. Read next: memory.ts and slots.ts, which make the difference; engine/explain/explain.ts, which tells it.
import { bytesOf } from "../core/dtype.ts";
import { sizeOf } from "../core/shape.ts";
import type { Capture } from "./capture.ts";
import type { LoweredSegment } from "./lower.ts";
import type { Plan } from "./plan.ts";

export interface Footprint {
  /** Bytes held at once, operands and results included, at most. */
  readonly peak: number;
  /** Bytes of every tensor of the graph, had each a place of its own. Views have none. */
  readonly sum: number;
}

/** The memory of a captured graph and of the plan made for it. */
export function footprintOf(captured: Capture, plan: Plan): Footprint {
  const views = new Set(captured.nodes.flatMap(({ op, outputs }) => (op.kind === "view" ? outputs : [])));
  const own = captured.values.filter(({ scalar }, index) => scalar === undefined && !views.has(index));
  const sum = own.reduce((bytes, { shape, dtype }) => bytes + sizeOf(shape) * bytesOf(dtype), 0);

  const { buffers } = plan.fused;
  const bytesIn = (buffer: number): number => {
    const known = buffers[buffer];
    return known === undefined ? 0 : known.size * bytesOf(known.dtype);
  };
  let held = buffers.reduce((bytes, { input }, buffer) => bytes + (input === undefined ? 0 : bytesIn(buffer)), 0);
  let peak = held;
  plan.segments.forEach((segment, position) => {
    held += madeBy(segment, bytesIn);
    peak = Math.max(peak, held + temporaryBytes(segment));
    for (const buffer of plan.lastReads[position] ?? [])
      if (buffers[buffer]?.input === undefined && buffers[buffer]?.scalar === undefined) held -= bytesIn(buffer);
  });
  return { peak, sum };
}

/** Bytes of the results that take new memory. */
function madeBy(segment: LoweredSegment, bytesIn: (buffer: number) => number): number {
  return segment.slots.reduce((bytes, slot) => {
    const isNew = slot.kind === "output" && slot.over === undefined;
    return bytes + (isNew ? bytesIn(segment.outputs[slot.index] ?? -1) : 0);
  }, 0);
}

function temporaryBytes({ buffers, steps }: LoweredSegment): number {
  const scratch = Math.max(0, ...steps.map((step) => (step.kind === "kernel" ? step.scratch : 0)));
  return buffers.reduce((sum, bytes) => sum + bytes, scratch);
}
