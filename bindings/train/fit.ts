// Training: epochs over a dataset with a compiled step, a history, callbacks; and evaluation.
// Steps are submitted without waiting; losses are read a window at a time, one window behind.
// Read next: step.ts for what a step computes, callbacks.ts, ../data/dataset.ts.
import { ParameterError } from "../core/errors.ts";
import { requireInteger } from "../core/shape.ts";
import type { Batch } from "../data/index.ts";
import { Dataset } from "../data/index.ts";
import { withDevice } from "../engine/index.ts";
import type { Loss, Module } from "../nn/index.ts";
import { bceWithLogits, crossEntropy, huber, mae, mse, nll } from "../nn/index.ts";
import type { Optimizer } from "../optim/index.ts";
import { defaultGenerator } from "../random/index.ts";
import type { Callback, EpochLog } from "./callbacks.ts";
import type { Metric } from "./metrics.ts";
import { defaultTarget, progressBar } from "./progress.ts";
import type { Score, Window } from "./step.ts";
import { compileEvaluation, compileStep, emptyWindow, windowLength } from "./step.ts";

const losses = { crossEntropy, mse, mae, huber, bceWithLogits, nll } as const;

/** A loss function, or the name of one of bindings/nn. */
export type LossName = keyof typeof losses;

export interface EvaluateOptions {
  readonly loss: Loss | LossName;
  readonly metrics?: Metric;
  /** Samples at once where the dataset has no batches yet; 256 when absent. */
  readonly batchSize?: number;
  readonly device?: "wasm" | "webgpu" | "auto";
}

export interface FitOptions extends EvaluateOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  /** Samples in a step where the dataset has no batches yet (it is then shuffled too); 32 when absent. */
  readonly batchSize?: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  readonly callbacks?: readonly Callback[];
  /** Seeds the default generator, and with it shuffling and dropout. Parameters were drawn before: see `manualSeed`. */
  readonly seed?: number;
  /** A bar on a terminal, a line an epoch elsewhere; on a terminal only when absent. */
  readonly progress?: boolean;
}

/** What a training run leaves. */
export interface History {
  readonly epochs: readonly EpochLog[];
  /** The loss of every step. */
  readonly losses: readonly number[];
  /** True if a callback ended the training. */
  readonly stopped: boolean;
}

/** Means over a dataset. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy?: number;
}

/** Trains the model in place and puts it back into the mode it was in. Same seed and start, same losses to the last bit. */
export async function fit(model: Module, data: Dataset, options: FitOptions): Promise<History> {
  requireInteger("fit", "epochs", options.epochs, 0);
  if (data.size === 0) throw new ParameterError("fit", "the dataset is empty");
  if (options.seed !== undefined) defaultGenerator().reset(options.seed);
  const batched =
    data.batchSize === undefined ? data.shuffle(defaultGenerator().nextKey()[0]).batch(options.batchSize ?? 32) : data;
  const wasTraining = model.training;
  const run = new Run(model.train(), batched, options);
  try {
    return await run.epochs();
  } finally {
    for (const callback of run.callbacks) callback.onTrainEnd?.();
    model.train(wasTraining);
  }
}

/** Loss and metrics of the model over a dataset, with dropout off. */
export async function evaluate(model: Module, data: Dataset, options: EvaluateOptions): Promise<Evaluation> {
  return evaluateWith(compileEvaluation(model, stepOptions(options)), model, data, options);
}

function stepOptions(options: EvaluateOptions): { readonly loss: Loss; readonly accuracy: boolean } {
  const { loss } = options;
  if (typeof loss === "string" && !Object.hasOwn(losses, loss)) {
    throw new ParameterError(
      "fit",
      `there is no loss "${loss}"; there are ${Object.keys(losses).join(", ")}, or pass a function`,
    );
  }
  return { loss: typeof loss === "string" ? losses[loss] : loss, accuracy: options.metrics === "accuracy" };
}

async function evaluateWith(
  score: (batch: Batch) => Score,
  model: Module,
  data: Dataset,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const wasTraining = model.training;
  model.eval();
  try {
    const batched = data.batchSize === undefined ? data.batch(options.batchSize ?? 256) : data;
    const reads: Promise<readonly [loss: number, right: number, count: number]>[] = [];
    for await (const batch of batched.batches()) {
      const count = batch.x.shape[0] ?? 1;
      const { loss, right } = withDevice(options.device ?? "auto", () => score(batch));
      reads.push(readScore(loss, right, count));
      disposeBatch(batch);
    }
    const scores = await Promise.all(reads);
    const total = (of: (score: readonly [number, number, number]) => number): number =>
      scores.reduce((sum, each) => sum + of(each), 0);
    const samples = total(([, , count]) => count);
    const loss = total(([mean, , count]) => mean * count) / samples;
    return options.metrics === "accuracy" ? { loss, accuracy: total(([, right]) => right) / samples } : { loss };
  } finally {
    model.train(wasTraining);
  }
}

async function readScore(loss: Score["loss"], right: Score["right"], count: number): Promise<[number, number, number]> {
  const values: [number, number, number] = [await loss.item(), right === null ? 0 : await right.item(), count];
  loss.dispose();
  right?.dispose();
  return values;
}

