// conv2d: x [N, H, W, C], w [KH, KW, C/groups, O], out [N, OH, OW, O]. An implicit matrix product: windows of blocks of
// pixels are packed straight from the image into row panels (no im2col buffer), weights once per call or kept packed, and
// the register tile of the matrix product does the rest. Pointwise filters are that product itself, depthwise ones have
// a kernel of their own, and so have dense 3 x 3 ones with enough channels (winograd.ts) and few channels
// (convolution-planar.ts). What follows (a bias, an activation, a residual) is done by ../elementwise/finish.ts, pixels by pixels.
//
// Scratch in bytes (s = the words, PH/PW = size with border, see convolution-shape.ts; up(x, u) = ceil(x / u) * u):
//   pointwise: workers * gemm(N*H*W, O, C)           where gemm is the formula in ../products/matmul.ts with s = 4
//   otherwise: workers * (image + 256 + 120 * min(K, 256) * 4 + groups * K * up(O/groups, 8) * 4), each term up to 64
//              image = 0 when PH = H and PW = W, else up(PH * PW * C * 4, 64);  K = KH * KW * C/groups
//   few channels: planes() of bindings/ops/scratch.ts
//   depthwise: workers * (image + 64)               Winograd: workers * Winograd.bytes, see winograd-plan.ts
import { depthwise } from "./depthwise";
import { convolvePlanes, Planes } from "./convolution-planar";
import { ConvolutionShape, WindowRuns } from "./convolution-shape";
import { finish, finishOf } from "../elementwise/finish";
import { matmulScratch, multiply, Way } from "../products/matmul";
import { interleaveRows, packColumns } from "../products/matmul-pack";
import { multiplyPanels, Tile } from "../products/matmul-tile";
import { prepareFilters, winograd } from "./winograd";
import { Winograd } from "./winograd-plan";
import { Share, Words } from "../program/words";

/** Blocks in which the weights of an implicit matrix product are packed, over all groups. */
function weightBlocks(groups: i32, depth: i32): i32 {
  return groups * ((depth + Tile.DEPTH - 1) / Tile.DEPTH);
}

/**
 * Packs blocks [from, end) of weights [depth, o], counted over all groups: Tile.DEPTH rows of one group's outputs, each in
 * column panels.
 */
function packWeights(groups: i32, depth: i32, o: i32, w: usize, target: usize, from: i32, end: i32): void {
  const outputs = o / groups;
  const pitch = (((outputs + 7) & ~7) as usize) << 2;
  const blocks = weightBlocks(1, depth);
  for (let index = from; index < end; index++) {
    const group = index / blocks;
    const k = (index - group * blocks) * Tile.DEPTH;
    const source = w + (((k as usize) * (o as usize) + ((group * outputs) as usize)) << 2);
    const place = target + ((group as usize) * (depth as usize) + (k as usize)) * pitch;
    packColumns<f32>(source, 1, o, outputs, min<i32>(Tile.DEPTH, depth - k), place);
  }
}

/** Packs values [from, from + depth) of the windows of one panel of pixels; r0 to r5 are the starts of the windows. */
function packWindows(
  runs: WindowRuns,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  r4: usize,
  r5: usize,
  from: i32,
  depth: i32,
  target: usize,
): void {
  const run = runs.run;
  let index = 0;
  let skip = 0;
  if (from > 0) {
    index = from / run;
    skip = from - index * run;
  }
  const taps = runs.taps;
  let line: usize = 0;
  let tap = index;
  if (index >= taps) {
    const i = index / taps;
    tap -= i * taps;
    line = (i * runs.rowStep) as usize;
  }
  let offset = line + ((tap * runs.tapStep) as usize);
  while (depth > 0) {
    const count = min<i32>(run - skip, depth);
    const shift = offset + ((skip as usize) << 2);
    interleaveRows<f32>(r0 + shift, r1 + shift, r2 + shift, r3 + shift, r4 + shift, r5 + shift, count, target);
    target += ((count * Tile.rows<f32>()) as usize) << 2;
    depth -= count;
    skip = 0;
    if (++tap == taps) {
      tap = 0;
      line += runs.rowStep as usize;
      offset = line;
    } else {
      offset += runs.tapStep as usize;
    }
  }
}

