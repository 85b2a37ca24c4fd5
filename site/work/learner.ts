// LeNet-5 learning to read digits in slices of steps, so that two devices can take turns; then reading one digit at a time.
// Same seed on every device: they start from the same weights and see the same digits in the same order.
// Read next: training-step.ts, ../digits.ts for the data.
import type { DeviceName, JitFunction, Tensor } from "../../bindings/index.ts";
import { argMax, Generator, jit, softmax, tensor, withDevice } from "../../bindings/index.ts";
import type { Batch, Dataset } from "../../bindings/data/index.ts";
import { dataset } from "../../bindings/data/index.ts";
import { withValues } from "../../bindings/nn/index.ts";
import { Adam, cosine, warmup } from "../../bindings/optim/index.ts";
import { LeNet5 } from "../../bindings/zoo/index.ts";
import type { Digits } from "../digits.ts";
import { edge } from "../digits.ts";
import type { TrainingStep } from "./training-step.ts";
import { compileStep } from "./training-step.ts";

export interface Recipe {
  readonly device: DeviceName;
  readonly batch: number;
  readonly epochs: number;
  readonly seed: number;
}

/** What a slice of steps did. */
export interface Slice {
  /** The loss of each step. */
  readonly losses: readonly number[];
  readonly milliseconds: number;
  readonly done: boolean;
}

const rate = 3e-3;

export class Learner {
  /** Steps of the whole training. */
  readonly steps: number;
  readonly #recipe: Recipe;
  readonly #model: LeNet5;
  readonly #training: Dataset;
  readonly #test: Dataset;
  readonly #step: TrainingStep;
  readonly #read: JitFunction<[readonly Tensor[], Tensor], Tensor>;
  #epoch = 0;
  #batches: AsyncGenerator<Batch, void, undefined>;
  #stepsDone = 0;
  /** Steps of the next slice: as many as fit the time. */
  #pace = 1;

  constructor(training: Digits, test: Digits, recipe: Recipe) {
    this.#recipe = recipe;
    this.#training = asDataset(training).shuffle(recipe.seed).batch(recipe.batch, { dropLast: true });
    this.#test = asDataset(test).batch(250);
    this.steps = this.#training.length * recipe.epochs;
    this.#model = new LeNet5({ generator: new Generator(recipe.seed) });
    const rising = Math.ceil(this.steps / 20);
    const lr = warmup(rising, cosine(rate, { steps: this.steps - rising }));
    this.#step = compileStep(this.#model, new Adam(this.#model.parameters(), { lr }));
    // Parameters are arguments: a compiled function keeps what else it reads as it was at its first call.
    this.#read = jit((values: readonly Tensor[], images: Tensor) =>
      withValues(this.#model.parameters(), values, () => softmax(this.#model.forward(images))),
    );
    this.#batches = this.#training.batches(0);
  }

  /** Trains for about `milliseconds`. The clock runs until the device has done all steps and the losses are read. */
  async slice(milliseconds: number): Promise<Slice> {
    const count = Math.min(this.#pace, this.steps - this.#stepsDone);
    const begun = performance.now();
    const pending: Tensor[] = [];
    for (let step = 0; step < count; step++) {
      const batch = await this.#nextBatch();
      pending.push(withDevice(this.#recipe.device, () => this.#step.run(batch)));
      batch.x.dispose();
      batch.y.dispose();
    }
    const losses = (await Promise.all(pending.map((loss) => loss.data()))).map(([loss]) => loss!);
    const spent = performance.now() - begun;
    for (const loss of pending) loss.dispose();
    this.#stepsDone += count;
    // The first slice compiles: it says little about the next.
    const fitting = Math.floor((count * milliseconds) / Math.max(spent, 1e-3));
    this.#pace = Math.max(1, Math.min(fitting, 4 * this.#pace));
    return { losses, milliseconds: spent, done: this.#stepsDone >= this.steps };
  }

  /** Share of the test digits that are read rightly. */
  async accuracy(): Promise<number> {
    let right = 0;
    for await (const { x, y } of this.#test.batches()) {
      const probabilities = this.#probabilities(x);
      const answers = argMax(probabilities, { axis: -1 });
      const [guesses, labels] = await Promise.all([answers.data(), y.data()]);
      guesses.forEach((guess, row) => (right += Number(guess === labels[row])));
      for (const used of [x, y, probabilities, answers]) used.dispose();
    }
    return right / this.#test.size;
  }

  /** The probabilities of the ten digits for 28 × 28 bytes. */
  async classify(pixels: Uint8Array): Promise<number[]> {
    const x = tensor(pixels, { shape: [1, edge, edge, 1] });
    const probabilities = this.#probabilities(x);
    const list = [...(await probabilities.data())];
    for (const used of [x, probabilities]) used.dispose();
    return list;
  }

  #probabilities(images: Tensor): Tensor {
    const values = this.#model.parameters().map((parameter) => parameter.value);
    return withDevice(this.#recipe.device, () => this.#read(values, images));
  }

  async #nextBatch(): Promise<Batch> {
    for (;;) {
      const { value } = await this.#batches.next();
      if (value !== undefined) return value;
      this.#epoch += 1;
      this.#batches = this.#training.batches(this.#epoch);
    }
  }
}

function asDataset({ pixels, labels }: Digits): Dataset {
  return dataset({ data: pixels, shape: [labels.length, edge, edge, 1] }, labels);
}
