// Launches of a convolution by Winograd's method: filters and tiles of inputs are transformed, multiplied value by value as a
// batch of matrices, and transformed back. What lies between is scratch of a bounded size: a large batch is done tiles by tiles.
// Says which convolutions it can do; variants.ts says when it should.
//
// Rounding, in ulp of the sum of magnitudes, with sums over channels in blocks of a tile's depth: for 64 to 512 channels at most
// 3.5 where numbers have either sign or no border is padded (root of the mean square 0.1 to 0.7), with fewer channels more than
// 4. Of numbers of one sign, windows that lie partly in the padding get up to 9, and 15 in images of one tile: as on the CPU.
// One infinity or NaN in a tile reaches all outputs of the tile. Read next: shaders/winograd.wgsl, matmul-shader.ts.
import type { KernelStep, Slot } from "../../graph/step.ts";
import type { Pasted } from "./attachment.ts";
import { insert, paste, plain, retypeOutput } from "./attachment.ts";
import type { Workshop } from "./dispatches.ts";
import type { GPULimits } from "./description.ts";
import { largestBuffer } from "./limits.ts";
import { tiledDispatch, whole } from "./matmul-shader.ts";
import type { Dispatch, Word } from "./operands.ts";
import { elementBytes } from "./parts.ts";
import type { Tile } from "./tile.ts";
import { without } from "./tile.ts";
import type { WinogradShape } from "./variants.ts";

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

/** The products that the method makes of a kernel, where it can be used. */
export function winogradShape(kernel: string, words: readonly number[], limits: GPULimits): WinogradShape | undefined {
  const found = convolutionOf(kernel, words);
  if (found === undefined) return undefined;
  const [height, width, outputs] = found.written;
  const inputs = found.read[2];
  const fits = values * inputs * outputs * elementBytes <= largestBuffer(limits) && tilesAtOnce(found, limits) > 0;
  return fits ? { tiles: found.batch * Math.ceil(height / 4) * Math.ceil(width / 4), inputs, outputs } : undefined;
}

/** Tiles whose values lie in one buffer. */
function tilesAtOnce({ read, written }: Convolution, limits: GPULimits): number {
  const bytes = Math.min(scratchBytes, largestBuffer(limits));
  return Math.floor(bytes / (values * Math.max(read[2], written[2]) * elementBytes));
}

/** The launches for a kernel of which `winogradShape` tells the products. */
export function winogradDispatches(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  tile: Tile,
): Dispatch[] {
  const found = convolutionOf(step.kernel, step.words);
  const shape = winogradShape(step.kernel, step.words, workshop.limits);
  if (found === undefined || shape === undefined) return [];
  const { tiles, inputs, outputs } = shape;
  const most = Math.min(tiles, tilesAtOnce(found, workshop.limits));
  const [images, filters] = step.inputs;
  const transformed = workshop.temporary("f32", values * inputs * outputs);
  const packed = workshop.temporary("f32", values * most * inputs);
  const products = workshop.temporary("f32", values * most * outputs);
  const result = step.outputs[0]?.slot ?? -1;
  const stage = (entry: Entry, from: number, to: number, offset: number, first: number, count: number): Dispatch =>
    transform(step, slots, workshop, { entry, found, from, to, offset, first, count });
  const dispatches = [stage("filters", filters?.slot ?? -1, transformed, filters?.offset ?? 0, 0, 0)];
  for (let first = 0; first < tiles; first += most) {
    const count = Math.min(most, tiles - first);
    dispatches.push(
      stage("inputs", images?.slot ?? -1, packed, images?.offset ?? 0, first, count),
      tiledDispatch(
        {
          ...step,
          label: `${step.label} (products)`,
          kernel: "matmul",
          inputs: [whole(packed, "f32"), whole(transformed, "f32")],
          outputs: [whole(products, "f32")],
          words: [
            ...[values, 1, count, outputs, inputs],
            ...[inputs, 1, count * inputs, 0],
            ...(found.isTurned ? [1, inputs] : [outputs, 1]),
            ...[inputs * outputs, 0],
          ],
          epilogue: undefined,
        },
        slots,
        workshop,
        { tile, slice: Math.max(1, inputs), isBlocked: true },
      ),
      stage("outputs", products, result, 0, first, count),
    );
  }
  return dispatches;
}

type Entry = (typeof entries)[number];

/** One of the three transforms: of which slot to which, and of which tiles. */
interface Stage {
  readonly entry: Entry;
  readonly found: Convolution;
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  readonly first: number;
  readonly count: number;
}

function transform(step: KernelStep, slots: readonly Slot[], { library }: Workshop, stage: Stage): Dispatch {
  const { entry, found, from, to, offset, first, count } = stage;
  const { read, written, top, left, isTurned } = found;
  const isLast = entry === "outputs";
  const filters = read[2] * written[2];
  // Other entry points would have to be right for an output of another type.
  const others = entries.filter((name) => name !== entry).flatMap((name) => [name, ...own[name]]);
  const unused = isLast ? [...others, "store_values"] : others;
  const template = unused.reduce(without, library.template("winograd") ?? "");
  const type = isLast ? step.epilogue?.expression.dtype : undefined;
  const epilogue = isLast ? epilogueOf(step, slots) : plain("", 3);
  const text = insert(type === undefined ? template : retypeOutput(template, type), "epilogue", epilogue.text);
  const words = [offset, ...read, ...written, top, left, count, first, filters, isTurned ? 1 : 0];
  const items = { filters, inputs: count * read[2], outputs: count * written[2] }[entry];
  return {
    label: isLast ? step.label : `${step.label} (${entry})`,
    text: library.link(text, step.dtype),
    entry,
    groups: Math.ceil(items / 64),
    bindings: [
      { binding: 0, access: "read", source: from },
      { binding: 1, access: "write", source: to },
      { binding: 2, access: "uniform", source: 0 },
      ...epilogue.bindings,
    ],
    blocks: [words.map((value): Word => ({ value })), epilogue.block.words],
  };
}

function epilogueOf(step: KernelStep, slots: readonly Slot[]): Pasted {
  if (step.epilogue !== undefined) return paste(step.epilogue, slots, "epilogue", step.dtype, 3, 1);
  return plain("fn epilogue(value: Scalar, index: u32) -> Scalar { return value; }", 3);
}
