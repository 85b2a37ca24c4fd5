// Bytes of working memory that the WASM kernels ask for: the formulas at the head of assembly/products/matmul.ts, quantized.ts,
// convolution.ts, convolution-gradient.ts, winograd-plan.ts, fourier.ts and sort-rows.ts, as functions of the parameter words. Too little
// here is memory corruption there. Knows nothing of tensors. Read next: those files; matrix-scratch.ts for linalg/.
import type { Preparation } from "./descriptor.ts";

/** The next multiple of `unit`. */
export const up = (x: number, unit: number): number => Math.ceil(x / unit) * unit;

/** One worker's packing buffers of a matrix product; `rows` may be any upper bound of its m. `size` is bytes an element. */
export function gemm(rows: number, columns: number, depth: number, size: number): number {
  const panels = Math.min(120, up(rows, 30)) + Math.min(1024, up(columns, 8));
  return up(256 + Math.min(depth, 256) * size * panels, 64);
}

/** matmul: words are batch0, batch1, m, n, k and strides. */
export function matmulScratch(words: readonly number[], size: number): (workers: number) => number {
  const [batch0 = 1, batch1 = 1, m = 0, n = 0, k = 0] = words;
  return (workers) => workers * gemm(batch0 * batch1 * m, n, k, size);
}

/** Rows of a from which on packing b costs too little to keep a packed copy of it. */
const manyRows = 2048;

/** A product of m rows by b [k, n], if it is done by blocks (`Way` in matmul.ts) and gains by a b that is packed already. */
function packedColumns(
  [m, n, k]: readonly [number, number, number],
  [aColumn, bRow, bColumn]: readonly [number, number, number],
  size: number,
): Preparation | undefined {
  const inStreams = bColumn === 1 && m <= 8 && m !== 5;
  const inDots = bRow === 1 && aColumn === 1 && m <= 16 && k >= 32;
  if (m === 1 || n === 1 || inStreams || inDots || m >= manyRows) return undefined;
  // Small and in order, it is read where it lies.
  if (bColumn === 1 && n * k * size <= 16384) return undefined;
  return { kernel: "matmulPacked", input: 1, bytes: up(n, 8) * k * size, words: [n, k, bRow, bColumn] };
}

/** What matmul can prepare: a right operand that all products of a batch share. */
export function matmulPreparation(words: readonly number[], size: number): Preparation | undefined {
  const [batch0 = 1, batch1 = 1, m = 0, n = 0, k = 0, , aColumn = 0, , , bRow = 0, bColumn = 0, bBatch0, bBatch1] =
    words;
  if ((batch0 > 1 && bBatch0 !== 0) || (batch1 > 1 && bBatch1 !== 0) || k === 0) return undefined;
  return packedColumns([batch0 * batch1 * m, n, k], [aColumn, bRow, bColumn], size);
}

/** quantizedMatmul: a tile, the scales of 48 rows, and the rows in 8 bytes for every four elements. */
export function quantizedMatmulScratch(k: number): (workers: number) => number {
  return (workers) => workers * up(704 + 48 * 8 * Math.ceil(k / 4), 64);
}

/** The 17 convolution words by name, and what the three kernels derive from them. */
function convolution(words: readonly number[]): {
  readonly pixels: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly depth: number;
  readonly image: number;
  readonly isPointwise: boolean;
  readonly isDepthwise: boolean;
} {
  const [
    n = 0,
    h = 0,
    w = 0,
    c = 0,
    oh = 0,
    ow = 0,
    o = 0,
    kh = 0,
    kw = 0,
    strideH = 1,
    strideW = 1,
    padTop = 0,
    padLeft = 0,
    dilationH = 1,
    dilationW = 1,
    groups = 1,
  ] = words;
  const paddedH = Math.max((oh - 1) * strideH + (kh - 1) * dilationH + 1, padTop + h);
  const paddedW = Math.max((ow - 1) * strideW + (kw - 1) * dilationW + 1, padLeft + w);
  const isPadded = paddedH !== h || paddedW !== w;
  return {
    pixels: n * oh * ow,
    inputs: c,
    outputs: o,
    groups,
    depth: kh * kw * (c / groups),
    image: isPadded ? up(paddedH * paddedW * c * 4, 64) : 0,
    isPointwise: kh === 1 && kw === 1 && groups === 1 && strideH === 1 && strideW === 1 && !isPadded,
    isDepthwise: groups > 1 && groups === c && o === c,
  };
}

