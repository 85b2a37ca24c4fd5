// Plans for captured graphs, compiled and kept by structure until devices or costs change; and, while the shaders of one are
// being compiled, the plan with which the CPU does its work. Knows no tensor and runs nothing.
// Read next: graph/plan.ts, which makes plans; run.ts, which carries them out; engine.ts.
import type { Backend, DeviceName } from "../backends/backend.ts";
import type { Capture } from "../graph/capture.ts";
import type { Value } from "../graph/node.ts";
import type { Surroundings } from "../graph/place.ts";
import { makePlan } from "../graph/plan.ts";
import type { CostModel } from "./dispatch/cost-model.ts";
import { LeastRecentlyUsed } from "./least-recently-used.ts";
import { hasStandIn, isReady, prepare } from "./readiness.ts";
import type { CompiledPlan, RunTrace } from "./run.ts";
import { compilePlan, dropPlan } from "./run.ts";

/** Compiled plans kept; the least recently used goes first. */
const maxPlans = 256;

/** How a run is planned and carried out. */
export interface RunOptions {
  /** Devices that may be used; all when absent. */
  readonly devices?: readonly DeviceName[];
  /** Whether the host reads the results. */
  readonly readBack?: boolean;
  /** Filled with a trace of each of several runs: for explain. */
  readonly traces?: RunTrace[];
  /** Scalars of the plan that are the same at every run, by their index. */
  readonly fixed?: readonly (number | undefined)[];
  /** What is known of the plan's inputs beside where they are. */
  readonly inputs?: Pick<Surroundings, "given" | "carried" | "lasting">;
}

export class Planner {
  /** Counts how often plans were forgotten: those made before belong to other devices or other costs. */
  epoch = 0;
  private readonly backends: ReadonlyMap<DeviceName, Backend>;
  private readonly costs: CostModel;
  private readonly plans = new LeastRecentlyUsed<string, CompiledPlan>(maxPlans, dropPlan);

  constructor(backends: ReadonlyMap<DeviceName, Backend>, costs: CostModel) {
    this.backends = backends;
    this.costs = costs;
  }

  /** The compiled plan for a capture, from the cache if its structure was seen before. */
  plan(captured: Capture, options: RunOptions = {}): CompiledPlan {
    // Which devices there are changes by number only.
    const devices = `${this.backends.size}${options.devices?.join() ?? ""}`;
    const key = `${devices}|${String(options.readBack ?? false)}|${captured.key}`;
    const known = this.plans.get(key);
    if (known !== undefined) return known;
    const compiled = this.compile(captured, options);
    this.plans.set(key, compiled);
    return compiled;
  }

  /** The plan for a run that must not wait: the CPU's while shaders are being compiled, where it can have one. */
  planAtOnce(captured: Capture, options: RunOptions = {}): CompiledPlan {
    const compiled = this.plan(captured, options);
    if (isReady(compiled) || !this.canStandIn(compiled, captured.inputs, options)) return compiled;
    void prepare(compiled);
    return this.plan(captured, { ...options, devices: ["wasm"] });
  }

  /** Plans and compiles a capture without looking at the cache; `known` are plans for it with inputs elsewhere. */
  compile(captured: Capture, options: RunOptions = {}, known: readonly CompiledPlan[] = []): CompiledPlan {
    const devices = [...this.backends.values()].filter((backend) => options.devices?.includes(backend.name) ?? true);
    const residence = captured.inputs.map((value): (DeviceName | "host")[] =>
      value.copies.size > 0 ? [...value.copies.keys()] : ["host"],
    );
    const plan = makePlan(
      captured,
      devices,
      this.costs,
      { residence, readBack: options.readBack ?? false, ...options.inputs },
      known.map((compiled) => compiled.plan),
    );
    return known.find((compiled) => compiled.plan === plan) ?? compilePlan(plan, this.backends, options.fixed);
  }

  /** Whether the CPU may do the work of a plan whose shaders are being compiled. */
  canStandIn(compiled: CompiledPlan, inputs: readonly Value[], { devices }: RunOptions = {}): boolean {
    return this.backends.has("wasm") && devices?.includes("wasm") !== false && hasStandIn(compiled, inputs);
  }

  /** Forgets all plans: devices or costs have changed. */
  clear(): void {
    this.epoch++;
    this.plans.clear();
  }
}
