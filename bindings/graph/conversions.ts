// What is converted for devices whose kernels take and give f32 where a plan has halves between them.
// Knows groups and views, no steps. Read next: lower.ts, which asks; half-operands.ts, which made kernels read halves.
import type { DType } from "../core/dtype.ts";
import type { BufferView, Fused, KernelGroup, ReduceGroup } from "./group.ts";
import { readsOf } from "./group.ts";
import { spanOf } from "./half-operands.ts";
import type { DeviceName } from "./node.ts";

/**
 * Buffers of halves that such a device rather keeps in f32, rounded: those that are made by the groups `own` and read by nothing
 * but kernels among them. They would be converted twice for nothing. Not what a kernel of the GPU stores in words by itself.
 */
export function keptInSingle(
  { buffers, groups }: Fused,
  own: readonly number[],
  device: DeviceName,
  isNeededLater: (buffer: number) => boolean,
): ReadonlySet<number> {
  const kept = new Set<number>();
  for (const index of own) {
    const maker = groups[index];
    const isKernel = maker?.kind === "kernel" || maker?.kind === "reduce";
    if (device === "webgpu" && isKernel && storesPairs(maker)) continue;
    for (const buffer of maker?.outputs ?? [])
      if (buffers[buffer]?.dtype === "f16" && !isNeededLater(buffer)) kept.add(buffer);
  }
  for (const index of own) {
    const group = groups[index];
    if (group === undefined) continue;
    const taken = group.kind === "kernel" ? group.inputs.map(({ buffer }) => buffer) : [];
    const attached = group.kind === "kernel" ? (group.epilogue?.tile.operands ?? []) : [];
    for (const buffer of readsOf(group))
      if (!taken.includes(buffer) || attached.some((operand) => operand.buffer === buffer)) kept.delete(buffer);
  }
  return kept;
}

/** Whether a kernel or a fold of columns, which makes `dtype`, puts two halves into a word itself on a GPU. */
export function storesPairs(group: KernelGroup | ReduceGroup, dtype: DType | undefined = "f32"): boolean {
  if (dtype !== "f32") return false;
  if (group.kind === "kernel") return group.storesPairs;
  return group.dtype === "f32" && group.inner > 1 && group.outer * group.length > 0;
}

/** Of a buffer of halves in a slot what a kernel needs in f32, and where its operand lies in that. */
export interface Conversion {
  /** Equal where the same is needed. */
  readonly key: string;
  readonly start: number;
  readonly size: number;
  readonly offset: number;
}

/** The conversion for an operand: all that lies between its first and its last element. */
export function conversionOf({ buffer, layout }: BufferView): Conversion {
  const { start, size } = spanOf(layout);
  return { key: `${String(buffer)}:${String(start)}+${String(size)}`, start, size, offset: layout.offset - start };
}
