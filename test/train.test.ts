// Training: small models learn, the same seed gives the same bits, callbacks stop, memory stays flat.
// Read next: ../bindings/train/README.md.
import { beforeAll, describe, expect, test } from "vitest";
import { dataset } from "../bindings/data/index.ts";
import { init, memory } from "../bindings/engine/index.ts";
import { Dropout, Linear, sequential } from "../bindings/nn/index.ts";
import type { Sequential } from "../bindings/nn/index.ts";
import { relu } from "../bindings/ops/activation.ts";
import { tanh } from "../bindings/ops/exponential.ts";
import { Adam, SGD } from "../bindings/optim/index.ts";
import { manualSeed } from "../bindings/random/index.ts";
import type { EpochLog } from "../bindings/train/index.ts";
import { earlyStopping, evaluate, fit, progressBar } from "../bindings/train/index.ts";

// A calibration in the background would have memory of its own.
beforeAll(() => init({ tune: "off" }));

const exclusiveOr = dataset(
  { data: new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]), shape: [4, 2] },
  new Int32Array([0, 1, 1, 0]),
);

/** Points of two noisy halves of a plane. */
const halves = dataset(
  { data: Float32Array.from({ length: 200 }, (_, index) => Math.sin(12.9898 * (index + 1)) * 2), shape: [100, 2] },
  Int32Array.from({ length: 100 }, (_, row) => (Math.sin(12.9898 * (2 * row + 1)) > 0 ? 1 : 0)),
);

function network(): Sequential {
  manualSeed(11);
  return sequential([new Linear(2, 16), tanh, new Linear(16, 2)]);
}

describe("fit", () => {
  test("a network learns exclusive or", async () => {
    const model = network();
    const history = await fit(model, exclusiveOr.batch(4), {
      optimizer: new Adam(model.parameters(), { lr: 0.05 }),
      loss: "crossEntropy",
      metrics: "accuracy",
      epochs: 150,
      progress: false,
    });
    expect(history.epochs.at(-1)!.loss).toBeLessThan(0.05);
    expect(history.losses).toHaveLength(150);
    const result = await evaluate(model, exclusiveOr, { loss: "crossEntropy", metrics: "accuracy" });
    expect(result.accuracy).toBe(1);
  });

  test("the same seed gives the same losses to the last bit, dropout included", async () => {
    const run = async (): Promise<readonly number[]> => {
      manualSeed(3);
      const model = sequential([new Linear(2, 8), relu, new Dropout(0.2), new Linear(8, 2)]);
      const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      const history = await fit(model, halves, {
        optimizer,
        loss: "crossEntropy",
        epochs: 4,
        batchSize: 16,
        seed: 5,
        progress: false,
      });
      return history.losses;
    };
    const [first, second] = [await run(), await run()];
    expect(first).toHaveLength(4 * 7);
    expect(second).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(20);
  });

  test("epoch losses are means over samples, and validation is evaluated", async () => {
    const model = network();
    const optimizer = new SGD(model.parameters(), { lr: 0 });
    const options = { loss: "crossEntropy", metrics: "accuracy" } as const;
    const history = await fit(model, halves.batch(32), {
      ...options,
      optimizer,
      epochs: 1,
      validation: halves,
      progress: false,
    });
    const { loss, accuracy, validationLoss, validationAccuracy } = history.epochs[0]!;
    expect(loss).toBeCloseTo(validationLoss!, 5);
    expect(accuracy).toBe(validationAccuracy);
  });

  test("callbacks see epochs and stop the training", async () => {
    const model = network();
    const logs: EpochLog[] = [];
    const watch = {
      onEpochEnd(log: EpochLog): undefined {
        logs.push(log);
      },
    };
    const history = await fit(model, halves.batch(50), {
      optimizer: new SGD(model.parameters(), { lr: 0 }),
      loss: "crossEntropy",
      epochs: 10,
      callbacks: [watch, earlyStopping({ monitor: "loss", patience: 1 })],
      progress: false,
    });
    expect([history.stopped, history.epochs.length, logs.length]).toEqual([true, 3, 3]);
  });

  test("memory stays flat", async () => {
    const model = network();
    const options = { optimizer: new Adam(model.parameters()), loss: "crossEntropy", progress: false } as const;
    const inUse = (): number => Object.values(memory()).reduce((sum, report) => sum + report.inUse, 0);
    await fit(model, halves.batch(10), { ...options, epochs: 2 });
    const before = inUse();
    await fit(model, halves.batch(10), { ...options, epochs: 20 });
    expect(inUse()).toBeLessThanOrEqual(before);
  });

  test("the progress line", () => {
    const written: string[] = [];
    const line = progressBar({ isTerminal: false, write: (text) => written.push(text) });
    line.onBatchEnd?.({ epoch: 1, epochs: 2, batch: 1, batches: 4, loss: 1, accuracy: 0.5 });
    void line.onEpochEnd?.({ epoch: 1, loss: 0.5, accuracy: 0.75, seconds: 1 });
    expect(written).toEqual(["epoch 1  loss 0.5000  accuracy 75.00 %  1.0 s\n"]);
  });

  test("refuses what makes no sense", async () => {
    const model = network();
    const optimizer = new Adam(model.parameters());
    await expect(fit(model, halves, { optimizer, loss: "crossEntropie" as "mse", epochs: 1 })).rejects.toThrow(
      'fit: there is no loss "crossEntropie"; there are crossEntropy, mse, mae, huber, bceWithLogits, nll, or pass a function',
    );
    await expect(fit(model, halves.slice(0, 0), { optimizer, loss: "mse", epochs: 1 })).rejects.toThrow(
      "fit: the dataset is empty",
    );
  });
});
