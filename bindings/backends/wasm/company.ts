// Whether a program runs on all threads or on one: where its threads meet often, or had to wait long for each other, both are
// tried and the faster one is kept, for a while. Threads that meet every few microseconds lose more than they gain as soon as
// another process takes a core from one of them. What a program computes does not depend on it.
// Knows times and counts of meetings, no program. Read next: backend.ts, which asks; assembly/program/team.ts for the meeting.

import { median } from "../../core/median.ts";

/** What one run on all threads was like. */
export interface Meetings {
  readonly held: number;
  /** Those before which this thread fell asleep. */
  readonly late: number;
}

/** Microseconds between two meetings, on the average, from which on meeting costs nothing to speak of. */
const rareMeetings = 60;
/** Runs that are remembered of each way, and how many it takes to try one: the first of them wakes threads and caches. */
const [remembered, trials] = [5, 3];
/** First runs, in which kernels reach the workers and are compiled better: they say nothing. */
const warming = 2;
/** Runs after which the other way is tried, at first and again: doubled whenever it is slower still. */
const [first, soonest, latest] = [5, 16, 512];
/** A way that takes so many times as long as it did, so often in a row, is compared anew. */
const [unexpected, often] = [1.5, 2];
/** The other way must win by this factor. */
const advantage = 0.95;

type Way = "together" | "alone";

/** The choice for one program. */
export class Company {
  private readonly times: Record<Way, number[]> = { together: [], alone: [] };
  private way: Way = "together";
  /** Runs until the other way is tried; counted down only where there is a question. */
  private wait: number = first;
  private warm = 0;
  private interval: number = soonest;
  private trial = 0;
  private disappointments = 0;

  /** How the next run should go. */
  get isTogether(): boolean {
    return (this.trial > 0 ? other(this.way) : this.way) === "together";
  }

  /** Told what a run took that went as asked, in microseconds. */
  ran(microseconds: number, meetings?: Meetings): void {
    if (this.warm < warming) {
      this.warm++;
      return;
    }
    if (this.trial > 0) {
      this.note(other(this.way), microseconds);
      if (--this.trial === 0) this.compare();
      return;
    }
    const usual = median(this.times[this.way]);
    this.note(this.way, microseconds);
    if (meetings?.late === 0 && microseconds > rareMeetings * meetings.held) return;
    this.disappointments = microseconds > unexpected * usual ? this.disappointments + 1 : 0;
    this.wait--;
    if (this.wait > 0 && this.disappointments < often) return;
    if (this.disappointments >= often) {
      // Times have changed: what was known is of the past.
      this.interval = soonest;
      this.times[this.way] = this.times[this.way].slice(-often);
    }
    this.disappointments = 0;
    this.times[other(this.way)] = [];
    this.trial = trials;
  }

  private note(way: Way, microseconds: number): void {
    const times = this.times[way];
    times.push(microseconds);
    if (times.length > remembered) times.shift();
  }

  private compare(): void {
    const [own, tried] = [this.way, other(this.way)];
    if (median(this.times[tried]) < advantage * median(this.times[own])) {
      this.way = tried;
      this.interval = soonest;
    } else this.interval = Math.min(latest, 2 * this.interval);
    this.wait = this.interval;
  }
}

const other = (way: Way): Way => (way === "together" ? "alone" : "together");
