// How a 3 x 3 convolution is cut for Winograd's method: when it is used at all, which tile, how many tiles, outputs and
// channels at a time, and where the buffers lie in scratch. bindings/ops/scratch.ts repeats the rule and the bytes.
//
// Rounding: F(4x4) stays near 4 ulp of the sum of magnitudes from 64 channels on, if sums over channels are cut into
// blocks (`depth`); with fewer channels F(4x2) does. Paddings wider than 1 would break that, and numbers of one sign do: they are
// off by up to 8 ulp, 10 in windows partly in the padding, and with blocks twice as deep by 13. docs/accuracy.md publishes the
// bounds; `strict` avoids the method. One infinity or NaN in a tile reaches all outputs of the tile.
// Knows nothing of the transforms. Read next: winograd.ts, which does the work.
import { ConvolutionShape } from "./convolution-shape";

/** Bytes of the fixed buffers: the plan, a patch of input, values between two passes, six transformed tiles, an edge tile. */
const PLAN: usize = 192;
const PATCH: usize = 36 * 16 * 4;
const MIDDLE: usize = 9216;
const VALUES: usize = 6 * PATCH;
const EDGE: usize = 16 * 32 * 4;
export const FIXED: usize = PLAN + PATCH + MIDDLE + VALUES + EDGE;

/** One call of the kernel: what is convolved with what, how it is cut, where things are. Lies in scratch. */
@unmanaged
export class Winograd {
  /** Size of an image that is read, of one that is written, and how far the first window starts outside. */
  h: i32;
  w: i32;
  c: i32;
  oh: i32;
  ow: i32;
  o: i32;
  top: i32;
  left: i32;
  /** A tile has 4 rows and `columns` columns of outputs, and `values` values. */
  columns: i32;
  values: i32;
  tilesH: i32;
  tilesW: i32;
  /** Most tiles of a block, outputs of a group, channels of a product. */
  block: i32;
  group: i32;
  depth: i32;
  x: usize;
  out: usize;
  /** Filters [3, 3, c, o]; whether `weights` holds them already as the product wants them. */
  filter: usize;
  isPrepared: bool;
  patch: usize;
  middle: usize;
  transformed: usize;
  edge: usize;
  packed: usize;
  products: usize;
  weights: usize;
  /** Bytes from one value of a tile to the next. */
  packedStep: usize;
  productStep: usize;
  weightStep: usize;

  /** Is the forward convolution done here? */
  static suits(shape: ConvolutionShape): bool {
    const bottom = shape.oh + 2 - shape.h - shape.padTop;
    const right = shape.ow + 2 - shape.w - shape.padLeft;
    const pixels = shape.n * shape.oh * shape.ow;
    return Winograd.fits(shape, pixels) && Winograd.isNarrow(shape.padTop, bottom, shape.padLeft, right);
  }

  /** Is the input gradient? It pads by what is missing to 2. */
  static suitsGradient(shape: ConvolutionShape): bool {
    const bottom = shape.h - shape.oh + shape.padTop;
    const right = shape.w - shape.ow + shape.padLeft;
    const pixels = shape.n * shape.h * shape.w;
    return Winograd.fits(shape, pixels) && Winograd.isNarrow(2 - shape.padTop, bottom, 2 - shape.padLeft, right);
  }

  /** Too few channels or pixels and the transforms cost more than the products that they save. */
  private static fits(shape: ConvolutionShape, pixels: i32): bool {
    const plain = shape.strict == 0 && shape.groups == 1 && shape.kh == 3 && shape.kw == 3;
    const dense = (shape.strideH | shape.strideW | shape.dilationH | shape.dilationW) == 1;
    return plain && dense && shape.c >= 16 && shape.o >= 16 && ((shape.c | shape.o) & 3) == 0 && pixels >= 96;
  }

  /** A window with one row in the image, or none, would get the rounding of a tile much larger than its own sum. */
  private static isNarrow(top: i32, bottom: i32, left: i32, right: i32): bool {
    return max<i32>(max<i32>(top, bottom), max<i32>(left, right)) <= 1;
  }

  /** Bytes from one group of transformed filters to the next. */
  @inline get groupBytes(): usize {
    return (this.values as usize) * this.weightStep;
  }

  /** Bytes of scratch of one worker, when it has all `images` to itself. */
  static bytes(images: i32, c: i32, oh: i32, ow: i32, o: i32): usize {
    const columns = Winograd.columnsFor(c);
    const tiles = images * ((oh + 3) >> 2) * ((ow + columns - 1) / columns);
    const block = Winograd.blockFor(c, tiles);
    const group = Winograd.groupFor(c, o);
    const groups = tiles > block ? (o + group - 1) / group : 1;
    const values = (6 * (columns + 2)) as usize;
    const packed = Winograd.spread((block + 6) * c) + Winograd.spread((block + 6) * group);
    return FIXED + values * (packed + (groups as usize) * Winograd.spread(c * group));
  }

  @inline static columnsFor(c: i32): i32 {
    return c < 64 ? 2 : 4;
  }

  @inline static blockFor(c: i32, tiles: i32): i32 {
    return min<i32>(tiles, 30 * max<i32>(1, min<i32>(4, 128 / c)));
  }

  @inline static groupFor(c: i32, o: i32): i32 {
    return min<i32>((o + 7) & ~7, max<i32>(8, min<i32>(32, (2048 / c) & ~7)));
  }

  /** Bytes of `count` floats, rounded up to an odd number of cache lines, so that values do not share cache sets. */
  @inline static spread(count: i32): usize {
    return ((((count as usize) << 2) + 63) & ~127) + 64;
  }

  /** Cuts the work on `images` images of which [h, w, c] is read and [oh, ow, o] written, and places the buffers. */
  cut(images: i32, h: i32, w: i32, c: i32, oh: i32, ow: i32, o: i32): void {
    this.h = h;
    this.w = w;
    this.c = c;
    this.oh = oh;
    this.ow = ow;
    this.o = o;
    this.columns = Winograd.columnsFor(c);
    this.values = 6 * (this.columns + 2);
    this.tilesH = (oh + 3) >> 2;
    this.tilesW = (ow + this.columns - 1) / this.columns;
    this.block = Winograd.blockFor(c, images * this.tilesH * this.tilesW);
    this.group = Winograd.groupFor(c, o);
    this.depth = c < 64 || c >= 128 ? 64 : 32;
    this.packedStep = Winograd.spread((this.block + 6) * c);
    this.productStep = Winograd.spread((this.block + 6) * this.group);
    this.weightStep = Winograd.spread(c * this.group);
    this.patch = changetype<usize>(this) + PLAN;
    this.middle = this.patch + PATCH;
    this.transformed = this.middle + MIDDLE;
    this.edge = this.transformed + VALUES;
    this.packed = this.edge + EDGE;
    this.products = this.packed + (this.values as usize) * this.packedStep;
    this.weights = this.products + (this.values as usize) * this.productStep;
    this.isPrepared = false;
  }
}
