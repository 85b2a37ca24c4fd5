// Samples compiled workloads with the `benchmark` package and prints rows: name, backend, threads, value, unit, versus, ratio.
// Knows no workload. Read next: ops.ts, train.ts, ../bindings/cli/workloads.ts.
import Benchmark from "benchmark";
import type { DeviceName } from "../bindings/backends/backend.ts";
import { allowRelaxedSimd } from "../bindings/cli/relaxed-simd.ts";
import type { Workload } from "../bindings/cli/workloads.ts";
import { defaultEngine, init, shutdown, withDevice } from "../bindings/engine/index.ts";

interface Sampled {
  readonly workload: Workload;
  readonly backend: DeviceName;
  /** Runs a second. */
  readonly hertz: number;
  /** Relative margin of error of the mean, in percent. */
  readonly margin: number;
}

/** Measures every workload on every device in use and prints as it goes. `--json` prints one object a line. */
export async function bench(workloads: readonly Workload[]): Promise<void> {
  const json = process.argv.includes("--json");
  allowRelaxedSimd();
  const report = await init();
  if (!json) console.log(`${String(report)}\n`);
  for (const workload of workloads) {
    const sampled: Sampled[] = [];
    for (const backend of defaultEngine().backends.keys()) sampled.push(await sample(workload, backend));
    for (const one of sampled)
      print(
        one,
        sampled.find((other) => other !== one),
        json,
      );
  }
  await shutdown();
}

async function sample(workload: Workload, backend: DeviceName): Promise<Sampled> {
  const device = defaultEngine().backends.get(backend)!;
  const prepared = withDevice(backend, () => workload.prepare());
  const once = (): void => {
    for (const result of withDevice(backend, () => prepared.run())) result.dispose();
  };
  once();
  await device.idle();
  const { hz, stats } = await new Promise<Benchmark>((resolve, reject) => {
    const run = new Benchmark(workload.name, {
      defer: true,
      maxTime: 1,
      fn: (deferred: { resolve(): void }) => {
        once();
        device.idle().then(() => deferred.resolve(), reject);
      },
      onComplete: () => resolve(run),
      onError: () => reject(run.error),
    });
    run.run({ async: true });
  });
  prepared.dispose();
  return { workload, backend, hertz: hz, margin: stats.rme };
}

function print(one: Sampled, other: Sampled | undefined, json: boolean): void {
  const { workload, backend, hertz, margin } = one;
  const value = hertz * workload.amount;
  const ratio = other === undefined ? null : hertz / other.hertz;
  const threads = defaultEngine().backends.get(backend)?.workers ?? 1;
  if (json) {
    console.log(
      JSON.stringify({
        ...{ name: `${workload.name} ${workload.size}`, backend, threads, value, unit: workload.unit },
        ...{ versus: other?.backend ?? null, ratio },
      }),
    );
    return;
  }
  const against = other === undefined || ratio === null ? "" : `  ${ratio.toFixed(2)} × ${other.backend}`;
  console.log(
    `${workload.name.padEnd(14)}${workload.size.padEnd(34)}${backend.padEnd(8)}${value.toPrecision(4).padStart(10)} ${workload.unit}` +
      `  ±${margin.toFixed(1)} %${against}`,
  );
}
