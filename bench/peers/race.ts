// Our engine against every peer on the same work, in turns: peer, ours, peer, ours. Results are compared first.
// The same options as ops.ts; ratio is ours ÷ the peer's rate, by the fastest turn of each. A peer that fails is a row.
// Read next: ../work.ts for the work, tfjs.ts, ort.ts, jax.ts, numpy.ts, mlmatrix.ts.
import { allowRelaxedSimd } from "../../bindings/cli/relaxed-simd.ts";
import { init, shutdown } from "../../bindings/engine/index.ts";
import type { Contender, Prepared } from "../contender.ts";
import { ours } from "../ours.ts";
import type { Row } from "../row.ts";
import { median, print, save, say } from "../row.ts";
import type { Work } from "../work.ts";
import { chosenWorks, inputsOf, runsToCompare } from "../work.ts";
import { jaxjs } from "./jax.ts";
import { mlmatrix } from "./mlmatrix.ts";
import { numpyts } from "./numpy.ts";
import { onnxruntime } from "./ort.ts";
import { tfjs } from "./tfjs.ts";

/** Milliseconds of one turn, of all turns of one pair, and of a run after which a single turn has to do. */
const [turn, budget, patience] = [20, 800, 1500];
const fewestTurns = 5;

/** Milliseconds of a run, over `runs` runs. */
async function time(prepared: Prepared, runs: number): Promise<number> {
  const begun = performance.now();
  for (let index = 0; index < runs; index++) {
    const pending = prepared.run();
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - begun) / runs;
}

/** Turns of both, each long enough for the clock. */
async function race(one: Prepared, other: Prepared): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []];
  const pair = [one, other] as const;
  // The comparison has warmed both up.
  const estimates = [await time(one, 1), await time(other, 1)];
  if (Math.max(...estimates) > patience) return [[estimates[0]!], [estimates[1]!]];
  const runs = estimates.map((estimate) => Math.max(1, Math.ceil(turn / Math.max(estimate, 1e-3))));
  const end = performance.now() + budget;
  for (let turns = 0; turns < fewestTurns || performance.now() < end; turns++)
    for (const side of [0, 1] as const) times[side].push(await time(pair[side], runs[side]!));
  return times;
}

/** Largest difference in units of the largest expected value. */
function difference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [largest, scale] = [0, 0];
  for (let index = 0; index < got.length; index++) {
    const error = Math.abs(got[index]! - expected[index]!);
    if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, error);
    scale = Math.max(scale, Math.abs(expected[index]!));
  }
  return largest / scale;
}

const tolerance = 1e-4;

async function against(peer: Contender, us: Contender, work: Work): Promise<Row> {
  const versus = `${peer.name} ${peer.version}`;
  const shared = { name: work.name, backend: us.backend, threads: us.threads, unit: work.unit, versus };
  const held: Prepared[] = [];
  try {
    const inputs = inputsOf(work.task);
    for (const contender of [peer, us]) held.push(await contender.prepare(work.task, inputs));
    const [other, own] = held as [Prepared, Prepared];
    for (const prepared of held) await time(prepared, runsToCompare(work.task));
    const apart = difference(await own.result(), await other.result());
    const [theirs, mine] = await race(other, own);
    return {
      ...shared,
      value: (1000 * work.amount) / Math.min(...mine),
      ratio: Math.min(...theirs) / Math.min(...mine),
      ...(apart <= tolerance ? {} : { problem: `results differ by ${apart.toPrecision(2)} of the largest value` }),
    };
  } catch (error) {
    return { ...shared, value: null, ratio: null, problem: error instanceof Error ? error.message : String(error) };
  } finally {
    for (const prepared of held) prepared.dispose();
  }
}

const works = chosenWorks();
allowRelaxedSimd();
await init({ webgpu: "off", threads: 1 });
const us = ours("wasm");
const starts: Readonly<Record<string, () => Contender | Promise<Contender>>> = {
  "tfjs-wasm": () => tfjs("wasm"),
  "tfjs-cpu": () => tfjs("cpu"),
  "ort-web": onnxruntime,
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
// What counts is the best peer of each piece of work.
const hardest = works.flatMap(({ name }) => {
  const ratios = rows.flatMap((row) => (row.name === name && row.ratio !== null ? row.ratio : []));
  return ratios.length === 0 ? [] : { name, ratio: Math.min(...ratios) };
});
const behind = hardest.filter(({ ratio }) => ratio < 1).map(({ name, ratio }) => `${name} ${ratio.toFixed(2)}`);
say(`\nagainst the best peer of each: median ${median(hardest.map(({ ratio }) => ratio)).toFixed(2)}`);
say(`behind in ${behind.length} of ${hardest.length}: ${behind.join(", ")}`);
save(rows, Object.fromEntries([us, ...peers].map(({ name, version }) => [name, version])));
await shutdown();
// Some peers keep the process alive.
process.exit();
