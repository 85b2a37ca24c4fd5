// What page and worker say to each other: a call by name with one argument, answers on the way, and one at the end.
// Types only: both sides import it. Read next: remote.ts, the page's side; serving.ts, the worker's.

/** The functions a worker offers. `tell` sends an answer while the work goes on. */
export type Handlers = Readonly<Record<string, (argument: never, tell: (news: unknown) => void) => unknown>>;

/** From the page. */
export interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

/** From the worker. */
export type Answer =
  | { readonly id: number; readonly kind: "news"; readonly value: unknown }
  | { readonly id: number; readonly kind: "result"; readonly value: unknown }
  | { readonly id: number; readonly kind: "failure"; readonly message: string };
