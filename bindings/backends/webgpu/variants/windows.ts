// Ways to walk windows over images (pooling, depthwise convolutions, their gradients), and which one a shape gets: the one that
// was measured best on this device for shapes like it, else one by rule.
// Knows sizes, no shaders. Read next: ../kernels/window-text.ts, which writes kernels of a variant; tuner.ts, which measures.
import type { GPULimits } from "../device/description.ts";
import type { Family } from "./tuner.ts";

/** What an invocation computes. */
export interface WindowVariant {
  /** Neighbouring channels, which are one vector in memory; "plain" for one element an invocation, by the files in shaders/. */
  readonly lanes: 1 | 2 | 4 | "plain";
  /** Neighbouring pixels of a row at least, which share what they read. */
  readonly pixels: number;
}

/** A variant that is written out for its window. */
export interface BlockVariant extends WindowVariant {
  readonly lanes: 1 | 2 | 4;
}

/** Windows over images. */
export interface WindowShape {
  /** Rows of pixels that are written, over the whole batch, and pixels of a row. */
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** Channels of which neighbours are written together at most: those of a group, where there are groups of several. */
  readonly together: number;
  /** Elements of a window along height and width, and from one window to the next along width. */
  readonly window: readonly [height: number, width: number];
  readonly stride: number;
  /** Whether arrays can be read as vectors from where they begin. */
  readonly isWhole: boolean;
}

const lanesOfAll = [4, 2, 1] as const;
const pixelsOfAll = [1, 2, 4, 8] as const;
/** Products of a row of a window with the pixels of a block at most: all of them are written out. */
const mostWritten = 64;
const plain: WindowVariant = { lanes: "plain", pixels: 1 };

const all: readonly WindowVariant[] = [
  ...lanesOfAll.flatMap((lanes) => pixelsOfAll.map((pixels) => ({ lanes, pixels }))),
  plain,
];

export const isBlock = (variant: WindowVariant): variant is BlockVariant => variant.lanes !== "plain";

function nameOf({ lanes, pixels }: WindowVariant): string {
  return lanes === "plain" ? lanes : `${String(lanes)} channels ${String(pixels)} pixels`;
}

function variantOf(name: string): WindowVariant | undefined {
  return all.find((variant) => nameOf(variant) === name);
}

function suits({ lanes, pixels }: WindowVariant, shape: WindowShape, _: GPULimits): boolean {
  if (lanes === "plain") return true;
  const { channels, together, window, stride, isWhole } = shape;
  // A gradient's blocks are whole strides wide.
  const isShort = pixels === 1 || Math.ceil(pixels / stride) * stride * window[1] <= mostWritten;
  return isWhole && channels % lanes === 0 && together % lanes === 0 && isShort;
}

function candidates(shape: WindowShape, limits: GPULimits): WindowVariant[] {
  const lanes = lanesOfAll.find((count) => suits({ lanes: count, pixels: 1 }, shape, limits));
  // Fewer channels at a time than can be read as one vector never were better.
  const isUsual = (variant: WindowVariant): boolean =>
    variant.lanes === "plain" || (variant.lanes === lanes && variant.pixels < 2 * shape.columns);
  return all.filter((variant) => isUsual(variant) && suits(variant, shape, limits));
}

/** Invocations that keep a device busy. */
const enough = 8192;

/**
 * The widest vector, and as many pixels as leave enough invocations: up to four where windows overlap, which share what they read,
 * and two elsewhere. More than four won little or lost on both software GPUs, which are all it was measured on (November 2026).
 */
function byRule(shape: WindowShape, limits: GPULimits): WindowVariant {
  const { rows, columns, channels, window, stride } = shape;
  const order = lanesOfAll.flatMap((lanes) => {
    const most = window[1] <= stride ? 2 : 4;
    const pixels = [4, 2, 1].filter((count) => count <= most);
    const isBusy = (count: number): boolean => (rows * columns * channels) / lanes / count >= enough;
    return [...pixels.filter(isBusy), 1].map((count): WindowVariant => ({ lanes, pixels: count }));
  });
  return order.find((variant) => suits(variant, shape, limits)) ?? plain;
}

/** Shapes of one bucket have the same windows and are alike within a factor of two. */
function bucketOf(kernel: string, { rows, columns, channels, together, window, stride, isWhole }: WindowShape): string {
  const logs = [rows, columns, channels].map((size) => Math.ceil(Math.log2(Math.max(1, size))));
  const lanes = lanesOfAll.find((count) => channels % count === 0 && together % count === 0) ?? 1;
  const lying = isWhole ? String(lanes) : "parts";
  return `${kernel}:${[...logs, ...window, stride, lying].join()}`;
}

/** The variants of windows over images, for the tuner. */
export const windows: Family<WindowShape, WindowVariant> = { bucketOf, nameOf, variantOf, suits, candidates, byRule };
