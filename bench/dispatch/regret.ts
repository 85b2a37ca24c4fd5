// What placement costs on this machine: the same work on the CPU alone, on the GPU alone, and where athanor places it, in turns.
// A regret is the median over turns of time as placed ÷ time on the better device in the same turn, less one: what else the
// machine does meanwhile strikes both. One that is too large is measured again before it is believed.
// Read next: dispatch.ts, which prints it; works.ts for what is computed.
import type { DeviceName } from "../../bindings/backends/backend.ts";
import { median } from "../../bindings/core/median.ts";
import { withDevice } from "../../bindings/engine/index.ts";
import type { DispatchWork, Runner } from "./works.ts";

export type Where = DeviceName | "auto";

export interface Regret {
  /** Milliseconds of one run in each place. */
  readonly milliseconds: ReadonlyMap<Where, number>;
  /** The device that "auto" ended on. */
  readonly chosen: string;
  readonly regret: number;
}

export interface Pace {
  /** Milliseconds for all turns of one work, and of one turn. */
  readonly budget: number;
  readonly turn: number;
}

/** More regret than this is a defect. */
export const allowed = 0.15;
/** Runs until placement has settled: shaders are compiled, and what stays the same is known to. */
const settling = 8;
/** A place that takes so many times as long as the best one is out of the race. */
const hopeless = 3;
/** Milliseconds of a run after which one more settles. */
const patience = 200;
const [fewestTurns, mostTurns] = [5, 40];
/** Times that a large regret is measured again, for twice as long. */
const doubts = 2;

interface Lane {
  readonly where: Where;
  readonly runner: Runner;
  /** Milliseconds of the fastest run while settling. */
  quickest: number;
  readonly turns: number[];
}

/** Measures one piece of work everywhere. */
export async function regretOf(work: DispatchWork, places: readonly Where[], pace: Pace): Promise<Regret> {
  const lanes: Lane[] = [];
  try {
    for (const where of places) {
      const runner = withDevice(where, () => work.prepare());
      const lane: Lane = { where, runner, quickest: Number.POSITIVE_INFINITY, turns: [] };
      lanes.push(lane);
      const others = Math.min(...lanes.map(({ quickest }) => quickest));
      for (let run = 0; run < settling; run++) {
        lane.quickest = Math.min(lane.quickest, await timed(lane, 1));
        // Once to compile, once to see that it is hopeless.
        if (run > 0 && where !== "auto" && lane.quickest > Math.max(hopeless * others, 1)) break;
        if (lane.quickest > patience && run > 0) break;
      }
    }
    let found = await raced(lanes, pace);
    for (let doubt = 0; doubt < doubts && found.regret > allowed; doubt++)
      found = await raced(lanes, { ...pace, budget: 2 * pace.budget });
    return found;
  } finally {
    for (const { runner } of lanes) runner.dispose();
  }
}

/** Turns of all that are in the race. */
async function raced(lanes: readonly Lane[], { budget, turn }: Pace): Promise<Regret> {
  const best = Math.min(...lanes.map(({ quickest }) => quickest));
  const running = lanes.filter(({ where, quickest }) => where === "auto" || quickest <= hopeless * best);
  const end = performance.now() + budget;
  for (const { turns } of lanes) turns.length = 0;
  for (let round = 0; round < fewestTurns || (round < mostTurns && performance.now() < end); round++) {
    // Who comes first has the caches that the last one left.
    const order = round % 2 === 0 ? running : [...running].reverse();
    for (const lane of order) lane.turns.push(await timed(lane, Math.max(1, Math.ceil(turn / lane.quickest))));
  }
  const milliseconds = new Map(
    lanes.map(({ where, turns, quickest }) => [where, turns.length === 0 ? quickest : median(turns)] as const),
  );
  const auto = lanes.find(({ where }) => where === "auto");
  const single = running
    .filter(({ where }) => where !== "auto")
    .reduce<Lane | undefined>((a, b) => (a === undefined || median(b.turns) < median(a.turns) ? b : a), undefined);
  if (auto === undefined || single === undefined) throw new Error("a race has a choice and what it is judged by");
  const regret = median(auto.turns.map((time, index) => time / (single.turns[index] ?? Number.NaN))) - 1;
  return { milliseconds, chosen: auto.runner.place(), regret };
}

/** Milliseconds of one run. */
async function timed({ where, runner }: Pick<Lane, "where" | "runner">, runs: number): Promise<number> {
  const begun = performance.now();
  for (let run = 0; run < runs; run++) await withDevice(where, () => runner.run());
  return (performance.now() - begun) / runs;
}
