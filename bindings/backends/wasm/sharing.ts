// Whether a step is worth sharing among threads: how long it takes one thread, by rough rates of any recent CPU. Waking a
// worker takes some 20 µs and meeting it one more, so what takes less stays on one thread. Placement has measured rates; this
// rule must not depend on measurements, or results could differ from run to run. Read next: program.ts.
import { sizeOf } from "../../core/shape.ts";
import { costOf } from "../../expr/expression.ts";
import type { Step } from "../../graph/step.ts";

/** Microseconds from which a step is shared. */
export const worthSharing = 20;

/** Per microsecond: operations of packed kernels, elements moved, and elementwise operations. */
const rates = { operations: 40_000, elements: 4_000, elementwise: 10_000 } as const;

/** Microseconds a step takes one thread, roughly. */
export function workOf(step: Step): number {
  switch (step.kind) {
    case "map":
      return (
        (sizeOf(step.shape) *
          [step, ...(step.also ?? [])].reduce((sum, { expression }) => sum + 2 + costOf(expression), 0)) /
        rates.elementwise
      );
    case "reduce":
      return (step.outer * step.length * step.inner * 2) / rates.elementwise;
    case "kernel": {
      if (step.work === undefined) return 0;
      const own = Math.max(step.work.flops / rates.operations, step.work.elements / rates.elements);
      return own + (step.finish === undefined ? 0 : workOf(step.finish));
    }
    case "strips":
      return step.strips * step.steps.reduce((sum, part) => sum + workOf(part), 0);
    case "rowKernel":
    case "columnKernel":
      return 0;
    default:
      return step satisfies never;
  }
}