/** Bytes of one row of window values, as in convolution-gradient.ts. */
const windowPitch = (depth: number): number => (Math.ceil(depth / 8) | 1) * 32;

/** Bytes of `count` floats of one value of a tile: winograd-plan.ts. */
const spread = (count: number): number => Math.floor((count * 4 + 63) / 128) * 128 + 64;

/** How the filters of a Winograd convolution lie: values of a tile, outputs of a group, bytes of a group. */
function winogradFilters(
  c: number,
  o: number,
): { readonly columns: number; readonly values: number; readonly group: number; readonly groupBytes: number } {
  const columns = c < 64 ? 2 : 4;
  const values = 6 * (columns + 2);
  const group = Math.min(up(o, 8), Math.max(8, Math.min(32, Math.floor(2048 / c / 8) * 8)));
  return { columns, values, group, groupBytes: values * spread(c * group) };
}

/** One worker's buffers of a Winograd convolution that reads c channels and writes [images, oh, ow, o]: winograd-plan.ts. */
function winograd(images: number, c: number, oh: number, ow: number, o: number): number {
  const { columns, values, group, groupBytes } = winogradFilters(c, o);
  const tiles = images * Math.ceil(oh / 4) * Math.ceil(ow / columns);
  const block = Math.min(tiles, 30 * Math.max(1, Math.min(4, Math.floor(128 / c))));
  const groups = tiles > block ? Math.ceil(o / group) : 1;
  const packed = spread((block + 6) * c) + spread((block + 6) * group);
  return 27584 + values * packed + groups * groupBytes;
}

/** Whether a convolution from one plane to another is Winograd's: `fits` and `isNarrow` of winograd-plan.ts. */
function suitsWinograd(words: readonly number[], read: Plane, written: PaddedPlane): boolean {
  const [n = 0, , , c = 0, , , o = 0, kh, kw, strideH, strideW, , , dilationH, dilationW, groups, strict] = words;
  const plain = strict !== 1 && kh === 3 && kw === 3 && groups === 1;
  const dense = [strideH, strideW, dilationH, dilationW].every((step) => step === 1);
  const channels = c >= 16 && o >= 16 && c % 4 === 0 && o % 4 === 0;
  const bottom = written.h + 2 - read.h - written.top;
  const right = written.w + 2 - read.w - written.left;
  const narrow = Math.max(written.top, written.left, bottom, right) <= 1;
  return plain && dense && channels && narrow && n * written.h * written.w >= 96;
}

/** Whether the kernel of a convolution, or of its input gradient, does it by Winograd's method on the CPU. */
export function isByWinograd(kernel: string, words: readonly number[]): boolean {
  const [, h = 0, w = 0, , oh = 0, ow = 0, , , , , , top = 0, left = 0] = words;
  if (kernel === "conv2d") return suitsWinograd(words, { h, w }, { h: oh, w: ow, top, left });
  return (
    kernel === "conv2dInputGradient" && suitsWinograd(words, { h: oh, w: ow }, { h, w, top: 2 - top, left: 2 - left })
  );
}

interface Plane {
  readonly h: number;
  readonly w: number;
}
interface PaddedPlane extends Plane {
  /** Padding before the first row and column. */
  readonly top: number;
  readonly left: number;
}

