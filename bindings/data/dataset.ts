// Datasets: samples with an order, cut into batches of tensors. A dataset is immutable; each method returns another one
// over the same arrays. Data stays on the host and travels batch by batch. Knows no model.
// Read next: rows.ts, ../train/fit.ts.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { requireInteger } from "../core/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Generator, shuffled } from "../random/generator.ts";
import type { Column, Source } from "./rows.ts";
import { column, gatherRows } from "./rows.ts";

/** Inputs and targets. Of a dataset without targets, y is x. */
export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

interface Plan {
  readonly x: Column;
  readonly y: Column | undefined;
  /** The rows taken, in order; all when undefined. */
  readonly rows: Int32Array | undefined;
  readonly shuffleSeed: number | undefined;
  /** Undefined: single samples without a batch axis. */
  readonly batchSize: number | undefined;
  readonly dropLast: boolean;
  readonly transforms: readonly ((batch: Batch) => Batch)[];
}

/** Samples in batches. Iterating gives tensors that belong to the caller. */
export class Dataset implements AsyncIterable<Batch> {
  readonly #plan: Plan;
  #passes = 0;

  /** Use `dataset(x, y)`. */
  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Number of samples. */
  get size(): number {
    return this.#plan.rows?.length ?? this.#plan.x.count;
  }

  /** Samples in a batch; undefined before `batch`. */
  get batchSize(): number | undefined {
    return this.#plan.batchSize;
  }

  /** Number of items one pass gives: batches, or samples before `batch`. */
  get length(): number {
    const { batchSize = 1, dropLast } = this.#plan;
    return dropLast ? Math.floor(this.size / batchSize) : Math.ceil(this.size / batchSize);
  }

  /** Another order at every pass: pass p of one seed is always the same order. */
  shuffle(seed = 0): Dataset {
    return this.#with({ shuffleSeed: new Generator(seed).seed });
  }

  /** Batches of `size` samples; the last one is smaller where they do not divide, or left out with `dropLast`. */
  batch(size: number, options: { readonly dropLast?: boolean } = {}): Dataset {
    requireInteger("batch", "size", size, 1);
    return this.#with({ batchSize: size, dropLast: options.dropLast ?? false });
  }

  /** Applies `transform` to every batch (or sample) of tensors as it is made. */
  map(transform: (batch: Batch) => Batch): Dataset {
    return this.#with({ transforms: [...this.#plan.transforms, transform] });
  }

  /** The samples from `begin` up to `end`; negative numbers count from the end. */
  slice(begin: number, end?: number): Dataset {
    return this.#with({ rows: this.#order().slice(begin, end) });
  }

  /** Two datasets: the first `fraction` of the samples and the rest; of a random order if a seed is given. */
  split(fraction: number, options: { readonly seed?: number } = {}): [Dataset, Dataset] {
    if (!(fraction > 0 && fraction < 1))
      throw new ParameterError("split", `fraction must be between 0 and 1, got ${fraction}`);
    const order = this.#order();
    const { seed } = options;
    const mixed =
      seed === undefined ? order : shuffled(order.length, new Generator(seed)).map((position) => order[position]!);
    const cut = Math.round(order.length * fraction);
    return [this.#with({ rows: mixed.slice(0, cut) }), this.#with({ rows: mixed.slice(cut) })];
  }

  /** One pass over the samples. `pass` picks the order of a shuffled dataset; the iterator of `for await` counts it up. */
  async *batches(pass = 0): AsyncGenerator<Batch, void, undefined> {
    const { x, y, shuffleSeed, batchSize, transforms } = this.#plan;
    const rows = this.#order();
    const order =
      shuffleSeed === undefined
        ? rows
        : shuffled(rows.length, new Generator(shuffleSeed, pass)).map((position) => rows[position]!);
    const inputs = await x.load();
    const targets = y === undefined ? undefined : await y.load();
    for (let index = 0; index < this.length; index++) {
      const taken = order.subarray(index * (batchSize ?? 1), (index + 1) * (batchSize ?? 1));
      const gathered = (from: Column, data: typeof inputs): Tensor => {
        const made = gatherRows(from, data, taken);
        return batchSize === undefined ? made.reshape(from.rowShape) : made;
      };
      const inputBatch = gathered(x, inputs);
      const batch = { x: inputBatch, y: y === undefined || targets === undefined ? inputBatch : gathered(y, targets) };
      yield transforms.reduce<Batch>((value, transform) => transform(value), batch);
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.batches(this.#passes++);
  }

  #order(): Int32Array {
    return this.#plan.rows ?? Int32Array.from({ length: this.size }, (_, index) => index);
  }

  #with(changes: Partial<Plan>): Dataset {
    return new Dataset({ ...this.#plan, ...changes });
  }
}

/** A dataset of inputs and targets, sample by sample along the first axis. Without targets, the target is the input. */
export function dataset(x: Source, y?: Source): Dataset {
  const inputs = column("x", x);
  const targets = y === undefined ? undefined : column("y", y);
  if (targets !== undefined && targets.count !== inputs.count) {
    throw new ShapeError("dataset", `x has ${inputs.count} samples, y has ${targets.count}: they must be equal`);
  }
  return new Dataset({
    ...{ x: inputs, y: targets, rows: undefined, shuffleSeed: undefined, batchSize: undefined },
    ...{ dropLast: false, transforms: [] },
  });
}
