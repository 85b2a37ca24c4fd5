// Winograd convolution: 3 x 3 filters, stride 1, no dilation, one group, f32. Tiles of outputs are computed from tiles of
// inputs with two more rows and columns: transform the input tile, multiply each of its values by that of the transformed
// filter (for all tiles and channels together that is one matrix product a value), transform back.
//
//   values of a tile: 36 for F(4x4), 24 for F(4x2)       x, tile by tile --B--> packed --product--> products --A--> out
//   products saved:   4 and 3 times fewer                w -----------------G--> weights ----^
//
// Tiles are taken in blocks whose packed panels stay in the second-level cache, outputs in groups of columns. When one
// block is all there is, the weights of a group are transformed just before they are used and never leave the cache.
// Weights that stay the same from call to call are transformed once, by prepareFilters, and given to every call.
// Read next: winograd-plan.ts for the rule, the sizes and the rounding, winograd-transform.ts.
import { copyRun, ConvolutionShape } from "./convolution-shape";
import { finish } from "../elementwise/finish";
import { interleaveFour, interleaveRows } from "../products/matmul-pack";
import { Tile } from "../products/tile";
import { FIXED, Winograd } from "./winograd-plan";
import { multiplyTiles } from "./winograd-tile";
import { filterFour, filterTwo, inputFour, inputTwo, outputFour, outputTwo } from "./winograd-transform";
import { Share } from "../program/words";

/** Channels that are transformed at a time. The fixed buffers of the plan are made for it. */
const CHUNK: i32 = 16;

/** Transforms channels [from, from + count) of input tile `index` to `target`: [values][count]. */
function transformTile(plan: Winograd, index: i32, from: i32, count: i32, target: usize): void {
  const line = index / plan.tilesW;
  const n = line / plan.tilesH;
  const i = (line - n * plan.tilesH) * 4 - plan.top;
  const j = (index - line * plan.tilesW) * plan.columns - plan.left;
  const width = plan.columns + 2;
  const pixel = (plan.c as usize) << 2;
  const bytes = (count as usize) << 2;
  let rowStep = (plan.w as usize) * pixel;
  let columnStep = pixel;
  let source = plan.x + (((n * plan.h + i) * plan.w + j) as usize) * pixel + ((from as usize) << 2);
  if (i < 0 || j < 0 || i + 6 > plan.h || j + width > plan.w) {
    memory.fill(plan.patch, 0, ((6 * width) as usize) * bytes);
    const end = min<i32>(6, plan.h - i);
    const right = min<i32>(width, plan.w - j);
    const first = max<i32>(0, -j);
    for (let row = max<i32>(0, -i); row < end; row++) {
      let place = plan.patch + ((row * width + first) as usize) * bytes;
      let pixels = source + (row as usize) * rowStep + (first as usize) * pixel;
      for (let column = first; column < right; column++) {
        copyRun(pixels, place, count);
        pixels += pixel;
        place += bytes;
      }
    }
    source = plan.patch;
    rowStep = (width as usize) * bytes;
    columnStep = bytes;
  }
  const vectors = count >> 2;
  const pitch = (width as usize) * bytes;
  let middle = plan.middle;
  for (let column = 0; column < width; column++) {
    inputFour(source, rowStep, 16, middle, pitch, 16, vectors);
    source += columnStep;
    middle += bytes;
  }
  middle = plan.middle;
  for (let row = 0; row < 6; row++) {
    if (width == 6) inputFour(middle, bytes, 16, target, bytes, 16, vectors);
    else inputTwo(middle, bytes, 16, target, bytes, 16, vectors);
    middle += pitch;
    target += pitch;
  }
}

