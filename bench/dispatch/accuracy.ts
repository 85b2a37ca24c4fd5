// How well the figures of a calibration predict: what each device was said to take for a piece of work against what it took.
// Whole runs are measured, so that for the smallest work the engine's own microseconds are in it. Knows no placement.
// Read next: dispatch.ts, which prints it; works.ts, which predicts.
import type { DeviceName } from "../../bindings/backends/backend.ts";
import { median } from "../../bindings/core/median.ts";

/** One piece of work on one device, in microseconds. */
export interface Prediction {
  readonly name: string;
  readonly device: DeviceName;
  readonly predicted: number;
  readonly measured: number;
}

/** Work that takes less, in microseconds, is left out: it costs what recording and reading cost. */
const worthPredicting = 50;
const shown = 8;

/** A line for a device: how many predictions are how near, and which are the farthest. */
export function describeAccuracy(all: readonly Prediction[], device: DeviceName): string {
  const off = all
    .filter((one) => one.device === device && one.measured >= worthPredicting)
    .map(({ name, predicted, measured }) => ({ name, factor: measured / predicted }))
    .sort((a, b) => farness(b.factor) - farness(a.factor));
  if (off.length === 0) return `predictions on ${device}: none of ${String(worthPredicting)} µs or more`;
  const within = (factor: number): string =>
    `${String(Math.round((100 * off.filter((one) => farness(one.factor) <= factor).length) / off.length))} % within ${String(factor)} ×`;
  const middle = median(off.map(({ factor }) => farness(factor))).toFixed(2);
  const worst = off.slice(0, shown).map(({ name, factor }) => `${name} took ${factor.toPrecision(2)} ×`);
  return `predictions on ${device}: ${String(off.length)}, median off by ${middle} ×, ${[1.25, 1.5, 2, 3].map(within).join(", ")}\n  farthest: ${worst.join(", ")}`;
}

/** By what factor a prediction is wrong, either way. */
const farness = (factor: number): number => Math.max(factor, 1 / factor);
