// Ways to share out the rows of a fold among the invocations of workgroups, and which one a shape gets: the one that was measured
// best on this device for shapes like it, else one by rule.
// Knows sizes, no shaders. Read next: ../kernels/row-shader.ts, which writes kernels of a variant; tuner.ts, which measures.
import type { Rows } from "../../../graph/row-view.ts";
import type { GPULimits } from "../device/description.ts";
import type { Family } from "./tuner.ts";

/** A way to fold rows. */
export interface FoldVariant {
  /** Invocations for a row, a power of two up to 256; "apart" for what reduce.wgsl does, and a launch for every step. */
  readonly lanes: number | "apart";
  /** Whether subgroups put their parts together without the memory of the workgroup. */
  readonly usesSubgroups: boolean;
}

/** A variant that is one kernel. */
export interface SharedRows extends FoldVariant {
  readonly lanes: number;
}

const lanesOfAll = [1, 4, 8, 32, 64, 256] as const;
const withSubgroups = " with subgroups";

/** Invocations of a workgroup: rows of fewer invocations share one. */
export const workgroupOf = (lanes: number): number => Math.max(64, lanes);

export const isOneKernel = (variant: FoldVariant): variant is SharedRows => variant.lanes !== "apart";

/**
 * Where a row has a workgroup, subgroups leave few parts to put together; where rows share one, a row must lie within a subgroup
 * of any size that the device may choose.
 */
function suits({ lanes, usesSubgroups }: FoldVariant, _: Rows, { minSubgroupSize }: GPULimits): boolean {
  if (!usesSubgroups) return true;
  if (lanes === "apart" || lanes === 1 || minSubgroupSize === 0) return false;
  return lanes === workgroupOf(lanes) || lanes <= minSubgroupSize;
}

function nameOf({ lanes, usesSubgroups }: FoldVariant): string {
  if (lanes === "apart") return lanes;
  return `${String(lanes)} lanes${usesSubgroups ? withSubgroups : ""}`;
}

function variantOf(name: string): FoldVariant | undefined {
  return all.find((variant) => nameOf(variant) === name);
}

const all: readonly FoldVariant[] = [
  ...lanesOfAll.flatMap((lanes) => [false, true].map((usesSubgroups) => ({ lanes, usesSubgroups }))),
  { lanes: "apart", usesSubgroups: false },
];

function candidates(shape: Rows, limits: GPULimits): FoldVariant[] {
  // More than 64 elements of a row for an invocation, or fewer than one, are not worth trying.
  const isUsual = ({ lanes }: FoldVariant): boolean =>
    lanes === "apart" || (lanes < 2 * shape.length && (lanes === 256 || shape.length <= 64 * lanes));
  return all.filter((variant) => isUsual(variant) && suits(variant, shape, limits));
}

/** With so many rows, small workgroups keep a device as busy as large ones, and meet more quickly. */
const manyRows = 1024;

/** For a row of few elements one invocation, beyond that about eight elements for each. */
function byRule(shape: Rows, limits: GPULimits): FoldVariant {
  const { rows, length } = shape;
  const most = rows >= manyRows ? 64 : 256;
  const lanes = length <= 8 ? 1 : length <= 64 ? 8 : length <= 256 ? 32 : length <= 1024 ? 64 : most;
  const fast = { lanes, usesSubgroups: true };
  return suits(fast, shape, limits) ? fast : { lanes, usesSubgroups: false };
}

/** Shapes of one bucket are alike within a factor of two. */
function bucketOf(kernel: string, { rows, length }: Rows): string {
  return `${kernel}:${[rows, length].map((size) => Math.ceil(Math.log2(Math.max(1, size)))).join()}`;
}

/** The variants of folds along rows, for the tuner. */
export const folds: Family<Rows, FoldVariant> = { bucketOf, nameOf, variantOf, suits, candidates, byRule };
