// Times a computation on one device: on data that stay there, and from JavaScript arrays back to JavaScript arrays.
// Every figure is the fastest of several rounds: other programs only ever slow a round down.
// Read next: computations.ts for what is run, catalogue.ts for the sizes.
import type { DeviceName, Tensor } from "../../bindings/index.ts";
import { explain, withDevice } from "../../bindings/index.ts";
import type { WorkName } from "./catalogue.ts";
import type { Computation } from "./computations.ts";
import { computationOf, settled } from "./computations.ts";

/** Milliseconds of one run. */
export interface Sample {
  readonly resident: number;
  /** From arrays to arrays; undefined for work whose data never come back. */
  readonly roundTrip: number | undefined;
}

export interface SamplingTask {
  readonly work: WorkName;
  readonly size: number;
  readonly device: DeviceName;
  /** Milliseconds that each of the two figures may take. */
  readonly budget: number;
}

/** What dispatch does with a work whose operands are arrays in JavaScript. */
export interface Choice {
  readonly device: DeviceName;
  readonly reason: string;
  /** Microseconds its heaviest kernel is predicted to take. */
  readonly predicted: number;
}

/** A round lasts at least this long, so that the clock's grain (0.1 to 1 ms in browsers) and a GPU's latency vanish in it. */
const roundMilliseconds = 20;

/** Times one work; undefined where the device has no kernel for it, so that another would do the work. */
export async function sample(task: SamplingTask): Promise<Sample | undefined> {
  const { work, size, device, budget } = task;
  const computation = computationOf(work, size);
  try {
    if (device !== "wasm" && !(await runsOn(device, computation))) return undefined;
    const resident = await fastest(budget, async (runs) => {
      for (let run = 0; run < runs; run++) letGo(withDevice(device, () => computation.run()));
      await settled(device);
    });
    const { fromHost } = computation;
    if (fromHost === undefined) return { resident, roundTrip: undefined };
    const roundTrip = await fastest(budget, async (runs) => {
      for (let run = 0; run < runs; run++) {
        const result = withDevice(device, fromHost);
        await result.data();
        result.dispose();
      }
    });
    return { resident, roundTrip };
  } finally {
    computation.dispose();
  }
}

/** Where dispatch sends the work when it may choose: the device of its heaviest kernel. Runs it there once. */
export async function choose(work: WorkName, size: number): Promise<Choice> {
  const computation = computationOf(work, size);
  try {
    const { device, reason, predicted } = await heaviest(computation);
    return { device, reason, predicted };
  } finally {
    computation.dispose();
  }
}

async function runsOn(device: DeviceName, computation: Computation): Promise<boolean> {
  return (await heaviest(computation, device)).device === device;
}

async function heaviest(computation: Computation, device: DeviceName | "auto" = "auto"): Promise<Choice> {
  const tensors = withDevice(device, () => computation.record());
  const { kernels } = await explain(tensors);
  letGo(tensors);
  return kernels.reduce((most, kernel) => (kernel.predicted > most.predicted ? kernel : most));
}

function letGo(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

/** Milliseconds of one run in the fastest round. The first run compiles and is not counted, unless it spends the budget. */
async function fastest(budget: number, round: (runs: number) => Promise<void>): Promise<number> {
  const time = async (runs: number): Promise<number> => {
    const begun = performance.now();
    await round(runs);
    return (performance.now() - begun) / runs;
  };
  const begun = performance.now();
  let best = await time(1);
  if (best > 4 * budget) return best;
  best = await time(1);
  do {
    const runs = Math.max(1, Math.ceil(roundMilliseconds / Math.max(best, 1e-3)));
    best = Math.min(best, await time(runs));
  } while (performance.now() - begun < budget);
  return best;
}
