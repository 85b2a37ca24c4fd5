// Carries plans out: binds inputs, moves what is on the wrong device, runs one program per segment, hands out results.
// A generator, so that the same code serves synchronous runs (which never wait) and asynchronous ones.
// Knows no tensor. Read next: engine.ts, which calls it; graph/plan.ts for what it carries out.
import { BackendError } from "../core/errors.ts";
import type { Backend, DeviceName, Program, StepClock, Storage } from "../backends/backend.ts";
import type { TypedArray } from "../core/dtype.ts";
import type { Value } from "../graph/node.ts";
import type { Plan } from "../graph/plan.ts";

export type Backends = ReadonlyMap<DeviceName, Backend>;

/** A plan with its compiled programs. */
export interface CompiledPlan {
  readonly plan: Plan;
  readonly programs: readonly Program[];
  /** How the plan's inputs and results are those of its only program; undefined for plans that need more. */
  readonly direct: Direct | undefined;
  /** Runs under way, some of which may be waiting for the GPU, and whether the programs go when the last has ended; runs begun. */
  readonly use: { runs: number; isDropped: boolean; count: number };
}

/** Of every input of a program the plan's input it is; of every result of the plan the program's output it is. */
interface Direct {
  readonly inputs: readonly number[];
  readonly results: readonly number[];
}

/** What happened during a run, for explain. */
export interface RunTrace {
  /** Milliseconds each segment took, waited for. */
  readonly segments: number[];
  /** When each began: milliseconds since the run did. */
  readonly begins: number[];
  /** Microseconds of each step of each segment, as far as the device tells them. */
  readonly steps: Map<number, number>[];
  readonly transfers: TracedTransfer[];
}

/** A copy that a run made. */
export interface TracedTransfer {
  readonly from: DeviceName | "host";
  readonly to: DeviceName | "host";
  readonly bytes: number;
  /** When it began, in milliseconds since the run did, and how long it took. */
  readonly begin: number;
  readonly milliseconds: number;
}

/** A trace to be filled by one run. */
export const emptyTrace = (): RunTrace => ({ segments: [], begins: [], steps: [], transfers: [] });

/** Compiles every segment of a plan; `fixed` has the scalars of the plan that are the same at every run. */
export function compilePlan(plan: Plan, backends: Backends, fixed: readonly (number | undefined)[] = []): CompiledPlan {
  const programs: Program[] = [];
  try {
    for (const segment of plan.segments) {
      const own = { ...segment, fixed: segment.scalars.map((scalar) => fixed[scalar]) };
      programs.push(backendOf(backends, segment.device).compile(own));
    }
  } catch (error) {
    for (const program of programs) program.dispose();
    throw error;
  }
  return { plan, programs, direct: directOf(plan), use: { runs: 0, isDropped: false, count: 0 } };
}

function directOf({ segments, fused }: Plan): Direct | undefined {
  const [segment] = segments;
  if (segment === undefined || segments.length > 1) return undefined;
  const inputs = segment.inputs.map((buffer) => fused.buffers[buffer]?.input ?? -1);
  const results = fused.results.map((buffer) => segment.outputs.indexOf(buffer));
  // Every output is one result, held once: none is an input or asked for twice.
  const isOneToOne = results.length === segment.outputs.length && new Set(results).size === results.length;
  return isOneToOne && !inputs.includes(-1) && !results.includes(-1) ? { inputs, results } : undefined;
}

/** Lets go of a plan's programs, once no run needs them any more. */
export function dropPlan(compiled: CompiledPlan): void {
  compiled.use.isDropped = true;
  if (compiled.use.runs === 0) for (const program of compiled.programs) program.dispose();
}

export function backendOf(backends: Backends, name: DeviceName): Backend {
  const backend = backends.get(name);
  if (backend === undefined)
    throw new BackendError(
      "run",
      `device ${name} is not in use. await init() reports why; withDevice("wasm", …) runs on the CPU`,
    );
  return backend;
}

/** A result of a run: storage held once for the caller, or data the host already had. */
export type Result = { readonly storage: Storage } | { readonly host: TypedArray };

/** Copies of one buffer, each held once by the run. */
class Bound {
  readonly copies = new Map<DeviceName, Storage>();
  readonly value: Value | undefined;
  /** The host's data, held here because the value may be let go while the run waits. */
  readonly host: TypedArray | undefined;

  constructor(value: Value | undefined) {
    this.value = value;
    this.host = value?.host;
    for (const copy of value?.copies.values() ?? []) this.hold(copy.backend.name, copy as Storage);
  }

  hold(name: DeviceName, storage: Storage): void {
    storage.retain();
    this.copies.set(name, storage);
  }

  release(): void {
    for (const copy of this.copies.values()) copy.release();
    this.copies.clear();
  }
}

/** What a run may be told beside its operands. */
export interface RunExtras {
  readonly trace?: RunTrace | undefined;
  /** Inputs whose memory nobody needs after the run: results may be written over them. */
  readonly given?: readonly boolean[] | undefined;
  /** Asked before every segment whether to time its steps. */
  readonly observe?: Observe | undefined;
}

