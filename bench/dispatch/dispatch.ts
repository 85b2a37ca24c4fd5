// `npm run bench -- dispatch`: where work is placed, and what that costs on this machine against the better of CPU and GPU alone:
// every op of the op table at three sizes, gradients, compositions and training steps.
//   -- dispatch large/ train   only work whose name contains one of these words      --quick   every op at its middle size only
//   --part 2/3                 every third piece of work, from the second on, so that a part takes few minutes
//   --threads 1,2              on one thread of the CPU and on two
//   --profile integrated|discrete|software|none   what would be decided on a machine that is made up; nothing is measured
// Regret is time where athanor places the work, divided by that on the better single device, less one.
// It begins with what calibration took, and ends with how well the calibration predicted what was then measured.
// Read next: works.ts for the work, regret.ts for the measuring, decisions.ts and machines.ts for made-up machines.
import type { DeviceName } from "../../bindings/backends/backend.ts";
import { median } from "../../bindings/core/median.ts";
import { defaultEngine, exportProfile, init, shutdown } from "../../bindings/engine/index.ts";
import { describeEffort, parseProfile } from "../../bindings/engine/dispatch/profile.ts";
import type { Measurement } from "../measurements.ts";
import { json, part, profile, quick, threads, words } from "../options.ts";
import type { Row } from "../row.ts";
import { print, say } from "../row.ts";
import type { Work } from "../work/work.ts";
import { chosenWorks } from "../work/work.ts";
import type { Prediction } from "./accuracy.ts";
import { describeAccuracy } from "./accuracy.ts";
import type { Decision, Setting } from "./decisions.ts";
import { decide } from "./decisions.ts";
import type { MachineName } from "./machines.ts";
import { machines } from "./machines.ts";
import type { Regret, Where } from "./regret.ts";
import { allowed, isDefect, isSure, regretOf } from "./regret.ts";
import type { DispatchWork } from "./works.ts";
import { dispatchWorks, isShared } from "./works.ts";

/** The words beside "dispatch". */
const asked = (): readonly string[] => words.filter((word) => word !== dispatchMeasurement.name);

/** Tasks of ../work that both devices can do, whose name was asked for. */
const chosenTasks = (): readonly Work[] => chosenWorks(asked(), quick).filter(({ task }) => isShared(task));

/** All work whose name was asked for, or this part of it. */
function chosen(): readonly DispatchWork[] {
  const [which, count] = part;
  return dispatchWorks
    .filter(
      ({ name, long }) => !(quick && long) && (asked().length === 0 || asked().some((word) => name.includes(word))),
    )
    .filter((_, index) => index % count === which - 1);
}

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
    say(`${String(report)}\n${report.profile.detail}`);
    for (const name of defaultEngine().backends.keys()) say(`${name}: ${calibrationOf(name)}`);
    say("");
    const places: readonly Where[] = [...defaultEngine().backends.keys(), "auto"];
    if (places.length < 3)
      throw new RangeError("there is one device here, and so no choice. npm run with-gpu has another");
    // As it was measured, before runs have taught more.
    const profile = parseProfile("dispatch", exportProfile());
    const backends = [...defaultEngine().backends.values()];
    const results: Result[] = [];
    const predictions: Prediction[] = [];
    const rows: Row[] = [];
    const begun = performance.now();
    for (const work of chosen()) {
      const found = { name: work.name, ...(await regretOf(work, places, pace)) };
      results.push(found);
      rows.push(...rowsOf(found));
      const alone = work.predict?.(profile, backends) ?? {};
      tell(found, alone);
      for (const { name: device } of backends) {
        const [predicted, milliseconds] = [alone[device], found.milliseconds.get(device)];
        if (predicted === undefined || milliseconds === undefined || found.givenUp.includes(device)) continue;
        predictions.push({ name: work.name, device, predicted, measured: 1000 * milliseconds });
      }
    }
    summarise(results);
    for (const { name: device } of backends) say(describeAccuracy(predictions, device));
    say(`took ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
    return rows;
  } finally {
    await shutdown();
  }
}

/** What calibration took. */
function calibrationOf(name: DeviceName): string {
  const { effort } = defaultEngine().costs.profile(name);
  return effort === undefined ? "not measured" : describeEffort(effort);
}

/** Milliseconds for one work that is not decided sooner, and for one turn. */
const pace = { budget: quick ? 300 : 1000, turn: 2 };

/** Times with those that were predicted in brackets, and the regret with its interval where it is one. */
function tell({ name, milliseconds, chosen: at, regret, isSame, interval }: Result, alone: Decision["alone"]): void {
  const times = [...milliseconds].map(([where, value]) => {
    const predicted = where === "auto" ? undefined : alone[where];
    const said = predicted === undefined ? "" : ` (${showTime(predicted / 1000)})`;
    return `${where} ${showTime(value)}${said}`.padEnd(28);
  });
  const [least, most] = interval.map(percent);
  const verdict = isSame ? "the same" : `${least} to ${most}`;
  say(`${name.padEnd(32)} ${times.join(" ")} on ${at.padEnd(7)} regret ${percent(regret).padStart(6)} (${verdict})`);
}

/** How many are within what is allowed, the middle, and what is not within by name. */
function summarise(results: readonly Result[]): void {
  if (results.length === 0) return;
  const worst = [...results].sort((a, b) => b.regret - a.regret);
  const above = worst.filter(isDefect);
  const unsure = worst.filter((result) => !isSure(result));
  const total = results.length;
  const onGpu = results.filter(({ chosen: at }) => at === "webgpu").length;
  const middle = percent(median(results.map(({ regret }) => regret)));
  say(
    `\nwithin ${percent(allowed)}: ${total - above.length - unsure.length} of ${total} ` +
      `(${results.filter(({ isSame }) => isSame).length} by the same kernels on the same device), ` +
      `above ${above.length}, not sure ${unsure.length}; median regret ${middle}; on the GPU ${onGpu}`,
  );
  const list = (what: string, some: readonly Result[]): void => {
    if (some.length > 0) say(`${what}: ${some.map(({ name, regret }) => `${name} ${percent(regret)}`).join(", ")}`);
  };
  list("above", above);
  list("not sure", unsure);
  if (above.length + unsure.length === 0) list("most", worst.filter(({ isSame }) => !isSame).slice(0, 3));
}

const rowsOf = (result: Result): readonly Row[] =>
  [...result.milliseconds].map(([where, value]) => {
    const isAuto = where === "auto";
    const { name, chosen: at, regret } = result;
    return {
      ...{ name: `dispatch/${name}`, backend: where, value, unit: "ms" },
      threads: where === "webgpu" ? 1 : (defaultEngine().backends.get("wasm")?.workers ?? 1),
      versus: isAuto ? "better alone" : null,
      ratio: isAuto ? 1 / (1 + regret) : null,
      ...(isAuto && isDefect(result) ? { problem: `placed on ${at}: regret ${percent(regret)}` } : {}),
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
