// The two gradients of conv2d, for any stride, dilation, padding and groups, on the packing of the matrix product.
//   dx = scatter of (dy times the weights transposed): blocks of pixels give rows of window gradients in scratch, which are
//        added run by run to the image with its border; the border is dropped at the end.
//   dw = (dy transposed) times the windows: windows of blocks of pixels are gathered as rows, already the shape in
//        which the tile reads B, and dw transposed is accumulated in scratch over all blocks, then written turned.
// Pointwise filters are plain products, depthwise ones go to depthwise-gradient.ts, dx of dense 3 x 3 ones to winograd.ts, dw of few
// channels to convolution-planar-gradient.ts, whose scratch bindings/ops/scratch.ts says.
//
// Scratch in bytes (K = KH*KW*C/groups, G = O/groups, up(x, u) = ceil(x / u) * u, image as in convolution.ts,
// pitch = (ceil(K / 8) | 1) * 32, gemm as in ../products/matmul.ts with s = 4):
//   conv2dInputGradient   pointwise: workers * gemm(N*H*W, C, O);  depthwise: workers * up(8 * KH * (KW + 1), 64)
//     otherwise: workers * (image + 256 + 120 * min(G, 256) * 4 + up(groups * G * up(K, 8) * 4, 64) + 120 * pitch)
//   conv2dFilterGradient  pointwise: workers * gemm(C, O, N*H*W);  depthwise: workers * (image + 64)
//     otherwise: workers * (image + 256 + up(G, 30) * 1024 + (256 + up(G, 30)) * pitch)
import { depthwiseFilterGradient, depthwiseInputGradient, termBytes } from "./depthwise-gradient";
import { Planes } from "./convolution-planar";
import { planarFilterGradient } from "./convolution-planar-gradient";
import { addRun, ConvolutionShape, copyRun, WindowRuns } from "./convolution-shape";
import { matmulScratch, multiply, Way } from "../products/matmul";
import { packColumns, packRows } from "../products/matmul-pack";
import { multiplyPanels, Tile } from "../products/matmul-tile";
import { prepareTurnedFilters, winogradInputGradient } from "./winograd";
import { Winograd } from "./winograd-plan";
import { Share, Words } from "../program/words";

/** Bytes of one row of window values in scratch: an odd number of tile widths, so that rows spread over cache sets. */
function windowPitch(depth: i32): usize {
  return ((((depth + 7) >> 3) | 1) as usize) << 5;
}

/** Adds window gradients of pixels [from, from + rows) to the image, for one group (whose first channel is `image`). */
function scatterWindows(runs: WindowRuns, windows: usize, pitch: usize, from: i32, rows: i32, image: usize): void {
  const run = runs.run;
  const bytes = (run as usize) << 2;
  let left = runs.pixels - 1 - (from % runs.pixels);
  let window = runs.windowAt(image, from);
  for (let row = 0; row < rows; row++) {
    let source = windows;
    for (let i = 0; i < runs.runs; i += runs.taps) {
      let target = window + (((i / runs.taps) * runs.rowStep) as usize);
      for (let j = runs.taps; j > 0; j--) {
        addRun(source, target, run);
        source += bytes;
        target += runs.tapStep as usize;
      }
    }
    windows += pitch;
    if (left-- > 0) {
      window += runs.pixelStep as usize;
    } else {
      window += (runs.lineStep - (runs.pixels - 1) * runs.pixelStep) as usize;
      left = runs.pixels - 1;
    }
  }
}

/** The input gradient of one image, added to `image`. */
function inputGradientImage(
  shape: ConvolutionShape,
  runs: WindowRuns,
  dy: usize,
  packedW: usize,
  edge: usize,
  packedA: usize,
  windows: usize,
  image: usize,
): void {
  const depth = shape.outputs;
  const columns = shape.depth;
  const padded = (columns + 7) & ~7;
  const pitch = windowPitch(columns);
  const plane = shape.oh * shape.ow;
  for (let pixel = 0; pixel < plane; pixel += Tile.ROWS) {
    const rows = min<i32>(Tile.ROWS, plane - pixel);
    for (let group = 0; group < shape.groups; group++) {
      const weights = packedW + ((((group * depth) as usize) * (padded as usize)) << 2);
      for (let k = 0; k < depth; k += Tile.DEPTH) {
        const block = min<i32>(Tile.DEPTH, depth - k);
        const source = dy + (((pixel as usize) * (shape.o as usize) + ((group * depth + k) as usize)) << 2);
        packRows<f32>(source, shape.o, 1, rows, block, packedA);
        const b = weights + (((k as usize) * (padded as usize)) << 2);
        multiplyPanels<f32>(
          rows,
          padded,
          block,
          packedA,
          b,
          Tile.WIDTH * (block as usize),
          Tile.WIDTH,
          windows,
          pitch,
          edge,
          k > 0,
        );
      }
      scatterWindows(runs, windows, pitch, pixel, rows, image + (((group * shape.channels) as usize) << 2));
    }
  }
}

