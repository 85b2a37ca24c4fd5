// `npm run bench`: our own rows on each device in use, with the share of this machine's peak, measured beside each row.
//   -- matmul conv/1x56   only rows whose name contains one of these        --quick   without the largest
//   --threads 1,2         the same work on so many threads                   --simd auto,strict   on these builds of the kernels
//   --json                one object a row                                   --save    keeps them in results/
//   dispatch              where work is placed and what that costs against the better device; --profile for a made-up machine
// Read next: work/work.ts and measurements.ts for what is measured, sample.ts, peak.ts.
import { allowRelaxedSimd } from "../bindings/cli/relaxed-simd.ts";
import type { InitOptions } from "../bindings/engine/index.ts";
import { defaultEngine, init, shutdown } from "../bindings/engine/index.ts";
import type { Contender } from "./contender.ts";
import { measurements } from "./measurements.ts";
import { isChosen, json, quick, simd, threads, words } from "./options.ts";
import { ours, ourVersion } from "./ours.ts";
import { Peak } from "./peak.ts";
import type { Row } from "./row.ts";
import { print, save, say } from "./row.ts";
import { sample } from "./sample.ts";
import { inputsOf } from "./work/operands.ts";
import type { Work } from "./work/work.ts";
import { chosenWorks, works } from "./work/work.ts";

const peak = new Peak();

/** What the work reaches of one thread's peak for it; f64 fills a vector with half as many. A GPU has no peak here. */
function shareOfPeak({ task, flops, bytes = Number.NaN }: Work, seconds: number): number {
  if (flops === undefined) return bytes / seconds / peak.stream(bytes);
  const lanes = task.op === "matmul" && task.dtype === "f64" ? 2 : 4;
  return ((flops / seconds / peak.flops()) * 4) / lanes;
}

async function measure(contender: Contender, work: Work): Promise<Row> {
  const { backend, threads: used } = contender;
  const shared = { name: work.name, backend, threads: used, unit: work.unit };
  try {
    const prepared = await contender.prepare(work.task, inputsOf(work.task));
    const seconds = await sample(prepared, work.name).finally(() => prepared.dispose());
    const value = work.amount / seconds;
    if (backend === "webgpu") return { ...shared, value, versus: null, ratio: null };
    return { ...shared, value, versus: "peak", ratio: shareOfPeak(work, seconds) / used };
  } catch (error) {
    return { ...shared, value: null, versus: null, ratio: null, problem: String(error) };
  }
}

/** Rows of one piece of work on every device in use. */
async function rowsOf(work: Work): Promise<Row[]> {
  const found: Row[] = [];
  for (const device of defaultEngine().backends.keys()) {
    const contender = ours(device);
    if (contender.supports(work.task)) found.push(await measure(contender, work));
  }
  return found;
}

/** Beside the share of the peak: how many times as fast as the same work on one thread. */
const speedUps = (found: readonly Row[]): Row[] =>
  found.flatMap((row) => {
    const single = found.find((other) => other.threads === 1 && other.backend === row.backend);
    if (row.threads === 1 || row.value === null || !single?.value) return [];
    return [{ ...row, versus: "1 thread", ratio: row.value / single.value }];
  });

const configurations = threads.flatMap((count) => simd.map((build): InitOptions => ({ threads: count, simd: build })));
/** A measurement of many kinds of work, asked for by its name: the other words are for it. */
const survey = measurements.find(({ name, onlyByName }) => onlyByName === true && words.includes(name));
const chosen = survey === undefined ? chosenWorks(words, quick) : [];
const others =
  survey === undefined
    ? measurements.filter(({ name, long, onlyByName }) => isChosen(name) && onlyByName !== true && !(quick && long))
    : [survey];
if (chosen.length + others.length === 0) {
  const names = [...works, ...measurements].map(({ name }) => name).join(" ");
  throw new RangeError(`nothing is called ${words.join(", ")}. There is: ${names}`);
}

allowRelaxedSimd();
const rows: Row[] = [];
const keep = (found: readonly Row[]): void => {
  rows.push(...found);
  found.forEach(print);
};
if (chosen.length > 0 && configurations.length === 1) {
  say(`${String(await init(configurations[0] ?? {}))}\n`);
  for (const work of chosen) keep(await rowsOf(work));
  await shutdown();
} else {
  // Beside each other, so that a machine that slows down slows all of them down.
  for (const work of chosen) {
    const found: Row[] = [];
    for (const configuration of configurations) {
      await init({ ...configuration, webgpu: "off" });
      found.push(...(await rowsOf(work)));
      await shutdown();
    }
    keep([...found, ...speedUps(found)]);
  }
}
for (const other of others) {
  const found = await other.measure();
  // A survey has told people as it went.
  if (other.onlyByName === true && !json) rows.push(...found);
  else keep(found);
}
save(rows, { athanor: ourVersion });
