// What explain tells: the data, and the three forms it takes: a table for people, JSON, and the events of a Chrome trace.
// Knows no engine. Read next: explain.ts, which finds the data; trace-events.ts for the trace.
import type { DeviceName } from "../../backends/backend.ts";
import { showBytes } from "../../core/bytes.ts";
import type { Footprint } from "../../graph/footprint.ts";
import type { Timeline, TraceEvent } from "./trace-events.ts";
import { traceEvents } from "./trace-events.ts";

/** One kernel of a plan. */
export interface ExplainedKernel {
  /** The ops it computes, joined by "+". */
  readonly op: string;
  readonly device: DeviceName;
  /** Why it runs there, in words. */
  readonly reason: string;
  /** Microseconds the cost model expects. */
  readonly predicted: number;
  /** Microseconds it took; null where the device has no clock. A share of the loop's time for kernels that run in one. */
  readonly measured: number | null;
  readonly flops: number;
  /** Bytes read and written. */
  readonly bytes: number;
  /** Why it runs on the CPU although there is a GPU that it could not use; null where there was a choice. */
  readonly fallback: string | null;
  /** Kernels with the same number run as one, strip by strip, block by block or row by row; null for one that runs alone. */
  readonly loop: number | null;
}

/** A run of kernels on one device. */
export interface ExplainedSegment {
  readonly device: DeviceName;
  readonly kernels: number;
  readonly milliseconds: number;
}

/** A copy between host and devices. */
export interface ExplainedTransfer {
  readonly from: DeviceName | "host";
  readonly to: DeviceName | "host";
  readonly bytes: number;
  /** Microseconds expected, and taken. */
  readonly predicted: number;
  readonly measured: number;
}

/** The plain data of an explanation: what `toJSON` gives. */
export interface ExplanationData {
  readonly kernels: readonly ExplainedKernel[];
  readonly segments: readonly ExplainedSegment[];
  readonly transfers: readonly ExplainedTransfer[];
  /** Microseconds expected of the plan, and of each device alone where there was a choice. Transfers are included. */
  readonly predicted: { readonly plan: number; readonly wasm: number | null; readonly webgpu: number | null };
  /** Where the speeds behind the predictions come from. */
  readonly profile: string;
  /** What `init` was asked for and this machine does not have, with what would change that. */
  readonly missing: readonly string[];
  /** Bytes the run held at once, at most, against those of all its tensors together. */
  readonly memory: Footprint;
}

/** A plan in words: `String(explanation)` is a table, `toJSON()` the data, `toTrace()` a Chrome trace. */
export interface Explanation extends ExplanationData {
  toString(): string;
  toJSON(): ExplanationData;
  /** Events for chrome://tracing or Perfetto, as JSON: a track for every thread and device, and one for transfers. */
  toTrace(): readonly TraceEvent[];
}

/** What is told of one plan. */
export interface Told extends Omit<ExplanationData, "profile" | "missing"> {
  readonly timeline: Timeline;
}

/** Plans that ran one after another, as one. */
export function inOrder(plans: readonly Told[]): Told {
  const kernels: ExplainedKernel[] = [];
  const segments: Timeline["segments"][number][] = [];
  const transfers: Timeline["transfers"][number][] = [];
  let [end, loops] = [0, 0];
  for (const { timeline, ...told } of plans) {
    const begin = end;
    const later = <T extends { readonly begin: number }>(event: T): T => ({ ...event, begin: begin + event.begin });
    segments.push(...timeline.segments.map(later));
    transfers.push(...timeline.transfers.map(later));
    for (const { begin: at, microseconds } of segments) end = Math.max(end, at + microseconds);
    for (const { begin: at, measured } of transfers) end = Math.max(end, at + measured);
    kernels.push(
      ...told.kernels.map((kernel) => ({ ...kernel, loop: kernel.loop === null ? null : kernel.loop + loops })),
    );
    for (const { loop } of kernels) loops = Math.max(loops, loop ?? 0);
  }
  const sumOf = (device: DeviceName): number | null =>
    plans.reduce<number | null>((sum, { predicted }) => {
      const alone = predicted[device];
      return sum === null || alone === null ? null : sum + alone;
    }, 0);
  return {
    ...{
      kernels,
      segments: plans.flatMap((told) => told.segments),
      transfers: plans.flatMap((told) => told.transfers),
    },
    predicted: {
      plan: plans.reduce((sum, { predicted }) => sum + predicted.plan, 0),
      ...{ wasm: sumOf("wasm"), webgpu: sumOf("webgpu") },
    },
    memory: {
      peak: Math.max(0, ...plans.map(({ memory }) => memory.peak)),
      sum: plans.reduce((sum, { memory }) => sum + memory.sum, 0),
    },
    timeline: { segments, transfers },
  };
}

/** Gives the data its forms. */
export function explanationOf({ timeline, ...data }: ExplanationData & { readonly timeline: Timeline }): Explanation {
  return { ...data, toString: () => table(data), toJSON: () => data, toTrace: () => traceEvents(timeline) };
}

const showMicroseconds = (time: number | null): string =>
  time === null ? "–" : `${time < 99.95 ? time.toFixed(1) : String(Math.round(time))} µs`;

function table(data: ExplanationData): string {
  const { kernels, segments, transfers, predicted, memory } = data;
  if (kernels.length === 0) return "nothing to compute: the tensor is stored already";
  const rows = [["op", "device", "predicted", "measured", "bytes", "reason"]];
  for (const kernel of kernels) {
    const loop = kernel.loop === null ? "" : ` (loop ${String(kernel.loop)})`;
    rows.push([
      kernel.op,
      kernel.device,
      showMicroseconds(kernel.predicted),
      `${showMicroseconds(kernel.measured)}${loop}`,
      showBytes(kernel.bytes),
      kernel.fallback === null ? kernel.reason : `fallback: ${kernel.reason}`,
    ]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  "),
  );
  for (const { device, kernels: count, milliseconds } of segments)
    lines.push(`ran ${countOf(count)} on ${device} in ${showMicroseconds(1000 * milliseconds)}`);
  for (const { from, to, bytes, predicted: expected, measured } of transfers)
    lines.push(
      `moved ${showBytes(bytes)} from ${from} to ${to} in ${showMicroseconds(measured)} (predicted ${showMicroseconds(expected)})`,
    );
  lines.push(`predicted ${showMicroseconds(predicted.plan)} in all${aloneInWords(predicted)}`);
  lines.push(`held ${showBytes(memory.peak)} at most; all its tensors together are ${showBytes(memory.sum)}`);
  if (data.profile !== "") lines.push(data.profile);
  lines.push(...data.missing);
  return lines.join("\n");
}

const countOf = (kernels: number): string => (kernels === 1 ? "1 kernel" : `${String(kernels)} kernels`);

function aloneInWords({ wasm, webgpu }: ExplanationData["predicted"]): string {
  if (wasm === null || webgpu === null) return "";
  return `; with a choice, wasm alone ${showMicroseconds(wasm)} and webgpu alone ${showMicroseconds(webgpu)}, transfers included`;
}
