// What became of one submit. WebGPU tells errors later, on a promise; this is where they wait for the next read.
// A submission that read the results of a failed one has failed too, so wrong numbers never reach the caller.
// Knows no buffers and no shaders. Read next: device.ts, which opens the error scopes and settles submissions in order.
import type { BackendError } from "../../core/errors.ts";

export class Submission {
  #parents: readonly Submission[];
  #failure: BackendError | undefined;
  #isSettled = false;

  /** `parents`: the submissions whose results this one reads. */
  constructor(parents: Iterable<Submission>) {
    // A chain of successful submissions holds nothing: only those that may still fail are kept.
    this.#parents = [...new Set(parents)].filter((parent) => !parent.hasSucceeded);
  }

  /** True once it is known that this submission and those it depends on went well. */
  get hasSucceeded(): boolean {
    return this.#isSettled && this.#failure === undefined;
  }

  /** What went wrong, once it is known. */
  get failure(): BackendError | undefined {
    return this.#failure;
  }

  /** Says what the device found. Submissions settle in the order in which they were made, so parents come first. */
  settle(failure: BackendError | undefined): void {
    this.#failure = this.#parents.find((parent) => parent.failure !== undefined)?.failure ?? failure;
    this.#parents = [];
    this.#isSettled = true;
  }
}
