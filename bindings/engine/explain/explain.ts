// explain: runs the pending work below tensors under the clock and tells, kernel by kernel, where it ran, why, and what it took.
// Read next: explanation.ts for what is told; graph/place.ts for the reasons; ../run.ts for the traces.
import type { Storage } from "../../backends/backend.ts";
import type { WebGPUBackend } from "../../backends/webgpu/backend.ts";
import { ParameterError } from "../../core/errors.ts";
import type { Capture } from "../../graph/capture.ts";
import { capture } from "../../graph/capture.ts";
import { footprintOf } from "../../graph/footprint.ts";
import { Value } from "../../graph/node.ts";
import { workOf } from "../../graph/place.ts";
import type { Plan } from "../../graph/plan.ts";
import type { Step } from "../../graph/step.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { defaultEngine, engineOf } from "../default.ts";
import type { Engine, RunAtOnce } from "../engine.ts";
import type { ExplainedKernel, ExplainedSegment, ExplainedTransfer, Explanation, Told } from "./explanation.ts";
import { explanationOf, inOrder } from "./explanation.ts";
import type { RunTrace } from "../run.ts";
import { dropPlan, runTraced } from "../run.ts";
import { tensorsOf } from "../scopes.ts";

/**
 * Runs what is pending below a tensor, a tree of tensors, or the tensors a function returns, and explains the plan: for every
 * kernel the device, the reason, predicted and measured time and bytes moved. The plan is run up to four times, each step under
 * the clock, and the fastest counts; results are stored as by any run. What was computed before has nothing left to explain.
 * A function under `jit`, or an optimiser's step, that the given function calls is explained by the plan that it went by.
 * `String(explanation)` is a table, `toJSON()` the data, `toTrace()` the events of a Chrome trace.
 * Throws a ParameterError where there is no tensor, and for a function that returns a promise.
 */
export async function explain(target: Tensor | readonly Tensor[] | (() => unknown)): Promise<Explanation> {
  const runs: RunAtOnce[] = [];
  try {
    const tensors = tensorsOf(typeof target === "function" ? watched(target, runs) : target);
    const [first] = tensors;
    if (first === undefined)
      throw new ParameterError(
        "explain",
        "found no tensor. Give a tensor, a list of them, or a function that returns some",
      );
    const engine = engineOf(first);
    await engine.ready();
    await engine.tuning?.settled();
    const told: Told[] = [];
    for (const run of runs) told.push(await runAgain(engine, run));
    const pending = await runPending(engine, tensors);
    if (pending !== undefined) told.push(pending);
    const explained = { profile: engine.tuning?.report().detail ?? "", missing: missingOf(engine) };
    return explanationOf({ ...inOrder(told), ...explained });
  } finally {
    for (const { inputs, compiled } of runs) {
      for (const value of inputs) value.release();
      if (--compiled.use.runs === 0 && compiled.use.isDropped) dropPlan(compiled);
    }
  }
}

/** Calls a function. The plans that run in it are noted, with operands that are held until they have been run again. */
function watched(body: () => unknown, runs: RunAtOnce[]): unknown {
  const engine = defaultEngine();
  const before = engine.watch;
  engine.watch = (run) => {
    // The keys of random numbers are let go by who made them, whoever holds them.
    const inputs = run.inputs.map((value) =>
      value.copies.size === 0 && value.host !== undefined
        ? new Value(value.shape, value.dtype, undefined, value.host)
        : value,
    );
    for (const value of inputs) value.retain();
    run.compiled.use.runs++;
    runs.push({ ...run, inputs });
  };
  try {
    const result = body();
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return result;
  } finally {
    engine.watch = before;
  }
  throw new ParameterError("explain", "the function returned a promise. Return tensors that nobody has read yet");
}

/** Explains a plan that has run, by running it again. */
async function runAgain(engine: Engine, { captured, compiled, inputs, scalars }: RunAtOnce): Promise<Told> {
  const traces: RunTrace[] = [];
  const results = await runTraced(compiled, inputs, scalars, engine.backends, traces);
  for (const result of results) if ("storage" in result) result.storage.release();
  return tell(engine, captured, compiled.plan, traces, []);
}

/** Runs and explains what is pending below tensors; undefined if nothing is. */
async function runPending(engine: Engine, tensors: readonly Tensor[]): Promise<Told | undefined> {
  const values = pendingOf(engine, tensors);
  if (values.length === 0) return undefined;
  const captured = capture(values);
  // The run goes by the same plan.
  const { plan } = engine.planner.plan(captured, { readBack: true });
  const traces: RunTrace[] = [];
  for (const value of values) value.retain();
  try {
    await engine.run(values, { readBack: true, traces });
    return tell(engine, captured, plan, traces, await readTransfers(values));
  } finally {
    for (const value of values) value.release();
  }
}

/** Where each kernel of what is pending below tensors will run, and why. Nothing runs. */
export function placementOf(tensors: readonly Tensor[]): readonly Pick<ExplainedKernel, "op" | "device" | "reason">[] {
  const engine = defaultEngine();
  const { plan } = engine.planner.plan(capture(pendingOf(engine, tensors)), { readBack: true });
  return plan.segments.flatMap(({ groups }) =>
    groups.flatMap((index) => {
      const [group, placement] = [plan.fused.groups[index], plan.placements[index]];
      if (group === undefined || placement === undefined) return [];
      return { op: group.label, device: placement.device, reason: placement.reason };
    }),
  );
}

