// How often the invocations of folds wait for each other: where a row has several invocations, their parts are put together in the
// memory of a workgroup, step by step, or by subgroups. That costs what no count of operations and bytes tells.
// Knows no text and no costs. Read next: method.ts; row-launch.ts, which makes these launches; ../wgsl/across.ts for the waiting.
import type { Fold } from "../../../graph/place.ts";
import type { Method } from "../../../ops/descriptor.ts";
import type { GPULimits } from "../device/description.ts";
import { columnFolds } from "../variants/columns.ts";
import type { FoldVariant } from "../variants/folds.ts";
import { folds, isOneKernel, workgroupOf } from "../variants/folds.ts";
import type { Family } from "../variants/tuner.ts";
import { hasSubgroupFold } from "../wgsl/across.ts";
import { passSize, planPasses } from "./reduce-shader.ts";

/** Tells the variant that a shape has, and does not make the shape one to be measured. */
export type Find = <Shape, Variant>(family: Family<Shape, Variant>, kernel: string, shape: Shape) => Variant;

/** Times that so many invocations wait until their parts are one, in the memory of a workgroup. */
export const halvings = (invocations: number): number => Math.ceil(Math.log2(invocations)) + 1;

/** Exchanges of a value over a subgroup: one after the other, as meetings are. */
const exchanges = (invocations: number): number => Math.ceil(Math.log2(Math.max(2, invocations)));

/** The meetings of a fold with the variants that its shape has on a device. */
export function foldMethod({ outer, length, inner, dtype }: Fold, limits: GPULimits, find: Find): Method {
  if (outer * inner === 0) return {};
  const columns = { outer, length, inner };
  if (inner > 1 && find(columnFolds, "columns", columns).slices !== "together") return {};
  const passes = planPasses(outer, length, inner);
  const chunk = passes[0]?.chunk ?? 0;
  const shape = { rows: outer * inner * Math.ceil(length / Math.max(1, chunk)), length: chunk };
  const variant = find(folds, "reduce", shape);
  const usesSubgroups = variant.usesSubgroups && hasSubgroupFold(dtype);
  if (passes.length === 1 && inner === 1 && length > 1 && isOneKernel(variant))
    return { meetings: rowMeetings(outer, variant.lanes, usesSubgroups ? limits.minSubgroupSize : 0) };
  const meetings = passes
    .filter(({ isSerial }) => !isSerial)
    .map(({ chunks }) => {
      const results = outer * chunks * inner;
      const size = passSize(results);
      return results * size * (usesSubgroups ? bySubgroups(limits.minSubgroupSize) : halvings(size));
    });
  return { meetings: meetings.reduce((sum, count) => sum + count, 0) };
}

/** A workgroup whose subgroups, of so many invocations, fold what they have, meet, and fold what all have left. */
const bySubgroups = (members: number): number => 1 + 2 * exchanges(members);

/** Rows of which each has some invocations; with subgroups of so many members, or none. */
function rowMeetings(rows: number, lanes: Exclude<FoldVariant["lanes"], "apart">, members: number): number {
  if (lanes === 1) return 0;
  const size = workgroupOf(lanes);
  const invocations = Math.ceil(rows / (size / lanes)) * size;
  if (members === 0) return invocations * halvings(lanes);
  // Where rows share a workgroup, each lies within a subgroup.
  return invocations * (lanes === size ? bySubgroups(members) : exchanges(lanes));
}
