// Pastes elementwise work behind the kernel or fold whose result it consumes, so that the result is never stored raw.
// Read next: lower.ts, which undoes it for devices that run the two apart.
import { isContiguous } from "../core/layout.ts";
import { sizeOf } from "../core/shape.ts";
import { input, inputTypes, substitute } from "../expr/expression.ts";
import type { Group, KernelGroup, ReduceGroup, Tile } from "./group.ts";

/** Storage bindings of a portable GPU kernel are eight; a kernel's own operands leave room for this many more. */
const maxEpilogueOperands = 3;

/**
 * If `tile` consumes, element for element, the result of a group that nothing else reads, moves that group to the end with the
 * tile as its epilogue, writing to `buffer`. Tells whether there was one.
 */
export function attachEpilogue(
  groups: Group[],
  tile: Tile,
  buffer: number,
  isReadOnce: (buffer: number) => boolean,
): boolean {
  for (const [index, operand] of tile.operands.entries()) {
    const position = groups.findIndex((group) => group.outputs.includes(operand.buffer));
    const group = groups[position];
    if (group === undefined || !isPasteable(group)) continue;
    const dtype = group.kind === "reduce" ? group.dtype : "f32";
    if (tile.expression.dtype !== dtype && !(dtype === "f32" && isRoundedBy(group, tile))) continue;
    const size = group.kind === "reduce" ? group.outer * group.inner : sizeOf(tile.shape);
    const direct = isContiguous(operand.layout) && operand.layout.offset === 0 && sizeOf(operand.layout.shape) === size;
    const once = tile.operands.filter((other) => other.buffer === operand.buffer).length === 1;
    if (!direct || !once || tile.operands.length - 1 > maxEpilogueOperands || !isReadOnce(operand.buffer)) continue;
    groups.splice(position, 1);
    const label = `${group.label}+${tile.label}`;
    groups.push({ ...group, label, outputs: [buffer], epilogue: { tile: leading(tile, index) } });
    return true;
  }
  return false;
}

/**
 * If `tile` is nothing but a result of a kernel in f32 rounded to halves, and nothing else reads that result, has the kernel write
 * them to `buffer`.
 */
export function attachRounding(
  groups: Group[],
  tile: Tile,
  buffer: number,
  isReadOnce: (buffer: number) => boolean,
): boolean {
  const { expression, operands } = tile;
  const [source] = expression.kind === "apply" && expression.primitive.result === "cast" ? expression.operands : [];
  const [operand] = operands;
  if (source?.kind !== "input" || operand === undefined) return false;
  const position = groups.findIndex((group) => group.outputs.includes(operand.buffer));
  const group = groups[position];
  if (group?.kind !== "kernel" || group.epilogue !== undefined || !isRoundedBy(group, tile)) return false;
  const at = group.outputs.indexOf(operand.buffer);
  const isWhole = isContiguous(operand.layout) && operand.layout.offset === 0;
  if (group.results[at] !== "f32" || !isWhole || !isReadOnce(operand.buffer)) return false;
  const label = `${group.label}+${tile.label}`;
  groups[position] = {
    ...group,
    label,
    outputs: group.outputs.map((other) => (other === operand.buffer ? buffer : other)),
  };
  return true;
}

/** Whether a group can be asked to round what it makes of `tile` to halves. A user's kernel knows nothing of them. */
function isRoundedBy(group: KernelGroup | ReduceGroup, { expression }: Tile): boolean {
  return expression.dtype === "f16" && (group.kind === "reduce" || group.call.own === undefined);
}

function isPasteable(group: Group): group is KernelGroup | ReduceGroup {
  if (group.kind === "reduce") return group.epilogue === undefined;
  return group.kind === "kernel" && group.pasteable && group.epilogue === undefined;
}

/** The tile with operand `index` as input 0 of its expression and out of its operand list. */
function leading(tile: Tile, index: number): Tile {
  const types = inputTypes(tile.expression);
  const renumbered = tile.operands.map((_, position) => {
    const target = position === index ? 0 : position < index ? position + 1 : position;
    return input(target, types.get(position) ?? "f32");
  });
  return {
    ...tile,
    expression: substitute(tile.expression, renumbered),
    operands: tile.operands.filter((_, position) => position !== index),
  };
}