/** Packs a block of windows: pixels [pixel, pixel + rows), values [from, from + depth). */
function packBlock(runs: WindowRuns, image: usize, pixel: i32, rows: i32, from: i32, depth: i32, target: usize): void {
  const tileRows = Tile.rows<f32>();
  const panel = ((depth * tileRows) as usize) << 2;
  const step = runs.pixelStep as usize;
  // Next to r is r + step until the row of outputs ends; `left` counts the windows of the row after r.
  let r = runs.windowAt(image, pixel);
  let left = runs.pixels - 1 - (pixel % runs.pixels);
  const end = pixel + rows;
  while (pixel < end) {
    const r0 = r;
    let r1 = r;
    let r2 = r;
    let r3 = r;
    let r4 = r;
    let r5 = r;
    if (left >= tileRows && pixel + tileRows <= end) {
      r1 += step;
      r2 = r1 + step;
      r3 = r2 + step;
      r4 = r3 + step;
      r5 = r4 + step;
      r += step * (tileRows as usize);
      left -= tileRows;
    } else {
      const last = end - 1;
      r1 = runs.windowAt(image, min<i32>(pixel + 1, last));
      r2 = runs.windowAt(image, min<i32>(pixel + 2, last));
      r3 = runs.windowAt(image, min<i32>(pixel + 3, last));
      r4 = runs.windowAt(image, min<i32>(pixel + 4, last));
      r5 = runs.windowAt(image, min<i32>(pixel + 5, last));
      if (pixel + tileRows < end) {
        r = runs.windowAt(image, pixel + tileRows);
        left = runs.pixels - 1 - ((pixel + tileRows) % runs.pixels);
      }
    }
    packWindows(runs, r0, r1, r2, r3, r4, r5, from, depth, target);
    target += panel;
    pixel += tileRows;
  }
}

/** Output pixels [from, end) of the images behind `image`; `out` is where pixel 0 goes. */
function convolvePixels(
  shape: ConvolutionShape,
  runs: WindowRuns,
  image: usize,
  packedA: usize,
  packedW: usize,
  edge: usize,
  from: i32,
  end: i32,
  out: usize,
  own: usize,
): void {
  const depth = shape.depth;
  const outputs = shape.outputs;
  const pitch = (((outputs + 7) & ~7) as usize) << 2;
  const step = (shape.o as usize) << 2;
  for (let pixel = from; pixel < end; pixel += Tile.ROWS) {
    const rows = min<i32>(Tile.ROWS, end - pixel);
    for (let group = 0; group < shape.groups; group++) {
      const source = image + (((group * shape.channels) as usize) << 2);
      const place = out + (pixel as usize) * step + (((group * outputs) as usize) << 2);
      const weights = packedW + (group as usize) * (depth as usize) * pitch;
      for (let k = 0; k < depth; k += Tile.DEPTH) {
        const block = min<i32>(Tile.DEPTH, depth - k);
        packBlock(runs, source, pixel, rows, k, block, packedA);
        const panel = Tile.WIDTH * (block as usize);
        multiplyPanels<f32>(
          rows,
          outputs,
          block,
          packedA,
          weights + (k as usize) * pitch,
          panel,
          Tile.WIDTH,
          place,
          step,
          edge,
          k > 0,
        );
      }
    }
    finish(own, out + (pixel as usize) * step, rows, shape.o);
  }
}

/** Words: w, result, scratch, then C and O: the weights of a Winograd convolution as its product wants them. */
export function conv2dTransformed_f32(args: usize, worker: i32, workers: i32): void {
  const target = Words.pointer(args, 1);
  const scratch = Words.pointer(args, 2);
  const c = Words.integer(args, 3);
  const o = Words.integer(args, 4);
  prepareFilters(c, o, Words.pointer(args, 0), target, scratch, worker, workers);
}

