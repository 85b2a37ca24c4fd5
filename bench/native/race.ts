// `npm run bench:native`: our engine against NumPy and PyTorch, which have vectors up to four times as wide: a yardstick, not
// peers. The same options as ops.ts, with one number of threads for both sides; ratio is ours ÷ theirs.
// Read next: python.ts, server.py, ../turns.ts.
import { allowRelaxedSimd } from "../../bindings/cli/relaxed-simd.ts";
import { init, shutdown } from "../../bindings/engine/index.ts";
import { quick, threads as threadCounts, words } from "../options.ts";
import { ours, ourVersion } from "../ours.ts";
import type { Row } from "../row.ts";
import { print, save, say, summarise } from "../row.ts";
import { difference, race } from "../turns.ts";
import { inputsOf, runsToCompare } from "../work/operands.ts";
import type { Work } from "../work/work.ts";
import { chosenWorks, lapackWorks, works } from "../work/work.ts";
import { Python } from "./python.ts";

const [threads = 1] = threadCounts;
allowRelaxedSimd();
const python = new Python(threads);
try {
  await python.start();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
await init({ webgpu: "off", threads });
const us = ours("wasm");
const versions = Object.entries(python.libraries).map(([name, version]) => `${name} ${version}`);
say(`athanor ${us.version} against ${versions.join(" and ")} (${python.details})\n`);

/** A row, or none where the library does not do the work. */
async function against(library: string, work: Work): Promise<Row[]> {
  const versus = `${library} ${python.libraries[library] ?? ""}`;
  const shared = { name: work.name, backend: us.backend, threads: us.threads, unit: work.unit, versus };
  const own = await us.prepare(work.task, inputsOf(work.task));
  const turn = (runs: number): Promise<number> => {
    const begun = performance.now();
    for (let index = 0; index < runs; index++) own.run();
    return Promise.resolve((performance.now() - begun) / runs);
  };
  try {
    if (!(await python.prepare(library, work.task))) return [];
    const runs = runsToCompare(work.task);
    await turn(runs);
    await python.run(runs);
    const compared = difference(await own.result(), await python.result());
    const [theirs, mine] = await race((count) => python.run(count), turn);
    return [{ ...shared, value: (1000 * work.amount) / mine, ratio: theirs / mine, ...compared }];
  } catch (error) {
    return [{ ...shared, value: null, ratio: null, problem: error instanceof Error ? error.message : String(error) }];
  } finally {
    own.dispose();
  }
}

const rows: Row[] = [];
for (const work of chosenWorks(words, quick, [...works, ...lapackWorks])) {
  for (const library of Object.keys(python.libraries)) {
    const found = await against(library, work);
    rows.push(...found);
    found.forEach(print);
  }
}
if (python.libraries.torch === undefined) say("\nno PyTorch, so no rows of it: apt-get install python3-torch");
summarise(rows, "the best of them");
save(rows, { athanor: ourVersion, ...python.libraries });
python.stop();
await shutdown();
