// `npm run bench -- dispatch`: where work is placed, and what that costs on this machine against the better of CPU and GPU alone:
// every op of the op table at three sizes, gradients, compositions and training steps.
//   -- dispatch large/ train   only work whose name contains one of these words      --quick   every op at its middle size only
//   --threads 1,2              on one thread of the CPU and on two
//   --profile integrated|discrete|software|none   what would be decided on a machine that is made up; nothing is measured
// Regret is time where athanor places the work, divided by that on the better single device, less one.
// Read next: works.ts for the work, regret.ts for the measuring, decisions.ts and machines.ts for made-up machines.
import { median } from "../../bindings/core/median.ts";
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
import type { Regret, Where } from "./regret.ts";
import { allowed, regretOf } from "./regret.ts";
import type { DispatchWork } from "./works.ts";
import { dispatchWorks, isShared } from "./works.ts";

/** The words beside "dispatch". */
const asked = (): readonly string[] => words.filter((word) => word !== dispatchMeasurement.name);

/** Tasks of ../work that both devices can do, whose name was asked for. */
const chosenTasks = (): readonly Work[] => chosenWorks(asked(), quick).filter(({ task }) => isShared(task));

/** All work whose name was asked for. */
const chosen = (): readonly DispatchWork[] =>
  dispatchWorks.filter(
    ({ name, long }) => !(quick && long) && (asked().length === 0 || asked().some((word) => name.includes(word))),
  );

export const dispatchMeasurement: Measurement = {
  name: "dispatch",
  long: false,
  onlyByName: true,
  measure: async () => {
    if (profile !== undefined) return decided(profile);
    const rows: Row[] = [];
    for (const count of threads) rows.push(...(await measured(count)));
    return rows;
  },
};

interface Result extends Regret {
  readonly name: string;
}

async function measured(count: number): Promise<readonly Row[]> {
  const report = await init({ tune: "force", threads: count });
  try {
    say(`${String(report)}\n${report.profile.detail}\n`);
    const places: readonly Where[] = [...defaultEngine().backends.keys(), "auto"];
    if (places.length < 3)
      throw new RangeError("there is one device here, and so no choice. npm run with-gpu has another");
    const results: Result[] = [];
    const rows: Row[] = [];
    for (const work of chosen()) {
      const found = { name: work.name, ...(await regretOf(work, places, pace)) };
      results.push(found);
      rows.push(...rowsOf(found));
      tell(found);
    }
    summarise(results);
    return rows;
  } finally {
    await shutdown();
  }
}

/** Milliseconds for one work and for one turn. */
const pace = quick ? { budget: 80, turn: 2 } : { budget: 200, turn: 4 };

function tell({ name, milliseconds, chosen: at, regret }: Result): void {
  const times = [...milliseconds].map(([where, value]) => `${where} ${showTime(value)}`.padEnd(18));
  say(`${name.padEnd(32)} ${times.join(" ")} on ${at.padEnd(7)} regret ${percent(regret).padStart(6)}`);
}

/** How many are within what is allowed, the middle, and the worst by name. */
function summarise(results: readonly Result[]): void {
  if (results.length === 0) return;
  const worst = [...results].sort((a, b) => b.regret - a.regret);
  const above = worst.filter(({ regret }) => regret > allowed);
  const total = results.length;
  const onGpu = results.filter(({ chosen: at }) => at === "webgpu").length;
  const middle = percent(median(results.map(({ regret }) => regret)));
  say(
    `\nwithin ${percent(allowed)}: ${total - above.length} of ${total}; median regret ${middle}; on the GPU ${onGpu}`,
  );
  const shown = above.length > 0 ? above : worst.slice(0, 3);
  say(`most: ${shown.map(({ name, regret }) => `${name} ${percent(regret)}`).join(", ")}\n`);
}

const rowsOf = ({ name, milliseconds, chosen: at, regret }: Result): readonly Row[] =>
  [...milliseconds].map(([where, value]) => {
    const isAuto = where === "auto";
    return {
      ...{ name: `dispatch/${name}`, backend: where, value, unit: "ms" },
      threads: where === "webgpu" ? 1 : (defaultEngine().backends.get("wasm")?.workers ?? 1),
      versus: isAuto ? "better alone" : null,
      ratio: isAuto ? 1 / (1 + regret) : null,
      ...(isAuto && regret > allowed ? { problem: `placed on ${at}: regret ${percent(regret)}` } : {}),
    };
  });

const settings: readonly Setting[] = ["once", "resident"];

/** Decisions on a made-up machine. */
function decided(name: string): readonly Row[] {
  if (!Object.hasOwn(machines, name))
    throw new RangeError(`--profile takes ${Object.keys(machines).join(", ")}, got ${name}`);
  const machine = machines[name as MachineName];
  say(
    `a machine with ${name === "none" ? "no" : `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`} GPU: µs predicted, transfers included\n`,
  );
  const rows = chosenTasks().flatMap((work) =>
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
