// Scopes: lists of the handles made while they are open, disposed at the end but for what is returned.
// Knows handles only as disposable things. Read next: engine.ts.
import { ParameterError } from "../core/errors.ts";
import type { Tensor } from "../ops/tensor.ts";
import { describe, isTensor } from "../ops/tensor.ts";

/** A tensor, or lists and plain objects of trees. Anything else is a leaf without tensors. */
export type Tree =
  Tensor | readonly Tree[] | { readonly [key: string]: Tree } | number | string | boolean | null | undefined;

/** The tensors of a tree, in order. */
export function tensorsOf(tree: unknown): Tensor[] {
  if (isTensor(tree)) return [tree];
  if (Array.isArray(tree)) return tree.flatMap(tensorsOf);
  return isPlainObject(tree) ? Object.values(tree).flatMap(tensorsOf) : [];
}

/** The tree with every tensor replaced. */
export function mapTree(tree: unknown, replace: (tensor: Tensor) => unknown): unknown {
  if (isTensor(tree)) return replace(tree);
  if (Array.isArray(tree)) return tree.map((item) => mapTree(item, replace));
  if (!isPlainObject(tree)) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, mapTree(item, replace)]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Throws a ParameterError unless `value` is a function. */
export function requireFunction(op: string, value: unknown): void {
  if (typeof value !== "function")
    throw new ParameterError(op, `expects a function, got ${describe(value)}. Wrap the work: () => …`);
}

/** The stack of open scopes. */
export class Scopes {
  private readonly stack: Set<Tensor>[] = [];
  private readonly outlives: (tensor: Tensor) => void;

  /** `outlives` is told of every tensor that leaves the outermost scope. */
  constructor(outlives: (tensor: Tensor) => void) {
    this.outlives = outlives;
  }

  get isOpen(): boolean {
    return this.stack.length > 0;
  }

  /** Notes a tensor made in the innermost scope. */
  add(tensor: Tensor): void {
    this.stack.at(-1)?.add(tensor);
  }

  /** Forgets a disposed tensor. */
  remove(tensor: Tensor): void {
    for (const scope of this.stack) scope.delete(tensor);
  }

  /** Runs `body`; disposes what it made but for the tensors in its result, which pass to the scope around. */
  run<T>(op: string, body: () => T): T {
    const scope = new Set<Tensor>();
    this.stack.push(scope);
    let kept: ReadonlySet<Tensor> = new Set();
    try {
      const result = body();
      if (typeof (result as { then?: unknown } | null)?.then === "function") {
        // The promise is abandoned on purpose: its rejection must not become a second error.
        (result as unknown as Promise<unknown>).then(undefined, () => undefined);
        throw new ParameterError(
          op,
          "the function returned a promise; tensors made after an await would escape. Make it synchronous and read the results outside",
        );
      }
      kept = new Set(tensorsOf(result));
      return result;
    } finally {
      this.stack.pop();
      for (const tensor of scope) {
        if (!kept.has(tensor)) tensor.dispose();
        else if (this.isOpen) this.add(tensor);
        else this.outlives(tensor);
      }
    }
  }
}
