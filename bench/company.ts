// What the choice between one thread and all of them costs: runs by the choice, on one thread always and on all always, in turns
// in one process. A row's ratio is the better of the two ÷ the choice: 1 is a choice that is always right.
// Knows no rule. Read next: ../bindings/backends/wasm/company.ts, work/work.ts.
import { WasmBackend } from "../bindings/backends/wasm/backend.ts";
import { median } from "../bindings/core/median.ts";
import { createEngine, useEngine } from "../bindings/engine/index.ts";
import type { Engine } from "../bindings/engine/index.ts";
import type { Prepared } from "./contender.ts";
import type { Measurement } from "./measurements.ts";
import { simd, threads } from "./options.ts";
import { ours } from "./ours.ts";
import type { Row } from "./row.ts";
import { inputsOf } from "./work/operands.ts";
import type { Work } from "./work/work.ts";
import { works } from "./work/work.ts";

const names = ["matmul/128", "map/add-1M", "map/exp-1M", "train/mlp-64", "train/lenet-64", "infer/resnet18"];

/** Turns of each way, and milliseconds of a turn. */
const [turns, length] = [12, 120];

/** Microseconds of a run, over a turn. */
function turn(engine: Engine, prepared: Prepared): number {
  useEngine(engine);
  const begun = performance.now();
  let runs = 0;
  do {
    prepared.run();
    runs++;
  } while (performance.now() - begun < length);
  return (1000 * (performance.now() - begun)) / runs;
}

async function start(count: number, work: Work): Promise<{ engine: Engine; backend: WasmBackend; prepared: Prepared }> {
  const engine = createEngine({ threads: count, webgpu: "off", tune: "off", simd: simd[0] ?? "auto" });
  useEngine(engine);
  await engine.ready();
  const backend = engine.backends.get("wasm");
  if (!(backend instanceof WasmBackend)) throw new Error("there is no CPU backend");
  await backend.threads?.joined();
  return { engine, backend, prepared: await ours("wasm").prepare(work.task, inputsOf(work.task)) };
}

async function measure(work: Work, count: number): Promise<Row> {
  const single = await start(1, work);
  const team = await start(count, work);
  const { shareFrom } = team.backend;
  const times = { alone: [] as number[], together: [] as number[], chosen: [] as number[] };
  for (let at = 0; at < turns; at++) {
    times.alone.push(turn(single.engine, single.prepared));
    times.chosen.push(turn(team.engine, team.prepared));
    // What is worth sharing was settled when the program was compiled; without a bound nothing is asked any more.
    team.backend.shareFrom = 0;
    times.together.push(turn(team.engine, team.prepared));
    team.backend.shareFrom = shareFrom;
  }
  for (const { engine, prepared } of [single, team]) {
    useEngine(engine);
    prepared.dispose();
    await engine.shutdown();
  }
  useEngine(undefined);
  const value = median(times.chosen);
  const [alone, together] = [median(times.alone), median(times.together)];
  const versus = alone < together ? "one always" : "all always";
  const backend = `wasm-${team.backend.artefact}`;
  const ratio = Math.min(alone, together) / value;
  return { name: `company/${work.name}`, backend, threads: count, value, unit: "µs", versus, ratio };
}

export const companyMeasurements: readonly Measurement[] = works
  .filter(({ name }) => names.includes(name))
  .map((work) => ({
    name: `company/${work.name}`,
    long: true,
    measure: async () => {
      const rows: Row[] = [];
      for (const count of threads) if (count > 1) rows.push(await measure(work, count));
      return rows;
    },
  }));
