// How many operations it takes to walk windows over images, as the kernels of the chosen variant do it: what places an invocation,
// what it reads once for several pixels, and what it does with it. Counted from the texts that window-text.ts writes, and good to
// a factor of one and a half; how fast a device does them is measured.
// Knows no device. Read next: method.ts, which asks; pooling-shader.ts and depthwise-shader.ts, whose texts these are.
import { look } from "../../../ops/descriptor.ts";
import type { BlockVariant } from "../variants/windows.ts";
import { isBlock, windows } from "../variants/windows.ts";
import { convolutionOf, walked, walkOf } from "./depthwise-shader.ts";
import type { Find } from "./fold-method.ts";
import { isApart, isPooling, poolingDirections } from "./pooling-shader.ts";
import type { Written } from "./window-launch.ts";
import { shapeOfWindows } from "./window-launch.ts";
import type { Direction, WindowGeometry } from "./window-text.ts";
import { blockPixels, columnCounts, geometryOf } from "./window-text.ts";

/** Operations for an invocation to find its block, for a row of the window, and for the place of a column. */
const [placing, rowing, finding] = [30, 10, 8];
/** Operations to fetch an element and test whether it is there, and to make the key by which the largest is found. */
const [fetching, keying] = [2, 7];

/** What becomes of an element: operations when it is read, and each time that a pixel of the block uses it. */
interface Doing {
  readonly read: number;
  readonly use: number;
  /** Weights of a row that are fetched besides. */
  readonly weights?: number;
}

const largest: Doing = { read: fetching + keying, use: 4 };
const added: Doing = { read: fetching, use: 1 };
const picked: Doing = { read: 2 * fetching, use: 2 };
/** An average's share is divided by what its window covers. */
const shared: Doing = { read: fetching + 12, use: 1 };

/** One walk over all windows, or over all pixels under windows. */
function walk(
  direction: Direction,
  { batch, height, width }: WindowGeometry,
  { channels }: Written,
  { lanes, pixels: least }: BlockVariant,
  { read, use, weights = 0 }: Doing,
): number {
  const pixels = blockPixels(direction, least, width);
  const { columns, uses } = columnCounts(direction, pixels, width);
  const isWindow = direction === "window";
  const lines = batch * (isWindow ? height.output : height.input);
  const blocks = Math.ceil((isWindow ? width.output : width.input) / pixels);
  const rows = isWindow ? height.window : Math.max(1, height.window / height.stride);
  const each =
    rowing + columns * (finding + lanes * read) + uses * lanes * use + weights * (finding + lanes * fetching);
  return ((lines * blocks * channels) / lanes) * (placing + rows * each + pixels * lanes);
}

/** Operations of pooling, of its gradients, or of a convolution without tiles; undefined for other calls. */
export function walkingSteps(kernel: string, words: readonly number[], find: Find): number | undefined {
  return isPooling(kernel) ? poolingSteps(kernel, words, find) : convolutionSteps(kernel, words, find);
}

function poolingSteps(kernel: string, words: readonly number[], find: Find): number {
  const geometry = geometryOf(words);
  const { batch, channels, height, width } = geometry;
  const written = { channels, together: channels };
  const direction = poolingDirections[kernel] ?? "window";
  const variant = find(windows, kernel, shapeOfWindows(direction, geometry, written, true));
  if (!isBlock(variant)) {
    // Each result looks its window up by itself; a gradient looks at all windows over a pixel, and finds each maximum anew.
    const covering = Math.max(1, height.window / height.stride) * Math.max(1, width.window / width.stride);
    const taps = height.window * width.window;
    const [results, images] = [height.output * width.output, height.input * width.input];
    const looks =
      direction === "window" ? results * taps : images * covering * (kernel === "maxPool2dScatter" ? taps : 2);
    return look * batch * channels * looks;
  }
  const over = (way: Direction, doing: Doing): number => walk(way, geometry, written, variant, doing);
  switch (kernel) {
    case "maxPool2dScatter":
      return over("window", largest) + (isApart(geometry) ? over("window", added) : over("cover", picked));
    case "avgPool2d":
      return over("window", added);
    case "avgPool2dGradient":
      return over("cover", shared);
    default:
      return over("window", largest);
  }
}

function convolutionSteps(kernel: string, words: readonly number[], find: Find): number | undefined {
  const convolution = convolutionOf(words);
  const { geometry, outputs, groups } = convolution;
  const found = walkOf(kernel, convolution);
  if (found === undefined) return undefined;
  const { direction, written } = found;
  const variant = find(windows, walked(kernel), shapeOfWindows(direction, geometry, written, true));
  if (!isBlock(variant)) return undefined;
  const { window } = geometry.width;
  const { uses } = columnCounts(direction, blockPixels(direction, variant.pixels, geometry.width), geometry.width);
  // One pixel fetches a weight where it uses it; several fetch those of a row once. A filter's gradient fetches slopes instead.
  const isFilter = kernel === "conv2dFilterGradient";
  const weights = isFilter ? variant.pixels : variant.pixels === 1 ? uses : window;
  const depth = isFilter ? 1 : geometry.channels / groups;
  return (outputs > 0 ? depth : 0) * walk(direction, geometry, written, variant, { read: fetching, use: 2, weights });
}
