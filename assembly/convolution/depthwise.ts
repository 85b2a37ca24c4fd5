// Depthwise convolution (one filter per channel), vectorised over channels. There is no sum over channels, so packing would only
// copy: each output vector is a sum over the taps of image vector times weight vector. Four output pixels of a row share each
// weight. Works on images with their border (convolution-shape.ts). Read next: depthwise-gradient.ts.
import { ConvolutionShape } from "./convolution-shape";
import { finish } from "../elementwise/finish";
import { Tile } from "../products/matmul-tile";
import { Share } from "../program/words";

/** Four neighbouring output pixels, any filter, all vectors of channels. `x` is the first window, `pixel` the distance of windows. */
function fourPixels(shape: ConvolutionShape, x: usize, pixel: usize, w: usize, out: usize): void {
  const step = (shape.c as usize) << 2;
  const tapStep = (shape.dilationW as usize) * step;
  const rowStep = ((shape.dilationH * shape.paddedW) as usize) * step;
  const end = x + (step & ~15);
  const taps = shape.kw;
  while (x < end) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let line = x;
    let weights = w;
    for (let i = shape.kh; i > 0; i--) {
      let x0 = line;
      let x2 = line + 2 * pixel;
      let j = taps;
      // Two taps a turn.
      for (; j > 1; j -= 2) {
        const y0 = v128.load(weights);
        s0 = Tile.madd<f32>(v128.load(x0), y0, s0);
        s1 = Tile.madd<f32>(v128.load(x0 + pixel), y0, s1);
        s2 = Tile.madd<f32>(v128.load(x2), y0, s2);
        s3 = Tile.madd<f32>(v128.load(x2 + pixel), y0, s3);
        x0 += tapStep;
        x2 += tapStep;
        const y1 = v128.load(weights + step);
        s0 = Tile.madd<f32>(v128.load(x0), y1, s0);
        s1 = Tile.madd<f32>(v128.load(x0 + pixel), y1, s1);
        s2 = Tile.madd<f32>(v128.load(x2), y1, s2);
        s3 = Tile.madd<f32>(v128.load(x2 + pixel), y1, s3);
        x0 += tapStep;
        x2 += tapStep;
        weights += 2 * step;
      }
      if (j > 0) {
        const y = v128.load(weights);
        s0 = Tile.madd<f32>(v128.load(x0), y, s0);
        s1 = Tile.madd<f32>(v128.load(x0 + pixel), y, s1);
        s2 = Tile.madd<f32>(v128.load(x2), y, s2);
        s3 = Tile.madd<f32>(v128.load(x2 + pixel), y, s3);
        weights += step;
      }
      line += rowStep;
    }
    let target = out;
    v128.store(target, s0);
    target += step;
    v128.store(target, s1);
    target += step;
    v128.store(target, s2);
    v128.store(target + step, s3);
    x += 16;
    w += 16;
    out += 16;
  }
}

/**
 * Four neighbouring outputs of a dense 3 x 3 filter with stride 1, all vectors of channels: each value of the image is
 * loaded once for up to three products. Channels are the inner loop, so that memory is read in order.
 */
function fourPixels3x3(x: usize, rowStep: usize, w: usize, step: usize, out: usize): void {
  const end = x + (step & ~15);
  const skip = step * 6 - rowStep;
  while (x < end) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let place = x;
    let weights = w;
    for (let i = 3; i > 0; i--) {
      const w0 = v128.load(weights);
      weights += step;
      const w1 = v128.load(weights);
      weights += step;
      const w2 = v128.load(weights);
      weights += step;
      const x0 = v128.load(place);
      place += step;
      s0 = Tile.madd<f32>(x0, w0, s0);
      const x1 = v128.load(place);
      place += step;
      s1 = Tile.madd<f32>(x1, w0, s1);
      s0 = Tile.madd<f32>(x1, w1, s0);
      const x2 = v128.load(place);
      place += step;
      s2 = Tile.madd<f32>(x2, w0, s2);
      s1 = Tile.madd<f32>(x2, w1, s1);
      s0 = Tile.madd<f32>(x2, w2, s0);
      const x3 = v128.load(place);
      place += step;
      s3 = Tile.madd<f32>(x3, w0, s3);
      s2 = Tile.madd<f32>(x3, w1, s2);
      s1 = Tile.madd<f32>(x3, w2, s1);
      const x4 = v128.load(place);
      place += step;
      s3 = Tile.madd<f32>(x4, w1, s3);
      s2 = Tile.madd<f32>(x4, w2, s2);
      s3 = Tile.madd<f32>(v128.load(place), w2, s3);
      place += step;
      place -= skip;
    }
    let target = out;
    v128.store(target, s0);
    target += step;
    v128.store(target, s1);
    target += step;
    v128.store(target, s2);
    v128.store(target + step, s3);
    x += 16;
    w += 16;
    out += 16;
  }
}

