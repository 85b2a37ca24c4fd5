// The page's side of a browser run: names a check, runs it, and posts the result to the server that served the page.
// Rows are posted in groups, so that a page which hangs still shows how far it came.
// Knows nothing of athanor. Read next: run.ts, which receives the rows; entry.ts, which makes them.
import type { Row } from "./run.ts";

let waiting: Row[] = [];

/** Runs one check and records it under `name`; an error is a failure, with its stack as the reason. */
export async function check(name: string, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
    record({ name });
  } catch (error) {
    record({ name, error: describe(error) });
  }
  if (waiting.length >= 50) await post(false);
}

/** Records a result that was found elsewhere. */
export function record(row: Row): void {
  waiting.push(row);
}

/** Tells the server that no more rows follow. */
export async function finish(): Promise<void> {
  await post(true);
}

/** Runs the whole page and ends the run. */
export async function page(work: () => Promise<void>): Promise<void> {
  // Seen by the script in run.ts that reports what escapes the checks: from here on it does not end the run.
  Object.assign(globalThis, { begun: true });
  await check("the page runs to its end", work);
  await finish();
}

async function post(done: boolean): Promise<void> {
  const rows = waiting;
  waiting = [];
  await fetch("/rows", { method: "POST", body: JSON.stringify({ rows, done }) });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