/** Whether a convolution is done on planes, and the bytes of planes and table: convolution-planar.ts. */
function planes(words: readonly number[]): number | undefined {
  const [, h = 0, w = 0, c = 0, oh = 0, ow = 0, , kh = 0, kw = 0, strideH = 1, strideW = 1, top = 0, left = 0] = words;
  const [dilationH = 1, dilationW = 1, groups = 1] = words.slice(13);
  if (groups !== 1 || c > 4 || kh * kw === 1 || ow < 8) return undefined;
  const paddedH = Math.max((oh - 1) * strideH + (kh - 1) * dilationH + 1, top + h);
  const paddedW = Math.max((ow - 1) * strideW + (kw - 1) * dilationW + 1, left + w);
  const reach = up(ow, 8) + Math.floor(((kw - 1) * dilationW) / strideW);
  const pitch = up(Math.max(reach, Math.ceil(paddedW / strideW)), 4);
  return up(c * strideW * paddedH * pitch * 4, 64) + up(kh * kw * c * 4, 64);
}

/**
 * What conv2d can prepare: the filters of a Winograd convolution, as prepareFilters of winograd.ts lays them out, or those of
 * a matrix product, implicit or not. The kernel looks for them wherever it does one of the two.
 */
export function convolutionPreparation(words: readonly number[]): Preparation | undefined {
  const [, , , c = 0, , , o = 0] = words;
  if (!isByWinograd("conv2d", words)) {
    const { pixels, groups, depth, isPointwise, isDepthwise } = convolution(words);
    if (isPointwise && depth > 0) return packedColumns([pixels, o, depth], [1, o, 1], 4);
    if (isPointwise || isDepthwise || planes(words) !== undefined) return undefined;
    const bytes = groups * depth * up(o / groups, 8) * 4;
    return { kernel: "conv2dPacked", input: 1, bytes, words: [groups, depth, o] };
  }
  const { group, groupBytes } = winogradFilters(c, o);
  return { kernel: "conv2dTransformed", input: 1, bytes: Math.ceil(o / group) * groupBytes, words: [c, o] };
}

/** conv2d. */
export function convolutionScratch(words: readonly number[]): (workers: number) => number {
  const [n = 0, , , c = 0, oh = 0, ow = 0, o = 0] = words;
  if (isByWinograd("conv2d", words)) return (workers) => workers * winograd(n, c, oh, ow, o);
  const { pixels, inputs, outputs, groups, depth, image, isPointwise, isDepthwise } = convolution(words);
  const planar = planes(words);
  if (planar !== undefined) return (workers) => workers * (planar + depth * 4 * (120 + up(outputs, 8)) + 256);
  const block = up(120 * Math.min(depth, 256) * 4, 64);
  const weights = up(groups * depth * up(outputs / groups, 8) * 4, 64);
  const bytes = isPointwise
    ? gemm(pixels, outputs, inputs, 4)
    : isDepthwise
      ? image + 64
      : image + 256 + block + weights;
  return (workers) => workers * bytes;
}

/** conv2dInputGradient. */
export function inputGradientScratch(words: readonly number[]): (workers: number) => number {
  const [n = 0, h = 0, w = 0, c = 0, , , o = 0] = words;
  if (isByWinograd("conv2dInputGradient", words))
    return (workers) => workers * (winograd(n, o, h, w, c) + 9 * c * o * 4);
  const { pixels, inputs, outputs, groups, depth, image, isPointwise, isDepthwise } = convolution(words);
  const rowsOfFilter = words[7] ?? 0;
  const block = 120 * Math.min(outputs / groups, 256) * 4;
  const weights = up(outputs * up(depth, 8) * 4, 64);
  const general = image + 256 + block + weights + 120 * windowPitch(depth);
  const bytes = isPointwise ? gemm(pixels, inputs, outputs, 4) : isDepthwise ? 8 * (depth + rowsOfFilter) : general;
  return (workers) => workers * up(bytes, 64);
}

