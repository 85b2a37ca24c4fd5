// Launches of a convolution and its gradients as products in tiles whose matrices are read on the fly: the sizes of the product,
// the variant for them, and vectors where channels come in fours. Groups of few channels have entry points of their own and no
// tiles; Winograd's method is a variant. Words and bindings are those of shaders/conv2d*.wgsl.
// Read next: matmul-shader.ts, winograd-shader.ts, ../variants/tile.ts, ../variants/products.ts.
import type { KernelStep, Segment, Slot } from "../../../graph/step.ts";
import { whole } from "../../../graph/step.ts";
import type { KernelCall } from "../../../ops/descriptor.ts";
import type { GPULimits } from "../device/description.ts";
import type { ProductShape, TileName, Variant } from "../variants/products.ts";
import { filledSteps, plainTile, productVariants, tileOf, tiles } from "../variants/products.ts";
import { sampleSegment } from "../variants/sample.ts";
import type { Loads } from "../variants/tile.ts";
import { tiled, tileM, tileN, without } from "../variants/tile.ts";
import { numbered } from "../wgsl/across.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import { depthwiseDispatches } from "./depthwise-shader.ts";
import type { Workshop } from "./dispatches.ts";
import { finished, isWholeArray, sliceOf, sumOfSlices } from "./matmul-shader.ts";
import type { Winograd } from "./winograd-shader.ts";
import { winogradDispatches, winogradOf } from "./winograd-shader.ts";

/** One of the three as a product: a row for each pixel or tap. */
interface Product {
  /** The sizes, and the channels of which four must be neighbours for vectors of the left and the right operand. */
  readonly sizes: (words: Words) => Omit<ProductShape, "batches"> & { readonly left: number; readonly right: number };
  readonly loads: readonly [left: Loads, right: Loads];
  /** Elements of both operands and of the result. */
  readonly elements: (words: Words) => readonly [number, number, number];
  /** The operands' names, and what reads their single elements beside the tiles. */
  readonly names: readonly [left: string, right: string];
  readonly readers: readonly string[];
  /** The other entry point with its functions. */
  readonly other: readonly string[];
  /** Whether it sums up twice, in blocks, which takes twice the registers. */
  readonly isLong: boolean;
}

/** The words of a convolution by name. */
interface Words {
  readonly pixelsIn: number;
  readonly pixelsOut: number;
  readonly taps: number;
  /** Channels of a group. */
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
}

const imageSize = ({ pixelsIn, inputs, groups }: Words): number => pixelsIn * inputs * groups;
const resultSize = ({ pixelsOut, outputs, groups }: Words): number => pixelsOut * outputs * groups;
const filterSize = ({ taps, inputs, outputs, groups }: Words): number => taps * inputs * outputs * groups;

const products: Readonly<Record<string, Product>> = {
  conv2d: {
    sizes: ({ pixelsOut, taps, inputs, outputs }) => {
      return { m: pixelsOut, n: outputs, k: taps * inputs, left: inputs, right: outputs };
    },
    elements: (words) => [imageSize(words), filterSize(words), resultSize(words)],
    loads: ["along", "across"],
    names: ["x", "w"],
    readers: ["read_input"],
    other: ["direct", "store_direct"],
    isLong: false,
  },
  conv2dInputGradient: {
    sizes: ({ pixelsIn, taps, inputs, outputs }) => {
      return { m: pixelsIn, n: inputs, k: taps * outputs, left: outputs, right: outputs };
    },
    elements: (words) => [resultSize(words), filterSize(words), imageSize(words)],
    loads: ["along", "along"],
    names: ["dy", "w"],
    readers: ["read_gradient"],
    other: ["direct", "store_direct"],
    isLong: false,
  },
  conv2dFilterGradient: {
    sizes: ({ pixelsOut, taps, inputs, outputs }) => {
      return { m: taps * inputs, n: outputs, k: pixelsOut, left: inputs, right: outputs };
    },
    elements: (words) => [imageSize(words), resultSize(words), filterSize(words)],
    loads: ["across", "across"],
    names: ["x", "dy"],
    readers: ["read_input"],
    other: ["element"],
    isLong: true,
  },
};

/** Whether a kernel is one of these. */
export const isConvolution = (kernel: string): boolean => Object.hasOwn(products, kernel);

function named(words: readonly number[]): Words {
  const [batch = 0, height = 0, width = 0, channels = 0, outHeight = 0, outWidth = 0, outputs = 0, kh = 0, kw = 0] =
    words;
  const groups = Math.max(1, words[15] ?? 1);
  return {
    pixelsIn: batch * height * width,
    pixelsOut: batch * outHeight * outWidth,
    taps: kh * kw,
    inputs: channels / groups,
    outputs: outputs / groups,
    groups,
  };
}

/** The convolution as a product, with what Winograd's method would make of it where it can be used. */
function shapeOf({ sizes }: Product, kernel: string, words: readonly number[], limits: GPULimits): ConvolutionShape {
  const { left, right, ...product } = sizes(named(words));
  const winograd = winogradOf(kernel, words, limits);
  return { shape: { batches: named(words).groups, ...product, winograd }, left, right, winograd };
}

