// Training on MNIST for the demo: LeNet-5, its accuracy, and the digits it misreads.
// Knows no terminal but the progress bar. Read next: mnist.ts, demo.ts.
import { jit, withDevice } from "../engine/index.ts";
import { argMax } from "../ops/reduction.ts";
import { softmax } from "../ops/activation.ts";
import { max } from "../ops/reduction.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam, cosine, warmup } from "../optim/index.ts";
import { manualSeed } from "../random/index.ts";
import type { History } from "../train/index.ts";
import { fit } from "../train/index.ts";
import { LeNet5 } from "../zoo/index.ts";
import type { DeviceChoice } from "./arguments.ts";
import type { Digits } from "./mnist.ts";
import { digitsDataset, edge } from "./mnist.ts";

/** Sizes of a run. */
export interface Recipe {
  readonly samples: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
}

export const fullRecipe: Recipe = { samples: 60_000, epochs: 3, batchSize: 128, rate: 3e-3 };
export const quickRecipe: Recipe = { samples: 12_000, epochs: 2, batchSize: 64, rate: 2e-3 };

/** A trained model and how it went. */
export interface Trained {
  readonly model: LeNet5;
  readonly history: History;
  readonly seconds: number;
  readonly steps: number;
}

/** Trains LeNet-5: Adam, a short warm-up, then half a cosine down to nothing. */
export async function trainDigits(digits: Digits, recipe: Recipe, device: DeviceChoice): Promise<Trained> {
  manualSeed(1);
  const model = new LeNet5();
  const data = digitsDataset(digits).slice(0, recipe.samples).shuffle(1).batch(recipe.batchSize, { dropLast: true });
  const steps = data.length * recipe.epochs;
  const rising = Math.ceil(steps / 20);
  const optimizer = new Adam(model.parameters(), {
    lr: warmup(rising, cosine(recipe.rate, { steps: steps - rising })),
  });
  const begun = performance.now();
  const history = await fit(model, data, {
    ...{ optimizer, loss: "crossEntropy", metrics: "accuracy", epochs: recipe.epochs, device, progress: true },
  });
  return { model, history, seconds: (performance.now() - begun) / 1000, steps };
}

/** One digit the model got wrong. */
export interface Misread {
  readonly index: number;
  readonly label: number;
  readonly answer: number;
  /** Probability the model gave its answer. */
  readonly confidence: number;
}

/** Accuracy over all digits, and those misread, the most confident first. */
export async function examine(
  model: LeNet5,
  digits: Digits,
  device: DeviceChoice,
): Promise<{ readonly accuracy: number; readonly misread: readonly Misread[] }> {
  model.eval();
  const read = jit((images: Tensor) => {
    const logits = model.forward(images);
    return { answers: argMax(logits, { axis: -1 }), confidence: max(softmax(logits), { axis: -1 }) };
  });
  const misread: Misread[] = [];
  let first = 0;
  for await (const { x, y } of digitsDataset(digits).batch(500).batches()) {
    const result = withDevice(device, () => read(x));
    const [answers, confidence] = [await result.answers.data(), await result.confidence.data()];
    answers.forEach((answer, row) => {
      const label = digits.labels[first + row]!;
      if (answer !== label) misread.push({ index: first + row, label, answer, confidence: confidence[row]! });
    });
    first += answers.length;
    for (const used of [x, y, result.answers, result.confidence]) used.dispose();
  }
  read.dispose();
  misread.sort((a, b) => b.confidence - a.confidence);
  return { accuracy: 1 - misread.length / digits.count, misread };
}

/** The bytes of one digit. */
export function pixelsOf(digits: Digits, index: number): Uint8Array {
  return digits.pixels.subarray(index * edge * edge, (index + 1) * edge * edge);
}