/** What conv2dInputGradient can prepare: the same of its filters, turned round. */
export function inputGradientPreparation(words: readonly number[]): Preparation | undefined {
  const [, , , c = 0, , , o = 0] = words;
  if (isByWinograd("conv2dInputGradient", words)) {
    const { group, groupBytes } = winogradFilters(o, c);
    return { kernel: "conv2dTransformedBack", input: 1, bytes: Math.ceil(c / group) * groupBytes, words: [c, o] };
  }
  const { pixels, groups, depth, isPointwise, isDepthwise } = convolution(words);
  if (isDepthwise || depth * o === 0) return undefined;
  if (isPointwise) return packedColumns([pixels, c, o], [1, 1, o], 4);
  return { kernel: "conv2dPackedBack", input: 1, bytes: o * up(depth, 8) * 4, words: [groups, depth, o] };
}

/** conv2dFilterGradient. */
export function filterGradientScratch(words: readonly number[]): (workers: number) => number {
  const { pixels, inputs, outputs, groups, depth, image, isPointwise, isDepthwise } = convolution(words);
  const planar = planes(words);
  if (planar !== undefined) {
    const [, , , , oh = 0, ow = 0] = words;
    const vectors = Math.ceil(ow / 4);
    const rows = Math.min(oh, Math.ceil(64 / vectors));
    const step = (Math.ceil((outputs + 2) / 4) | 1) * 64;
    return (workers) => workers * (planar + rows * vectors * step + depth * (outputs + 2) * 16);
  }
  const lanes = up(outputs / groups, 30);
  const general = image + 256 + lanes * 1024 + (256 + lanes) * windowPitch(depth);
  const bytes = isPointwise ? gemm(inputs, outputs, pixels, 4) : isDepthwise ? image + 64 : general;
  return (workers) => workers * bytes;
}

/** fourier: rows of n elements, as in assembly/fourier/fourier.ts. */
export function fourierScratch(n: number, size: number): (workers: number) => number {
  let left = n;
  for (let factor = 2; factor <= 13; factor++) while (left > 1 && left % factor === 0) left /= factor;
  const stage = (length: number): number => 1024 + 64 * (Math.floor(Math.sqrt(length)) + 1);
  const m = 2 ** Math.ceil(Math.log2(Math.max(1, 2 * n - 1)));
  const bytes =
    left <= 1
      ? up((2 * size + 96) * n + stage(n) + 64, 64)
      : up(8 * (4 * n + 8 * m) + stage(Math.max(2 * n, m)) + 128, 64);
  return (workers) => workers * bytes;
}

/** Length from which a row is sorted by all workers together: CREW_FROM of assembly/sorting/sort-rows.ts. */
const sortCrewFrom = 32768;
/** One worker's tables: TABLE_BYTES of assembly/sorting/sort-radix.ts. */
const sortTables = 2 * 4 * 2048 + 64;

/** sort, argSort and topK by sorting: two buffers of entries for each row that is sorted at a time, and everybody's tables. */
export function sortScratch(rows: number, length: number, entry: number): (workers: number) => number {
  return (workers) => {
    const pieces = rows < workers && length >= sortCrewFrom ? 1 : Math.min(rows, workers);
    return pieces * 2 * up(length * entry, 64) + workers * sortTables;
  };
}

/** How many parts of a sort workers can share. */
export function sortParts(rows: number, length: number): number {
  return rows * (length >= sortCrewFrom ? 16 : 1);
}

/** Up to this part of a row, elements are chosen in a heap: HEAP_SHARE of assembly/sorting/sort-top.ts. */
const heapShare = 8;

/** How many parts of a topK workers can share: a heap is one worker's. */
export function topParts(rows: number, length: number, k: number): number {
  return k > Math.floor(length / heapShare) ? sortParts(rows, length) : rows;
}

/** topK, which sorts where a heap would be large. */
export function topScratch(rows: number, length: number, k: number, entry: number): (workers: number) => number {
  if (k > Math.floor(length / heapShare)) return sortScratch(rows, length, entry);
  return (workers) => workers * up(k * entry, 64);
}
