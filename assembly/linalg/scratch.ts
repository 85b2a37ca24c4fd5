// How kernels on matrices lay out their working copies. Read next: bindings/ops/scratch.ts, which computes their sizes.
import { Share } from "../program/words";

/** Elements between rows of an n wide copy: a power of two would put all rows into a few sets of the cache. */
export function rowPitch(n: i32): i32 {
  return n < 64 ? (n + 3) & ~3 : ((n + 15) & ~15) + 16;
}

export class Scratch {
  /** Which of the min(workers, batch) pieces of scratch a worker takes: with fewer matrices than workers, one each. */
  @inline static slot(batch: i32, worker: i32, workers: i32): i32 {
    return batch < workers ? Share.from(batch, worker, workers) : worker;
  }
}
