// What training does when the GPU goes away: parameters and optimiser state are copied to the host now and then, and after a
// loss they are put back as they were at the last copy; the steps since are gone and told of. Values that the CPU has anyway
// are not copied. Knows no data and no losses. Read next: fit.ts, which asks for copies and goes on afterwards.
import { engineOf } from "../engine/default.ts";
import { tensor } from "../engine/creation.ts";
import { mapTree, tensorsOf } from "../engine/scopes.ts";
import type { TypedArray } from "../core/dtype.ts";
import { BackendError } from "../core/errors.ts";
import type { Module, Parameter } from "../nn/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer, RuleState } from "../optim/index.ts";

/** A loss of the GPU that training went on after. */
export interface Interruption {
  readonly epoch: number;
  /** The batch of the epoch, counted from 1, in which the loss was noticed: 0 before the first, the last one in validation. */
  readonly batch: number;
  /** Updates that were undone, those of batches that could not be read included. */
  readonly stepsLost: number;
}

/** Milliseconds between copies at least: reading a large model takes its time. */
const pause = 2000;

interface Copy {
  readonly steps: number;
  readonly of: readonly Tensor[];
  readonly data: readonly TypedArray[];
}

export class Recovery {
  readonly #optimizer: Optimizer;
  /** Trained cells first, as the optimiser has them, then the others. */
  readonly #cells: readonly Parameter[];
  readonly #gpu: unknown;
  #copy: Copy | undefined;
  #taken = -Infinity;

  constructor(model: Module, optimizer: Optimizer) {
    this.#optimizer = optimizer;
    const trained = new Set(optimizer.parameters);
    this.#cells = [...optimizer.parameters, ...[...model.parameters()].filter((cell) => !trained.has(cell))];
    this.#gpu = this.#backend();
  }

  /** Whether the last copy was made a while ago. */
  get isDue(): boolean {
    return this.#gpu !== undefined && performance.now() - this.#taken >= pause;
  }

  /** Copies what only the GPU has, unless it is as it was at the last copy. */
  async copy(): Promise<void> {
    if (this.#gpu === undefined) return;
    const of = this.#tensors();
    const { steps } = this.#optimizer;
    if (this.#copy?.steps === steps && of.every((own, index) => own === this.#copy?.of[index])) return;
    this.#copy = { steps, of, data: await Promise.all(of.map((own) => own.data())) };
    this.#taken = performance.now();
  }

  /** Puts the last copy back if `error` came of a GPU that was lost; the steps undone, or undefined if it did not. */
  async restore(error: unknown): Promise<number | undefined> {
    const copy = this.#copy;
    if (copy === undefined || this.#gpu === undefined || !(error instanceof BackendError)) return undefined;
    // The engine hears of a loss a little later than the first read that fails.
    for (let turn = 0; turn < 20 && this.#backend() === this.#gpu; turn++)
      await new Promise((resolve) => setTimeout(resolve, turn));
    if (this.#backend() === this.#gpu) return undefined;
    const optimizer = this.#optimizer;
    const undone = optimizer.steps - copy.steps;
    const before = this.#tensors();
    let next = 0;
    const again = (old: Tensor): Tensor =>
      tensor(copy.data[next++] ?? new Float32Array(0), { shape: old.shape, dtype: old.dtype });
    const values = this.#cells.map(({ value }) => again(value));
    const state = mapTree(optimizer.state, again) as RuleState;
    optimizer.adopt(values.slice(0, optimizer.parameters.length), state);
    optimizer.steps = copy.steps;
    this.#cells.slice(optimizer.parameters.length).forEach((cell, index) => {
      cell.value = values[optimizer.parameters.length + index] ?? cell.value;
    });
    for (const old of before) if (!old.isDisposed) old.dispose();
    return undone;
  }

  #tensors(): Tensor[] {
    return [...this.#cells.map(({ value }) => value), ...tensorsOf(this.#optimizer.state)];
  }

  #backend(): unknown {
    const [cell] = this.#cells;
    return cell === undefined ? undefined : engineOf(cell.value).backends.get("webgpu");
  }
}
