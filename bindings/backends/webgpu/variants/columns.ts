// Ways to fold columns (sums over rows of a batch, over the slices of a product), and which one a shape gets: the one that was
// measured best on this device for shapes like it, else one by rule. Neighbouring invocations have neighbouring columns.
// Knows sizes, no shaders. Read next: ../kernels/reduce-shader.ts, which makes launches of a variant; tuner.ts, which measures.
import type { GPULimits } from "../device/description.ts";
import type { Family } from "./tuner.ts";

/** A fold of [outer, length, inner] over the middle axis, with more than one column. */
export interface ColumnShape {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** A way to fold them: an invocation has a slice of a column, or a workgroup a whole one. */
export interface ColumnVariant {
  /** Slices of a column, whose parts are folded once more where there are several. */
  readonly slices: number | "together";
}

const slicesOfAll = [1, 2, 4, 8, 16, 32, 64, 128, 1024] as const;
const all: readonly ColumnVariant[] = [...slicesOfAll.map((slices) => ({ slices })), { slices: "together" }];

/** Elements of a column in a slice at least: less would be a second launch for nothing. */
const shortest = 8;

function nameOf({ slices }: ColumnVariant): string {
  return slices === "together" ? "columns together" : `columns in ${String(slices)}`;
}

function variantOf(name: string): ColumnVariant | undefined {
  return all.find((variant) => nameOf(variant) === name);
}

function suits({ slices }: ColumnVariant, { length }: ColumnShape, _: GPULimits): boolean {
  return slices === "together" || slices === 1 || length >= slices * shortest;
}

function candidates(shape: ColumnShape, limits: GPULimits): ColumnVariant[] {
  return all.filter((variant) => suits(variant, shape, limits));
}

/** Invocations that keep a device busy. */
const enough = 8192;

/**
 * As few slices as keep a device busy, or of few columns as many as there may be. A workgroup for each column reads across memory
 * and meets eight times: on the software GPUs, which are all it was measured on (November 2026), 768 columns of 512 rows take 16
 * to 50 times as long, 64 of 65536 twice, 3 of 262144 six to nine times.
 */
function byRule(shape: ColumnShape, limits: GPULimits): ColumnVariant {
  const columns = Math.max(1, shape.outer * shape.inner);
  const possible = candidates(shape, limits).filter(({ slices }) => slices !== "together");
  const busy = possible.find(({ slices }) => slices !== "together" && slices * columns >= enough);
  return busy ?? possible.at(-1) ?? { slices: 1 };
}

/** Shapes of one bucket are alike within a factor of two. */
function bucketOf(kernel: string, { outer, length, inner }: ColumnShape): string {
  return `${kernel}:${[outer, length, inner].map((size) => Math.ceil(Math.log2(Math.max(1, size)))).join()}`;
}

/** The variants of folds of columns, for the tuner. */
export const columnFolds: Family<ColumnShape, ColumnVariant> = {
  ...{ bucketOf, nameOf, variantOf },
  ...{ suits, candidates, byRule },
};