interface ConvolutionShape {
  readonly shape: ProductShape;
  /** The channels of the two operands of which four may be neighbours. */
  readonly left: number;
  readonly right: number;
  readonly winograd: Winograd | undefined;
}

/** Whether a call is a convolution that is done by Winograd's method with the variant that is chosen for it. */
export function isByWinograd(
  { kernel, entry, words }: KernelCall,
  limits: GPULimits,
  choose: (kernel: string, shape: ProductShape) => Variant,
): boolean {
  const product = products[kernel];
  if (product === undefined || entry !== "main") return false;
  const { shape, winograd } = shapeOf(product, kernel, words, limits);
  return winograd !== undefined && choose(kernel, shape).isWinograd === true;
}

/** Multiplications of a convolution that is not done as a product in tiles, which has too few channels; else undefined. */
export function directSteps({ kernel, entry, words }: KernelCall): number | undefined {
  if (!isConvolution(kernel) || entry === undefined || entry === "main") return undefined;
  const own = named(words);
  return resultSize(own) * own.taps * own.inputs;
}

/** The product that a convolution with tiles is, filled up to whole tiles; undefined for other calls. */
export function filledProduct(
  { kernel, entry, words }: KernelCall,
  limits: GPULimits,
  choose: (kernel: string, shape: ProductShape) => Variant,
): number | undefined {
  const product = products[kernel];
  if (product === undefined || entry !== "main") return undefined;
  const { shape } = shapeOf(product, kernel, words, limits);
  return filledSteps(shape, fitting(product, choose(kernel, shape)));
}

/** The launches of a convolution, or of one of its gradients, whose result has elements. */
export function convolutionDispatches(step: KernelStep, slots: readonly Slot[], workshop: Workshop): Dispatch[] {
  const product = products[step.kernel];
  const template = workshop.library.template(step.kernel) ?? "";
  if (product === undefined || step.entry !== "main") {
    const walked = product === undefined ? undefined : depthwiseDispatches(step, slots, workshop);
    if (walked !== undefined) return walked;
    // Without the tiles, which come last in the file.
    const text = template.slice(0, template.indexOf("// @insert tile"));
    const { entry, workgroups: groups } = step;
    return [finished(step, slots, workshop, text, { entry, groups, slice: 1 })];
  }
  const words = named(step.words);
  const { shape, left, right, winograd } = shapeOf(product, step.kernel, step.words, workshop.limits);
  const sample = (): Segment => sampleSegment(step.kernel, step.words, product.elements(words));
  const variant = fitting(product, workshop.choose(productVariants, step.kernel, shape, sample));
  if (winograd !== undefined && variant.isWinograd === true)
    return winogradDispatches(step, slots, workshop, tiles[variant.tile], winograd);
  const tile = tileOf(variant);
  const slice = sliceOf(variant, shape.k, tile.depth);
  const slices = Math.max(1, Math.ceil(shape.k / slice));
  const loadsOf = (at: 0 | 1, channels: number): Loads => {
    const isFour = channels % 4 === 0 && (step.inputs[at]?.offset ?? 1) % 4 === 0;
    return isFour && isWholeArray(step, slots, workshop.limits, at) ? product.loads[at] : "loose";
  };
  const loads = [loadsOf(0, left), loadsOf(1, right)] as const;
  // What reads single elements stays out, where it is not used or an operand is an array of vectors.
  const unused = [...product.other, ...(loads[0] === "loose" ? [] : product.readers)];
  const filled = tiled(unused.reduce(without, template), tile, [
    { name: product.names[0], loads: loads[0], isClose: String(product.loads[0] === "along") },
    { name: product.names[1], loads: loads[1], isClose: String(product.loads[1] === "along") },
  ]);
  const text = numbered(filled, tile.usesQuads ?? false, workshop.library.hasSubgroupId);
  const size = shape.batches * shape.m * shape.n;
  const target = slices === 1 ? -1 : workshop.temporary(step.dtype, slices * size);
  // Whole sums are stored as what the result is, which may be halves; those of slices as they are.
  const first = finished(
    slices === 1 ? step : { ...step, outputs: [whole(target, step.dtype)], epilogue: undefined },
    slots,
    workshop,
    text,
    {
      entry: "main",
      groups: slices * shape.batches * Math.ceil(shape.m / tileM(tile)) * Math.ceil(shape.n / tileN(tile)),
      slice,
    },
  );
  return slices === 1 ? [first] : [first, ...sumOfSlices(step, slots, workshop, target, slices, size)];
}

/** The variant with a tile that a convolution has. */
function fitting({ isLong }: Product, variant: Variant): Variant & { readonly tile: TileName } {
  const tile = plainTile(variant);
  if (tile !== variant.tile) return { tile, slices: 1 };
  const { rows, columns } = tiles[tile];
  return { ...variant, tile: isLong && rows * columns > 16 ? "64x64/4x4" : tile };
}
