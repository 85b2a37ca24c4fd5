// What the reference says of a case: values, sizes, other values that are right too, slopes of both orders. It is the same for
// every backend, and takes longer than the engine does: each is computed when it is first asked for, and then known.
// Knows no engine. Read next: differences.ts for the slopes; checks.ts, which holds results against all this.
import type { DType } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import type { NdArray } from "./array.ts";
import { representable } from "./compare.ts";
import { gradientOf, secondGradientOf } from "./differences.ts";
import { drawFrom } from "./random.ts";
import type { Case } from "./samples.ts";

type Arrays = readonly NdArray[];

export class Expected {
  /** The operands. */
  readonly arrays: Arrays;
  /** Operands that have slopes. */
  readonly argnums: readonly number[];
  readonly #sample: Case;
  readonly #known = new Map<string, unknown>();

  constructor(sample: Case) {
    this.#sample = sample;
    this.arrays = sample.operands.map(({ shape, values }) => ({ shape, data: values }));
    this.argnums = sample.operands.flatMap(({ dtype }, i) => (isFloating(dtype) ? [i] : []));
  }

  get values(): Arrays {
    return this.#once("values", () => this.#reference(this.arrays));
  }

  /** Σ|terms|, where the tolerance is one of sums. */
  get magnitudes(): Arrays | undefined {
    const { tolerance, against } = this.#sample;
    if (tolerance.of !== "magnitude") return undefined;
    return this.#once("magnitudes", () => {
      if (against !== undefined) return listOf(against(...this.arrays));
      return this.#reference(this.arrays.map((x) => ({ shape: x.shape, data: x.data.map(Math.abs) })));
    });
  }

  /** What comes of taking subnormal operands for zero. */
  get flushed(): Arrays {
    return this.#once("flushed", () =>
      this.#reference(
        this.arrays.map((x) => ({
          shape: x.shape,
          data: x.data.map((value) => (Math.abs(value) < 2 ** -126 ? value * 0 : value)),
        })),
      ),
    );
  }

  /** What the results are multiplied by before they are added up to the number whose slopes are taken. */
  get weights(): Arrays {
    return this.#drawn.weights;
  }

  /** What the slopes are multiplied by before they are added up to the number whose second slopes are taken. */
  get directions(): Arrays {
    return this.#drawn.directions;
  }

  /** By the operands with slopes. */
  get gradient(): Arrays {
    const { reference } = this.#sample;
    return this.#once("gradient", () => gradientOf(reference, this.arrays, this.weights, this.argnums));
  }

  get secondGradient(): Arrays {
    const { reference } = this.#sample;
    return this.#once("second gradient", () =>
      secondGradientOf(reference, this.arrays, this.weights, this.argnums, this.directions),
    );
  }

  get #drawn(): { readonly weights: Arrays; readonly directions: Arrays } {
    return this.#once("drawn", () => {
      const source = drawFrom(`${this.#sample.op} ${this.#sample.label} cotangent`);
      const dtype = this.#sample.operands.some((operand) => operand.dtype === "f16") ? "f16" : "f32";
      const random = (x: NdArray): NdArray => ({
        shape: x.shape,
        data: Array.from({ length: x.data.length }, () => representable(source.between([-1, 1]), dtype)),
      });
      // Only floats have slopes; what else an op returns counts for nothing.
      const weights = this.values.map((y, i) =>
        isFloating(typeOf(this.#sample, i)) ? random(y) : { shape: y.shape, data: y.data.map(() => 0) },
      );
      return { weights, directions: this.argnums.map((i) => random(this.arrays[i]!)) };
    });
  }

  #reference(arrays: Arrays): Arrays {
    return listOf(this.#sample.reference(...arrays));
  }

  #once<T>(name: string, compute: () => T): T {
    if (!this.#known.has(name)) this.#known.set(name, compute());
    return this.#known.get(name) as T;
  }
}

const known = new WeakMap<Case, Expected>();

/** What is expected of a case: the same object whenever it is asked for. */
export function expectedOf(sample: Case): Expected {
  const found = known.get(sample) ?? new Expected(sample);
  known.set(sample, found);
  return found;
}

/** The type of a result; one stands for all where they do not differ. */
export function typeOf({ result, results }: Case, index: number): DType {
  return results?.[index] ?? result;
}

export function listOf<T extends object>(result: T | readonly T[]): readonly T[] {
  return Array.isArray(result) ? (result as readonly T[]) : [result as T];
}
