// Seconds of one run of prepared work, sampled in this process by the `benchmark` package. Knows no workload.
// Read next: contender.ts, ops.ts.
import Benchmark from "benchmark";
import type { Prepared } from "./contender.ts";

/** The fastest of the package's samples, each the mean of many runs: other processes only ever slow down. */
export async function sample(prepared: Prepared, name: string): Promise<number> {
  // The first runs compile. What returns a promise is awaited in every run.
  const deferred = (await begin(prepared)) || (await begin(prepared));
  const { stats } = await new Promise<Benchmark>((resolve, reject) => {
    const options = {
      ...{ maxTime: 0.7, minSamples: 5 },
      onComplete: () => resolve(measured),
      onError: () => reject(measured.error),
    };
    const awaited = (turn: { resolve(): void }): void =>
      void Promise.resolve(prepared.run()).then(() => turn.resolve(), reject);
    const measured: Benchmark = deferred
      ? new Benchmark(name, { ...options, defer: true, fn: awaited })
      : new Benchmark(name, { ...options, fn: () => prepared.run() });
    measured.run({ async: true });
  });
  return Math.min(...(stats.sample as number[]));
}

/** Runs once; true if that gave a promise. */
export async function begin(prepared: Prepared): Promise<boolean> {
  const result = prepared.run();
  await result;
  return result instanceof Promise;
}
