// The page's side of a worker: calls become promises, and ending the worker ends them all at once, whatever it is doing.
// Heavy work runs behind it, so that the page never freezes. Knows nothing of the work. Read next: calls.ts, serving.ts.
import type { Answer, Handlers } from "./calls.ts";

/** The worker was ended on purpose. */
export class Stopped extends Error {
  override readonly name: string = "Stopped";
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly tell: ((news: never) => void) | undefined;
}

type Argument<H extends Handlers, K extends keyof H> = Parameters<H[K]>[0];
type News<H extends Handlers, K extends keyof H> = Parameters<H[K]>[1] extends (news: infer N) => void ? N : never;
type Result<H extends Handlers, K extends keyof H> = Awaited<ReturnType<H[K]>>;

export class Remote<H extends Handlers> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: Error | undefined;

  /** `script` is relative to the page. */
  constructor(script: string) {
    this.#worker = new Worker(new URL(script, document.baseURI), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.#receive(data);
    };
    this.#worker.onerror = (event) => {
      // A script that could not be loaded gives an event without a message.
      const { message } = event as { readonly message?: string };
      this.#end(new Error(message ?? `${script} could not be loaded`));
    };
  }

  call<K extends keyof H & string>(
    name: K,
    argument: Argument<H, K>,
    tell?: (news: News<H, K>) => void,
  ): Promise<Result<H, K>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, tell });
    });
    this.#worker.postMessage({ id, name, argument });
    return answered as Promise<Result<H, K>>;
  }

  /** Ends the worker now. Calls that wait are rejected with `Stopped`. */
  end(): void {
    this.#end(new Stopped("stopped"));
  }

  #receive(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return;
    if (answer.kind === "news") {
      pending.tell?.(answer.value as never);
      return;
    }
    this.#pending.delete(answer.id);
    if (answer.kind === "result") pending.resolve(answer.value);
    else pending.reject(new Error(answer.message));
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
