// Whether a program runs on all threads or on one: where its threads meet often, or had to wait long for each other, both are
// tried, and an account is kept of what company has gained over one thread. It may lose again what it has gained lately and a
// little more; then one thread works for a while, longer each time that company does not pay. What a program computes does
// not depend on it.
// Knows times and counts of meetings, no program and no clock. Read next: backend.ts, which asks; assembly/program/team.ts for the meeting.

import { median } from "../../core/median.ts";

/** What one run on all threads was like. */
export interface Meetings {
  readonly held: number;
  /** Those at which this thread waited long for the others. */
  readonly late: number;
}

/** Microseconds between two meetings, on the average, from which on meeting costs nothing to speak of. */
const rareMeetings = 60;
/** First runs, in which kernels reach the workers and are compiled better: they say nothing. */
const warming = 2;
/** Runs after which one thread is tried first. */
const first = 5;
/** Work in company after which it is tried again, in runs on one thread or milliseconds: doubled each time. */
const [soonest, latest] = [16, 512];
/** A trial is so many runs, the first of which finds cold caches, or as many as take so many microseconds. */
const trial = { runs: 3, microseconds: 10_000 } as const;
/** Runs on one thread that are remembered. */
const remembered = 5;
/** Company must take less than this share of the time of one thread. */
const advantage = 0.95;
/** Microseconds by which the account may be overdrawn, beside one run on one thread: threads have to be woken. */
const overdraft = 500;
/** Microseconds that the account holds at most, beside one run on one thread: about what the turns of another process cost. */
const savings = 10_000;
/** Work on one thread after a loss takes so many times the loss, doubled each time, up to so many times or microseconds. */
const rest = { times: 2, mostTimes: 64, microseconds: 500_000 } as const;

/** The choice for one program. Times are in microseconds. */
export class Company {
  private warm = 0;
  /** The last runs on one thread, and their median. */
  private readonly times: number[] = [];
  private usual = 0;
  /** What company has gained over one thread; negative if it has lost. */
  private account = 0;
  /** Losses since the account was full. */
  private losses = 0;
  /** Runs in company where there is a question, and their time, since one thread has worked. */
  private runs = 0;
  private time = 0;
  private interval: number = soonest;
  /** One thread works: for how long at least, and what it has done. */
  private alone: { readonly atLeast: number; runs: number; time: number } | undefined;

  /** How the next run should go. */
  get isTogether(): boolean {
    return this.alone === undefined;
  }

  /** Told what a run took that went as asked. */
  ran(microseconds: number, meetings?: Meetings): void {
    if (this.warm < warming) this.warm++;
    else if (this.alone !== undefined) this.ranAlone(this.alone, microseconds);
    else {
      if (this.times.length > 0) this.enter(microseconds);
      const isRare = meetings?.late === 0 && microseconds > rareMeetings * meetings.held;
      if (isRare || !this.isTogether) return;
      this.runs++;
      this.time += microseconds;
      if (this.isTrialDue()) this.workAlone(0);
    }
  }

  private enter(microseconds: number): void {
    const full = savings + this.usual;
    this.account = Math.min(full, this.account + advantage * this.usual - microseconds);
    if (this.account === full) this.losses = 0;
    if (this.account > -(overdraft + this.usual)) return;
    const loss = -this.account;
    this.account = 0;
    const longest = Math.max(rest.microseconds, rest.mostTimes * loss);
    this.workAlone(Math.min(longest, loss * rest.times * 2 ** this.losses));
    this.losses++;
  }

  private isTrialDue(): boolean {
    if (this.times.length === 0) return this.runs >= first;
    if (this.time < this.interval * Math.max(1000, this.usual)) return false;
    this.interval = Math.min(latest, 2 * this.interval);
    return true;
  }

  private workAlone(atLeast: number): void {
    this.alone = { atLeast, runs: 0, time: 0 };
    this.runs = 0;
    this.time = 0;
  }

  private ranAlone(alone: NonNullable<Company["alone"]>, microseconds: number): void {
    this.times.push(microseconds);
    if (this.times.length > remembered) this.times.shift();
    alone.runs++;
    alone.time += microseconds;
    if (alone.time < alone.atLeast || (alone.runs < trial.runs && alone.time < trial.microseconds)) return;
    this.usual = median(this.times);
    this.alone = undefined;
  }
}
