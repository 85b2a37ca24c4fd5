// How the map behind a kernel is walked, block by block: row by row, or many short rows as one. For the latter every operand
// must go along with the kernel's result or repeat with each of its rows; what repeats is copied a number of times into
// scratch memory first, since calling a row function costs as much as a hundred elements.
// Pure functions of steps. Read next: program.ts, which writes the words; periods.ts, which does the same for maps alone.
import { bytesOf } from "../../core/dtype.ts";
import { sizeOf } from "../../core/shape.ts";
import { input } from "../../expr/expression.ts";
import type { MapStep, SlotView } from "../../graph/step.ts";
import { scratchSlot } from "./periods.ts";

/** Rows from this length on are left as they are. */
const longRow = 768;
/** Elements of rows taken as one: all copies together stay in the first-level cache, and half of a block's rows at least. */
const target = 2048;
/** The same where nothing has to be copied. */
const uncopiedTarget = 8192;

export interface Finish {
  /** Done before the kernel. */
  readonly copies: readonly MapStep[];
  readonly map: MapStep;
  /** Most rows that are taken as one; 0 for each by itself. */
  readonly together: number;
  /** Scratch bytes, those before `from` included. */
  readonly scratch: number;
}

/** How `map`, over [.., columns], is walked; copies lie behind `from` bytes of scratch. */
export function finishOf(map: MapStep, from: number): Finish {
  const columns = map.shape.at(-1) ?? 1;
  const rows = sizeOf(map.shape) / columns;
  const apart: Finish = { copies: [], map, together: 0, scratch: from };
  if (columns >= longRow || map.shape.length !== 2) return apart;
  const goesAlong = ({ strides }: SlotView): boolean => columns === 1 || strides[0] === columns * (strides[1] ?? 0);
  const repeats = ({ strides }: SlotView): boolean => strides[0] === 0;
  const outputs = [map, ...(map.also ?? [])].map(({ output }) => output);
  if (!outputs.every(goesAlong) || !map.inputs.every((view) => goesAlong(view) || repeats(view))) return apart;
  const isCopied = (view: SlotView): boolean => !goesAlong(view) && view.strides[1] !== 0;
  const isAnyCopied = map.inputs.some(isCopied);
  const together = Math.min(rows, Math.ceil((isAnyCopied ? target : uncopiedTarget) / columns));
  if (together < 2) return apart;

  let scratch = Math.ceil(from / 64) * 64;
  const copies: MapStep[] = [];
  const along = (view: SlotView): SlotView =>
    columns === 1 ? { ...view, strides: [view.strides[0] ?? 0, view.strides[0] ?? 0] } : view;
  const inputs = map.inputs.map((view): SlotView => {
    if (!isCopied(view)) return along(view);
    const { dtype } = view;
    const output = { slot: scratchSlot, dtype, offset: scratch / bytesOf(dtype), strides: [columns, 1] };
    scratch += Math.ceil((together * columns * bytesOf(dtype)) / 64) * 64;
    const source = { ...view, strides: [0, view.strides[1] ?? 0] };
    copies.push({
      kind: "map",
      label: `${map.label}: repeat`,
      shape: [together, columns],
      expression: input(0, dtype),
      inputs: [source],
      output,
    });
    return { ...output, strides: [0, 1] };
  });
  const also = map.also?.map((result) => ({ ...result, output: along(result.output) }));
  const walked = { ...map, inputs, output: along(map.output) };
  return { copies, map: also === undefined ? walked : { ...walked, also }, together, scratch };
}
