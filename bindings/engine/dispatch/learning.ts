// Learns from a user's own runs: now and then one is timed step by step, and what its kernels took is told to the cost model.
// Which runs those are depends on nothing but their number. Knows no device. Read next: cost-model.ts, which takes medians.
import type { StepClock } from "../../backends/backend.ts";
import { workOf } from "../../graph/place.ts";
import type { Plan } from "../../graph/plan.ts";
import type { CostModel } from "./cost-model.ts";
import type { CompiledPlan } from "../run.ts";

/** Plans that take less, in microseconds, are not worth a clock. */
const worthTiming = 30;
/** After the first runs, which compile, one in so many is timed. */
const interval = 64;
/** A time counts if it is so many times what the clock can tell apart. */
const ticks = 10;

/** Told that something was learned, and that plans made before may be wrong. */
export interface LearnerEvents {
  learned(): void;
  surprised(): void;
}

export class Learner {
  private readonly costs: CostModel;
  private readonly events: LearnerEvents;
  private isSurprised = false;

  constructor(costs: CostModel, events: LearnerEvents) {
    this.costs = costs;
    this.events = events;
  }

  /** A clock for the segment of a run if this run is one to be timed. Called once for every segment of every run. */
  observe(compiled: CompiledPlan, position: number): StepClock | undefined {
    const { plan, use } = compiled;
    if (position === 0) use.count++;
    const isOne = use.count % interval === 0 || use.count === 4 || use.count === 8 || use.count === 16;
    if (!isOne || plan.predicted < worthTiming || this.costs.origin === "imported") return undefined;
    if (position === 0 && this.isSurprised) {
      this.isSurprised = false;
      this.events.surprised();
    }
    return (step, microseconds) => {
      this.learn(plan, position, step, microseconds);
    };
  }

  private learn(plan: Plan, position: number, step: number, microseconds: number): void {
    const segment = plan.segments[position];
    const groups = segment?.steps[step]?.groups ?? [];
    if (segment === undefined || groups.length === 0 || microseconds < ticks * resolution()) return;
    const { device } = segment;
    const facts = groups.flatMap((index) => {
      const group = plan.fused.groups[index];
      if (group === undefined) return [];
      return plan.placements[index]?.amount ?? workOf(plan.fused, group);
    });
    const expected = facts.reduce((sum, amount) => sum + this.costs.uncorrected(device, amount), 0);
    // A GPU's clock does not see what a launch costs; the prediction has it.
    const unseen = device === "wasm" ? 0 : facts.reduce((sum, { work }) => sum + this.costs.launch(device, work), 0);
    for (const amount of facts)
      if (this.costs.learn(device, amount, (microseconds + unseen) / expected)) this.isSurprised = true;
    this.events.learned();
  }
}

let tick: number | undefined;

/** Microseconds that the host's clock can tell apart: browsers make it coarse. */
export function resolution(): number {
  if (tick !== undefined) return tick;
  let smallest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const from = performance.now();
    let to = from;
    while (to === from) to = performance.now();
    smallest = Math.min(smallest, to - from);
  }
  tick = 1000 * smallest;
  return tick;
}
