// What became of one submit. WebGPU tells errors later, on a promise; this is where they wait for the next read.
// A submission that read the results of a failed one has failed too, so wrong numbers never reach the caller.
// Knows no buffers and no shaders. Read next: device.ts, which opens the error scopes and settles submissions in order.
import type { BackendError } from "../../../core/errors.ts";

export class Submission {
  #parents = new Set<Submission>();
  #failure: BackendError | undefined;
  #isSettled = false;

  /** `parents`: the submissions whose results this one reads. */
  constructor(parents: Iterable<Submission> = []) {
    for (const parent of parents) this.dependOn(parent);
  }

  /** Adds a submission whose results this one reads. A chain of successful ones holds nothing: they are not kept. */
  dependOn(parent: Submission): void {
    if (!parent.hasSucceeded && parent !== this) this.#parents.add(parent);
  }

  /** True if it depends on nothing that may still fail. */
  get isFree(): boolean {
    return this.#parents.size === 0;
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
    for (const parent of this.#parents) this.#failure ??= parent.failure;
    this.#failure ??= failure;
    this.#parents = new Set();
    this.#isSettled = true;
  }
}
