// Operands stored in halves. A conversion from f16 to f32 costs less than the memory it saves, so it is done wherever the value
// is read, and not stored for several readers; kernels get what was stored.
// Knows tiles and views. Read next: fuse.ts; conversions.ts, which converts for devices whose kernels take f32.
import { computedIn } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import { sizeOf } from "../core/shape.ts";
import type { Apply, Expression } from "../expr/expression.ts";
import type { KernelOperand } from "../ops/descriptor.ts";
import type { Buffer, BufferView, Tile } from "./group.ts";

/** Whether an expression is a value in halves made f32. */
export function isWidening(expression: Expression): expression is Apply {
  const isConversion = expression.kind === "apply" && expression.primitive.result === "cast";
  return isConversion && expression.dtype === "f32" && expression.operands[0]?.dtype === "f16";
}

/** The view that a tile does nothing with but make f32 of its halves; undefined for any other tile. */
export function widenedView({ expression, operands }: Tile): BufferView | undefined {
  const isView = isWidening(expression) && expression.operands[0]?.kind === "input";
  return isView && operands.length === 1 ? operands[0] : undefined;
}

/**
 * Whether a kernel may read a view of halves in place of a tile in f32. Not a small part of what lies between its first and its
 * last element: a device that has to convert them converts all that lies there.
 */
export function isWorthReading({ layout, buffer }: BufferView, buffers: readonly Buffer[]): boolean {
  return buffers[buffer]?.scalar === undefined && spanOf(layout).size <= 2 * sizeOf(layout.shape);
}

/** From where on and how many elements of a buffer a view goes over. */
export function spanOf({ shape, strides, offset }: Layout): { readonly start: number; readonly size: number } {
  if (sizeOf(shape) === 0) return { start: offset, size: 0 };
  const steps = strides.map((stride, axis) => stride * ((shape[axis] ?? 1) - 1));
  const before = steps.reduce((sum, step) => sum + Math.min(0, step), 0);
  const behind = steps.reduce((sum, step) => sum + Math.max(0, step), 0);
  return { start: offset + before, size: behind - before + 1 };
}

/** An operand as a kernel that computes in f32 takes it. */
export function operandOf({ layout, buffer }: BufferView, buffers: readonly Buffer[]): KernelOperand {
  return { shape: layout.shape, dtype: computedIn(buffers[buffer]?.dtype ?? "f32"), layout };
}