/** Gives a clock to the segment at a position of a plan if this run of it is to be timed. */
export type Observe = (compiled: CompiledPlan, position: number) => StepClock | undefined;

/** Runs a plan of one program whose inputs are all on its device: nothing is moved, nothing can be let go meanwhile. */
function runDirect(
  compiled: CompiledPlan,
  inputs: readonly Value[],
  scalars: readonly number[],
  { given, observe }: RunExtras,
): Result[] | undefined {
  const { plan, programs, direct } = compiled;
  const [segment] = plan.segments;
  const [program] = programs;
  if (direct === undefined || segment === undefined || program === undefined) return undefined;
  const storages: Storage[] = [];
  for (const input of direct.inputs) {
    const copy = inputs[input]?.copies.get(segment.device);
    if (copy === undefined) return undefined;
    storages.push(copy as Storage);
  }
  const numbers: number[] = [];
  for (const scalar of segment.scalars) numbers.push(scalars[scalar] ?? Number.NaN);
  const free = given === undefined ? undefined : direct.inputs.map((input) => given[input] === true);
  const clock = observe?.(compiled, 0);
  const outputs =
    clock === undefined
      ? program.run(storages, numbers, free)
      : runTimed(storages[0]?.backend, program, storages, numbers, free, clock).outputs;
  return direct.results.map((output) => ({ storage: outputs[output]! }));
}

/** Runs a program with a clock for its steps. `told` resolves when the clock has been told, as far as the device can tell. */
function runTimed(
  backend: Backend | undefined,
  program: Program,
  storages: readonly Storage[],
  numbers: readonly number[],
  free: readonly boolean[] | undefined,
  clock: StepClock,
): { readonly outputs: Storage[]; readonly told: Promise<void> | undefined } {
  if (backend?.timings === undefined) return { outputs: program.run(storages, numbers, free, clock), told: undefined };
  let outputs: Storage[] | undefined;
  let failure: unknown;
  const timings = backend.timings(() => {
    try {
      outputs = program.run(storages, numbers, free);
    } catch (error) {
      failure = error;
    }
  });
  const told = timings.then(
    (kernels) => {
      // A step may be several kernels.
      const steps = new Map<number, number>();
      for (const { step, microseconds } of kernels) steps.set(step, (steps.get(step) ?? 0) + microseconds);
      for (const [step, microseconds] of steps) clock(step, microseconds);
    },
    // What failed is told by those who wait for the results.
    () => undefined,
  );
  if (outputs === undefined) throw failure;
  return { outputs, told };
}

/** Runs a plan at once. `op` and `advice` make the error if it has to wait. */
export function runAtOnce(
  compiled: CompiledPlan,
  inputs: readonly Value[],
  scalars: readonly number[],
  backends: Backends,
  context: RunExtras & { readonly op: string; readonly advice: string },
): Result[] {
  const direct = context.trace === undefined ? runDirect(compiled, inputs, scalars, context) : undefined;
  return direct ?? driveSync(runPlan(compiled, inputs, scalars, backends, context), context.op, context.advice);
}

/** Runs a plan. Yields only where it has to wait; returns the results in the order of `plan.fused.results`. */
export function* runPlan(
  compiled: CompiledPlan,
  inputs: readonly Value[],
  scalars: readonly number[],
  backends: Backends,
  { trace, given, observe }: RunExtras = {},
): Generator<Promise<unknown>, Result[], unknown> {
  const { plan, programs } = compiled;
  const bound = new Map<number, Bound>();
  const begun = trace === undefined ? 0 : performance.now();
  compiled.use.runs++;
  plan.fused.buffers.forEach((buffer, index) => {
    if (buffer.input !== undefined) bound.set(index, new Bound(inputs[buffer.input]));
  });
  try {
    for (const [position, segment] of plan.segments.entries()) {
      const backend = backendOf(backends, segment.device);
      const storages: Storage[] = [];
      for (const buffer of segment.inputs) {
        const held = bound.get(buffer);
        if (held === undefined) throw new Error(`plan reads buffer ${String(buffer)} before it is made`);
        storages.push(yield* bring(held, backend, trace, begun));
      }
      const numbers = segment.scalars.map((scalar) => scalars[scalar] ?? Number.NaN);
      const started = trace === undefined ? 0 : performance.now();
      const free = segment.inputs.map((buffer) => given?.[plan.fused.buffers[buffer]?.input ?? -1] === true);
      const steps = new Map<number, number>();
      const clock: StepClock | undefined =
        trace === undefined
          ? observe?.(compiled, position)
          : (step, microseconds) => void steps.set(step, microseconds);
      const program = programs[position]!;
      const { outputs, told } =
        clock === undefined
          ? { outputs: program.run(storages, numbers, free), told: undefined }
          : runTimed(backend, program, storages, numbers, free, clock);
      if (trace !== undefined) {
        yield told ?? Promise.resolve();
        yield backend.idle();
        trace.segments.push(performance.now() - started);
        trace.begins.push(started - begun);
        trace.steps.push(steps);
      }
      segment.outputs.forEach((buffer, index) => {
        const storage = outputs[index];
        if (storage === undefined) return;
        const made = new Bound(undefined);
        made.copies.set(segment.device, storage);
        bound.set(buffer, made);
      });
      for (const buffer of plan.lastReads[position] ?? []) {
        bound.get(buffer)?.release();
        bound.delete(buffer);
      }
    }
    return plan.fused.results.map((buffer): Result => {
      const held = bound.get(buffer);
      const [storage] = held?.copies.values() ?? [];
      if (storage !== undefined) {
        storage.retain();
        return { storage };
      }
      if (held?.host !== undefined) return { host: held.host };
      throw new Error(`plan did not make buffer ${String(buffer)}`);
    });
  } finally {
    for (const held of bound.values()) held.release();
    compiled.use.runs--;
    if (compiled.use.isDropped) dropPlan(compiled);
  }
}

