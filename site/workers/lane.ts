// The worker behind everything the page computes: one engine, started as the page asks, measuring or training on request.
// A device that is measured has a worker of its own, so that stopping one is ending its worker.
// Read next: ../work/sampling.ts, ../work/learner.ts.
import type { DeviceReport, InitOptions } from "../../bindings/index.ts";
import { defaultEngine, init } from "../../bindings/index.ts";
import type { DigitSets } from "../digits.ts";
import type { WorkName } from "../work/catalogue.ts";
import type { Recipe, Slice } from "../work/learner.ts";
import { Learner } from "../work/learner.ts";
import type { Choice, Sample, SamplingTask } from "../work/sampling.ts";
import { choose, sample } from "../work/sampling.ts";
import { serve } from "./serving.ts";

/** What init() found, without its functions: functions do not travel to the page. */
export interface Machine {
  readonly devices: readonly DeviceReport[];
  readonly threads: { readonly used: number; readonly available: number; readonly detail: string };
  readonly simd: { readonly relaxed: boolean; readonly detail: string };
  /** The cost model of each device in use: what dispatch compares. */
  readonly profiles: Readonly<Record<string, unknown>>;
}

let learner: Learner | undefined;

function theLearner(): Learner {
  if (learner === undefined) throw new Error("there is nothing to train yet");
  return learner;
}

const handlers = {
  async start(options: InitOptions): Promise<Machine> {
    const { devices, threads, simd } = await init(options);
    const { backends, costs } = defaultEngine();
    const profiles = Object.fromEntries([...backends.keys()].map((name) => [name, costs.profile(name)]));
    return { devices, threads, simd, profiles };
  },
  sample: (task: SamplingTask): Promise<Sample | undefined> => sample(task),
  choose: ({ work, size }: { readonly work: WorkName; readonly size: number }): Promise<Choice> => choose(work, size),
  prepare({ digits, recipe }: { readonly digits: DigitSets; readonly recipe: Recipe }): number {
    learner = new Learner(digits.training, digits.test, recipe);
    return learner.steps;
  },
  train: (milliseconds: number): Promise<Slice> => theLearner().slice(milliseconds),
  examine: (_: undefined): Promise<number> => theLearner().accuracy(),
  classify: (pixels: Uint8Array): Promise<number[]> => theLearner().classify(pixels),
};

export type LaneHandlers = typeof handlers;

serve(handlers);
