// Ways to compute a product of matrices, and which one a shape gets: the one that was measured best on this device for shapes
// like it, else one by rule. Measured ones are a plain map that a profile can keep.
// Knows sizes, no shaders. Read next: ../kernels/matmul-shader.ts, which makes launches of a variant; tuner.ts, which measures.
import type { GPULimits } from "../device/description.ts";
import type { MatrixConfiguration } from "../device/matrix-units.ts";
import type { MatrixPlan, MatrixTile } from "./matrix-text.ts";
import { matrixPlan } from "./matrix-text.ts";
import type { Sizes, Tile } from "./tile.ts";
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
  /** What both operands are stored in, where subgroup matrices could multiply them. */
  readonly components?: MatrixConfiguration["component"] | undefined;
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
 * A way to compute it: in tiles, with k cut into slices or not, or row by row; as it is, or by Winograd's method. With subgroups
 * that share what they read of a tile, or add up a row; or with their matrices.
 */
export interface Variant {
  readonly tile: TileName | MatrixTileName | "rows";
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

export type MatrixTileName = "matrices 32x32" | "matrices 64x64" | "matrices 128x64";

/** Tiles by subgroup matrices, of 16 x 16 or 32 x 32 results a subgroup. */
export const matrixTiles: Readonly<Record<MatrixTileName, MatrixTile>> = {
  "matrices 32x32": { rows: 16, columns: 16, down: 2, across: 2, depth: 16 },
  "matrices 64x64": { rows: 32, columns: 32, down: 2, across: 2, depth: 16 },
  "matrices 128x64": { rows: 32, columns: 32, down: 4, across: 2, depth: 16 },
};

const isMatrices = (tile: Variant["tile"]): tile is MatrixTileName => Object.hasOwn(matrixTiles, tile);

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

/** What comes before and after the name of a tile. */
const byWinograd = "winograd ";
const withSubgroups = " with subgroups";

export function nameOf({ tile, slices, isWinograd = false, usesSubgroups = false }: Variant): string {
  const name = isWinograd ? byWinograd + tile : slices === 1 ? tile : `${tile}*${String(slices)}`;
  return usesSubgroups ? name + withSubgroups : name;
}

/** The plain tile of a variant: the smallest where it has none and its own way is none for the product. */
export const plainTile = ({ tile }: Variant): TileName => (tile === "rows" || isMatrices(tile) ? "32x32/4x4" : tile);

/** The same with what its invocations share. */
export function tileOf(variant: Variant): Tile {
  const tile = tiles[plainTile(variant)];
  return variant.usesSubgroups === true ? { ...tile, usesQuads: true } : tile;
}

/** Multiplications of a product in tiles, whose edges are filled up: a tile does all of its own. */
export function filledSteps({ batches, m, n, k }: ProductShape, { tile }: Variant): number {
  const sizes = isMatrices(tile) ? matrixTiles[tile] : tiles[tile === "rows" ? "32x32/4x4" : tile];
  const filled = (size: number, step: number): number => Math.ceil(size / step) * step;
  return batches * filled(m, tileM(sizes)) * filled(n, tileN(sizes)) * filled(k, sizes.depth);
}

/** How a device does a variant by subgroup matrices; undefined for other variants, or where it cannot. */
export function matrixPlanOf(
  { tile }: Variant,
  { components }: ProductShape,
  limits: GPULimits,
): MatrixPlan | undefined {
  return isMatrices(tile) && components !== undefined ? matrixPlan(matrixTiles[tile], components, limits) : undefined;
}

/** The variant of that name; undefined if there is none. */
export function variantOf(name: string): Variant | undefined {
  if (name.endsWith(withSubgroups)) {
    const plain = variantOf(name.slice(0, -withSubgroups.length));
    const isNone = plain === undefined || plain.isWinograd === true || plain.usesSubgroups === true;
    return isNone || isMatrices(plain.tile) ? undefined : { ...plain, usesSubgroups: true };
  }
  if (name.startsWith(byWinograd)) {
    const product = variantOf(name.slice(byWinograd.length));
    const isPlain = product?.slices === 1 && product.usesSubgroups !== true && product.tile in tiles;
    return isPlain ? { ...product, isWinograd: true } : undefined;
  }
  const [tile = "", slices = "1"] = name.split("*");
  const count = Number(slices);
  if (!(tile === "rows" || tile in tiles || tile in matrixTiles) || !Number.isInteger(count) || count < 1)
    return undefined;
  return { tile: tile as Variant["tile"], slices: count };
}

/** Shapes of one bucket are alike within a factor of two in every size, and in what can be done with them. */
export function bucketOf(kernel: string, shape: ProductShape): string {
  const { batches, m, n, k, isAlong = false, components, winograd } = shape;
  const logs = [batches, m, n, k].map((size) => Math.ceil(Math.log2(Math.max(1, size))));
  // Tiles turn operands as they stage them; a product of few rows reads them as they lie.
  const lying = isAlong && m <= fewRows ? ":along" : "";
  const stored = components === "f16" ? ":halves" : "";
  return `${kernel}:${logs.join()}${lying}${stored}${winograd === undefined ? "" : ":3x3"}`;
}

/** Whether a variant can compute the shape on a device. */
export function suits(variant: Variant, shape: ProductShape, limits: GPULimits): boolean {
  const { m, k, isAlong = false, winograd } = shape;
  const { tile, slices, isWinograd = false, usesSubgroups = false } = variant;
  if (usesSubgroups && limits.minSubgroupSize === 0) return false;
  if (isWinograd && (winograd === undefined || !winogradTiles.some((name) => name === tile))) return false;
  if (tile === "rows") return m <= fewRows && slices === 1 && (isAlong || !usesSubgroups);
  const plan = matrixPlanOf(variant, shape, limits);
  if (isMatrices(tile) && plan === undefined) return false;
  const { depth } = isMatrices(tile) ? matrixTiles[tile] : tiles[tile];
  const hasRoom = isMatrices(tile) || workgroupBytes(tiles[tile]) <= limits.maxWorkgroupStorage;
  return hasRoom && (slices === 1 || k >= slices * depth);
}

/** Variants worth measuring for a shape. */
export function candidates(shape: ProductShape, limits: GPULimits): Variant[] {
  const names = Object.keys(tiles) as TileName[];
  const ofMatrices = Object.keys(matrixTiles) as MatrixTileName[];
  const cuts = [1, ...(groupsOf(shape, tiles["32x32/4x4"]) < 4 * fewGroups && shape.k >= 256 ? [4, 16] : [])];
  const all: Variant[] = [
    ...[...names, ...ofMatrices].flatMap((tile) => cuts.map((slices) => ({ tile, slices }))),
    ...names.map((tile) => ({ tile, slices: 1, usesSubgroups: true })),
    ...winogradTiles.map((tile) => ({ tile, slices: 1, isWinograd: true })),
    { tile: "rows", slices: 1 },
    { tile: "rows", slices: 1, usesSubgroups: true },
  ];
  return all.filter((variant) => suits(variant, shape, limits));
}

type SizedTile = TileName | MatrixTileName;

/** Tiles from large to small: the first of which there are enough is taken where nothing was measured. */
const order: readonly SizedTile[] = [
  ...(["matrices 128x64", "matrices 64x64", "matrices 32x32"] as const),
  ...(["128x64/8x8", "64x64/8x8", "64x64/4x4", "32x32/4x4"] as const),
];

const sizesOf = (name: SizedTile): Sizes => (isMatrices(name) ? matrixTiles[name] : tiles[name]);

const groupsOf = ({ batches, m, n }: ProductShape, tile: Sizes): number =>
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
  const suitable = order.filter((tile) => suits({ tile, slices: 1 }, shape, limits));
  const isFull = (name: SizedTile): boolean => {
    const tile = sizesOf(name);
    return m >= tileM(tile) && n >= tileN(tile) && groupsOf(shape, tile) >= 2 * fewGroups;
  };
  const byMatrices = suitable.filter(isMatrices);
  const among = byMatrices.length > 0 ? byMatrices : suitable;
  const tile = among.find(isFull) ?? among.at(-1) ?? "32x32/4x4";
  const groups = groupsOf(shape, sizesOf(tile));
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
