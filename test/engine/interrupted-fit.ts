// A training that loses its GPU at a chosen moment, and what must be true of it afterwards. Runs in Node and in a page, so it knows no
// test framework and not how a GPU is taken away. Read next: lost-in-fit.test.ts, ../browser/lost.test.ts.
import type { DeviceName } from "../../bindings/backends/backend.ts";
import { dataset } from "../../bindings/data/index.ts";
import { memory, tensor } from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";
import type { Loss } from "../../bindings/nn/index.ts";
import { Adam } from "../../bindings/optim/index.ts";
import type { History } from "../../bindings/train/index.ts";
import { fit } from "../../bindings/train/index.ts";

/**
 * Where in a training something happens: "batch 8", "epoch 1" when it ends, "validation 1" in its middle; "start" when the model is
 * there, "data" when the first batch is asked for, "step" in the middle of recording the first step.
 */
export type Moment = `${"batch" | "epoch" | "validation"} ${number}` | "start" | "data" | "step";

/** What is left of a training. Plain data. */
export interface Interrupted {
  readonly history: History;
  /** Batches of an epoch. */
  readonly length: number;
  /** Batches that were tried, of all epochs. */
  readonly batches: number;
  readonly steps: number;
  readonly parameters: readonly number[];
  /** Devices that are still in use. */
  readonly devices: readonly string[];
}

const batchSize = 10;
const validationBatches = 2;

const numbers = (rows: number): Float32Array => Float32Array.from({ length: 8 * rows }, (_, index) => Math.sin(index));
const samplesOf = (rows: number): ReturnType<typeof dataset> =>
  dataset(
    tensor(numbers(rows), { shape: [rows, 8] }),
    tensor(Int32Array.from({ length: rows }, (_, index) => index % 2)),
  );

export interface Training {
  /** 3 when absent. */
  readonly epochs?: number;
  /** Batches of an epoch; 5 when absent. */
  readonly length?: number;
  readonly validates?: boolean;
}

/** Trains a small net; `reached` hears of every moment. "stop" from it ends the training. */
export async function interruptedFit(
  device: DeviceName | "auto",
  reached: (moment: Moment) => "stop" | undefined | Promise<"stop" | undefined>,
  { epochs = 3, length = 5, validates = false }: Training = {},
): Promise<Interrupted> {
  const model = nn.sequential([new nn.Linear(8, 4), new nn.ReLU(), new nn.Linear(4, 2)]);
  const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
  let [batches, validated] = [0, 0];
  const validation = samplesOf(validationBatches * batchSize)
    .batch(batchSize)
    .map((batch) => {
      validated += 1;
      if (validated % validationBatches === 0) void reached(`validation ${validated / validationBatches}`);
      return batch;
    });
  const first = new Set<Moment>(["data", "step"]);
  const once = (moment: Moment): void => {
    if (first.delete(moment)) void reached(moment);
  };
  const samples = samplesOf(length * batchSize)
    .shuffle(1)
    .batch(batchSize)
    .map((batch) => (once("data"), batch));
  const loss: Loss = (prediction, labels) => (once("step"), nn.crossEntropy(prediction, labels));
  void reached("start");
  const history = await fit(model, samples, {
    ...{ optimizer, loss, epochs, device, progress: false },
    ...(validates ? { validation } : {}),
    callbacks: [
      {
        onBatchEnd: () => {
          const answer = reached(`batch ${++batches}`);
          return answer instanceof Promise ? undefined : answer;
        },
        onEpochEnd: ({ epoch }) => reached(`epoch ${epoch}`),
      },
    ],
  });
  const values = await Promise.all([...model.parameters()].map(({ value }) => value.data()));
  const parameters = values.flatMap((data) => [...data]);
  return { history, length, batches, steps: optimizer.steps, parameters, devices: Object.keys(memory()) };
}

/** What is wrong with a training on the GPU that was lost once; nothing if all is well. */
export function problemsOf({ history, length, batches, steps, parameters, devices }: Interrupted): string[] {
  const problems: string[] = [];
  const require = (isSo: boolean, what: string): void => {
    if (!isSo) problems.push(what);
  };
  const { epochs: logs, losses, interruptions } = history;
  require(devices.join() === "wasm", `devices in use: ${devices.join()}`);
  require(history.stopped || logs.length * length === batches, `${logs.length} epochs were finished`);
  require(interruptions.length === 1, `${interruptions.length} interruptions are told of`);
  const [first] = interruptions;
  const stepsLost = first?.stepsLost ?? 0;
  // The copy is of the epoch's beginning or end; the batch in which the loss was noticed may have been counted or not.
  const inEpoch = first?.batch ?? 0;
  require(stepsLost >= 0 && stepsLost <= inEpoch, `${stepsLost} steps lost at batch ${inEpoch}`);
  require(batches - steps === stepsLost ||
    batches - steps === stepsLost + 1, `${batches} batches, ${steps} steps, ${stepsLost} lost`);
  require(losses.length === steps, `${losses.length} losses of ${steps} steps`);
  require([...losses, ...parameters].every(Number.isFinite), "a loss or a parameter is no number");
  return problems;
}
