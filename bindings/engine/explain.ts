// explain: runs the pending work below tensors and tells, kernel by kernel, where it ran and why.
// Read next: graph/place.ts for the reasons; engine.ts.
import type { DeviceName } from "../backends/backend.ts";
import { showBytes } from "../core/bytes.ts";
import { ParameterError } from "../core/errors.ts";
import { capture } from "../graph/capture.ts";
import type { Footprint } from "../graph/footprint.ts";
import { footprintOf } from "../graph/footprint.ts";
import { workOf } from "../graph/place.ts";
import type { Tensor } from "../ops/tensor.ts";
import { calibrate } from "./calibrate.ts";
import { engineOf } from "./default.ts";
import type { RunTrace } from "./run.ts";
import { tensorsOf } from "./scopes.ts";

/** One kernel of a plan. */
export interface ExplainedKernel {
  /** The ops it computes, joined by "+". */
  readonly op: string;
  readonly device: DeviceName;
  readonly reason: string;
  /** Microseconds the cost model expects. */
  readonly predicted: number;
  readonly flops: number;
  /** Bytes read and written. */
  readonly bytes: number;
}

/** A plan in words: `String(explanation)` is a table, `toJSON()` the data. */
export interface Explanation {
  readonly kernels: readonly ExplainedKernel[];
  /** Runs of kernels on one device, with the milliseconds they took. */
  readonly segments: readonly {
    readonly device: DeviceName;
    readonly kernels: number;
    readonly milliseconds: number;
  }[];
  /** Copies between host and devices. */
  readonly transfers: readonly {
    readonly from: DeviceName | "host";
    readonly to: DeviceName;
    readonly bytes: number;
  }[];
  /** Bytes the run held at once, at most, against those of all its tensors together. */
  readonly memory: Footprint;
  toString(): string;
  toJSON(): unknown;
}

/**
 * Runs what is pending below a tensor, a tree of tensors, or the tensors a function returns, and explains the plan.
 * What was computed before has nothing left to explain.
 */
export async function explain(target: Tensor | readonly Tensor[] | (() => unknown)): Promise<Explanation> {
  const tensors = tensorsOf(typeof target === "function" ? target() : target);
  const [first] = tensors;
  if (first === undefined)
    throw new ParameterError(
      "explain",
      "found no tensor. Give a tensor, a list of them, or a function that returns some",
    );
  const engine = engineOf(first);
  await engine.ready();
  await calibrate(engine);
  const values = tensors
    .map((tensor) => engine.valueOf(tensor, "explain"))
    .filter((value) => !value.isStored && !value.isConstant);
  const captured = capture(values);
  const trace: RunTrace = { segments: [], transfers: [], wait: true };
  const { plan } = engine.plan(captured, { readBack: true });
  await engine.run(values, { readBack: true, trace });
  const order = plan.segments.flatMap((segment) => segment.groups);
  const kernels = order.flatMap((index): ExplainedKernel[] => {
    const group = plan.fused.groups[index];
    const placement = plan.placements[index];
    if (group === undefined || placement === undefined) return [];
    const { flops, bytes } = workOf(plan.fused, group);
    return [{ op: group.label, ...placement, flops, bytes }];
  });
  const segments = plan.segments.map((segment, index) => ({
    device: segment.device,
    kernels: segment.steps.length,
    milliseconds: trace.segments[index] ?? 0,
  }));
  const data = { kernels, segments, transfers: trace.transfers, memory: footprintOf(captured, plan) };
  return { ...data, toString: () => table(data), toJSON: () => data };
}

type Told = Omit<Explanation, "toString" | "toJSON">;

function table({ kernels, segments, transfers, memory }: Told): string {
  if (kernels.length === 0) return "nothing to compute: the tensor is stored already";
  const rows = [["op", "device", "predicted", "bytes", "reason"]];
  for (const kernel of kernels)
    rows.push([kernel.op, kernel.device, `${kernel.predicted.toFixed(1)} µs`, String(kernel.bytes), kernel.reason]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  "),
  );
  for (const segment of segments)
    lines.push(`ran ${String(segment.kernels)} kernels on ${segment.device} in ${segment.milliseconds.toFixed(3)} ms`);
  for (const transfer of transfers)
    lines.push(`moved ${String(transfer.bytes)} bytes from ${transfer.from} to ${transfer.to}`);
  lines.push(`held ${showBytes(memory.peak)} at most; all its tensors together are ${showBytes(memory.sum)}`);
  return lines.join("\n");
}
