// Operands stored in halves. A conversion from f16 to f32 costs less than the memory it saves, so it is done wherever the value
// is read, and not stored for several readers; kernels that read halves themselves get what was stored.
// Knows tiles and views. Read next: fuse.ts; lower.ts, which converts for devices whose kernels do not.
import { computedIn } from "../core/dtype.ts";
import { sizeOf } from "../core/shape.ts";
import type { KernelOperand } from "../ops/descriptor.ts";
import type { Buffer, BufferView, Tile } from "./group.ts";

/** The view that a tile does nothing with but make f32 of its halves; undefined for any other tile. */
export function widenedView({ expression, operands }: Tile): BufferView | undefined {
  const isConversion = expression.kind === "apply" && expression.primitive.result === "cast";
  if (!isConversion || expression.dtype !== "f32" || operands.length !== 1) return undefined;
  const [source] = expression.operands;
  return source?.kind === "input" && source.dtype === "f16" ? operands[0] : undefined;
}

/**
 * The view of halves that a kernel can read in place of a tile in f32. Not of a small part of a buffer: a device that has to
 * convert them converts all that lies there.
 */
export function halvesOf(tile: Tile, buffers: readonly Buffer[]): BufferView | undefined {
  const view = widenedView(tile);
  const buffer = buffers[view?.buffer ?? -1];
  if (view === undefined || buffer === undefined || buffer.scalar !== undefined) return undefined;
  return buffer.size <= sizeOf(tile.shape) ? view : undefined;
}

/** An operand as a kernel that computes in f32 takes it. */
export function operandOf({ layout, buffer }: BufferView, buffers: readonly Buffer[]): KernelOperand {
  return { shape: layout.shape, dtype: computedIn(buffers[buffer]?.dtype ?? "f32"), layout };
}
