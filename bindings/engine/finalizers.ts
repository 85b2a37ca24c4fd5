// The net under handles that nobody disposes: once one is unreachable its value is let go of. A handle is not watched before the
// turn of the event loop ends, in which most are disposed and nothing is finalized anyway, because what the garbage collector
// watches outlives several of its rounds. Knows no graph. Read next: engine.ts, handle.ts.
import type { Value } from "../graph/node.ts";
import type { Handle } from "./handle.ts";

/** Handles of one turn kept before the disposed ones among them are dropped. */
const fewest = 256;

export class Finalizers {
  private readonly registry = new FinalizationRegistry<Value>((value) => {
    value.release();
  });
  /** Handles made in this turn, disposed ones among them. */
  private fresh: Handle[] = [];
  /** How many there may be before they are tidied. */
  private limit = fewest;

  /** Watches a handle unless it is disposed before the turn ends. */
  watch(handle: Handle): void {
    if (this.fresh.length === 0) {
      queueMicrotask(() => {
        this.register();
      });
    } else if (this.fresh.length >= this.limit) {
      this.fresh = this.fresh.filter((young) => !young.isDisposed);
      this.limit = Math.max(fewest, 2 * this.fresh.length);
    }
    this.fresh.push(handle);
  }

  /** Told of a handle that was disposed. */
  forget(handle: Handle): void {
    if (handle.isWatched) this.registry.unregister(handle);
  }

  private register(): void {
    for (const young of this.fresh) {
      if (young.isDisposed) continue;
      this.registry.register(young, young.valueFor("finalize"), young);
      young.isWatched = true;
    }
    this.fresh = [];
    this.limit = fewest;
  }
}