/** The copy of a buffer on `backend`, made if it is not there yet. Copies of stored values stay with the value. */
function* bring(
  held: Bound,
  backend: Backend,
  trace: RunTrace | undefined,
  begun: number,
): Generator<Promise<unknown>, Storage, unknown> {
  const here = held.copies.get(backend.name);
  if (here !== undefined) return here;
  const { value } = held;
  // Another buffer of this plan may be bound to the same value and have brought it.
  const brought = value?.copies.get(backend.name) as Storage | undefined;
  if (brought !== undefined) {
    held.hold(backend.name, brought);
    return brought;
  }
  const [source] = held.copies.values();
  const started = trace === undefined ? 0 : performance.now();
  let data = held.host;
  if (data === undefined && source !== undefined) {
    data = source.backend.readsSynchronously
      ? source.backend.downloadSync(source)
      : ((yield source.backend.download(source)) as TypedArray);
  }
  if (data === undefined) throw new Error("a plan input is not stored anywhere");
  const dtype = source?.dtype ?? value?.dtype ?? "f32";
  const copy = backend.upload(data, dtype);
  if (trace !== undefined) {
    yield backend.idle();
    trace.transfers.push({
      from: source?.backend.name ?? "host",
      to: backend.name,
      bytes: data.byteLength,
      begin: started - begun,
      milliseconds: performance.now() - started,
    });
  }
  if (value?.isStored === true) {
    held.hold(backend.name, copy);
    value.store(copy);
    // The CPU's copy is the host's memory too; a second one would be waste.
    if (backend.name === "wasm") value.host = undefined;
  } else held.copies.set(backend.name, copy);
  return copy;
}

/** Rounds of a traced run, and the milliseconds after which there is no further one. */
const [mostRounds, roundPatience] = [4, 60];

/** Runs a plan a few times, as the first time compiles and nobody knows what else the machine does; a trace for each. */
export async function runTraced(
  compiled: CompiledPlan,
  inputs: readonly Value[],
  scalars: readonly number[],
  backends: Backends,
  traces: RunTrace[],
): Promise<Result[]> {
  for (const value of inputs) value.retain();
  try {
    const begun = performance.now();
    for (;;) {
      const trace = emptyTrace();
      const results = await drive(runPlan(compiled, inputs, scalars, backends, { trace }));
      traces.push(trace);
      if (traces.length >= mostRounds || performance.now() - begun > roundPatience) return results;
      for (const result of results) if ("storage" in result) result.storage.release();
    }
  } finally {
    for (const value of inputs) value.release();
  }
}

/** True if a run has to wait for the GPU: in the middle of the plan, or for an input that the CPU reads and only the GPU has. */
export function mustWait({ plan }: CompiledPlan, inputs: readonly Value[]): boolean {
  if (plan.waits) return true;
  const isFar = (value: Value | undefined): boolean =>
    value !== undefined && value.host === undefined && value.copies.size > 0 && !value.copies.has("wasm");
  return plan.segments.some(
    (segment) =>
      segment.device === "wasm" &&
      segment.inputs.some((buffer) => isFar(inputs[plan.fused.buffers[buffer]?.input ?? -1])),
  );
}

/** Drives a run that must not wait. `advice` completes the message if it has to. */
function driveSync<T>(run: Generator<Promise<unknown>, T, unknown>, op: string, advice: string): T {
  const step = run.next();
  if (step.done === true) return step.value;
  step.value.catch(() => undefined);
  run.return(undefined as T);
  throw new BackendError(op, advice);
}

/** Drives a run, waiting where it waits. */
export async function drive<T>(run: Generator<Promise<unknown>, T, unknown>): Promise<T> {
  let step = run.next();
  while (step.done !== true) {
    let resumed: unknown;
    try {
      resumed = await step.value;
    } catch (error) {
      step = run.throw(error);
      continue;
    }
    step = run.next(resumed);
  }
  return step.value;
}
