// The worker's side of calls: runs them one after the other in the order they came, and answers.
// Knows nothing of what the functions do. Read next: calls.ts, lane.ts.
import type { Answer, Call, Handlers } from "./calls.ts";

/** The part of a worker's global scope that is used here; the DOM's types describe a page. */
interface WorkerScope {
  postMessage(message: Answer): void;
  onmessage: ((event: { readonly data: Call }) => void) | null;
}

/** Offers these functions to the page that started this worker. */
export function serve(handlers: Handlers): void {
  const scope = globalThis as unknown as WorkerScope;
  let last: Promise<void> = Promise.resolve();
  scope.onmessage = ({ data }) => {
    last = last.then(() => answer(scope, handlers, data));
  };
}

async function answer(scope: WorkerScope, handlers: Handlers, { id, name, argument }: Call): Promise<void> {
  try {
    const handler = handlers[name];
    if (handler === undefined) throw new RangeError(`this worker has no function ${name}`);
    const tell = (value: unknown): void => scope.postMessage({ id, kind: "news", value });
    scope.postMessage({ id, kind: "result", value: await handler(argument as never, tell) });
  } catch (error) {
    scope.postMessage({ id, kind: "failure", message: error instanceof Error ? error.message : String(error) });
  }
}