/** Blocks in which the weights of an input gradient are packed, over all groups. */
function weightBlocks(groups: i32, outputs: i32): i32 {
  return groups * ((outputs + Tile.DEPTH - 1) / Tile.DEPTH);
}

/** Packs blocks [from, end) of weights [depth, o]: Tile.DEPTH outputs of one group, each in panels of window values. */
function packWeights(groups: i32, depth: i32, o: i32, w: usize, target: usize, from: i32, end: i32): void {
  const outputs = o / groups;
  const pitch = (((depth + 7) & ~7) as usize) << 2;
  const blocks = weightBlocks(1, outputs);
  for (let index = from; index < end; index++) {
    const group = index / blocks;
    const k = (index - group * blocks) * Tile.DEPTH;
    const first = (group * outputs + k) as usize;
    packColumns<f32>(w + (first << 2), o, 1, depth, min<i32>(Tile.DEPTH, outputs - k), target + first * pitch);
  }
}

/** Words: w, result, scratch, then C and O: the weights of a Winograd input gradient as its product wants them. */
export function conv2dTransformedBack_f32(args: usize, worker: i32, workers: i32): void {
  const target = Words.pointer(args, 1);
  const scratch = Words.pointer(args, 2);
  const c = Words.integer(args, 3);
  const o = Words.integer(args, 4);
  prepareTurnedFilters(c, o, Words.pointer(args, 0), target, scratch, worker, workers);
}

/** Words: w, result, scratch, then groups, K and O: the weights of any other input gradient, packed. */
export function conv2dPackedBack_f32(args: usize, worker: i32, workers: i32): void {
  const groups = Words.integer(args, 3);
  const depth = Words.integer(args, 4);
  const o = Words.integer(args, 5);
  const blocks = weightBlocks(groups, o / groups);
  const from = Share.from(blocks, worker, workers);
  const end = Share.from(blocks, worker + 1, workers);
  packWeights(groups, depth, o, Words.pointer(args, 0), Words.pointer(args, 1), from, end);
}

/**
 * Words: dy, w, dx, scratch, then the 17 of the shape, and the address of what one of the two above or matmulPacked made of w,
 * or 0. Workers share the images, or their pixels or rows, or Winograd's rows of tiles.
 */
