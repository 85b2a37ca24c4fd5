// Times a workload on one device: warm up, then rounds of runs until the time is spent, and the median round.
// Knows no workload in particular. Read next: workloads.ts, demo.ts.
import type { DeviceName } from "../backends/backend.ts";
import { median } from "../core/median.ts";
import { defaultEngine, withDevice } from "../engine/default.ts";
import type { Prepared, Workload } from "./workloads.ts";

/** What one workload does on one device. */
export interface Measurement {
  readonly workload: Workload;
  readonly backend: DeviceName;
  readonly threads: number;
  /** Median milliseconds of one run. */
  readonly milliseconds: number;
  /** Workload amount a second. */
  readonly rate: number;
}

/** A round is long enough for the clock and for the cost of waiting for a GPU to vanish in it. */
const roundMilliseconds = 25;

/** Milliseconds after which a single run is measurement enough. */
const patience = 2000;

/** Measures for about `budget` milliseconds. */
export async function measure(workload: Workload, backend: DeviceName, budget: number): Promise<Measurement> {
  const device = defaultEngine().backends.get(backend);
  if (device === undefined) throw new RangeError(`${backend} is not in use`);
  const prepared = withDevice(backend, () => workload.prepare());
  const round = async (runs: number): Promise<number> => {
    const begun = performance.now();
    for (let index = 0; index < runs; index++) runOnce(prepared, backend);
    await device.idle();
    return (performance.now() - begun) / runs;
  };
  try {
    // The first run compiles. Where even that outlasts the patience (a software GPU), it has to do.
    const first = await round(1);
    const rounds = first > patience ? [first] : await sample(round, budget);
    const milliseconds = median(rounds);
    const rate = (1000 * workload.amount) / milliseconds;
    return { workload, backend, threads: device.workers, milliseconds, rate };
  } finally {
    prepared.dispose();
  }
}

/** Milliseconds of a run, round by round, until the budget is spent. */
async function sample(round: (runs: number) => Promise<number>, budget: number): Promise<number[]> {
  const estimate = await round(1);
  const runs = Math.max(1, Math.ceil(roundMilliseconds / Math.max(estimate, 1e-3)));
  const rounds: number[] = [];
  const end = performance.now() + budget;
  do rounds.push(await round(runs));
  while (performance.now() < end);
  return rounds;
}

function runOnce(prepared: Prepared, backend: DeviceName): void {
  for (const result of withDevice(backend, () => prepared.run())) result.dispose();
}