/** Transforms `count` tiles from `first` on and packs each value into row panels, block of channels by block. */
function packTiles(plan: Winograd, first: i32, count: i32): void {
  const tileRows = Tile.rows<f32>();
  const padded = ((count + tileRows - 1) / tileRows) * tileRows;
  const last = count - 1;
  for (let tile = 0; tile < count; tile += tileRows) {
    const valid = min<i32>(tileRows, count - tile);
    for (let from = 0; from < plan.c; from += CHUNK) {
      const channels = min<i32>(CHUNK, plan.c - from);
      const bytes = (channels as usize) << 2;
      const size = (plan.values as usize) * bytes;
      for (let i = 0; i < valid; i++)
        transformTile(plan, first + tile + i, from, channels, plan.transformed + (i as usize) * size);
      const start = from - (from % plan.depth);
      const block = min<i32>(plan.depth, plan.c - start);
      let target = plan.packed + (((padded * start + tile * block + (from - start) * tileRows) as usize) << 2);
      const r0 = plan.transformed;
      const r1 = r0 + (min<i32>(1, last - tile) as usize) * size;
      const r2 = r0 + (min<i32>(2, last - tile) as usize) * size;
      const r3 = r0 + (min<i32>(3, last - tile) as usize) * size;
      const r4 = r0 + (min<i32>(4, last - tile) as usize) * size;
      const r5 = r0 + (min<i32>(5, last - tile) as usize) * size;
      const end = r0 + size;
      const step = plan.packedStep;
      for (let shift: usize = 0; r0 + shift < end; shift += bytes) {
        interleaveRows<f32>(r0 + shift, r1 + shift, r2 + shift, r3 + shift, r4 + shift, r5 + shift, channels, target);
        target += step;
      }
    }
  }
}

/** Transforms the filters of outputs [from, from + columns) into column panels at `target`. */
function packFilters(plan: Winograd, from: i32, columns: i32, target: usize): void {
  const row = (plan.o as usize) << 2;
  const tap = (plan.c as usize) * row;
  const width = plan.columns + 2;
  const padded = (columns + 7) & ~7;
  const step = plan.weightStep;
  for (let column = 0; column < columns; column += 8) {
    const halves = columns - column > 4 ? 2 : 1;
    for (let k = 0; k < plan.c; k += CHUNK) {
      const channels = min<i32>(CHUNK, plan.c - k);
      const bytes = (channels as usize) << 5;
      const source = plan.filter + (k as usize) * row + (((from + column) as usize) << 2);
      for (let j: usize = 0; j < 3; j++) {
        const middle = plan.middle + j * bytes;
        filterFour(source + j * tap, 3 * tap, row, middle, 3 * bytes, 32, channels);
        if (halves > 1) filterFour(source + j * tap + 16, 3 * tap, row, middle + 16, 3 * bytes, 32, channels);
      }
      const start = k - (k % plan.depth);
      const block = min<i32>(plan.depth, plan.c - start);
      let place = target + (((padded * start + column * block + (k - start) * 8) as usize) << 2);
      let middle = plan.middle;
      for (let i = 0; i < 6; i++) {
        if (width == 6) filterFour(middle, bytes, 16, place, step, 16, channels * 2);
        else filterTwo(middle, bytes, 16, place, step, 16, channels * 2);
        middle += 3 * bytes;
        place += (width as usize) * step;
      }
    }
  }
}

/** The products of `count` packed tiles and `columns` outputs, for each value of a tile. */
function multiplyValues(plan: Winograd, count: i32, columns: i32, weights: usize): void {
  const tileRows = Tile.rows<f32>();
  const rows = ((count + tileRows - 1) / tileRows) * tileRows;
  const padded = (columns + 7) & ~7;
  const pitch = (padded as usize) << 2;
  let a = plan.packed;
  let c = plan.products;
  for (let value = 0; value < plan.values; value++) {
    for (let k = 0; k < plan.c; k += plan.depth) {
      const depth = min<i32>(plan.depth, plan.c - k);
      const blockA = a + (((rows * k) as usize) << 2);
      const blockB = weights + (((padded * k) as usize) << 2);
      multiplyTiles(count, padded, depth, blockA, blockB, c, pitch, k > 0);
    }
    a += plan.packedStep;
    c += plan.productStep;
    weights += plan.weightStep;
  }
}