function pendingOf(engine: Engine, tensors: readonly Tensor[]): Value[] {
  return tensors
    .map((tensor) => engine.valueOf(tensor, "explain"))
    .filter((value) => !value.isStored && !value.isConstant);
}

/** Reads results from the GPU as a reader would, for the time that takes. */
async function readTransfers(values: readonly Value[]): Promise<RunTrace["transfers"]> {
  const transfers: RunTrace["transfers"] = [];
  for (const { copies } of values) {
    const storage = copies.has("wasm") ? undefined : (copies.get("webgpu") as Storage | undefined);
    if (storage === undefined) continue;
    const begin = performance.now();
    const { byteLength } = await storage.backend.download(storage);
    transfers.push({ from: "webgpu", to: "host", bytes: byteLength, begin, milliseconds: performance.now() - begin });
  }
  return transfers;
}

function tell(
  engine: Engine,
  captured: Capture,
  plan: Plan,
  traces: readonly RunTrace[],
  reads: RunTrace["transfers"],
): Told {
  const fastest = (of: (trace: RunTrace) => number | undefined): number | undefined => {
    const times = traces.flatMap((trace) => of(trace) ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  };
  const stepTimes = plan.segments.map(({ steps }, segment) =>
    steps.map((_, step) => fastest((trace) => trace.steps[segment]?.get(step))),
  );
  const segments = plan.segments.map(({ device, steps }, index): ExplainedSegment => {
    return { device, kernels: steps.length, milliseconds: fastest((trace) => trace.segments[index]) ?? 0 };
  });
  // Later runs find the operands where the first has brought them.
  const [trace] = traces;
  const end = (trace?.begins.at(-1) ?? 0) + (trace?.segments.at(-1) ?? 0);
  const [firstRead] = reads;
  const moved = [
    ...(trace?.transfers ?? []),
    ...reads.map((read) => ({ ...read, begin: end + read.begin - (firstRead?.begin ?? 0) })),
  ];
  const transfers = moved.map(({ from, to, bytes, begin, milliseconds }): ExplainedTransfer & { begin: number } => {
    return { from, to, bytes, predicted: engine.costs.transfer(from, to, bytes), measured: 1000 * milliseconds, begin };
  });
  const kernels = plan.segments.flatMap(({ groups, steps }, segment) => {
    const times = stepTimes[segment] ?? [];
    return groups.flatMap((index) => kernelOf(engine, plan, index, steps, times) ?? []);
  });
  return {
    kernels,
    segments,
    transfers: transfers.map(({ begin: _, ...transfer }) => transfer),
    predicted: { plan: plan.predicted, wasm: plan.alone.wasm ?? null, webgpu: plan.alone.webgpu ?? null },
    memory: footprintOf(captured, plan),
    timeline: {
      segments: plan.segments.map(({ device, steps }, index) => ({
        device,
        threads: engine.backends.get(device)?.workers ?? 1,
        begin: 1000 * (trace?.begins[index] ?? 0),
        microseconds: 1000 * (segments[index]?.milliseconds ?? 0),
        steps: steps.map((step, position) => ({
          step,
          microseconds: stepTimes[index]?.[position],
          reasons: (step.groups ?? []).map((group) => plan.placements[group]?.reason ?? ""),
        })),
      })),
      transfers: transfers.map(({ begin, ...transfer }) => ({ ...transfer, begin: 1000 * begin })),
    },
  };
}

/** What was asked of the GPU that it does not have. */
function missingOf({ backends }: Engine): string[] {
  const gpu = backends.get("webgpu") as WebGPUBackend | undefined;
  const { isWanted = false, missing = "" } = gpu?.subgroupMatrices ?? {};
  return isWanted && missing !== "" ? [`subgroup matrices are not used: ${missing}`] : [];
}

/** A group with its share of the steps that compute it. */
function kernelOf(
  engine: Engine,
  plan: Plan,
  index: number,
  steps: readonly Step[],
  times: readonly (number | undefined)[],
): ExplainedKernel | undefined {
  const group = plan.fused.groups[index];
  const placement = plan.placements[index];
  if (group === undefined || placement === undefined) return undefined;
  const { flops, bytes } = workOf(plan.fused, group);
  const { device, reason, predicted, forced } = placement;
  let measured: number | null = null;
  let loop: number | null = null;
  steps.forEach(({ groups = [] }, position) => {
    if (!groups.includes(index)) return;
    // Several kernels in one loop cannot be told apart: each is given what its prediction is of all.
    const together = groups.reduce((sum, other) => sum + (plan.placements[other]?.predicted ?? 0), 0);
    const time = times[position];
    if (time !== undefined) measured = (measured ?? 0) + time * (groups.length === 1 ? 1 : predicted / together);
    if (groups.length > 1) loop = position + 1;
  });
  const isFallback = forced !== undefined && engine.backends.size > 1 && !forced.startsWith("withDevice(");
  const fallback = isFallback ? forced : null;
  return { op: group.label, device, reason, predicted, measured, flops, bytes, fallback, loop };
}
