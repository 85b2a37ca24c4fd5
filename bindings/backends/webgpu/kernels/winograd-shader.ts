// Launches of a convolution by Winograd's method: filters and tiles of inputs are transformed, multiplied value by value as a
// batch of matrices, and transformed back. What lies between is scratch of a bounded size: a large batch is done tiles by tiles.
// Says which convolutions it can do; ../variants/products.ts says when it should.
//
// Rounding, in ulp of the sum of magnitudes, with sums over channels in blocks of a tile's depth: for 64 to 512 channels at most
// 3.5 where numbers have either sign (root of the mean square 0.1 to 0.7), with fewer channels more than 4. Of numbers of one
// sign up to 7, and 9 in windows that lie partly in the padding: as on the CPU, in the bounds of docs/accuracy.md.
// One infinity or NaN in a tile reaches all outputs of the tile. Read next: shaders/winograd.wgsl, matmul-shader.ts.
import { BackendError } from "../../../core/errors.ts";
import type { KernelStep, Slot, SlotView } from "../../../graph/step.ts";
import { whole } from "../../../graph/step.ts";
import type { GPULimits } from "../device/description.ts";
import { largestBuffer } from "../device/limits.ts";
import { wordBytes } from "../memory/parts.ts";
import type { WinogradShape } from "../variants/products.ts";
import type { Tile } from "../variants/tile.ts";
import { without } from "../variants/tile.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import { templateDispatch } from "./kernel-shader.ts";
import { tiledDispatch } from "./matmul-shader.ts";

/** Values of a tile: 6 by 6. */
const values = 36;
/** Channels that are summed from which on rounding stays within what is promised. */
const fewestChannels = 64;
/** Bytes of the tiles that are multiplied at a time, of those that are read and of those that are made. */
const scratchBytes = 64 * 2 ** 20;

const entries = ["filters", "inputs", "outputs"] as const;
/** What only one entry point calls. */
const own = {
  filters: ["filter_values", "read_taps"],
  inputs: ["input_values", "read_column", "read_input"],
  outputs: ["output_sums", "read_sums", "store_row"],
} as const;

/** A plane of images: height, width, channels. */
type Plane = readonly [height: number, width: number, channels: number];

/** A convolution with 3 x 3 filters: from which images to which, and how far the first window begins outside. */
interface Convolution {
  readonly batch: number;
  readonly read: Plane;
  readonly written: Plane;
  readonly top: number;
  readonly left: number;
  /** Filters are turned round, and their channels change places. */
  readonly isTurned: boolean;
}

/** The convolution behind a kernel, if it is one that the method can do without rounding too much. */
function convolutionOf(kernel: string, words: readonly number[]): Convolution | undefined {
  const [batch = 0, h = 0, w = 0, c = 0, oh = 0, ow = 0, o = 0, kh, kw, strideH, strideW, top = 0, left = 0] = words;
  const [dilationH, dilationW, groups, sumsOnly] = words.slice(13);
  const isPlain = sumsOnly !== 1 && kh === 3 && kw === 3 && groups === 1;
  const isDense = [strideH, strideW, dilationH, dilationW].every((step) => step === 1);
  if (!isPlain || !isDense) return undefined;
  const images: Plane = [h, w, c];
  const results: Plane = [oh, ow, o];
  const found: Convolution | undefined =
    kernel === "conv2d"
      ? { batch, read: images, written: results, top, left, isTurned: false }
      : kernel === "conv2dInputGradient"
        ? { batch, read: results, written: images, top: 2 - top, left: 2 - left, isTurned: true }
        : undefined;
  return found !== undefined && found.read[2] >= fewestChannels && isNarrow(found) ? found : undefined;
}

/** A window with one row in the image, or none, would get the rounding of a tile much larger than its own sum. */
function isNarrow({ read, written, top, left }: Convolution): boolean {
  const bottom = written[0] + 2 - read[0] - top;
  const right = written[1] + 2 - read[1] - left;
  return Math.max(top, bottom, left, right) <= 1;
}

/** A convolution that the method can do on a device, with the products it makes of it. */
export interface Winograd extends WinogradShape {
  readonly convolution: Convolution;
  /** Tiles that are done at a time. */
  readonly most: number;
}

