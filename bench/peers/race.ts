// Our engine against every peer on the same work, in turns: peer, ours, peer, ours. Results are compared first.
// The same options as ops.ts, with one number of threads, which onnxruntime gets as well; ratio is ours ÷ the peer's rate, by the fastest turn of each. A peer that fails is a row.
// Read next: ../work.ts for the work, tfjs.ts, ort.ts, jax.ts, numpy.ts, mlmatrix.ts.
import { allowRelaxedSimd } from "../../bindings/cli/relaxed-simd.ts";
import { init, shutdown } from "../../bindings/engine/index.ts";
import type { Contender, Prepared } from "../contender.ts";
import { ours } from "../ours.ts";
import type { Row } from "../row.ts";
import { print, save, say, summarise } from "../row.ts";
import { isChosen, quick, threads as threadCounts, words } from "../options.ts";
import type { Turn } from "../turns.ts";
import { difference, race } from "../turns.ts";
import { inputsOf, runsToCompare } from "../work/operands.ts";
import type { Work } from "../work/work.ts";
import { chosenWorks, works as allWorks } from "../work/work.ts";
import { jaxjs } from "./jax.ts";
import { mlmatrix } from "./mlmatrix.ts";
import { numpyts } from "./numpy.ts";
import { onnxruntime } from "./ort.ts";
import { startRows } from "./start.ts";
import { tfjs } from "./tfjs.ts";

/** Runs that may return promises. */
const turnOf =
  (prepared: Prepared): Turn =>
  async (runs) => {
    const begun = performance.now();
    for (let index = 0; index < runs; index++) {
      const pending = prepared.run();
      if (pending instanceof Promise) await pending;
    }
    return (performance.now() - begun) / runs;
  };

async function against(peer: Contender, us: Contender, work: Work): Promise<Row> {
  const versus = `${peer.name} ${peer.version}`;
  const shared = { name: work.name, backend: us.backend, threads: us.threads, unit: work.unit, versus };
  const held: Prepared[] = [];
  try {
    const inputs = inputsOf(work.task);
    for (const contender of [peer, us]) held.push(await contender.prepare(work.task, inputs));
    const [other, own] = held as [Prepared, Prepared];
    for (const prepared of held) await turnOf(prepared)(runsToCompare(work.task));
    const compared = difference(await own.result(), await other.result());
    const [theirs, mine] = await race(turnOf(other), turnOf(own));
    return { ...shared, value: (1000 * work.amount) / mine, ratio: theirs / mine, ...compared };
  } catch (error) {
    return { ...shared, value: null, ratio: null, problem: error instanceof Error ? error.message : String(error) };
  } finally {
    for (const prepared of held) prepared.dispose();
  }
}

const works = chosenWorks(words, quick);
const races = isChosen("start/first-result");
if (works.length === 0 && !races)
  throw new RangeError(`no work is called ${words.join(", ")}: ${allWorks.map(({ name }) => name).join(" ")}`);
const [threads = 1] = threadCounts;
allowRelaxedSimd();
await init({ webgpu: "off", threads });
const us = ours("wasm");
const starts: Readonly<Record<string, () => Contender | Promise<Contender>>> = {
  "tfjs-wasm": () => tfjs("wasm"),
  "tfjs-cpu": () => tfjs("cpu"),
  "ort-web": () => onnxruntime(threads),
  "jax-js": jaxjs,
  "numpy-ts": numpyts,
  "ml-matrix": mlmatrix,
};
const rows: Row[] = [];
const peers: Contender[] = [];
for (const [versus, start] of Object.entries(starts)) {
  try {
    peers.push(await start());
  } catch (error) {
    const row = { name: "start", backend: us.backend, threads: us.threads, value: null, unit: "", versus, ratio: null };
    rows.push({ ...row, problem: String(error) });
  }
}
say(`athanor ${us.version} against ${peers.map(({ name, version }) => `${name} ${version}`).join(", ")}\n`);

rows.forEach(print);
for (const work of works) {
  for (const peer of peers.filter(({ supports }) => supports(work.task))) {
    const row = await against(peer, us, work);
    rows.push(row);
    print(row);
  }
}
if (races) {
  const found = await startRows();
  rows.push(...found);
  found.forEach(print);
}
summarise(rows, "the best peer");
save(rows, Object.fromEntries([us, ...peers].map(({ name, version }) => [name, version])));
await shutdown();
// Some peers keep the process alive.
process.exit();
