// Which launches a fold or a row kernel becomes: a row shader where rows of neighbours are folded whole, in the variant chosen for
// their shape; shaders/reduce.wgsl for columns, for rows that several workgroups share, and where it was measured to be better.
// Knows no text. Read next: row-shader.ts, reduce-shader.ts, ../variants/folds.ts.
import type { ColumnKernelStep, ReduceStep, RowKernelStep, Slot } from "../../../graph/step.ts";
import type { ColumnShape, ColumnVariant } from "../variants/columns.ts";
import { columnFolds } from "../variants/columns.ts";
import { folds, isOneKernel } from "../variants/folds.ts";
import { columnSegment, softmaxSegment, sumSegment } from "../variants/sample.ts";
import { isInPairs } from "../wgsl/elements.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import { columnDispatches } from "./column-shader.ts";
import type { Workshop } from "./dispatches.ts";
import { columnPasses, planPasses, reduceDispatches } from "./reduce-shader.ts";
import { rowDispatch } from "./row-shader.ts";

/** The launch of a row kernel; undefined where its steps are rather done one by one. */
export function rowKernelDispatch(
  step: RowKernelStep,
  slots: readonly Slot[],
  { library, choose }: Workshop,
): Dispatch | undefined {
  const { rows, length } = step;
  const variant = choose(folds, "rows", { rows, length }, () => softmaxSegment(rows, length));
  return isOneKernel(variant) ? rowDispatch(step, slots, library, variant) : undefined;
}

/** The launches of folds of the same columns; undefined where they are rather done one by one. */
export function columnKernelDispatches(
  step: ColumnKernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
): Dispatch[] | undefined {
  const slices = slicesOf(step, workshop);
  return slices === "together" ? undefined : columnDispatches(step, slots, workshop, slices);
}

/** How columns are cut. */
function slicesOf({ outer, length, inner }: ColumnShape, { choose }: Workshop): ColumnVariant["slices"] {
  const columns = { outer, length, inner };
  return choose(columnFolds, "columns", columns, () => columnSegment(columns)).slices;
}

/** The launches of a fold with at least one result. */
export function foldDispatches(step: ReduceStep, slots: readonly Slot[], workshop: Workshop): Dispatch[] {
  const { outer: rows, length, inner } = step;
  const { library, choose, temporary } = workshop;
  if (inner > 1) {
    const slices = slicesOf(step, workshop);
    if (isInPairs(library.elements, step.output.dtype)) {
      const columns: ColumnKernelStep = { ...step, kind: "columnKernel", steps: [step] };
      return columnDispatches(columns, slots, workshop, slices === "together" ? 1 : slices);
    }
    if (slices !== "together")
      return reduceDispatches(step, slots, library, temporary, false, columnPasses(length, slices));
  }
  const passes = planPasses(rows, length, inner);
  const chunk = passes[0]?.chunk ?? 0;
  const shape = { rows: rows * inner * Math.ceil(length / Math.max(1, chunk)), length: chunk };
  const variant = choose(folds, "reduce", shape, () => sumSegment(shape.rows, shape.length));
  if (passes.length === 1 && inner === 1 && length > 1 && isOneKernel(variant)) {
    const whole: RowKernelStep = { ...step, kind: "rowKernel", rows, length, steps: [step], hidden: [] };
    return [rowDispatch(whole, slots, library, variant)];
  }
  return reduceDispatches(step, slots, library, temporary, variant.usesSubgroups);
}
