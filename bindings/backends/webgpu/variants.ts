// Ways to compute a product of matrices, and which one a shape gets: the one that was measured best on this device for shapes
// like it, else one by rule. Measured ones are a plain map that a profile can keep.
// Knows sizes, no shaders. Read next: matmul-shader.ts, which makes launches of a variant; tuner.ts, which measures.
import type { GPULimits } from "./description.ts";
import type { Tile } from "./tile.ts";
import { tileM, tileN, workgroupBytes } from "./tile.ts";
import type { Family } from "./tuner.ts";

/** The sizes of a product. */
export interface ProductShape {
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Whether neighbours in b are steps of k, as they are where its transpose was stored. */
  readonly isAlong?: boolean;
  /** The products that Winograd's method would make of it, where it is a convolution that the method can do. */
  readonly winograd?: WinogradShape | undefined;
}

/** For each of the values of a tile: tiles by channels that are read, times those by channels that are written. */
export interface WinogradShape {
  readonly tiles: number;
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * A way to compute it: in tiles, with k cut into slices or not, or row by row, where subgroups may add up; as it is, or by
 * Winograd's method.
 */
export interface Variant {
  readonly tile: TileName | "rows";
  readonly slices: number;
  readonly isWinograd?: boolean;
  readonly usesSubgroups?: boolean;
}

/** Results of a workgroup, then of an invocation. */
export type TileName = "32x32/4x4" | "64x64/4x4" | "64x64/8x8" | "128x64/8x8" | "32x64/4x8";

/** Tiles by name. */
export const tiles: Readonly<Record<TileName, Tile>> = {
  "32x32/4x4": { rows: 4, columns: 4, down: 8, across: 8, depth: 16 },
  "64x64/4x4": { rows: 4, columns: 4, down: 16, across: 16, depth: 16 },
  "64x64/8x8": { rows: 8, columns: 8, down: 8, across: 8, depth: 16 },
  "128x64/8x8": { rows: 8, columns: 8, down: 16, across: 8, depth: 16 },
  "32x64/4x8": { rows: 4, columns: 8, down: 8, across: 8, depth: 32 },
};

/** Tiles whose registers suffice for sums in blocks. */
const winogradTiles: readonly TileName[] = ["32x32/4x4", "64x64/4x4", "32x64/4x8"];

/** Variants measured best, by kernel and bucket of shapes: `{"matmul:0,9,9,9": "64x64/8x8"}`. */
export type Tuned = Readonly<Record<string, string>>;

/** Rows up to which a product may be done row by row. */
export const fewRows = 4;

/** The variants of products, for the tuner. */
export const productVariants: Family<ProductShape, Variant> = {
  bucketOf,
  nameOf,
  variantOf,
  suits,
  candidates,
  byRule,
};

/** Workgroups below which a device has nothing to do; most have more than so many. */
const fewGroups = 32;

/** What comes before the name of a tile. */
const byWinograd = "winograd ";
const rowsBySubgroups = "rows with subgroups";

export function nameOf({ tile, slices, isWinograd = false, usesSubgroups = false }: Variant): string {
  if (usesSubgroups) return rowsBySubgroups;
  return isWinograd ? byWinograd + tile : slices === 1 ? tile : `${tile}*${String(slices)}`;
}

/** The variant of that name; undefined if there is none. */
export function variantOf(name: string): Variant | undefined {
  if (name === rowsBySubgroups) return { tile: "rows", slices: 1, usesSubgroups: true };
  if (name.startsWith(byWinograd)) {
    const product = variantOf(name.slice(byWinograd.length));
    return product?.slices !== 1 || product.tile === "rows" ? undefined : { ...product, isWinograd: true };
  }
  const [tile = "", slices = "1"] = name.split("*");
  const count = Number(slices);
  if ((tile !== "rows" && !(tile in tiles)) || !Number.isInteger(count) || count < 1) return undefined;
  return { tile: tile as Variant["tile"], slices: count };
}

/** Shapes of one bucket are alike within a factor of two in every size, and in what can be done with them. */
export function bucketOf(kernel: string, { batches, m, n, k, isAlong = false, winograd }: ProductShape): string {
  const logs = [batches, m, n, k].map((size) => Math.ceil(Math.log2(Math.max(1, size))));
  // Tiles turn operands as they stage them; a product of few rows reads them as they lie.
  const lying = isAlong && m <= fewRows ? ":along" : "";
  return `${kernel}:${logs.join()}${lying}${winograd === undefined ? "" : ":3x3"}`;
}

/** Whether a variant can compute the shape on a device. */
export function suits(variant: Variant, shape: ProductShape, limits: GPULimits): boolean {
  const { m, k, isAlong = false, winograd } = shape;
  const { tile, slices, isWinograd = false, usesSubgroups = false } = variant;
  if (usesSubgroups && (!isAlong || limits.minSubgroupSize === 0)) return false;
  if (isWinograd && (winograd === undefined || !winogradTiles.some((name) => name === tile))) return false;
  if (tile === "rows") return m <= fewRows && slices === 1;
  const sizes = tiles[tile];
  return workgroupBytes(sizes) <= limits.maxWorkgroupStorage && (slices === 1 || k >= slices * sizes.depth);
}

/** Variants worth measuring for a shape. */
export function candidates(shape: ProductShape, limits: GPULimits): Variant[] {
  const names = Object.keys(tiles) as TileName[];
  const cuts = [1, ...(groupsOf(shape, tiles["32x32/4x4"]) < 4 * fewGroups && shape.k >= 256 ? [4, 16] : [])];
  const all: Variant[] = [
    ...names.flatMap((tile) => cuts.map((slices) => ({ tile, slices }))),
    ...winogradTiles.map((tile) => ({ tile, slices: 1, isWinograd: true })),
    { tile: "rows", slices: 1 },
    { tile: "rows", slices: 1, usesSubgroups: true },
  ];
  return all.filter((variant) => suits(variant, shape, limits));
}

const groupsOf = ({ batches, m, n }: ProductShape, tile: Tile): number =>
  batches * Math.ceil(m / tileM(tile)) * Math.ceil(n / tileN(tile));

/** The variant for a shape where none was measured. */
export function byRule(shape: ProductShape, limits: GPULimits): Variant {
  const { m, n, k } = shape;
  if (m <= fewRows) {
    const fast: Variant = { tile: "rows", slices: 1, usesSubgroups: true };
    return suits(fast, shape, limits) ? fast : { tile: "rows", slices: 1 };
  }
  const winograd = winogradByRule(shape, limits);
  if (winograd !== undefined) return winograd;
  const order: TileName[] = ["128x64/8x8", "64x64/8x8", "64x64/4x4", "32x32/4x4"];
  const isFull = (name: TileName): boolean => {
    const tile = tiles[name];
    return m >= tileM(tile) && n >= tileN(tile) && groupsOf(shape, tile) >= 2 * fewGroups;
  };
  const tile = order.find((name) => isFull(name) && suits({ tile: name, slices: 1 }, shape, limits)) ?? "32x32/4x4";
  const groups = groupsOf(shape, tiles[tile]);
  // Too few tiles to keep a device busy: k is cut, into slices that are still worth a sum of their own.
  const slices = groups >= fewGroups || k < 512 ? 1 : Math.min(16, Math.floor(k / 128), Math.ceil(fewGroups / groups));
  return { tile, slices };
}

/**
 * Winograd's method where it should pay: for many channels, and so many tiles that transforming filters is little beside them.
 * On the software GPU, which is all it was measured on (November 2026, 14 to 56 pixels wide, 64 to 512 channels), it takes a
 * half of what the rule below takes, and between all and two thirds of what the best of the other variants does.
 */
function winogradByRule(shape: ProductShape, limits: GPULimits): Variant | undefined {
  const { winograd } = shape;
  if (winograd === undefined || winograd.tiles < 32 || Math.min(winograd.inputs, winograd.outputs) < 64)
    return undefined;
  const order: TileName[] = ["32x64/4x8", "32x32/4x4"];
  const all = order.map((tile): Variant => ({ tile, slices: 1, isWinograd: true }));
  return all.find((variant) => suits(variant, shape, limits));
}
