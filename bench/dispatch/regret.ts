// What placement costs on this machine: the same work on the CPU alone, on the GPU alone, and where athanor places it, in turns.
// A regret is the median over turns of time as placed ÷ time on the better device in the same turn, less one: what else the
// machine does meanwhile strikes both. Turns are taken until the interval that the median lies in is on one side of what is
// allowed, so that quiet work is done soon and noise decides nothing. Where the same kernels run on the same devices as on the
// better one alone, there is nothing to regret, whatever the clock says of the two.
// Read next: dispatch.ts, which prints it; works.ts for what is computed.
import type { DeviceName } from "../../bindings/backends/backend.ts";
import { median } from "../../bindings/core/median.ts";
import { defaultEngine, withDevice } from "../../bindings/engine/index.ts";
import type { Observe } from "../../bindings/engine/run.ts";
import type { DispatchWork, Runner } from "./works.ts";

export type Where = DeviceName | "auto";

export interface Regret {
  /** Milliseconds of one run in each place: the fastest turn, since other processes only ever slow down. */
  readonly milliseconds: ReadonlyMap<Where, number>;
  /** The device that "auto" ended on. */
  readonly chosen: string;
  readonly regret: number;
  /** Whether the same kernels ran on the same devices as on the better device alone. */
  readonly isSame: boolean;
  /** Devices that were given up after the run that compiled. */
  readonly givenUp: readonly Where[];
  /** Between which the regret lies, as sure as 19 in 20. */
  readonly interval: readonly [least: number, most: number];
}

export interface Pace {
  /** Milliseconds for all turns of one work while it is undecided, and of one turn. */
  readonly budget: number;
  readonly turn: number;
}

/** More regret than this is a defect. */
export const allowed = 0.15;
/** Whether it is sure that a regret is a defect. */
export const isDefect = ({ interval, isSame }: Regret): boolean => !isSame && interval[0] > allowed;
/** Whether turns enough were taken to say on which side of the allowed a regret is. */
export const isSure = (regret: Regret): boolean => regret.isSame || isDefect(regret) || regret.interval[1] <= allowed;
/** Runs until placement has settled: shaders are compiled, and what stays the same is known to; of what is short, until a time is sure. */
const [settling, settlingShort] = [8, 24];
/** A device that takes so many times as long as the other is out of the race. */
const hopeless = 3;
/** Milliseconds of a run after which one more settles. */
const patience = 200;
/** Milliseconds of a run after which a device that is out of the race settles no further. */
const settlingLong = 5;
/** One that takes so many times as long, and a second, in the run that compiles is not run again. */
const [lost, longest] = [30, 1000];
const fewestTurns = 5;

interface Lane {
  readonly where: Where;
  readonly runner: Runner;
  /** Milliseconds of the fastest run while settling. */
  quickest: number;
  readonly turns: number[];
  runs: number;
  /** What ran where in the last run. */
  course: string;
}

/** Measures one piece of work everywhere. */
export async function regretOf(work: DispatchWork, places: readonly Where[], pace: Pace): Promise<Regret> {
  const lanes: Lane[] = [];
  try {
    for (const where of places) {
      const runner = withDevice(where, () => work.prepare());
      const lane: Lane = { where, runner, quickest: Number.POSITIVE_INFINITY, turns: [], runs: 0, course: "" };
      lanes.push(lane);
      for (let run = 0; run < (lane.quickest > settlingLong ? settling : settlingShort); run++) {
        lane.quickest = Math.min(lane.quickest, await timed(lane, 1));
        // Once to compile, once to see that it is hopeless; what is short is settled all the same, since predictions are held to it.
        const isLong = lane.quickest > settlingLong;
        if (run > 0 && (lane.quickest > patience || (isLong && isHopeless(lane, lanes)))) break;
        if (lane.quickest > longest && isHopeless(lane, lanes, lost)) break;
      }
    }
    return await raced(lanes, pace);
  } finally {
    for (const { runner } of lanes) runner.dispose();
  }
}

const isDevice = ({ where }: Lane): boolean => where !== "auto";

/** Whether a device need not be measured any further: the other one is much faster, and it is not a matter of one run. */
function isHopeless(lane: Lane, lanes: readonly Lane[], times = hopeless): boolean {
  const best = Math.min(...lanes.filter(isDevice).map(({ quickest }) => quickest));
  return isDevice(lane) && lane.quickest > Math.max(times * best, 1);
}

/** Turns of all that are in the race. */
async function raced(lanes: readonly Lane[], { budget, turn }: Pace): Promise<Regret> {
  const running = lanes.filter((lane) => !isHopeless(lane, lanes));
  const begun = performance.now();
  let found: Regret;
  for (let round = 1; ; round++) {
    // Who comes first has the caches that the last one left.
    const order = round % 2 === 0 ? running : [...running].reverse();
    for (const lane of order) lane.turns.push(await timed(lane, Math.max(1, Math.ceil(turn / lane.quickest))));
    if (round < fewestTurns) continue;
    found = judged(lanes, running);
    if (isSure(found) || performance.now() - begun > budget) return found;
  }
}

function judged(lanes: readonly Lane[], running: readonly Lane[]): Regret {
  const milliseconds = new Map(
    lanes.map(({ where, turns, quickest }) => [where, turns.length === 0 ? quickest : Math.min(...turns)] as const),
  );
  const auto = lanes.find(({ where }) => where === "auto");
  const [single] = running.filter(isDevice).sort((a, b) => median(a.turns) - median(b.turns));
  if (auto === undefined || single === undefined) throw new Error("a race has a choice and what it is judged by");
  const ratios = auto.turns.map((time, index) => time / (single.turns[index] ?? Number.NaN)).sort((a, b) => a - b);
  // As many turns lie below the median as heads are thrown: 0.98 · √n is two standard deviations of that.
  const outside = Math.max(0, Math.floor(ratios.length / 2 - 0.98 * Math.sqrt(ratios.length)));
  const least = ratios[outside] ?? Number.NaN;
  const most = ratios[ratios.length - 1 - outside] ?? Number.NaN;
  return {
    milliseconds,
    chosen: auto.runner.place(),
    regret: median(ratios) - 1,
    isSame: auto.course === single.course,
    givenUp: lanes.filter(({ runs }) => runs < 2).map(({ where }) => where),
    interval: [least - 1, most - 1],
  };
}

/** Milliseconds of one run. What makes its operands is not counted. */
async function timed(lane: Lane, runs: number): Promise<number> {
  const { where, runner } = lane;
  let milliseconds = 0;
  for (let run = 0; run < runs; run++) {
    await runner.makeReady?.();
    const course = watch();
    const begun = performance.now();
    await withDevice(where, () => runner.run());
    milliseconds += performance.now() - begun;
    lane.course = course();
  }
  lane.runs += runs;
  return milliseconds / runs;
}

/** Listens to which programs run, until asked: the device of each, and its kernels. */
function watch(): () => string {
  const tuning = defaultEngine().tuning as { observe: Observe | undefined } | undefined;
  const { observe } = tuning ?? {};
  const seen: string[] = [];
  if (tuning !== undefined)
    tuning.observe = (compiled, position) => {
      const segment = compiled.plan.segments[position];
      seen.push(`${segment?.device ?? ""}: ${segment?.steps.map(({ label }) => label).join() ?? ""}`);
      return observe?.(compiled, position);
    };
  return () => {
    if (tuning !== undefined) tuning.observe = observe;
    return seen.join("; ");
  };
}