function disposeBatch(batch: Batch): void {
  batch.x.dispose();
  if (batch.y !== batch.x) batch.y.dispose();
}

/** A window that is full or at an epoch's end, being read. */
interface PendingWindow {
  readonly counts: readonly number[];
  readonly values: Promise<readonly [losses: ArrayLike<number>, right: ArrayLike<number>]>;
}

/** Milliseconds of submitting after which timers and input get their turn. */
const patience = 100;

/** The state of one call of `fit`. */
class Run {
  readonly callbacks: readonly Callback[];
  readonly #model: Module;
  readonly #data: Dataset;
  readonly #options: FitOptions;
  readonly #step: ReturnType<typeof compileStep>;
  #window: Window = emptyWindow();
  #counts: number[] = [];
  #pending: PendingWindow | undefined;
  readonly #losses: number[] = [];
  #sums = { loss: 0, right: 0, samples: 0 };
  #lastYield = performance.now();

  constructor(model: Module, data: Dataset, options: FitOptions) {
    const shows = options.progress ?? defaultTarget().isTerminal;
    this.callbacks = [...(shows ? [progressBar()] : []), ...(options.callbacks ?? [])];
    this.#model = model;
    this.#data = data;
    this.#options = options;
    this.#step = compileStep(model, options.optimizer, stepOptions(options));
  }

  async epochs(): Promise<History> {
    const { epochs, validation } = this.#options;
    const score = validation === undefined ? undefined : compileEvaluation(this.#model, stepOptions(this.#options));
    const logs: EpochLog[] = [];
    let stopped = false;
    for (let epoch = 1; epoch <= epochs && !stopped; epoch++) {
      const begun = performance.now();
      stopped = await this.#epoch(epoch);
      const { loss, right, samples } = this.#sums;
      const seconds = (performance.now() - begun) / 1000;
      const accuracy = this.#options.metrics === "accuracy" ? { accuracy: right / samples } : {};
      let log: EpochLog = { epoch, loss: loss / samples, ...accuracy, seconds };
      if (validation !== undefined && score !== undefined) {
        const result = await evaluateWith(score, this.#model, validation, this.#options);
        log = {
          ...log,
          validationLoss: result.loss,
          ...(result.accuracy === undefined ? {} : { validationAccuracy: result.accuracy }),
        };
      }
      logs.push(log);
      for (const callback of this.callbacks) if ((await callback.onEpochEnd?.(log)) === "stop") stopped = true;
    }
    this.#window.losses.dispose();
    this.#window.right.dispose();
    return { epochs: logs, losses: this.#losses, stopped };
  }

  /** One pass over the data. Returns true if a callback asked to stop. */
  async #epoch(epoch: number): Promise<boolean> {
    this.#sums = { loss: 0, right: 0, samples: 0 };
    const batches = this.#data.length;
    let stopped = false;
    let batch = 0;
    for await (const current of this.#data.batches(epoch - 1)) {
      batch += 1;
      this.#window = withDevice(this.#options.device ?? "auto", () =>
        this.#step(current, this.#window, this.#counts.length),
      );
      this.#counts.push(current.x.shape[0] ?? 1);
      disposeBatch(current);
      if (this.#counts.length === windowLength) await this.#turnWindow();
      if (this.#tell({ epoch, epochs: this.#options.epochs, batch, batches })) {
        stopped = true;
        break;
      }
      await this.#giveWay();
    }
    await this.#turnWindow();
    await this.#settle();
    return stopped;
  }

  #tell(at: {
    readonly epoch: number;
    readonly epochs: number;
    readonly batch: number;
    readonly batches: number;
  }): boolean {
    const { right, samples } = this.#sums;
    const accuracy = this.#options.metrics === "accuracy" && samples > 0 ? right / samples : undefined;
    const log = { ...at, loss: this.#losses.at(-1), accuracy };
    return this.callbacks.map((callback) => callback.onBatchEnd?.(log)).includes("stop");
  }

  /** Starts reading the current window, waits for the one before, and goes on with an empty one. */
  async #turnWindow(): Promise<void> {
    if (this.#counts.length === 0) return;
    const full = this.#window;
    const values = Promise.all([full.losses.data(), full.right.data()]);
    const pending = { counts: this.#counts, values };
    this.#window = emptyWindow();
    this.#counts = [];
    await this.#settle();
    this.#pending = pending;
    void values
      .finally(() => {
        full.losses.dispose();
        full.right.dispose();
      })
      .catch(() => undefined);
  }

  /** Takes the values of the window that is being read. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    const [read, right] = await pending.values;
    pending.counts.forEach((count, index) => {
      const loss = read[index] ?? 0;
      this.#losses.push(loss);
      this.#sums.loss += loss * count;
      this.#sums.right += right[index] ?? 0;
      this.#sums.samples += count;
    });
  }

  async #giveWay(): Promise<void> {
    if (performance.now() - this.#lastYield < patience) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#lastYield = performance.now();
  }
}
