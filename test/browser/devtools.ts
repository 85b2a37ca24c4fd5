// Chromium's DevTools protocol over a pair of pipes: commands with answers, and events. JSON, ended by a zero byte each.
// Knows no page. Read next: visit.ts, which uses it.
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class DevTools {
  readonly #writable: Writable;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners: { readonly method: string; readonly listener: (params: unknown) => void }[] = [];
  #next = 1;
  #rest = "";
  #failure: Error | undefined;

  /** `browser` was started with --remote-debugging-pipe and pipes at 3 and 4. */
  constructor(browser: ChildProcess) {
    this.#writable = browser.stdio[3] as Writable;
    const readable = browser.stdio[4] as Readable;
    readable.setEncoding("utf8");
    readable.on("data", (chunk: string) => {
      const parts = (this.#rest + chunk).split("\0");
      this.#rest = parts.pop() ?? "";
      for (const part of parts) this.#receive(JSON.parse(part) as Message);
    });
    // A browser that ended takes no more commands; who waits is told by fail().
    this.#writable.on("error", () => undefined);
  }

  /** Sends a command; `session` names the page it is for. */
  send(method: string, params: object = {}, session?: string): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    this.#writable.write(`${JSON.stringify({ id, method, params, sessionId: session })}\0`);
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  on(method: string, listener: (params: unknown) => void): void {
    this.#listeners.push({ method, listener });
  }

  /** Rejects everything that waits. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive({ id, method, params, result, error }: Message): void {
    for (const entry of this.#listeners) if (entry.method === method) entry.listener(params);
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return;
    this.#pending.delete(id);
    if (error === undefined) pending.resolve(result);
    else pending.reject(new Error(error.message));
  }
}