/** Words: w, result, scratch, then groups, K and O: the weights of an implicit matrix product, packed. */
export function conv2dPacked_f32(args: usize, worker: i32, workers: i32): void {
  const groups = Words.integer(args, 3);
  const depth = Words.integer(args, 4);
  const o = Words.integer(args, 5);
  const blocks = weightBlocks(groups, depth);
  const from = Share.from(blocks, worker, workers);
  const end = Share.from(blocks, worker + 1, workers);
  packWeights(groups, depth, o, Words.pointer(args, 0), Words.pointer(args, 1), from, end);
}

/**
 * Words: x, w, out, scratch, then the 17 of the shape, the address of what conv2dTransformed, conv2dPacked or matmulPacked made
 * of w, or 0, and of what follows (../elementwise/finish.ts). Workers share all output pixels of the batch.
 */
export function conv2d_f32(args: usize, worker: i32, workers: i32): void {
  const x = Words.pointer(args, 0);
  const w = Words.pointer(args, 1);
  const out = Words.pointer(args, 2);
  let scratch = Words.pointer(args, 3);
  const shape = changetype<ConvolutionShape>(args + 16);
  const prepared = Words.pointer(args, 21);
  const own = finishOf(Words.pointer(args, 22), worker);
  const plane = shape.oh * shape.ow;
  const pixels = shape.n * plane;
  const from = Share.from(pixels, worker, workers);
  const end = Share.from(pixels, worker + 1, workers);
  if (from >= end || shape.o <= 0) return;
  const step = (shape.o as usize) << 2;
  if (shape.isEmpty) {
    memory.fill(out + (from as usize) * step, 0, ((end - from) as usize) * step);
    finish(own, out + (from as usize) * step, end - from, shape.o);
    return;
  }
  if (shape.isPointwise) {
    scratch += matmulScratch(pixels, shape.o, shape.c, 4) * (worker as usize);
    const a = x + (((from as usize) * (shape.c as usize)) << 2);
    const c = out + (from as usize) * step;
    const way = Way.of<f32>(pixels, shape.o, shape.c, 1, shape.o, 1, shape.o);
    const rows = end - from;
    multiply<f32>(way, a, w, prepared, c, scratch, rows, shape.o, shape.c, shape.c, 1, shape.o, 1, shape.o, own);
    return;
  }
  if (Winograd.suits(shape)) {
    winograd(shape, x, w, prepared, out, scratch, worker, workers, own);
    return;
  }
  if (shape.isDepthwise) {
    depthwise(shape, x, w, out, scratch + (shape.paddedBytes + 64) * (worker as usize), worker, workers, own);
    return;
  }
  if (Planes.suits(shape)) {
    convolvePlanes(shape, x, w, out, scratch, worker, workers, own);
    return;
  }
  const depth = shape.depth;
  const blockBytes = (Tile.ROWS as usize) * (min<i32>(depth, Tile.DEPTH) as usize) * 4;
  const groupBytes = (depth as usize) * (((shape.outputs + 7) & ~7) as usize) * 4;
  const bytes =
    shape.paddedBytes + Tile.EDGE + ((blockBytes + 63) & ~63) + (((shape.groups as usize) * groupBytes + 63) & ~63);
  scratch += bytes * (worker as usize);
  const edge = scratch + shape.paddedBytes;
  const runs = WindowRuns.at(edge + Tile.EDGE_TILE, shape);
  const packedA = edge + Tile.EDGE;
  let packedW = prepared;
  if (packedW == 0) {
    packedW = packedA + ((blockBytes + 63) & ~63);
    packWeights(shape.groups, depth, shape.o, w, packedW, 0, weightBlocks(shape.groups, depth));
  }
  if (!shape.isPadded) {
    convolvePixels(shape, runs, x, packedA, packedW, edge, from, end, out, own);
    return;
  }
  for (let n = from / plane; n * plane < end; n++) {
    const image = shape.padImage(x, n, scratch);
    const first = max<i32>(0, from - n * plane);
    const stop = min<i32>(plane, end - n * plane);
    const place = out + ((n * plane) as usize) * step;
    convolvePixels(shape, runs, image, packedA, packedW, edge, first, stop, place, own);
  }
}
