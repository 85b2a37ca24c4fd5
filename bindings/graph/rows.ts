// Cutting steps into rows: along which extent a step can be cut, how far its views move from row to row, and what the step
// is over a few rows only. A fold of a whole axis is cut along that axis: its parts are put together afterwards.
// Pure functions of steps. Read next: cluster.ts, which finds steps over the same rows; strips.ts, which cuts them.
import { bytesOf } from "../core/dtype.ts";
import type { MapStep, ReduceStep, RowStep, SlotView, Step } from "./step.ts";
import { writesOf } from "./step.ts";

/** A view of a step that is cut into rows. */
export interface RowView {
  readonly view: SlotView;
  readonly isWritten: boolean;
  /** Elements from one row to the next; undefined for the result of a fold over all rows. */
  readonly advance: number | undefined;
  /** Elements from where the slot begins to the first and last that row 0 touches. */
  readonly low: number;
  readonly high: number;
}

/** True for maps and folds that touch anything: what can be cut at all. */
export function isRowStep(step: Step): step is RowStep {
  if (step.kind === "map") return !step.shape.includes(0);
  return step.kind === "reduce" && step.input !== undefined && step.stage === undefined && step.outer * step.length > 0;
}

/** True for a fold that goes over all rows rather than within each. */
export function isAcross(step: RowStep): boolean {
  return step.kind === "reduce" && step.outer === 1;
}

/** The folds among the steps that go over all rows. */
export function foldsAcross(steps: readonly RowStep[]): ReduceStep[] {
  return steps.flatMap((step) => (step.kind === "reduce" && isAcross(step) ? [step] : []));
}

/** The largest number of rows the step can be cut into; divisors of it are possible too, except across rows. */
export function rowsOf(step: RowStep): number {
  if (step.kind === "map") return step.shape[0] ?? 1;
  return isAcross(step) ? step.length : step.outer;
}

/** Views by step, for the number of rows asked for last: clustering asks again and again. */
const known = new WeakMap<RowStep, { readonly rows: number; readonly views: readonly RowView[] }>();

/** The views of a step cut into `rows`, a divisor of what `rowsOf` gives. */
export function rowViews(step: RowStep, rows: number): readonly RowView[] {
  const last = known.get(step);
  if (last?.rows === rows) return last.views;
  const views = step.kind === "reduce" ? foldViews(step, rows) : mapViews(step, rows);
  known.set(step, { rows, views });
  return views;
}

function mapViews(step: MapStep, rows: number): RowView[] {
  const count = (step.shape[0] ?? 1) / rows;
  const written = new Set(writesOf(step));
  return [...step.inputs, ...written].map((view) => {
    const extents = [count, ...step.shape.slice(1)];
    let low = view.offset;
    let high = view.offset;
    view.strides.forEach((stride, axis) => {
      const reach = ((extents[axis] ?? 1) - 1) * stride;
      if (reach < 0) low += reach;
      else high += reach;
    });
    return { view, isWritten: written.has(view), advance: count * (view.strides[0] ?? 0), low, high };
  });
}

function foldViews(step: ReduceStep, rows: number): RowView[] {
  const { input, output, inner } = step;
  const row = isAcross(step) ? inner : (step.outer / rows) * step.length * inner;
  const result = isAcross(step) ? inner : (step.outer / rows) * inner;
  const span = (view: SlotView, elements: number): { low: number; high: number } => {
    return { low: view.offset, high: view.offset + elements - 1 };
  };
  const written: RowView = {
    view: output,
    isWritten: true,
    advance: isAcross(step) ? undefined : result,
    ...span(output, result),
  };
  return input === undefined
    ? [written]
    : [{ view: input, isWritten: false, advance: row, ...span(input, row) }, written];
}

/** Whether the rows of a view lie one behind the other without overlap: row r in [r · advance, (r + 1) · advance). */
export function isPartition({ advance, low, high }: RowView): boolean {
  return advance !== undefined && advance > 0 && low >= 0 && high < advance;
}

/** Bytes of a row: for every slot what its widest view takes. Slots that do not move along count nothing. */
export function rowBytes(steps: readonly RowStep[], rows: number): number {
  const bytes = new Map<number, number>();
  for (const { view, advance } of steps.flatMap((step) => rowViews(step, rows))) {
    const own = Math.abs(advance ?? 0) * bytesOf(view.dtype);
    bytes.set(view.slot, Math.max(bytes.get(view.slot) ?? 0, own));
  }
  return [...bytes.values()].reduce((sum, own) => sum + own, 0);
}

/**
 * The step over `count` of its `rows` rows, from the first on. `place` turns a view and its advance from row to row into
 * the view inside of a strip.
 */
export function cutStep(
  step: RowStep,
  rows: number,
  count: number,
  place: (view: SlotView, advance: number) => SlotView,
): RowStep {
  const advances = new Map(rowViews(step, rows).map(({ view, advance }) => [view, advance ?? 0]));
  const placed = (view: SlotView): SlotView => place(view, advances.get(view) ?? 0);
  if (step.kind === "map") return cutMap(step, rows, count, placed);
  const input = step.input === undefined ? undefined : placed(step.input);
  const output = placed(step.output);
  if (isAcross(step)) return { ...step, length: count, input, output };
  return { ...step, outer: (step.outer / rows) * count, input, output };
}

function cutMap(step: MapStep, rows: number, count: number, placed: (view: SlotView) => SlotView): MapStep {
  const [first = 1, ...rest] = step.shape;
  const also = step.also?.map(({ expression, output }) => ({ expression, output: placed(output) }));
  return {
    ...step,
    shape: [(first / rows) * count, ...rest],
    inputs: step.inputs.map(placed),
    output: placed(step.output),
    ...(also === undefined ? {} : { also }),
  };
}