export function conv2dInputGradient_f32(args: usize, worker: i32, workers: i32): void {
  const dy = Words.pointer(args, 0);
  const w = Words.pointer(args, 1);
  const dx = Words.pointer(args, 2);
  let scratch = Words.pointer(args, 3);
  const shape = changetype<ConvolutionShape>(args + 16);
  const prepared = Words.pointer(args, 21);
  if (Winograd.suitsGradient(shape)) {
    winogradInputGradient(shape, dy, w, prepared, dx, scratch, worker, workers);
    return;
  }
  if (shape.isDepthwise && !shape.isEmpty) {
    const rows = shape.n * shape.h;
    const first = Share.from(rows, worker, workers);
    scratch += termBytes(shape) * (worker as usize);
    depthwiseInputGradient(shape, dy, w, dx, scratch, first, Share.from(rows, worker + 1, workers));
    return;
  }
  const plane = shape.oh * shape.ow;
  if (shape.isPointwise && !shape.isEmpty) {
    const pixels = shape.n * plane;
    const first = Share.from(pixels, worker, workers);
    const rows = Share.from(pixels, worker + 1, workers) - first;
    if (rows == 0) return;
    scratch += matmulScratch(pixels, shape.c, shape.o, 4) * (worker as usize);
    const a = dy + (((first as usize) * (shape.o as usize)) << 2);
    const c = dx + (((first as usize) * (shape.c as usize)) << 2);
    const way = Way.of<f32>(pixels, shape.c, shape.o, 1, 1, shape.o, shape.c);
    multiply<f32>(way, a, w, prepared, c, scratch, rows, shape.c, shape.o, shape.o, 1, 1, shape.o, shape.c, 0);
    return;
  }
  const from = Share.from(shape.n, worker, workers);
  const end = Share.from(shape.n, worker + 1, workers);
  const row = ((shape.w * shape.c) as usize) << 2;
  const imageBytes = (shape.h as usize) * row;
  if (from >= end || imageBytes == 0) return;
  if (shape.isEmpty) {
    memory.fill(dx + (from as usize) * imageBytes, 0, ((end - from) as usize) * imageBytes);
    return;
  }
  const gradientBytes = ((plane as usize) * (shape.o as usize)) << 2;
  const columns = (shape.depth + 7) & ~7;
  const blockBytes = (Tile.ROWS as usize) * (min<i32>(shape.outputs, Tile.DEPTH) as usize) * 4;
  const weightBytes = ((((shape.o as usize) * (columns as usize)) << 2) + 63) & ~63;
  const windowBytes = (Tile.ROWS as usize) * windowPitch(shape.depth);
  const edge = scratch + shape.paddedBytes;
  const perWorker = shape.paddedBytes + Tile.EDGE + blockBytes + weightBytes + windowBytes;
  const shift = perWorker * (worker as usize);
  scratch += shift;
  const runs = WindowRuns.at(edge + shift + Tile.EDGE_TILE, shape);
  const packedA = edge + shift + Tile.EDGE;
  const packedW = prepared == 0 ? packedA + blockBytes : prepared;
  const windows = packedA + blockBytes + weightBytes;
  if (prepared == 0)
    packWeights(shape.groups, shape.depth, shape.o, w, packedW, 0, weightBlocks(shape.groups, shape.outputs));
  const left = ((shape.padLeft * shape.c) as usize) << 2;
  const pitch = ((shape.paddedW * shape.c) as usize) << 2;
  for (let n = from; n < end; n++) {
    const target = dx + (n as usize) * imageBytes;
    const image = shape.isPadded ? scratch : target;
    memory.fill(image, 0, (shape.paddedH as usize) * pitch);
    const gradient = dy + (n as usize) * gradientBytes;
    inputGradientImage(shape, runs, gradient, packedW, edge + shift, packedA, windows, image);
    if (shape.isPadded) {
      let inside = image + (shape.padTop as usize) * pitch + left;
      for (let i = 0; i < shape.h; i++) {
        memory.copy(target + (i as usize) * row, inside, row);
        inside += pitch;
      }
    }
  }
}

/** Gathers values [from, end) of the windows of pixels [first, first + rows) as rows; the rest of a row is left alone. */
function gatherWindows(
  runs: WindowRuns,
  image: usize,
  first: i32,
  rows: i32,
  from: i32,
  end: i32,
  target: usize,
  pitch: usize,
): void {
  const run = runs.run;
  const firstRun = from / run;
  const skip = from - firstRun * run;
  const firstOffset = runs.offset(firstRun) + ((skip as usize) << 2);
  const firstTap = firstRun % runs.taps;
  const nextLine = (runs.rowStep - (runs.taps - 1) * runs.tapStep) as usize;
  let ahead = runs.pixels - 1 - (first % runs.pixels);
  let window = runs.windowAt(image, first);
  for (let row = 0; row < rows; row++) {
    let place = target;
    let tap = firstTap;
    let count = min<i32>(run - skip, end - from);
    let left = end - from;
    let source = window + firstOffset;
    let back = (skip as usize) << 2;
    while (left > 0) {
      copyRun(source, place, count);
      place += (count as usize) << 2;
      left -= count;
      source -= back;
      back = 0;
      if (++tap == runs.taps) {
        tap = 0;
        source += nextLine;
      } else {
        source += runs.tapStep as usize;
      }
      count = min<i32>(run, left);
    }
    target += pitch;
    if (ahead-- > 0) {
      window += runs.pixelStep as usize;
    } else {
      window += (runs.lineStep - (runs.pixels - 1) * runs.pixelStep) as usize;
      ahead = runs.pixels - 1;
    }
  }
}

/** Writes rows [from, end) of dw for one group from its transpose [outputs][end - from] in scratch. */
function storeFilter(
  shape: ConvolutionShape,
  total: usize,
  pitch: usize,
  dw: usize,
  group: i32,
  from: i32,
  end: i32,
): void {
  for (let k = from; k < end; k++) {
    const target = dw + (((k as usize) * (shape.o as usize) + ((group * shape.outputs) as usize)) << 2);
    const source = total + (((k - from) as usize) << 2);
    for (let o: usize = 0; o < (shape.outputs as usize); o++)
      store<f32>(target + (o << 2), load<f32>(source + o * pitch));
  }
}

