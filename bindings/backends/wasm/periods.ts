// Lengthens the rows of elementwise work whose rows are short: an operand that repeats with every row (a bias over
// [pixels, channels]) is copied a number of times into scratch memory, and then many rows are one. A row function is
// called once a row, which costs as much as a hundred elements. Pure functions of steps. Read next: program.ts.
import { bytesOf } from "../../core/dtype.ts";
import { input } from "../../expr/expression.ts";
import type { MapStep, SlotView } from "../../graph/step.ts";

/** Slot number that stands for the program's scratch memory. */
export const scratchSlot = -1;

/** Rows from this length on are left as they are. */
const longRow = 256;
/** Lengthened rows have about this many elements; all copies together stay in the first-level cache. */
const target = 512;
/** Below this many rows the copies cost more than they save. */
const fewRows = 16;

/** Steps that do the work of one, in order, and the scratch bytes they need. */
export interface Lengthened {
  readonly steps: readonly MapStep[];
  readonly scratch: number;
}

/** The step with its two innermost axes made one by copies of repeating operands; undefined if that is no gain. */
export function lengthenRows(step: MapStep): Lengthened | undefined {
  const rank = step.shape.length;
  const length = step.shape[rank - 1] ?? 1;
  const rows = step.shape[rank - 2] ?? 1;
  if (rank < 2 || length >= longRow || rows < fewRows) return undefined;
  const walks = (view: SlotView): boolean => view.strides[rank - 2] === length * (view.strides[rank - 1] ?? 0);
  const repeats = (view: SlotView): boolean => view.strides[rank - 2] === 0;
  const outputs = [step, ...(step.also ?? [])].map(({ output }) => output);
  if (!outputs.every(walks) || !step.inputs.every((view) => walks(view) || repeats(view))) return undefined;
  // An operand that also varies with an outer axis would need copies for each of its values.
  const varies = (view: SlotView): boolean => view.strides.slice(0, -2).some((stride) => stride !== 0);
  if (step.inputs.some((view) => !walks(view) && varies(view))) return undefined;

  const count = Math.min(rows, Math.ceil(target / length));
  let scratch = 0;
  const copies: MapStep[] = [];
  const inputs = step.inputs.map((view): SlotView => {
    const { dtype } = view;
    if (walks(view)) return view;
    // Scratch offsets are in elements of the operand; 16 bytes keep every type aligned.
    const output = { slot: scratchSlot, dtype, offset: scratch / bytesOf(dtype), strides: [length, 1] };
    scratch += Math.ceil((count * length * bytesOf(dtype)) / 16) * 16;
    const source = { ...view, strides: [0, view.strides[rank - 1] ?? 0] };
    const label = `${step.label}: repeat`;
    copies.push({
      kind: "map",
      label,
      shape: [count, length],
      expression: input(0, dtype),
      inputs: [source],
      output,
    });
    return { ...output, strides: view.strides.map((_, axis) => (axis === rank - 1 ? 1 : 0)) };
  });

  /** The rows [from, from + groups · size), `size` of them as one. */
  const part = (from: number, groups: number, size: number): MapStep => {
    const adapt = (view: SlotView): SlotView => {
      const outer = view.strides.slice(0, -2);
      const stride = view.strides[rank - 2] ?? 0;
      const strides = [...outer, stride * size, view.strides[rank - 1] ?? 0];
      return { ...view, offset: view.offset + from * stride, strides };
    };
    const shape = [...step.shape.slice(0, -2), groups, size * length];
    const also = step.also?.map((result) => ({ ...result, output: adapt(result.output) }));
    const own = { ...step, shape, inputs: inputs.map(adapt), output: adapt(step.output) };
    return also === undefined ? own : { ...own, also };
  };
  const whole = Math.floor(rows / count);
  const steps = [...copies, part(0, whole, count)];
  const rest = rows - whole * count;
  if (rest > 0) steps.push(part(whole * count, 1, rest));
  return { steps, scratch };
}
