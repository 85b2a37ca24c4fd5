// Learning-rate schedules: functions from the number of updates done (0 at the first) to a rate. Pure arithmetic.
// Read next: optimizer.ts, which asks one before every step.
import { ParameterError } from "../core/errors.ts";

/** Learning rate for update number `step`, counted from 0. */
export type Schedule = (step: number) => number;

/** A number as a schedule; a schedule as it is. */
export function asSchedule(rate: number | Schedule): Schedule {
  return typeof rate === "function" ? rate : () => rate;
}

/** rate · factor^⌊step / every⌋. */
export function stepDecay(rate: number, options: { readonly every: number; readonly factor?: number }): Schedule {
  const { every, factor = 0.1 } = options;
  requirePositive("stepDecay", "every", every);
  return (step) => rate * factor ** Math.floor(step / every);
}

/** rate · factor^step. */
export function exponentialDecay(rate: number, factor: number): Schedule {
  return (step) => rate * factor ** step;
}

/** From rate to floor along half a cosine over `steps` updates; floor afterwards (Loshchilov and Hutter 2017). */
export function cosine(rate: number, options: { readonly steps: number; readonly floor?: number }): Schedule {
  const { steps, floor = 0 } = options;
  requirePositive("cosine", "steps", steps);
  return (step) => floor + ((rate - floor) * (1 + Math.cos(Math.PI * Math.min(step / steps, 1)))) / 2;
}

/** Rises in a straight line over the first `steps` updates to what `next` then gives, which starts counting there. */
export function warmup(steps: number, next: number | Schedule): Schedule {
  requirePositive("warmup", "steps", steps);
  const then = asSchedule(next);
  return (step) => (step < steps ? (then(0) * (step + 1)) / steps : then(step - steps));
}

function requirePositive(op: string, name: string, value: number): void {
  if (!(value > 0)) throw new ParameterError(op, `${name} must be > 0, got ${value}`);
}