function onePixel(shape: ConvolutionShape, x: usize, w: usize, out: usize): void {
  const step = (shape.c as usize) << 2;
  let sum = f32x4.splat(0);
  for (let i = 0; i < shape.kh; i++) {
    for (let j = 0; j < shape.kw; j++) {
      const tap = ((i * shape.dilationH * shape.paddedW + j * shape.dilationW) as usize) * step;
      sum = Tile.madd<f32>(v128.load(x + tap), v128.load(w), sum);
      w += step;
    }
  }
  v128.store(out, sum);
}

/** One channel of one pixel, for the channels past the last vector. */
function oneValue(shape: ConvolutionShape, x: usize, w: usize, out: usize): void {
  const step = (shape.c as usize) << 2;
  let sum: f32 = 0;
  for (let i = 0; i < shape.kh; i++) {
    for (let j = 0; j < shape.kw; j++) {
      const tap = ((i * shape.dilationH * shape.paddedW + j * shape.dilationW) as usize) * step;
      sum += load<f32>(x + tap) * load<f32>(w);
      w += step;
    }
  }
  store<f32>(out, sum);
}

/** Forward. Workers share the rows of all outputs. */
export function depthwise(
  shape: ConvolutionShape,
  x: usize,
  w: usize,
  out: usize,
  scratch: usize,
  worker: i32,
  workers: i32,
  own: usize,
): void {
  const from = Share.from(shape.n * shape.oh, worker, workers);
  const end = Share.from(shape.n * shape.oh, worker + 1, workers);
  const step = (shape.c as usize) << 2;
  const pixel = (shape.strideW as usize) * step;
  const dense =
    shape.ow >= 4 && shape.kh == 3 && shape.kw == 3 && (shape.strideW | shape.dilationH | shape.dilationW) == 1;
  let present = -1;
  let image: usize = 0;
  for (let row = from; row < end; row++) {
    const n = row / shape.oh;
    if (n != present) {
      image = shape.padImage(x, n, scratch);
      present = n;
    }
    const window = image + shape.windowOffset(row - n * shape.oh, 0);
    const place = out + ((row * shape.ow) as usize) * step;
    // The last block of four pixels overlaps the one before it, if it must. The loops after this are left with narrow
    // images and with the channels past the last vector.
    let first = 0;
    if (dense) {
      const rowStep = (shape.paddedW as usize) * step;
      for (let j = 0; j < shape.ow; j += 4) {
        const shift = (min<i32>(j, shape.ow - 4) as usize) * step;
        fourPixels3x3(window + shift, rowStep, w, step, place + shift);
      }
      first = shape.ow;
    } else if (shape.ow >= 4) {
      for (let j = 0; j < shape.ow; j += 4) {
        const start = min<i32>(j, shape.ow - 4) as usize;
        fourPixels(shape, window + start * pixel, pixel, w, place + start * step);
      }
      first = shape.ow;
    }
    let c: usize = 0;
    while (c + 16 <= step) {
      let j = first;
      while (j < shape.ow) {
        onePixel(shape, window + (j as usize) * pixel + c, w + c, place + (j as usize) * step + c);
        j++;
      }
      c += 16;
    }
    while (c < step) {
      for (let j = 0; j < shape.ow; j++) {
        oneValue(shape, window + (j as usize) * pixel + c, w + c, place + (j as usize) * step + c);
      }
      c += 4;
    }
    finish(own, place, shape.ow, shape.c);
  }
}