/** What the method makes of a kernel, where it can be used. */
export function winogradOf(kernel: string, words: readonly number[], limits: GPULimits): Winograd | undefined {
  const convolution = convolutionOf(kernel, words);
  if (convolution === undefined) return undefined;
  const { batch, read, written } = convolution;
  const [inputs, outputs] = [read[2], written[2]];
  const tiles = batch * Math.ceil(written[0] / 4) * Math.ceil(written[1] / 4);
  const most = Math.min(tiles, tilesAtOnce(convolution, limits));
  const fits = values * inputs * outputs * wordBytes <= largestBuffer(limits) && most > 0;
  return fits ? { convolution, tiles, inputs, outputs, most } : undefined;
}

/** Tiles whose values lie in one buffer. */
function tilesAtOnce({ read, written }: Convolution, limits: GPULimits): number {
  const bytes = Math.min(scratchBytes, largestBuffer(limits));
  return Math.floor(bytes / (values * Math.max(read[2], written[2]) * wordBytes));
}

/** The launches for a convolution that is done by the method. */
export function winogradDispatches(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  tile: Tile,
  winograd: Winograd,
): Dispatch[] {
  const { convolution, tiles, inputs, outputs, most } = winograd;
  const [images, filters] = step.inputs;
  const [result] = step.outputs;
  if (images === undefined || filters === undefined || result === undefined)
    throw new BackendError(step.label, "a convolution takes images and filters and has one result");
  const scratch = (size: number): SlotView => whole(workshop.temporary("f32", size), "f32");
  const transformed = scratch(values * inputs * outputs);
  const packed = scratch(values * most * inputs);
  const products = scratch(values * most * outputs);
  const transform = (stage: Stage): Dispatch => transformDispatch(step, slots, workshop, convolution, stage);
  const first = transform({ entry: "filters", from: filters, to: transformed, first: 0, count: 0 });
  const dispatches = [withForm(first, slots, filters, transformed.slot, convolution.isTurned)];
  for (let first = 0; first < tiles; first += most) {
    const count = Math.min(most, tiles - first);
    const product: KernelStep = {
      ...step,
      label: `${step.label} (products)`,
      kernel: "matmul",
      inputs: [packed, transformed],
      outputs: [products],
      words: [
        ...[values, 1, count, outputs, inputs],
        ...[inputs, 1, count * inputs, 0],
        ...(convolution.isTurned ? [1, inputs] : [outputs, 1]),
        ...[inputs * outputs, 0],
      ],
      epilogue: undefined,
    };
    dispatches.push(
      transform({ entry: "inputs", from: images, to: packed, first, count }),
      tiledDispatch(product, slots, workshop, { tile, slice: Math.max(1, inputs), isBlocked: true }),
      transform({ entry: "outputs", from: products, to: result, first, count }),
    );
  }
  return dispatches;
}

/** Transformed filters are another form of what is stored, unless this program computes the filters. */
function withForm(
  dispatch: Dispatch,
  slots: readonly Slot[],
  { slot, offset }: SlotView,
  target: number,
  isTurned: boolean,
): Dispatch {
  const from = slots[slot];
  const made = slots[target];
  if (from?.kind !== "input" || made?.kind !== "temporary") return dispatch;
  const key = ["winograd", offset, made.size, isTurned].join();
  return { ...dispatch, form: { key, input: from.index, target } };
}

/** One of the three transforms: from where to where, and of which tiles. */
interface Stage {
  readonly entry: (typeof entries)[number];
  readonly from: SlotView;
  readonly to: SlotView;
  readonly first: number;
  readonly count: number;
}

function transformDispatch(
  step: KernelStep,
  slots: readonly Slot[],
  { library }: Workshop,
  { read, written, top, left, isTurned }: Convolution,
  { entry, from, to, first, count }: Stage,
): Dispatch {
  const isLast = entry === "outputs";
  const filters = read[2] * written[2];
  // Other entry points would have to be right for an output of another type.
  const others = entries.filter((name) => name !== entry).flatMap((name) => [name, ...own[name]]);
  const unused = isLast ? [...others, "store_values"] : others;
  const items = { filters, inputs: count * read[2], outputs: count * written[2] }[entry];
  return templateDispatch(
    {
      ...step,
      label: isLast ? step.label : `${step.label} (${entry})`,
      inputs: [from],
      outputs: [to],
      words: [...read, ...written, top, left, count, first, filters, isTurned ? 1 : 0],
      epilogue: isLast ? step.epilogue : undefined,
    },
    slots,
    library,
    unused.reduce(without, library.template("winograd") ?? ""),
    { entry, groups: Math.ceil(items / 64) },
  );
}
