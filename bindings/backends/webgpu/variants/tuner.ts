// Measures the variants of products, convolutions and folds on this device, for shapes that were met, and remembers the best by bucket
// of shapes. What was measured is a plain map, to be kept with a machine's profile and adopted at the next start; programs
// compiled afterwards use it. Nothing is measured unless somebody asks. Knows no engine. Read next: products.ts and
// folds.ts, the families of variants; sample.ts.
import type { DType, TypedArray } from "../../../core/dtype.ts";
import type { Segment } from "../../../graph/step.ts";
import type { Backend, KernelTiming, Program, Storage } from "../../backend.ts";
import type { GPULimits } from "../device/description.ts";
import type { Tuned } from "./products.ts";

/** The ways to run kernels that are alike, by their shapes. */
export interface Family<Shape, Variant> {
  /** What shapes have in common that are alike. */
  readonly bucketOf: (kernel: string, shape: Shape) => string;
  readonly nameOf: (variant: Variant) => string;
  /** The variant of that name; undefined if there is none. */
  readonly variantOf: (name: string) => Variant | undefined;
  /** Whether a variant can compute the shape on a device. */
  readonly suits: (variant: Variant, shape: Shape, limits: GPULimits) => boolean;
  /** Variants worth measuring for a shape. */
  readonly candidates: (shape: Shape, limits: GPULimits) => Variant[];
  /** The variant for a shape where none was measured. */
  readonly byRule: (shape: Shape, limits: GPULimits) => Variant;
}

/** Chooses a way to run a kernel for a shape; `sample` is a segment of it alone, to be measured. */
export type Choose = <Shape, Variant>(
  family: Family<Shape, Variant>,
  kernel: string,
  shape: Shape,
  sample: () => Segment,
) => Variant;

/** What measuring needs of the backend. */
export interface Bench {
  readonly backend: Backend;
  readonly compile: (segment: Segment, choose: Choose) => Program & { readonly compileAhead: () => Promise<void> };
  readonly time: ((body: () => void) => Promise<readonly KernelTiming[]>) | undefined;
}

/** Larger operands would take long and tell little more. */
const mostElements = 2 ** 24;
/** Runs of each variant; the fastest counts. */
const turns = 3;

/** A shape that was met: measures it, and tells the name of the best variant. */
type Met = (bench: Bench) => Promise<string>;

export class Tuner {
  readonly #limits: GPULimits;
  readonly #isKnown: (name: string) => boolean;
  readonly #tuned = new Map<string, string>();
  readonly #met = new Map<string, Met>();

  /** `isKnown` tells whether there is a variant of that name. */
  constructor(limits: GPULimits, isKnown: (name: string) => boolean) {
    this.#limits = limits;
    this.#isKnown = isKnown;
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
    for (const [bucket, name] of Object.entries(tuned)) if (this.#isKnown(name)) this.#tuned.set(bucket, name);
  }

  /** Buckets that were met and not measured. */
  get open(): readonly string[] {
    return [...this.#met.keys()].filter((bucket) => !this.#tuned.has(bucket));
  }

  /** The variant for a shape; `sample` gives a segment of it alone. */
  choose<Shape, Variant>(family: Family<Shape, Variant>, kernel: string, shape: Shape, sample: () => Segment): Variant {
    const bucket = family.bucketOf(kernel, shape);
    if (!this.#met.has(bucket)) this.#met.set(bucket, (bench) => this.#fastest(bench, family, shape, sample()));
    return this.variantFor(family, kernel, shape);
  }

  /** The same for somebody who only wants to know. */
  variantFor<Shape, Variant>(family: Family<Shape, Variant>, kernel: string, shape: Shape): Variant {
    const { suits, byRule, variantOf } = family;
    const bucket = family.bucketOf(kernel, shape);
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
      this.#tuned.set(bucket, await met(bench));
      count += 1;
    }
    return count;
  }

  async #fastest<Shape, Variant>(
    bench: Bench,
    family: Family<Shape, Variant>,
    shape: Shape,
    segment: Segment,
  ): Promise<string> {
    const { slots } = segment;
    let best = family.byRule(shape, this.#limits);
    const sizes = slots.map((slot) => (slot.kind === "scalar" ? 1 : slot.size));
    if (sizes.some((size) => size > mostElements || size === 0)) return family.nameOf(best);
    const operands = slots.flatMap((slot) =>
      slot.kind === "input" ? [bench.backend.upload(halvesOf(slot), slot.dtype)] : [],
    );
    let least = Infinity;
    try {
      for (const variant of family.candidates(shape, this.#limits)) {
        const program = bench.compile(segment, only(family, variant, this.#limits));
        await program.compileAhead();
        const time = await timeOf(bench, program, operands);
        program.dispose();
        if (time < least) [best, least] = [variant, time];
      }
    } finally {
      for (const operand of operands) operand.release();
    }
    return family.nameOf(best);
  }
}

/** A half for every element; for f16 its bits. */
function halvesOf({ dtype, size }: { readonly dtype: DType; readonly size: number }): TypedArray {
  return dtype === "f16" ? new Uint16Array(size).fill(0x3800) : new Float32Array(size).fill(0.5);
}

/** A choice of this variant, and for kernels of other families the one by rule. */
function only<Own, OwnVariant>(family: Family<Own, OwnVariant>, variant: OwnVariant, limits: GPULimits): Choose {
  const name = family.nameOf(variant);
  return (other, _, shape) => {
    const found = Object.is(other, family) ? other.variantOf(name) : undefined;
    return found ?? other.byRule(shape, limits);
  };
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
