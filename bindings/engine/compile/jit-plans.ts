// The plans of a jitted function: by where its inputs lie, with what is known of inputs from call to call. The state of a loop
// stays where it is made, and what never changes is moved once; the plan of a training step is chosen by that.
// Read next: jit.ts, which runs them; graph/cheapest.ts, which makes use of what is known.
import { textOf } from "../../core/shape.ts";
import type { Capture } from "../../graph/capture.ts";
import type { Value } from "../../graph/node.ts";
import type { Engine } from "../engine.ts";
import type { Source, Traced } from "./jit.ts";
import { isReady, prepare } from "../readiness.ts";
import type { CompiledPlan } from "../run.ts";
import { dropPlan } from "../run.ts";

/** A plan, and what it was made for: the devices in use, and of each input where it lies and whether it stays the same. */
export interface PlacedPlan {
  readonly devices: number;
  readonly inputs: readonly number[];
  readonly compiled: CompiledPlan;
}

/** Lets go of a trace's plans. */
export function dropPlans({ plans }: Traced): void {
  for (const compiled of new Set(plans.splice(0).map((plan) => plan.compiled))) dropPlan(compiled);
}

/**
 * The results that take the place of arguments given away when the function is called again, as a training step's parameters
 * and state do: in the order of both, each argument has the next result of its shape and type.
 */
export function carriedResults(
  sources: readonly Source[],
  given: readonly boolean[],
  { inputs }: Capture,
  results: readonly Value[],
  leaves: readonly (number | Source)[],
): Map<number, number> {
  const carried = new Map<number, number>();
  const order = sources
    .flatMap((source, input) => (source.kind === "argument" && given[input] === true ? { input, source } : []))
    .sort((a, b) => a.source.index - b.source.index);
  let next = 0;
  for (const { input } of order) {
    const value = inputs[input];
    const isLike = (other: Value): boolean =>
      other.dtype === value?.dtype && textOf(other.shape) === textOf(value.shape);
    const found = results.findIndex(
      (result, leaf) => leaf >= next && typeof leaves[leaf] === "number" && isLike(result),
    );
    const result = leaves[found];
    if (typeof result !== "number") continue;
    carried.set(input, result);
    next = found + 1;
  }
  return carried;
}

/** Devices, as a number below four. */
const onWasm = 1;
const onWebGPU = 2;
/** Added for an input that stays the same. */
const stays = 4;

const devicesOf = (engine: Engine): number =>
  (engine.backends.has("wasm") ? onWasm : 0) + (engine.backends.has("webgpu") ? onWebGPU : 0);

const placeOf = ({ copies }: Value): number =>
  (copies.has("wasm") ? onWasm : 0) + (copies.has("webgpu") ? onWebGPU : 0);

/** A source that was the same at so many calls is taken to stay so. */
const lastingCalls = 3;

/** Which sources stay the same from call to call: what a function has captured, and arguments as far as has been seen. */
function lastingSources({ sources, bound }: Traced, inputs: readonly Value[]): boolean[] {
  return sources.map((source, index) => {
    const value = inputs[index];
    if (value === undefined || source.kind === "key") return false;
    if (source.kind === "captured") return true;
    const last = (bound[index] ??= { value, calls: 0 });
    if (last.value === value) return ++last.calls >= lastingCalls;
    last.value = value;
    last.calls = 1;
    return false;
  });
}

/** The plan for inputs as they lie: the CPU's while shaders are being compiled, where it can have one. */
export function planFor(engine: Engine, traced: Traced, inputs: readonly Value[]): CompiledPlan {
  const { planner } = engine;
  if (traced.epoch !== planner.epoch) {
    dropPlans(traced);
    traced.epoch = planner.epoch;
  }
  const devices = devicesOf(engine);
  // With one device nothing is ever moved.
  if (devices !== onWasm + onWebGPU) return planOn(devices, engine, traced, inputs, undefined);
  const lasting = lastingSources(traced, inputs);
  const compiled = planOn(devices, engine, traced, inputs, lasting);
  if (isReady(compiled) || !planner.canStandIn(compiled, inputs)) return compiled;
  void prepare(compiled);
  return planOn(onWasm, engine, traced, inputs, lasting);
}

/** The plan for some devices, made if there is none. There are a few at most, and the first is nearly always right. */
function planOn(
  devices: number,
  { backends, planner }: Engine,
  traced: Traced,
  inputs: readonly Value[],
  lasting: readonly boolean[] | undefined,
): CompiledPlan {
  const stateOf = (index: number): number => placeOf(inputs[index]!) + (lasting?.[index] === true ? stays : 0);
  for (const plan of traced.plans) {
    if (plan.devices !== devices) continue;
    let index = 0;
    while (index < inputs.length && stateOf(index) === plan.inputs[index]) index++;
    if (index === inputs.length) return plan.compiled;
  }
  const { captured, given, carried, scalarSources } = traced;
  const compiled = planner.compile(
    { ...captured, inputs },
    {
      fixed: scalarSources.map((source) => (typeof source === "number" ? undefined : source.fixed)),
      inputs: { given, carried, ...(lasting === undefined ? {} : { lasting }) },
      ...(devices === onWasm && backends.size > 1 ? { devices: ["wasm"] } : {}),
    },
    traced.plans.filter((plan) => plan.devices === devices).map((plan) => plan.compiled),
  );
  traced.plans.push({ devices, inputs: inputs.map((_, index) => stateOf(index)), compiled });
  return compiled;
}
