// Time or rate against size, both axes logarithmic: a line for each lane, the size from which the GPU is ahead, and along the
// bottom the device that dispatch would choose. Knows no workers. Read next: crossover.ts, frame.ts.
import type uPlot from "uplot";
import type { Lane } from "../lanes.ts";
import { colourOf, cpuLane } from "../lanes.ts";
import { digits, showDuration } from "../numbers.ts";
import type { Point } from "../results.ts";
import type { Work } from "../work/catalogue.ts";
import { crossover } from "./crossover.ts";
import type { Frame } from "./frame.ts";
import { axis, colour, frameIn, logarithmic, logarithmicMarks, shown } from "./frame.ts";

export type Quantity = "time" | "rate";
export type Data = "resident" | "roundTrip";

export interface View {
  readonly work: Work;
  readonly points: readonly Point[];
  readonly lanes: readonly Lane[];
  readonly quantity: Quantity;
  readonly data: Data;
}

/** Milliseconds of a lane at a point; undefined where it was not measured. */
export function millisecondsOf({ samples }: Point, lane: Lane, data: Data): number | undefined {
  return samples[lane.key]?.[data];
}

/** The size from which the GPU stays ahead of the CPU: between two sizes, Infinity if never, undefined if unknown. */
export function crossoverOf({ points, lanes, data }: View): number | undefined {
  const cpu = cpuLane(lanes);
  const gpu = lanes.find(({ device }) => device === "webgpu");
  if (cpu === undefined || gpu === undefined) return undefined;
  return crossover(
    points.map((point) => ({
      size: point.size,
      cpu: millisecondsOf(point, cpu, data),
      gpu: millisecondsOf(point, gpu, data),
    })),
  );
}

/** Draws into `host`; `hovered` is told the point under the cursor. */
export function drawSizeChart(host: HTMLElement, view: View, hovered: (point: Point | undefined) => void): Frame {
  const { work, points, lanes, quantity } = view;
  const sizes = points.map(({ size }) => size);
  const valueOf = (point: Point, lane: Lane): number | null => {
    const milliseconds = millisecondsOf(point, lane, view.data);
    if (milliseconds === undefined) return null;
    return quantity === "time" ? milliseconds : (1000 * work.amount(point.size)) / milliseconds;
  };
  const lines = lanes.map((lane) => points.map((point) => valueOf(point, lane)));
  const options = {
    padding: [12, 14, 0, 0] as uPlot.Padding,
    scales: {
      x: { time: false, distr: logarithmic, log: 2 as const, range: () => widened(sizes, Math.SQRT2) },
      y: { distr: logarithmic, range: () => widened(lines.flat(), 2) },
    },
    axes: [
      axis({
        label: work.sizeName,
        size: 32,
        splits: () => sizes,
        filter: (chart, splits) => thinned(splits, chart.width),
        values: (_, splits) => splits.map(shown((size) => work.tick(size))),
      }),
      axis({
        label: quantity === "time" ? "time of one run" : work.unit,
        size: 64,
        ...logarithmicMarks,
        values: (_, splits) => splits.map(shown(quantity === "time" ? showDuration : digits)),
      }),
    ],
    series: [
      {},
      ...lanes.map((lane): uPlot.Series => ({
        stroke: () => colour(colourOf(lane.key)),
        width: 2.5,
        spanGaps: true,
        ...(lane.key === "single" ? { dash: [6, 5] } : {}),
        points: { show: true, size: 8, fill: () => colour("--card"), width: 2 },
      })),
    ],
    cursor: { drag: { x: false, y: false }, y: false },
    hooks: {
      setCursor: [(chart: uPlot) => hovered(chart.cursor.idx == null ? undefined : points[chart.cursor.idx])],
      draw: [(chart: uPlot) => drawChoices(chart, view), (chart: uPlot) => drawCrossover(chart, view)],
    },
  };
  return frameIn(host, options, [sizes, ...lines]);
}

/** The least and the largest of the values with some room around, as a logarithmic scale needs it. */
function widened(values: readonly (number | null)[], factor: number): [number, number] {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return [1, 10];
  return [Math.min(...known) / factor, Math.max(...known) * factor];
}

/** Every split, or every second or third where labels would touch. */
function thinned(splits: readonly number[], width: number): (number | null)[] {
  const step = Math.ceil((splits.length * 48) / Math.max(1, width - 80));
  return splits.map((split, index) => ((splits.length - 1 - index) % step === 0 ? split : null));
}

/** A band along the bottom in the colour of the device that dispatch chooses, half-way to the neighbouring sizes. */
function drawChoices(chart: uPlot, { points, lanes }: View): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const place = (size: number): number => chart.valToPos(size, "x", true);
  const cpu = cpuLane(lanes);
  ctx.save();
  points.forEach(({ size, choice }, index) => {
    if (choice === undefined) return;
    const key = choice.device === "webgpu" ? "gpu" : (cpu?.key ?? "single");
    const half = (other: Point | undefined): number =>
      other === undefined ? 18 * ratio : Math.abs(place(other.size) - place(size)) / 2;
    const left = Math.max(bbox.left, place(size) - half(points[index - 1]));
    const right = Math.min(bbox.left + bbox.width, place(size) + half(points[index + 1]));
    ctx.fillStyle = colour(colourOf(key));
    ctx.fillRect(left, bbox.top + bbox.height - 7 * ratio, right - left - ratio, 6 * ratio);
  });
  ctx.restore();
}

function drawCrossover(chart: uPlot, view: View): void {
  const size = crossoverOf(view);
  const { ctx, bbox } = chart;
  const [least = 0, largest = 0] = [view.points[0]?.size, view.points.at(-1)?.size];
  if (size === undefined || size <= least || size > largest) return;
  const ratio = devicePixelRatio;
  const x = chart.valToPos(size, "x", true);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--ink");
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 4 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `${12 * ratio}px ui-sans-serif, system-ui, sans-serif`;
  ctx.textBaseline = "top";
  const isRight = x > bbox.left + 0.6 * bbox.width;
  ctx.textAlign = isRight ? "right" : "left";
  ctx.fillText(`GPU ahead from ≈ ${digits(size)}`, x + (isRight ? -6 : 6) * ratio, bbox.top + 4 * ratio);
  ctx.restore();
}
