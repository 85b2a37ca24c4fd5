// Measures the variants of products and convolutions on this device, for shapes that were met, and remembers the best by bucket
// of shapes. What was measured is a plain map, to be kept with a machine's profile and adopted at the next start; programs
// compiled afterwards use it. Nothing is measured unless somebody asks. Knows no engine. Read next: variants.ts, sample.ts.
import type { Segment } from "../../graph/step.ts";
import type { Backend, KernelTiming, Program, Storage } from "../backend.ts";
import type { GPULimits } from "./description.ts";
import type { ProductShape, Tuned, Variant } from "./variants.ts";
import { bucketOf, byRule, candidates, nameOf, suits, variantOf } from "./variants.ts";

/** What measuring needs of the backend. */
export interface Bench {
  readonly backend: Backend;
  /** Compiles with this variant for every product. */
  readonly compile: (segment: Segment, variant: Variant) => Program & { readonly compileAhead: () => Promise<void> };
  readonly time: ((body: () => void) => Promise<readonly KernelTiming[]>) | undefined;
}

/** Larger operands would take long and tell little more. */
const mostElements = 2 ** 24;
/** Runs of each variant; the fastest counts. */
const turns = 3;

/** A shape that was met, and what is run to measure it. */
interface Met {
  readonly shape: ProductShape;
  readonly sample: () => Segment;
}

export class Tuner {
  readonly #limits: GPULimits;
  readonly #tuned = new Map<string, string>();
  readonly #met = new Map<string, Met>();

  constructor(limits: GPULimits) {
    this.#limits = limits;
  }

  /** What was measured or adopted: a bucket of shapes, and the name of the variant. */
  get tuned(): Tuned {
    return Object.fromEntries(this.#tuned);
  }

  /**
   * Takes over what was measured before. Names that this version does not know are left out; "matmul:*" is for all shapes
   * without an entry of their own.
   */
  adopt(tuned: Tuned): void {
    for (const [bucket, name] of Object.entries(tuned))
      if (variantOf(name) !== undefined) this.#tuned.set(bucket, name);
  }

  /** Buckets that were met and not measured. */
  get open(): readonly string[] {
    return [...this.#met.keys()].filter((bucket) => !this.#tuned.has(bucket));
  }

  /** The variant for a shape; `sample` gives a segment of it alone. */
  choose(kernel: string, shape: ProductShape, sample: () => Segment): Variant {
    const bucket = bucketOf(kernel, shape);
    if (!this.#met.has(bucket)) this.#met.set(bucket, { shape, sample });
    return this.variantFor(kernel, shape);
  }

  /** The same for somebody who only wants to know. */
  variantFor(kernel: string, shape: ProductShape): Variant {
    const bucket = bucketOf(kernel, shape);
    const variant = variantOf(this.#tuned.get(bucket) ?? this.#tuned.get(`${kernel}:*`) ?? "");
    return variant !== undefined && suits(variant, shape, this.#limits) ? variant : byRule(shape, this.#limits);
  }

  /** Measures open buckets, one after the other, until `milliseconds` have gone by. Returns how many it measured. */
  async measure(bench: Bench, milliseconds: number): Promise<number> {
    const begun = performance.now();
    let count = 0;
    for (const bucket of this.open) {
      if (performance.now() - begun > milliseconds) break;
      const met = this.#met.get(bucket);
      if (met === undefined) continue;
      this.#tuned.set(bucket, nameOf(await this.#fastest(bench, met)));
      count += 1;
    }
    return count;
  }

  async #fastest(bench: Bench, { shape, sample }: Met): Promise<Variant> {
    const segment = sample();
    const sizes = segment.slots.map((slot) => (slot.kind === "scalar" ? 1 : slot.size));
    let best = byRule(shape, this.#limits);
    if (sizes.some((size) => size > mostElements || size === 0)) return best;
    const operands = sizes.slice(0, 2).map((size) => bench.backend.upload(new Float32Array(size).fill(0.5), "f32"));
    let least = Infinity;
    try {
      for (const variant of candidates(shape, this.#limits)) {
        const program = bench.compile(segment, variant);
        await program.compileAhead();
        const time = await timeOf(bench, program, operands);
        program.dispose();
        if (time < least) [best, least] = [variant, time];
      }
    } finally {
      for (const operand of operands) operand.release();
    }
    return best;
  }
}

/** Microseconds of one run, by the device's clock where it has one, the shortest of a few. */
async function timeOf(bench: Bench, program: Program, operands: readonly Storage[]): Promise<number> {
  const run = (): void => {
    for (const result of program.run(operands, [])) result.release();
  };
  run();
  await bench.backend.idle();
  let least = Infinity;
  for (let turn = 0; turn < turns; turn++) {
    const begun = performance.now();
    let time: number;
    if (bench.time === undefined) {
      run();
      await bench.backend.idle();
      time = 1000 * (performance.now() - begun);
    } else time = (await bench.time(run)).reduce((sum, { microseconds }) => sum + microseconds, 0);
    least = Math.min(least, time);
  }
  return least;
}