/** Words: x, dy, dw, scratch, then the 17 of the shape. Workers share the values of the window: rows of dw. */
export function conv2dFilterGradient_f32(args: usize, worker: i32, workers: i32): void {
  const x = Words.pointer(args, 0);
  const dy = Words.pointer(args, 1);
  const dw = Words.pointer(args, 2);
  let scratch = Words.pointer(args, 3);
  const shape = changetype<ConvolutionShape>(args + 16);
  const taps = shape.isDepthwise ? shape.kh * shape.kw : shape.depth;
  const from = Share.from(taps, worker, workers);
  const end = Share.from(taps, worker + 1, workers);
  const rowBytes = (shape.o as usize) << 2;
  if (from >= end || rowBytes == 0) return;
  if (shape.isEmpty) {
    memory.fill(dw + (from as usize) * rowBytes, 0, ((end - from) as usize) * rowBytes);
    return;
  }
  const plane = shape.oh * shape.ow;
  if (shape.isPointwise) {
    scratch += matmulScratch(shape.c, shape.o, shape.n * plane, 4) * (worker as usize);
    const c = dw + (from as usize) * rowBytes;
    multiply<f32>(
      Way.of<f32>(shape.c, shape.o, shape.n * plane, shape.c, shape.o, 1, shape.o),
      x + ((from as usize) << 2),
      dy,
      0,
      c,
      scratch,
      end - from,
      shape.o,
      shape.n * plane,
      1,
      shape.c,
      shape.o,
      1,
      shape.o,
      0,
    );
    return;
  }
  if (shape.isDepthwise) {
    scratch += (shape.paddedBytes + 64) * (worker as usize);
    memory.fill(dw + (from as usize) * rowBytes, 0, ((end - from) as usize) * rowBytes);
    for (let n = 0; n < shape.n; n++) {
      const image = shape.padImage(x, n, scratch);
      depthwiseFilterGradient(shape, image, dy + ((n * plane) as usize) * rowBytes, dw, from, end);
    }
    return;
  }
  if (Planes.suits(shape)) {
    planarFilterGradient(shape, x, dy, dw, scratch, worker, workers);
    return;
  }
  const outputs = shape.outputs;
  const lanes = (((outputs + 29) / 30) * 30) as usize;
  const fullPitch = windowPitch(shape.depth);
  const perWorker = shape.paddedBytes + Tile.EDGE + (lanes << 10) + (256 + lanes) * fullPitch;
  scratch += perWorker * (worker as usize);
  const edge = scratch + shape.paddedBytes;
  const runs = WindowRuns.at(edge + Tile.EDGE_TILE, shape);
  const packedA = edge + Tile.EDGE;
  const windows = packedA + (lanes << 10);
  const total = windows + 256 * fullPitch;
  const columns = (end - from + 7) & ~7;
  const pitch = windowPitch(end - from);
  // The padding of the window rows is multiplied (and never stored): it must hold numbers, not what scratch had before.
  memory.fill(windows, 0, 256 * pitch);
  for (let group = 0; group < shape.groups; group++) {
    const pixels = shape.n * plane;
    let present = -1;
    let image: usize = 0;
    for (let start = 0; start < pixels; start += Tile.DEPTH) {
      const block = min<i32>(Tile.DEPTH, pixels - start);
      let filled = 0;
      while (filled < block) {
        const n = (start + filled) / plane;
        const first = start + filled - n * plane;
        const count = min<i32>(block - filled, plane - first);
        if (n != present) image = shape.padImage(x, n, scratch) + (((group * shape.channels) as usize) << 2);
        present = n;
        gatherWindows(runs, image, first, count, from, end, windows + (filled as usize) * pitch, pitch);
        filled += count;
      }
      const source = dy + (((start as usize) * (shape.o as usize) + ((group * outputs) as usize)) << 2);
      packRows<f32>(source, 1, shape.o, outputs, block, packedA);
      multiplyPanels<f32>(outputs, columns, block, packedA, windows, Tile.WIDTH, pitch, total, pitch, edge, start > 0);
    }
    storeFilter(shape, total, pitch, dw, group, from, end);
  }
}
