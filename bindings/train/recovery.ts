// What training does when the GPU goes away: parameters and optimiser state are copied to the host before the first step and now and
// then, and after a loss they are put back as they were at the last copy; the steps since are gone and told of.
// Knows no data and no losses. Read next: fit.ts, which asks for copies and goes on afterwards.
import { defaultEngine, engineOf } from "../engine/default.ts";
import { tensor } from "../engine/creation.ts";
import { evaluate } from "../engine/index.ts";
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
  #gpu: unknown;
  #copy: Copy | undefined;
  #taken = -Infinity;

  constructor(model: Module, optimizer: Optimizer) {
    this.#optimizer = optimizer;
    const trained = new Set(optimizer.parameters);
    this.#cells = [...optimizer.parameters, ...[...model.parameters()].filter((cell) => !trained.has(cell))];
    this.#gpu = this.#backend();
  }

  /**
   * Starts the devices and makes the first copy. What nobody computed yet is computed on the CPU, so that a GPU that is lost already, or
   * is lost in the first step, takes nothing with it. Throws a BackendError that names what was on a lost GPU only.
   */
  async begin(): Promise<void> {
    const [cell] = this.#cells;
    await (cell === undefined ? defaultEngine() : engineOf(cell.value)).ready();
    // Who was there before the start is the one that may be lost by now.
    this.#gpu ??= this.#backend();
    if (this.#gpu === undefined) {
      await evaluate(...this.#optimizer.parameters.map(({ value }) => value));
      return;
    }
    const of = this.#tensors();
    // What is read from the GPU is read together.
    const data = await Promise.all(of.map(async (own) => this.#readOnCpu(own) ?? (await this.#read(own))));
    this.#keep(of, data);
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
    this.#keep(of, await Promise.all(of.map((own) => own.data())));
  }

  /** Puts the last copy back if `error` came of a GPU that was lost; the steps undone, or undefined if it did not. */
  async restore(error: unknown): Promise<number | undefined> {
    const copy = this.#copy;
    if (copy === undefined || !(await this.#isLost(error))) return undefined;
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

  #keep(of: readonly Tensor[], data: readonly TypedArray[]): void {
    this.#copy = { steps: this.#optimizer.steps, of, data };
    this.#taken = performance.now();
  }

  #readOnCpu(own: Tensor): TypedArray | undefined {
    try {
      return own.dataSync();
    } catch (error) {
      if (error instanceof BackendError) return undefined;
      throw error;
    }
  }

  async #read(own: Tensor): Promise<TypedArray> {
    try {
      return await own.data();
    } catch (error) {
      if (!(await this.#isLost(error))) throw error;
      const at = this.#cells.findIndex(({ value }) => value === own);
      const name = at < 0 ? "a part of the optimiser's state" : `parameter ${String(at)}`;
      throw new BackendError(
        "fit",
        `${name}, ${own.dtype} [${own.shape.join(", ")}], was on webgpu only, which was lost before training had a copy of it. ` +
          "Make the model and its optimiser anew, or load what was saved",
      );
    }
  }

  /** Whether an error came of a GPU that was lost. */
  async #isLost(error: unknown): Promise<boolean> {
    if (this.#gpu === undefined || !(error instanceof BackendError)) return false;
    // The engine hears of a loss a little later than the first read that fails.
    for (let turn = 0; turn < 20 && this.#backend() === this.#gpu; turn++)
      await new Promise((resolve) => setTimeout(resolve, turn));
    return this.#backend() !== this.#gpu;
  }

  #tensors(): Tensor[] {
    return [...this.#cells.map(({ value }) => value), ...tensorsOf(this.#optimizer.state)];
  }

  #backend(): unknown {
    const [cell] = this.#cells;
    return cell === undefined ? undefined : engineOf(cell.value).backends.get("webgpu");
  }
}
