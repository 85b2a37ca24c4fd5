// What a library has to offer to be measured. Read next: ours.ts, and peers/ for the others.
import type { Operand } from "./work/operands.ts";
import type { Task } from "./work/task.ts";

export interface Contender {
  readonly name: string;
  readonly version: string;
  /** Where it runs, and on how many threads. */
  readonly backend: string;
  readonly threads: number;
  /** False where the library has no such operation. */
  supports(task: Task): boolean;
  /** Takes the operands to where the library computes and compiles what it compiles. */
  prepare(task: Task, inputs: readonly Operand[]): Promise<Prepared>;
}

export interface Prepared {
  /** Computes once; done when it returns or resolves. */
  run(): unknown;
  /** What the last run computed (NHWC; ascending eigenvalues; the loss of a training step). */
  result(): ArrayLike<number> | Promise<ArrayLike<number>>;
  dispose(): void;
}
