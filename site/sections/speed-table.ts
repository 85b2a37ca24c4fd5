// The figures behind the chart of speeds, as a table and in sentences. Text only: what is measured and drawn is elsewhere.
// Read next: speed.ts.
import type { View } from "../charts/size-chart.ts";
import { millisecondsOf } from "../charts/size-chart.ts";
import { make, row } from "../elements.ts";
import type { Lane } from "../lanes.ts";
import { cpuLane } from "../lanes.ts";
import { digits, showDuration, showRate } from "../numbers.ts";
import type { Point } from "../results.ts";

const deviceNames = { wasm: "CPU", webgpu: "GPU" } as const;

function figure({ work, data, quantity }: View, point: Point, lane: Lane): string {
  const milliseconds = millisecondsOf(point, lane, data);
  if (milliseconds === undefined) return "–";
  const rate = showRate((1000 * work.amount(point.size)) / milliseconds, work.unit);
  return quantity === "time" ? showDuration(milliseconds) : rate;
}

/** One row a size: each lane's figure, what dispatch would choose, and why. */
export function fillTable(table: HTMLTableElement, view: View): void {
  const { work, points, lanes } = view;
  const hasChoices = points.some(({ choice }) => choice !== undefined);
  const labels = [work.sizeName, ...lanes.map(({ title }) => title), ...(hasChoices ? ["dispatch", "because"] : [])];
  const rows = points.map((point) => {
    const chosen = point.choice === undefined ? ["–", "–"] : [deviceNames[point.choice.device], point.choice.reason];
    return row(
      [work.show(point.size), ...lanes.map((lane) => figure(view, point, lane)), ...(hasChoices ? chosen : [])],
      labels,
    );
  });
  table.tHead?.replaceChildren(make("tr", {}, ...labels.map((label) => make("th", { scope: "col" }, label))));
  table.tBodies[0]?.replaceChildren(...rows);
}

/** A point for the line under the chart. */
export function inOneLine(view: View, point: Point): string {
  const figures = view.lanes.map((lane) => `${lane.title}: ${figure(view, point, lane)}`);
  const chosen = point.choice === undefined ? [] : [`dispatch: ${deviceNames[point.choice.device]}`];
  return [view.work.show(point.size), ...figures, ...chosen].join("  ·  ");
}

/** What the chart says, in a sentence or two. */
export function verdictOn(view: View, crossover: number | undefined): string {
  return [onThreads(view), onCrossover(view, crossover), onDispatch(view)].filter((text) => text !== "").join(" ");
}

/** At the largest size that both did: there sharing matters most, and noise least. */
function onThreads({ work, points, lanes, data }: View): string {
  const single = lanes.find(({ key }) => key === "single");
  const threads = lanes.find(({ key }) => key === "threads");
  if (single === undefined || threads === undefined) return "";
  for (const point of [...points].reverse()) {
    const [one, many] = [millisecondsOf(point, single, data), millisecondsOf(point, threads, data)];
    if (one === undefined || many === undefined) continue;
    return `${work.show(point.size)}: ${threads.title} ${digits(one / many)} × as fast as one.`;
  }
  return "";
}

function onCrossover({ work, points, data }: View, crossover: number | undefined): string {
  if (crossover === undefined) return "";
  const where = data === "resident" ? "On data that stay on the device" : "With copies there and back";
  if (crossover === Infinity) return `${where} the CPU is ahead at the largest size measured on both.`;
  if (crossover <= (points[0]?.size ?? 0)) return `${where} the GPU is ahead at every size.`;
  return `${where} the GPU is ahead from about ${digits(crossover)} on (${work.sizeName}).`;
}

/** How often dispatch took the faster device. It decides about operands in JavaScript, so only the round trip can tell. */
function onDispatch({ points, lanes, data }: View): string {
  const cpu = cpuLane(lanes);
  const gpu = lanes.find(({ device }) => device === "webgpu");
  if (data !== "roundTrip" || cpu === undefined || gpu === undefined) return "";
  const decided = points.flatMap((point) => {
    const [onCpu, onGpu] = [millisecondsOf(point, cpu, data), millisecondsOf(point, gpu, data)];
    if (onCpu === undefined || onGpu === undefined || point.choice === undefined) return [];
    return [(point.choice.device === "webgpu") === onGpu < onCpu];
  });
  if (decided.length === 0) return "";
  return `Dispatch takes the faster of the two at ${decided.filter(Boolean).length} of ${decided.length} sizes.`;
}
