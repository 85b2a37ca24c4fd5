// LeNet-5 trained on several lanes that take turns: each computes alone, and its clock runs only
// while it computes. Same weights, same digits, same order on all. Knows no page. Read next: learner.ts, ../sections/learning.ts.
import type { DigitSets } from "../digits.ts";
import type { Lane, LaneWorker } from "../lanes.ts";
import { openLane } from "../lanes.ts";
import { Stopped } from "../workers/remote.ts";

export const batch = 64;
const epochs = 6;
const seed = 1;
/** Milliseconds of a turn, if a step takes no longer. */
const turn = 200;
/** The test digits are read this many times during a training. */
const examinations = 8;

/** One lane's training. */
export interface Contestant {
  readonly lane: Lane;
  readonly worker: Pick<LaneWorker, "call" | "end">;
  /** Steps of the whole training. */
  readonly steps: number;
  readonly losses: number[];
  /** Seconds of computing after each step. */
  readonly seconds: number[];
  /** Share of the test digits read rightly when they were last read. */
  accuracy: number | undefined;
  isDone: boolean;
  /** Why it computes no more: its device was lost, for instance. The others go on. */
  failure: string | undefined;
}

export class Contest {
  readonly contestants: readonly Contestant[];
  readonly #pause = { asked: false };
  #running: Promise<void> | undefined;

  /** Of contestants that are ready: their workers hold the digits. */
  constructor(contestants: readonly Contestant[]) {
    this.contestants = contestants;
  }

  /** Opens a worker for each lane and hands it the digits. */
  static async open(lanes: readonly Lane[], digits: DigitSets): Promise<Contest> {
    const contestants = await Promise.all(
      lanes.map(async (lane): Promise<Contestant> => {
        const worker = await openLane(lane);
        const recipe = { device: lane.device, batch, epochs, seed };
        const steps = await worker.call("prepare", { digits, recipe });
        return { lane, worker, steps, losses: [], seconds: [], accuracy: undefined, isDone: false, failure: undefined };
      }),
    );
    return new Contest(contestants);
  }

  get isDone(): boolean {
    return this.#left().length === 0;
  }

  /** Those that have something left to do. */
  #left(): Contestant[] {
    return this.contestants.filter(({ isDone, failure }) => !isDone && failure === undefined);
  }

  /** Trains until all are done or until paused; `changed` is told after every turn. */
  async run(changed: () => void): Promise<void> {
    // A pause takes effect at the end of a turn: whoever goes on waits for it.
    await this.#running;
    this.#pause.asked = false;
    this.#running = this.#turns(changed);
    await this.#running;
  }

  pause(): void {
    this.#pause.asked = true;
  }

  /** Ends the workers; what they learned is gone with them. */
  end(): void {
    this.pause();
    for (const { worker } of this.contestants) worker.end();
  }

  async #turns(changed: () => void): Promise<void> {
    for (;;) {
      // The one whose clock shows least: so the clocks run side by side, however long one step takes.
      const [next] = this.#left().sort((a, b) => clockOf(a) - clockOf(b));
      if (next === undefined || this.#pause.asked) return;
      try {
        await train(next);
      } catch (error) {
        if (error instanceof Stopped) throw error;
        next.failure = error instanceof Error ? error.message : String(error);
      }
      changed();
    }
  }
}

/** Seconds a contestant has computed. */
export const clockOf = ({ seconds }: Contestant): number => seconds.at(-1) ?? 0;

async function train(contestant: Contestant): Promise<void> {
  const { worker, losses, seconds, steps } = contestant;
  const before = losses.length;
  const { losses: more, milliseconds, done } = await worker.call("train", turn);
  const begun = clockOf(contestant);
  more.forEach((loss, index) => {
    losses.push(loss);
    seconds.push(begun + ((index + 1) / more.length) * (milliseconds / 1000));
  });
  const parts = (count: number): number => Math.floor((examinations * count) / steps);
  if (done || parts(losses.length) > parts(before)) contestant.accuracy = await worker.call("examine", undefined);
  contestant.isDone = done;
}
