// Runs the records of a program step after step, each in a call of its own, so that each can be timed.
// Knows records by their numbers only. Read next: program.ts.
import type { StepClock } from "../backend.ts";

/** Runs records `from` to `to` by `run`; `steps` has the step of every record. */
export function runByStep(
  steps: readonly number[],
  from: number,
  to: number,
  run: (from: number, to: number) => void,
  clock: StepClock,
): void {
  for (let first = from, end = from; first < to; first = end) {
    const step = steps[first] ?? 0;
    while (end < to && steps[end] === step) end++;
    const begun = performance.now();
    run(first, end);
    clock(step, 1000 * (performance.now() - begun));
  }
}
