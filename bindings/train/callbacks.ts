// What a training run tells the outside, and how the outside can stop it.
// Read next: fit.ts, which calls these; progress.ts, which is one of them.
import { ParameterError } from "../core/errors.ts";

/** One epoch, finished. Losses are means over samples; NaN where the GPU was lost with all steps of the epoch. */
export interface EpochLog {
  /** Counted from 1. */
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy?: number;
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  /** Training time, validation not counted. */
  readonly seconds: number;
}

/** One step, submitted. The loss is the last one that was read, some steps ago; undefined before the first read. */
export interface BatchLog {
  readonly epoch: number;
  readonly epochs: number;
  /** Counted from 1 in each epoch. */
  readonly batch: number;
  readonly batches: number | undefined;
  readonly loss: number | undefined;
  readonly accuracy: number | undefined;
}

type Answer = "stop" | undefined;

/** Called by `fit`. Returning "stop" from either ends the training after the current epoch or batch. */
export interface Callback {
  onBatchEnd?(log: BatchLog): Answer;
  onEpochEnd?(log: EpochLog): Answer | Promise<Answer>;
  /** Once, whether the training ended by itself, was stopped or failed. */
  onTrainEnd?(): void;
}

export interface EarlyStoppingOptions {
  /** What must improve; "validationLoss" when absent. Losses fall, accuracies rise. */
  readonly monitor?: "loss" | "accuracy" | "validationLoss" | "validationAccuracy";
  /** Epochs without improvement after which the training stops; 0 stops at the first. */
  readonly patience?: number;
  /** A change not larger than this is no improvement. */
  readonly minimumChange?: number;
}

/** Stops when the monitored value has not improved for more than `patience` epochs. */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const { monitor = "validationLoss", patience = 0, minimumChange = 0 } = options;
  const direction = monitor === "loss" || monitor === "validationLoss" ? -1 : 1;
  let best = -Infinity;
  let waited = 0;
  return {
    onEpochEnd(log) {
      const value = log[monitor];
      if (value === undefined) {
        throw new ParameterError(
          "earlyStopping",
          `fit does not compute ${monitor}. Pass validation, or metrics: "accuracy"`,
        );
      }
      if (direction * value > best + minimumChange) {
        best = direction * value;
        waited = 0;
        return undefined;
      }
      waited += 1;
      return waited > patience ? "stop" : undefined;
    },
  };
}