/** Transforms the products back and writes outputs [from, from + columns) of `count` tiles from `first` on. */
function storeTiles(plan: Winograd, first: i32, count: i32, from: i32, columns: i32): void {
  const width = plan.columns + 2;
  const pixel = (plan.o as usize) << 2;
  const bytes = (columns as usize) << 2;
  const pitch = (((columns + 7) & ~7) as usize) << 2;
  const step = plan.productStep;
  const vectors = columns >> 2;
  for (let tile = 0; tile < count; tile++) {
    const index = first + tile;
    const line = index / plan.tilesW;
    const n = line / plan.tilesH;
    const i = (line - n * plan.tilesH) * 4;
    const j = (index - line * plan.tilesW) * plan.columns;
    let source = plan.products + (tile as usize) * pitch;
    let middle = plan.middle;
    for (let column = 0; column < width; column++) {
      outputFour(source, (width as usize) * step, 16, middle, (width as usize) * bytes, 16, vectors);
      source += step;
      middle += bytes;
    }
    const valid = min<i32>(plan.columns, plan.ow - j);
    const end = min<i32>(4, plan.oh - i);
    middle = plan.middle;
    let out = plan.out + (((n * plan.oh + i) * plan.ow + j) as usize) * pixel + ((from as usize) << 2);
    for (let row = 0; row < end; row++) {
      const whole = valid == plan.columns;
      const target = whole ? out : plan.edge;
      const targetStep = whole ? pixel : bytes;
      if (width == 6) outputFour(middle, bytes, 16, target, targetStep, 16, vectors);
      else outputTwo(middle, bytes, 16, target, targetStep, 16, vectors);
      if (!whole) {
        for (let column: usize = 0; column < (valid as usize); column++)
          copyRun(target + column * bytes, out + column * pixel, columns);
      }
      middle += (width as usize) * bytes;
      out += (plan.ow as usize) * pixel;
    }
  }
}

/** Tells that tile rows [from, end), counted over all images, are done. */
function finishTiles(plan: Winograd, from: i32, end: i32, own: usize): void {
  if (own == 0) return;
  const row = ((plan.ow * plan.o) as usize) << 2;
  // From the first row of outputs of a row of tiles to that of another; an image's last tiles may hang over its edge.
  const first = rowOfTiles(plan, from);
  const last = rowOfTiles(plan, end);
  finish(own, plan.out + (first as usize) * row, (last - first) * plan.ow, plan.o);
}

/** The first row of outputs, over all images, of a row of tiles. */
function rowOfTiles(plan: Winograd, index: i32): i32 {
  const n = index / plan.tilesH;
  return n * plan.oh + (index - n * plan.tilesH) * 4;
}

/** Tile rows [from, end), counted over all images. `own` is what finishOf gave. */
function convolveTiles(plan: Winograd, from: i32, end: i32, own: usize): void {
  const first = from * plan.tilesW;
  const last = end * plan.tilesW;
  const groupBytes = plan.groupBytes;
  const once = !plan.isPrepared && last - first <= plan.block;
  if (!once && !plan.isPrepared) {
    let weights = plan.weights;
    for (let o = 0; o < plan.o; o += plan.group) {
      packFilters(plan, o, min<i32>(plan.group, plan.o - o), weights);
      weights += groupBytes;
    }
  }
  let done = from;
  for (let tile = first; tile < last; tile += plan.block) {
    const count = min<i32>(plan.block, last - tile);
    packTiles(plan, tile, count);
    let weights = plan.weights;
    for (let o = 0; o < plan.o; o += plan.group) {
      const columns = min<i32>(plan.group, plan.o - o);
      if (once) packFilters(plan, o, columns, weights);
      multiplyValues(plan, count, columns, weights);
      storeTiles(plan, tile, count, o, columns);
      if (!once) weights += groupBytes;
    }
    const complete = (tile + count) / plan.tilesW;
    if (complete > done) finishTiles(plan, done, complete, own);
    done = complete;
  }
}

/**
 * The filters of a forward convolution of c channels to o outputs, group after group. Workers share the groups. Each needs
 * FIXED bytes of scratch, less than the convolution does.
 */
