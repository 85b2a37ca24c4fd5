// `npm run bench -- dispatch`: where work is placed, and what that costs on this machine against the better of CPU and GPU alone.
//   -- dispatch matmul conv   only work whose name contains one of these words
//   --profile integrated|discrete|software|none   what would be decided on a machine that is made up; nothing is measured
// Regret is time where athanor places the work, divided by that on the better single device, less one.
// Read next: regret.ts for the measuring, decisions.ts and machines.ts for made-up machines.
import { defaultEngine, init, shutdown } from "../../bindings/engine/index.ts";
import type { Measurement } from "../measurements.ts";
import { json, profile, quick, threads, words } from "../options.ts";
import type { Row } from "../row.ts";
import { print, say } from "../row.ts";
import type { Work } from "../work/work.ts";
import { chosenWorks } from "../work/work.ts";
import type { Decision, Setting } from "./decisions.ts";
import { decide } from "./decisions.ts";
import type { MachineName } from "./machines.ts";
import { machines } from "./machines.ts";
import type { Where } from "./regret.ts";
import { regretOf } from "./regret.ts";

/** More regret than this is a defect. */
const allowed = 0.15;

/** Work that both devices can do, at sizes that belong to either. */
const isShared = ({ task }: Work): boolean =>
  task.op !== "infer" &&
  !(task.op === "linalg" && task.name !== "eigh") &&
  !(task.op === "matmul" && task.dtype !== "f32");

/** Those whose name contains one of the words beside "dispatch". */
const chosen = (): readonly Work[] =>
  chosenWorks(
    words.filter((word) => word !== dispatchMeasurement.name),
    quick,
  ).filter(isShared);

export const dispatchMeasurement: Measurement = {
  name: "dispatch",
  long: false,
  onlyByName: true,
  measure: () => (profile === undefined ? measured() : Promise.resolve(decided(profile))),
};

async function measured(): Promise<readonly Row[]> {
  const report = await init({ tune: "force", threads: threads[0] ?? 1 });
  try {
    say(`${String(report)}\n${report.profile.detail}\n`);
    const places: readonly Where[] = [...defaultEngine().backends.keys(), "auto"];
    const rows: Row[] = [];
    const regrets: { readonly name: string; readonly regret: number }[] = [];
    for (const work of chosen()) {
      const { milliseconds, chosen: at } = await regretOf(work, places);
      const single = Math.min(...[...milliseconds].flatMap(([where, time]) => (where === "auto" ? [] : time)));
      const auto = milliseconds.get("auto") ?? Number.NaN;
      const regret = auto / single - 1;
      const found = [...milliseconds].map(([where, value]) => rowOf(work, where, value, single));
      const problem = regret > allowed ? { problem: `placed on ${at}: regret ${percent(regret)}` } : {};
      rows.push(...found.map((row) => (row.backend === "auto" ? { ...row, ...problem } : row)));
      regrets.push({ name: work.name, regret });
      const times = [...milliseconds].map(([where, value]) => `${where} ${showTime(value)}`.padEnd(18));
      say(`${work.name.padEnd(32)} ${times.join(" ")} on ${at.padEnd(7)} regret ${percent(regret).padStart(6)}`);
    }
    const most = regrets.reduce((a, b) => (b.regret > a.regret ? b : a), { name: "", regret: -1 });
    const above = regrets.filter(({ regret }) => regret > allowed).length;
    say(
      `\nmost regret ${percent(most.regret)} (${most.name}); above ${percent(allowed)} in ${above} of ${regrets.length}\n`,
    );
    return rows;
  } finally {
    await shutdown();
  }
}

function rowOf(work: Work, where: Where, value: number, single: number): Row {
  const shared = { name: `dispatch/${work.name}`, backend: where, value, unit: "ms" };
  const count = where === "webgpu" ? 1 : (defaultEngine().backends.get("wasm")?.workers ?? 1);
  const isAuto = where === "auto";
  return { ...shared, threads: count, versus: isAuto ? "better alone" : null, ratio: isAuto ? single / value : null };
}

const settings: readonly Setting[] = ["once", "resident"];

/** Decisions on a made-up machine. */
function decided(name: string): readonly Row[] {
  if (!Object.hasOwn(machines, name))
    throw new RangeError(`--profile takes ${Object.keys(machines).join(", ")}, got ${name}`);
  const machine = machines[name as MachineName];
  say(
    `a machine with ${name === "none" ? "no" : `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`} GPU: µs predicted, transfers included\n`,
  );
  const rows = chosen().flatMap((work) =>
    settings
      .filter((setting) => !(work.task.op === "train" && setting === "once"))
      .map((setting) => rowOfDecision(work, setting, decide(work.task, machine, setting))),
  );
  if (!json) rows.forEach(print);
  return rows;
}

function rowOfDecision(work: Work, setting: Setting, { device, predicted, alone }: Decision): Row {
  const { wasm, webgpu } = alone;
  const others = [wasm, webgpu].filter((time): time is number => time !== undefined);
  const other =
    others.length < 2 ? undefined : device === "wasm" ? webgpu : device === "webgpu" ? wasm : Math.min(...others);
  return {
    ...{ name: `dispatch/${work.name}/${setting}`, backend: device, threads: 1, value: predicted, unit: "µs" },
    versus: other === undefined ? null : device === "both" ? "better alone" : device === "wasm" ? "webgpu" : "wasm",
    ratio: other === undefined ? null : other / predicted,
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const showTime = (milliseconds: number): string =>
  milliseconds < 1 ? `${(1000 * milliseconds).toFixed(0)} µs` : `${milliseconds.toPrecision(3)} ms`;
