// `npm run bench`: our own rows on each device in use, with the share of this machine's peak, measured beside each row.
//   -- matmul conv/1x56   only work whose name contains one of these        --quick   without the largest
//   -- --json             one object a row                                   --save    keeps them in results/
// Read next: work.ts for what is measured, sample.ts, peak.ts.
import { allowRelaxedSimd } from "../bindings/cli/relaxed-simd.ts";
import { defaultEngine, init, shutdown } from "../bindings/engine/index.ts";
import type { Contender } from "./contender.ts";
import { ours } from "./ours.ts";
import { Peak } from "./peak.ts";
import type { Row } from "./row.ts";
import { print, save, say } from "./row.ts";
import { sample } from "./sample.ts";
import type { Work } from "./work.ts";
import { chosenWorks, inputsOf } from "./work.ts";

const peak = new Peak();

/** One thread's peak for this kind of work, and what the work reaches of it. A GPU has no peak here. */
function shareOfPeak(work: Work, seconds: number): number {
  return work.flops === undefined
    ? (work.bytes ?? Number.NaN) / seconds / peak.stream(work.bytes ?? 0)
    : work.flops / seconds / peak.flops();
}

async function measure(contender: Contender, work: Work): Promise<Row> {
  const { backend, threads } = contender;
  const shared = { name: work.name, backend, threads, unit: work.unit };
  try {
    const prepared = await contender.prepare(work.task, inputsOf(work.task));
    const seconds = await sample(prepared, work.name).finally(() => prepared.dispose());
    const value = work.amount / seconds;
    if (backend === "webgpu") return { ...shared, value, versus: null, ratio: null };
    return { ...shared, value, versus: "peak", ratio: shareOfPeak(work, seconds) / threads };
  } catch (error) {
    return { ...shared, value: null, versus: null, ratio: null, problem: String(error) };
  }
}

const works = chosenWorks();
allowRelaxedSimd();
say(`${String(await init())}\n`);
const contenders = [...defaultEngine().backends.keys()].map(ours);
const rows: Row[] = [];
for (const work of works) {
  for (const contender of contenders) {
    const row = await measure(contender, work);
    rows.push(row);
    print(row);
  }
}
save(rows, { athanor: contenders[0]?.version ?? "" });
await shutdown();
