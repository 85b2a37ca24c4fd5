// Measures works size by size on every lane in turn, so that nothing else computes while one is timed. A lane leaves a work when
// its next size would take longer than is worth waiting for. Knows no page. Read next: sampling.ts, ../sections/speed.ts.
import type { Lane, LaneKey, LaneWorker } from "../lanes.ts";
import { openLane } from "../lanes.ts";
import type { Results } from "../results.ts";
import { Stopped } from "../workers/remote.ts";
import type { Work } from "./catalogue.ts";

export interface Effort {
  /** Milliseconds spent on one figure. */
  readonly budget: number;
  /** A lane goes on to the next size while one run is expected to take fewer milliseconds. */
  readonly limit: number;
}

export const efforts: Readonly<Record<"quick" | "thorough", Effort>> = {
  quick: { budget: 60, limit: 150 },
  thorough: { budget: 300, limit: 2000 },
};

/** What a race tells while it runs. */
export interface Listener {
  /** From 0 to 1, and what is being done now. */
  progress(share: number, now: string): void;
  /** A work has a new figure. */
  measured(work: Work): void;
  problem(message: string): void;
}

export class Race {
  readonly #lanes: readonly Lane[];
  readonly #workers = new Map<LaneKey, LaneWorker>();
  #isStopped = false;

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  /** Runs to the end, or until `stop`: then it throws `Stopped`, and what was measured stays. */
  async run(works: readonly Work[], effort: Effort, results: Results, listener: Listener): Promise<void> {
    try {
      for (const [index, work] of works.entries()) {
        const progress = (share: number, now: string): void =>
          listener.progress((index + share) / works.length, `${work.title}, ${now}`);
        await this.#measure(work, effort, results, {
          progress,
          measured: (done) => listener.measured(done),
          problem: (message) => listener.problem(message),
        });
      }
    } finally {
      this.stop();
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const worker of this.#workers.values()) worker.end();
  }

  async #measure(work: Work, effort: Effort, results: Results, listener: Listener): Promise<void> {
    const running = new Set(this.#lanes);
    for (const [index, size] of work.sizes.entries()) {
      for (const lane of [...running]) {
        if (this.#isStopped) throw new Stopped("stopped");
        listener.progress(index / work.sizes.length, `${work.show(size)} on ${lane.title}`);
        try {
          const worker = await this.#workerOf(lane);
          const task = { work: work.name, size, device: lane.device, budget: effort.budget };
          const sample = await worker.call("sample", task);
          if (sample === undefined) continue;
          results.point(work, size).samples[lane.key] = sample;
          results.lanes[lane.key] = lane.title;
          listener.measured(work);
          const next = work.sizes[index + 1] ?? size;
          const slowest = Math.max(sample.resident, sample.roundTrip ?? 0);
          if ((slowest * work.cost(next)) / work.cost(size) > effort.limit) running.delete(lane);
        } catch (error) {
          if (error instanceof Stopped) throw error;
          running.delete(lane);
          const reason = error instanceof Error ? error.message : String(error);
          listener.problem(`${lane.title} leaves ${work.title.toLowerCase()} at ${work.show(size)}: ${reason}`);
        }
      }
      await this.#choose(work, size, results, listener);
      if (running.size === 0) break;
    }
  }

  /** Asks the lane that has both devices where dispatch would go. */
  async #choose(work: Work, size: number, results: Results, listener: Listener): Promise<void> {
    const both = this.#lanes.find(({ device }) => device === "webgpu");
    if (both === undefined || results.points.get(work.name)?.some((point) => point.size === size) !== true) return;
    try {
      results.point(work, size).choice = await (await this.#workerOf(both)).call("choose", { work: work.name, size });
      listener.measured(work);
    } catch (error) {
      if (error instanceof Stopped) throw error;
      listener.problem(`dispatch has no answer for ${work.title.toLowerCase()}, ${work.show(size)}: ${String(error)}`);
    }
  }

  async #workerOf(lane: Lane): Promise<LaneWorker> {
    const open = this.#workers.get(lane.key);
    if (open !== undefined) return open;
    const worker = await openLane(lane);
    this.#workers.set(lane.key, worker);
    if (this.#isStopped) worker.end();
    return worker;
  }
}
