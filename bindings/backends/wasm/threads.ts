// Threads of the CPU backend: whether there can be any, starting them, and running a program on those that have joined.
// Workers start in the background when there is first something to share: a program uses whoever is there by then, and results
// do not depend on how many that are.
// They keep no process alive, and where they cannot be had the reason is told and everything runs on one thread.
// Read next: worker.ts, the other side; assembly/program/team.ts, the waiting; engine/start.ts, which reports.
import { BackendError } from "../../core/errors.ts";
import { builtin } from "./builtin.ts";
import type { Meetings } from "./company.ts";
import { workerSource } from "./generated/worker.ts";
import type { Heap } from "./heap.ts";
import type { KernelModule } from "./module.ts";
import { TableLog } from "./table-log.ts";
import type { Assignment } from "./worker.ts";

/** Bytes of the words that a team shares, and the one the host writes: assembly/program/team.ts. */
const teamBytes = 512;
const hostSleepsOffset = 456;
/** More threads than this meet more than they work. */
export const maxThreads = 16;
/** Milliseconds after which a worker that has not joined counts as one that never will. */
const patience = 5000;

/** A thread of either kind of host, as far as we need it. */
interface Thread {
  terminate(): unknown;
  /** Node only: whether the thread keeps the process alive. */
  ref?(): void;
  unref?(): void;
}

/** Starts a thread that sends a message when it has joined. */
type Start = (assignment: Assignment, joined: () => void, failed: (reason: string) => void) => Thread;

interface NodeThreads {
  readonly Worker: new (
    source: string,
    options: { readonly eval: true; readonly workerData: unknown },
  ) => Thread & { on(event: string, listener: (value: unknown) => void): void };
}

interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly document?: unknown;
}

const host = globalThis as Host;

/** Hardware threads of the machine. Node 20 has no `navigator`. */
export function hardwareThreads(): number {
  const os = builtin("node:os") as { availableParallelism?: () => number } | undefined;
  if (os?.availableParallelism !== undefined) return os.availableParallelism();
  return typeof navigator === "object" && typeof navigator.hardwareConcurrency === "number"
    ? navigator.hardwareConcurrency
    : 1;
}

/** Why memory cannot be shared between threads here; undefined if it can. */
export function whyNoThreads(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined" || host.crossOriginIsolated === false)
    return "this page is not cross-origin isolated. Serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
  if (starter() !== undefined) return undefined;
  return "this host starts no workers. Node has them from 20.16 on";
}

function starter(): Start | undefined {
  const node = builtin("node:worker_threads") as NodeThreads | undefined;
  if (node !== undefined && host.document === undefined) return (...args) => startInNode(node, ...args);
  return typeof Worker === "function" && typeof Blob === "function" ? startInBrowser : undefined;
}

function startInNode(node: NodeThreads, ...[assignment, joined, failed]: Parameters<Start>): Thread {
  const thread = new node.Worker(workerSource, { eval: true, workerData: assignment });
  thread.on("message", joined);
  thread.on("error", (error) => {
    failed(String(error));
  });
  thread.on("exit", () => {
    failed("a worker ended");
  });
  thread.unref?.();
  return thread;
}

function startInBrowser(...[assignment, joined, failed]: Parameters<Start>): Thread {
  const address = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  const thread = new Worker(address);
  const settle = (): void => {
    URL.revokeObjectURL(address);
  };
  thread.onmessage = () => {
    settle();
    joined();
  };
  thread.onerror = (event) => {
    settle();
    // A worker that was not even loaded gives an event without a message.
    const { message } = event as { readonly message?: string };
    failed(message ?? "the page's Content-Security-Policy allows no worker from a blob: address");
  };
  thread.postMessage(assignment);
  return thread;
}

/** Whether this thread may sleep: a browser's main thread may not. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

export class Threads {
  /** Threads that were asked for, this one included. */
  readonly wanted: number;
  readonly log: TableLog;
  private readonly team: number;
  private readonly exports: TeamExports;
  private readonly assignment: Assignment;
  private readonly members: Thread[] = [];
  /** For each worker, once it has joined or failed, the reason for a failure; undefined before workers are started. */
  private starts: Promise<string | undefined>[] | undefined;
  private isBroken = false;

  /** At most `wanted` threads, this one included. */
  constructor(kernels: KernelModule, heap: Heap, wanted: number) {
    this.wanted = wanted;
    this.exports = kernels.exports as unknown as TeamExports;
    this.log = new TableLog(heap);
    this.team = heap.allocate(teamBytes, "init", false);
    heap.view("u32", this.team, teamBytes / 4).fill(0);
    heap.view("u32", this.team + hostSleepsOffset, 1)[0] = Number(maySleep());
    const { module, memory } = kernels;
    this.assignment = { module, memory, team: this.team, log: this.log.head };
  }

  /** Starts the workers if they are not. */
  private start(): Promise<string | undefined>[] {
    this.starts ??= Array.from({ length: this.wanted - 1 }, () => this.add());
    return this.starts;
  }

  private add(): Promise<string | undefined> {
    return new Promise((resolve) => {
      try {
        const failed = (reason: string): void => {
          // One that had joined is waited for no more: from now on this thread works alone.
          this.isBroken = true;
          resolve(reason);
        };
        const member = starter()?.(this.assignment, () => resolve(undefined), failed);
        if (member !== undefined) this.members.push(member);
      } catch (error) {
        resolve(String(error));
      }
    });
  }

  /** Resolves when every worker has joined or failed, and keeps no process alive for that. */
  async started(): Promise<void> {
    await Promise.all(this.start());
  }

  /** Resolves when every worker has joined or failed: with the first reason for a failure, if there is one. */
  async joined(): Promise<string | undefined> {
    const starts = this.start();
    // A worker that is waited for keeps the process alive; afterwards it must not.
    for (const member of this.members) member.ref?.();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => {
        resolve(`workers did not start within ${String(patience / 1000)} s`);
      }, patience);
    });
    try {
      return await Promise.race([
        Promise.all(starts).then((reasons) => reasons.find((reason) => reason !== undefined)),
        late,
      ]);
    } finally {
      clearTimeout(timer);
      for (const member of this.members) member.unref?.();
    }
  }

  /** Threads that can run a program now, this one included. Asking starts the others. */
  get size(): number {
    void this.start();
    return this.isBroken ? 1 : Math.min(this.wanted, 1 + this.exports.teamSize(this.team));
  }

  /** Runs records on `workers` threads. Throws a BackendError, and goes on with one thread, if a worker stopped. */
  run(records: number, count: number, workers: number): void {
    let isDone = 0;
    try {
      isDone = this.exports.runTogether(records, count, workers, this.team);
    } finally {
      if (isDone === 0) this.abandon();
    }
    if (isDone === 0)
      throw new BackendError(
        "run",
        "a worker thread stopped in the middle of a program. The engine goes on with one thread; run it again",
      );
  }

  /** How often this thread met the others in the last run, and how often it slept until they came. */
  meetings(): Meetings {
    const both = this.exports.meetingsHeld();
    return { held: both & 0xffff, late: both >>> 16 };
  }

  private abandon(): void {
    this.isBroken = true;
    this.exports.breakTeam(this.team);
    this.dispose();
  }

  /** Ends the workers. */
  dispose(): void {
    for (const member of this.members) void member.terminate();
    this.members.length = 0;
  }
}

interface TeamExports {
  teamSize(team: number): number;
  meetingsHeld(): number;
  runTogether(records: number, count: number, workers: number, team: number): number;
  breakTeam(team: number): void;
}
