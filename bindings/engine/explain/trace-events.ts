// A run as events of the Chrome trace format (about:tracing, Perfetto): complete events with beginning and duration in
// microseconds, on a track for every thread of the CPU, for the GPU, and for transfers.
// Format: "Trace Event Format", Google, events of phase X and M. Knows no engine. Read next: explanation.ts.
import { worthSharing, workOf } from "../../backends/wasm/sharing.ts";
import type { DeviceName } from "../../backends/backend.ts";
import type { Step } from "../../graph/step.ts";
import type { ExplainedTransfer } from "./explanation.ts";

/** A complete event (X) or the name of a process or track (M). */
export interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds since the run began; complete events only, as the next. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** What happened when, in microseconds since the run began. */
export interface Timeline {
  readonly segments: readonly {
    readonly device: DeviceName;
    readonly threads: number;
    readonly begin: number;
    readonly microseconds: number;
    readonly steps: readonly {
      readonly step: Step;
      /** Undefined where the device has no clock. */
      readonly microseconds: number | undefined;
      readonly reasons: readonly string[];
    }[];
  }[];
  readonly transfers: readonly (ExplainedTransfer & { readonly begin: number })[];
}

const pid = 1;
/** Threads have numbers from 1. */
const tracks = { webgpu: 100, transfers: 200 } as const;

export function traceEvents({ segments, transfers }: Timeline): TraceEvent[] {
  const events: TraceEvent[] = [];
  for (const { device, threads, begin, microseconds, steps } of segments) {
    const own = device === "webgpu" ? [tracks.webgpu] : Array.from({ length: threads }, (_, thread) => thread + 1);
    const isTimed = steps.some((step) => step.microseconds !== undefined);
    let at = begin;
    for (const { step, microseconds: duration = 0, reasons } of isTimed ? steps : []) {
      // What is not worth sharing runs on the first thread alone.
      const used = workOf(step) >= worthSharing ? own : own.slice(0, 1);
      const args = { kind: step.kind, reason: reasons.join("; ") };
      for (const tid of used)
        events.push({ name: step.label, ph: "X", pid, tid, ts: at, dur: duration, cat: device, args });
      at += duration;
    }
    if (!isTimed) {
      const labels = [...new Set(steps.map(({ step }) => step.label))];
      const args = { kernels: steps.length, reason: "this device has no clock for single kernels" };
      const [tid = 1] = own;
      events.push({ name: labels.join(", "), ph: "X", pid, tid, ts: begin, dur: microseconds, cat: device, args });
    }
  }
  for (const { from, to, bytes, predicted, measured, begin } of transfers) {
    const args = { bytes, predicted };
    const name = `${from} → ${to}`;
    events.push({ name, ph: "X", pid, tid: tracks.transfers, ts: begin, dur: measured, cat: "transfer", args });
  }
  return [...namesOf(new Set(events.map(({ tid }) => tid))), ...events];
}

/** Metadata: what the process and its tracks are called. */
function namesOf(tids: ReadonlySet<number>): TraceEvent[] {
  const nameOf = (tid: number): string =>
    tid === tracks.webgpu ? "webgpu" : tid === tracks.transfers ? "transfers" : `wasm thread ${String(tid)}`;
  return [
    { name: "process_name", ph: "M", pid, tid: 0, args: { name: "athanor" } },
    ...[...tids]
      .sort((a, b) => a - b)
      .map((tid): TraceEvent => ({ name: "thread_name", ph: "M", pid, tid, args: { name: nameOf(tid) } })),
  ];
}
