// What fusion makes of a captured graph: groups, each of which becomes one kernel with the elementwise work around it.
// Buffers are numbered; a tile is an expression over views of buffers. No device has been chosen yet.
// Read next: fuse.ts, which makes groups, and place.ts, which gives each a device.
import type { DType } from "../core/dtype.ts";
import type { Layout } from "../core/layout.ts";
import type { Shape } from "../core/shape.ts";
import type { Expression } from "../expr/expression.ts";
import type { Combiner, KernelCall, Work } from "../ops/descriptor.ts";
import type { DeviceName } from "./node.ts";

/** Memory of a plan before it is given addresses. */
export interface Buffer {
  readonly dtype: DType;
  readonly size: number;
  /** Index of the bound input, or of the bound number; both undefined for what a group writes. */
  readonly input: number | undefined;
  readonly scalar: number | undefined;
}

/** A view of a buffer, over the shape of the tile it belongs to. */
export interface BufferView {
  readonly buffer: number;
  readonly layout: Layout;
}

/** A value as an expression over buffers: input i of the expression is operand i. */
export interface Tile {
  readonly shape: Shape;
  readonly expression: Expression;
  readonly operands: readonly BufferView[];
  /** Names of the ops inside, for explain. */
  readonly label: string;
}

/** Elementwise work after a kernel: input 0 of the expression is the kernel's own value, operands follow as 1, 2, …. */
export interface Epilogue {
  readonly tile: Tile;
}

interface GroupBase {
  readonly label: string;
  /** Set by `withDevice` around the recording. */
  readonly device: DeviceName | undefined;
  /** The buffer written; kernels with several results have more. */
  readonly outputs: readonly number[];
}

export interface MapGroup extends GroupBase {
  readonly kind: "map";
  readonly tile: Tile;
}

export interface ReduceGroup extends GroupBase {
  readonly kind: "reduce";
  readonly combiner: Combiner;
  readonly dtype: DType;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** The elements to fold, row-major over its shape as [outer, length, inner]. */
  readonly source: Tile;
  readonly epilogue: Epilogue | undefined;
}

export interface KernelGroup extends GroupBase {
  readonly kind: "kernel";
  readonly call: KernelCall;
  readonly inputs: readonly BufferView[];
  /** Where its kernel reads halves out of words. */
  readonly readsHalves: "gpu" | "everywhere" | undefined;
  /** Whether its kernel on the GPU stores halves although two share a word. */
  readonly storesPairs: boolean;
  /** The types in which the kernel computes its results; a buffer of halves is given f32 rounded. */
  readonly results: readonly DType[];
  readonly pasteable: boolean;
  /** Elements of a row of the result, if its kernel knows how to go on with what it has finished. */
  readonly columns: number | undefined;
  readonly work: Work;
  readonly flops: number;
  readonly epilogue: Epilogue | undefined;
}

export interface AssembleGroup extends GroupBase {
  readonly kind: "assemble";
  readonly shape: Shape;
  readonly dtype: DType;
  readonly fill: number | undefined;
  /** Tiles and the region of the output each is written to. */
  readonly pieces: readonly { readonly tile: Tile; readonly region: Layout }[];
}

export type Group = MapGroup | ReduceGroup | KernelGroup | AssembleGroup;

/** The fused graph. `results[i]` is the buffer that holds `Capture.wanted[i]`. */
export interface Fused {
  readonly buffers: readonly Buffer[];
  readonly groups: readonly Group[];
  readonly results: readonly number[];
}

/** The buffers a group reads, numbers included. */
export function readsOf(group: Group): number[] {
  const views: BufferView[] = [];
  if (group.kind === "map") views.push(...group.tile.operands);
  if (group.kind === "reduce") views.push(...group.source.operands);
  if (group.kind === "kernel") views.push(...group.inputs);
  if (group.kind === "assemble") for (const piece of group.pieces) views.push(...piece.tile.operands);
  if ((group.kind === "kernel" || group.kind === "reduce") && group.epilogue !== undefined)
    views.push(...group.epilogue.tile.operands);
  return [...new Set(views.map((view) => view.buffer))];
}

/** The tiles in a group that are computed element by element. */
export function tilesOf(group: Group): Tile[] {
  if (group.kind === "map") return [group.tile];
  if (group.kind === "assemble") return group.pieces.map(({ tile }) => tile);
  const attached = group.epilogue === undefined ? [] : [group.epilogue.tile];
  return group.kind === "reduce" ? [group.source, ...attached] : attached;
}

/** The elementwise expressions in a group. */
export function expressionsOf(group: Group): Expression[] {
  return tilesOf(group).map(({ expression }) => expression);
}