export function prepareFilters(
  c: i32,
  o: i32,
  w: usize,
  target: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
): void {
  const plan = changetype<Winograd>(scratch + FIXED * (worker as usize));
  // How the filters lie does not depend on the images.
  plan.cut(1, 4, 4, c, 4, 4, o);
  plan.filter = w;
  const groups = (o + plan.group - 1) / plan.group;
  const end = Share.from(groups, worker + 1, workers);
  for (let group = Share.from(groups, worker, workers); group < end; group++) {
    const from = group * plan.group;
    packFilters(plan, from, min<i32>(plan.group, o - from), target + (group as usize) * plan.groupBytes);
  }
}

/** Forward; `prepared` is what prepareFilters made of w, or 0. Workers share the rows of tiles of all images. */
export function winograd(
  shape: ConvolutionShape,
  x: usize,
  w: usize,
  prepared: usize,
  out: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
  own: usize,
): void {
  const bytes = Winograd.bytes(shape.n, shape.c, shape.oh, shape.ow, shape.o);
  const plan = changetype<Winograd>(scratch + bytes * (worker as usize));
  plan.cut(shape.n, shape.h, shape.w, shape.c, shape.oh, shape.ow, shape.o);
  plan.x = x;
  plan.out = out;
  plan.filter = w;
  if (prepared != 0) {
    plan.weights = prepared;
    plan.isPrepared = true;
  }
  plan.top = shape.padTop;
  plan.left = shape.padLeft;
  const lines = shape.n * plan.tilesH;
  convolveTiles(plan, Share.from(lines, worker, workers), Share.from(lines, worker + 1, workers), own);
}

/** Writes filters [3, 3, c, o] as those of the gradient [3, 3, o, c]: turned round, inputs and outputs changed places. */
function turnFilters(c: i32, o: i32, w: usize, filter: usize): void {
  const row = (o as usize) << 2;
  const targetRow = (c as usize) << 2;
  const tap = (c as usize) * row;
  for (let index: usize = 0; index < 9; index++) {
    let source = w + index * tap;
    const target = filter + (8 - index) * tap;
    for (let k: usize = 0; k < targetRow; k += 16) {
      interleaveFour<f32>(source, source + row, source + 2 * row, source + 3 * row, o, target + k, targetRow);
      source += 4 * row;
    }
  }
}

/** What prepareFilters makes of the filters of a gradient. Each worker needs FIXED bytes and 9 * c * o floats of scratch. */
export function prepareTurnedFilters(
  c: i32,
  o: i32,
  w: usize,
  target: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
): void {
  const filterBytes = ((9 * c * o) as usize) << 2;
  const filter = scratch + FIXED * (workers as usize) + filterBytes * (worker as usize);
  turnFilters(c, o, w, filter);
  prepareFilters(o, c, filter, target, scratch, worker, workers);
}

/** The input gradient: dy convolved with the filters turned round; `prepared` is what prepareTurnedFilters made of w, or 0. */
export function winogradInputGradient(
  shape: ConvolutionShape,
  dy: usize,
  w: usize,
  prepared: usize,
  dx: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
): void {
  const filterBytes = ((9 * shape.c * shape.o) as usize) << 2;
  const bytes = Winograd.bytes(shape.n, shape.o, shape.h, shape.w, shape.c) + filterBytes;
  scratch += bytes * (worker as usize);
  const plan = changetype<Winograd>(scratch);
  plan.cut(shape.n, shape.oh, shape.ow, shape.o, shape.h, shape.w, shape.c);
  plan.x = dy;
  plan.out = dx;
  plan.filter = scratch + (bytes - filterBytes);
  plan.top = 2 - shape.padTop;
  plan.left = 2 - shape.padLeft;
  if (prepared != 0) {
    plan.weights = prepared;
    plan.isPrepared = true;
  } else {
    turnFilters(shape.c, shape.o, w, plan.filter);
  }
  const lines = shape.n * plan.tilesH;
  convolveTiles(plan, Share.from(lines, worker, workers), Share.from(lines, worker + 1, workers), 0);
}
