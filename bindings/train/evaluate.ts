// Evaluation: loss and metrics of a model over a dataset. Batches are submitted without waiting and read at the end.
// Also what `fit` and `evaluate` share: losses by name. Read next: step.ts for what is compiled, fit.ts.
import { ParameterError } from "../core/errors.ts";
import type { Batch, Dataset } from "../data/index.ts";
import { withDevice } from "../engine/index.ts";
import type { Loss, Module } from "../nn/index.ts";
import { bceWithLogits, crossEntropy, huber, mae, mse, nll } from "../nn/index.ts";
import type { Metric } from "./metrics.ts";
import type { CompiledEvaluation, Score, StepOptions } from "./step.ts";
import { compileEvaluation } from "./step.ts";

/** The losses that have a name. */
export type LossName = "crossEntropy" | "mse" | "mae" | "huber" | "bceWithLogits" | "nll";

const losses: Readonly<Record<LossName, Loss>> = { crossEntropy, mse, mae, huber, bceWithLogits, nll };

export interface EvaluateOptions {
  readonly loss: Loss | LossName;
  readonly metrics?: Metric;
  /** Samples at once where the dataset has no batches yet; 256 when absent. */
  readonly batchSize?: number;
  readonly device?: "wasm" | "webgpu" | "auto";
}

/** Means over a dataset. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy?: number;
}

/** Loss and metrics of the model over a dataset, with dropout off. */
export async function evaluate(model: Module, data: Dataset, options: EvaluateOptions): Promise<Evaluation> {
  const compiled = compileEvaluation(model, stepOptions(options));
  try {
    return await evaluateWith(compiled, model, data, options);
  } finally {
    compiled.dispose();
  }
}

/** Options as a compiled step takes them. Throws a ParameterError for a loss that does not exist. */
export function stepOptions(options: EvaluateOptions): StepOptions {
  const { loss } = options;
  if (typeof loss === "string" && !Object.hasOwn(losses, loss)) {
    throw new ParameterError(
      "fit",
      `there is no loss "${loss}"; there are ${Object.keys(losses).join(", ")}, or pass a function`,
    );
  }
  return { loss: typeof loss === "string" ? losses[loss] : loss, accuracy: options.metrics === "accuracy" };
}

/** The same with a compiled evaluation that is used again. */
export async function evaluateWith(
  compiled: CompiledEvaluation,
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
      const { loss, right } = withDevice(options.device ?? "auto", () => compiled.run(batch));
      const read = readScore(loss, right, count);
      // Where a later batch fails nobody comes to wait for this one.
      read.catch(() => undefined);
      reads.push(read);
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

/** Lets go of a batch; x and y may be one tensor. */
export function disposeBatch(batch: Batch): void {
  batch.x.dispose();
  if (batch.y !== batch.x) batch.y.dispose();
}
