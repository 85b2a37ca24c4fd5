// The losses of trainings against steps or seconds: every step faintly, their running mean boldly. The loss axis is logarithmic.
// Knows no workers. Read next: frame.ts.
import uPlot from "uplot";
import type { LaneKey } from "../lanes.ts";
import { colourOf } from "../lanes.ts";
import { digits } from "../numbers.ts";
import type { Frame } from "./frame.ts";
import { axis, colour, frameIn, logarithmic, logarithmicMarks, shown } from "./frame.ts";

export interface LossLine {
  readonly key: LaneKey;
  readonly losses: readonly number[];
  /** Seconds after each step. */
  readonly seconds: readonly number[];
}

export type Against = "steps" | "seconds";

const fewSteps = 20;
/** Share of the running mean that a new loss does not change. */
const smoothing = 0.92;

export class LossChart {
  readonly #frame: Frame;
  #end = 1;

  constructor(host: HTMLElement, keys: readonly LaneKey[], against: Against) {
    this.#frame = frameIn(
      host,
      {
        padding: [12, 14, 0, 0],
        scales: {
          x: { time: false, range: () => [0, this.#end] },
          y: { distr: logarithmic, range: (_, min, max) => around(min, max) },
        },
        axes: [
          axis({ label: against, size: 32, values: (_, splits) => splits.map((split) => digits(split)) }),
          axis({
            label: "loss",
            ...logarithmicMarks,
            size: 56,
            values: (_, splits) => splits.map(shown((split) => digits(split))),
          }),
        ],
        series: [
          {},
          ...keys.flatMap((key): uPlot.Series[] => [
            { stroke: () => colour(colourOf(key)), width: 1, alpha: 0.28, spanGaps: true, points: { show: false } },
            {
              ...{ stroke: () => colour(colourOf(key)), width: 2.5, spanGaps: true },
              // A device that has done a few steps only would be no line at all.
              points: { show: (chart, series) => countOf(chart.data[series] ?? []) < fewSteps, size: 5 },
            },
          ]),
        ],
        cursor: { show: false },
      },
      [[], ...keys.flatMap(() => [[], []])] as unknown as uPlot.AlignedData,
    );
  }

  /** `end` is where the axis of steps or seconds ends. */
  draw(lines: readonly LossLine[], against: Against, end: number): void {
    this.#end = Math.max(end, 1e-3);
    const tables = lines.map(({ losses, seconds }): uPlot.AlignedData => {
      const places = against === "steps" ? losses.map((_, step) => step + 1) : [...seconds];
      return [places, [...losses], runningMean(losses)];
    });
    const filled = tables.some(([places]) => places.length > 0);
    if (filled) this.#frame.chart.setData(uPlot.join(tables));
  }

  dispose(): void {
    this.#frame.dispose();
  }
}

const countOf = (values: ArrayLike<number | null | undefined>): number =>
  Array.from(values).filter((value) => typeof value === "number").length;

function runningMean(losses: readonly number[]): number[] {
  let mean = 0;
  // Divided by the weight so far: the mean starts at the first loss, not at zero.
  return losses.map((loss, step) => {
    mean = smoothing * mean + (1 - smoothing) * loss;
    return mean / (1 - smoothing ** (step + 1));
  });
}

function around(min: number | null, max: number | null): [number, number] {
  return min === null || max === null || !(min > 0) ? [0.01, 3] : [Math.max(1e-4, min / 1.3), max * 1.3];
}
