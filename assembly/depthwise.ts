// Depthwise convolution (one filter per channel) and its two gradients, vectorised over channels. There is no sum over
// channels, so packing would only copy: each output vector is a sum over the taps of image vector times weight vector.
// Four output pixels of a row share each weight. Works on images with their border (convolution-shape.ts).
import { ConvolutionShape } from "./convolution-shape";
import { Tile } from "./matmul-tile";
import { Share } from "./words";

/** Four channels of four neighbouring output pixels. `x` is the first window, `pixel` the distance of windows. */
function fourPixels(shape: ConvolutionShape, x: usize, pixel: usize, w: usize, out: usize): void {
  const step = (shape.c as usize) << 2;
  const tapStep = (shape.dilationW as usize) * step;
  const rowStep = ((shape.dilationH * shape.paddedW) as usize) * step;
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (let i = shape.kh; i > 0; i--) {
    let x0 = x;
    let x2 = x + 2 * pixel;
    for (let j = shape.kw; j > 0; j--) {
      const y = v128.load(w);
      s0 = Tile.madd<f32>(v128.load(x0), y, s0);
      s1 = Tile.madd<f32>(v128.load(x0 + pixel), y, s1);
      s2 = Tile.madd<f32>(v128.load(x2), y, s2);
      s3 = Tile.madd<f32>(v128.load(x2 + pixel), y, s3);
      x0 += tapStep;
      x2 += tapStep;
      w += step;
    }
    x += rowStep;
  }
  v128.store(out, s0);
  out += step;
  v128.store(out, s1);
  out += step;
  v128.store(out, s2);
  out += step;
  v128.store(out, s3);
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
    // Dense 3 x 3 filters: the last block of four pixels overlaps the one before it, if it must. The loops after this
    // are left with the channels past the last vector.
    let first = 0;
    if (dense) {
      const rowStep = (shape.paddedW as usize) * step;
      for (let j = 0; j < shape.ow; j += 4) {
        const shift = (min<i32>(j, shape.ow - 4) as usize) * step;
        fourPixels3x3(window + shift, rowStep, w, step, place + shift);
      }
      first = shape.ow;
    }
    let c: usize = 0;
    while (c + 16 <= step) {
      let j = first;
      while (j + 4 <= shape.ow) {
        fourPixels(shape, window + (j as usize) * pixel + c, pixel, w + c, place + (j as usize) * step + c);
        j += 4;
      }
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
  }
}

/** Adds the input gradient of one image to `image` (with border, zeroed by the caller). */
export function depthwiseInputGradient(shape: ConvolutionShape, dy: usize, w: usize, image: usize): void {
  const step = (shape.c as usize) << 2;
  for (let i = 0; i < shape.oh; i++) {
    for (let j = 0; j < shape.ow; j++) {
      const window = image + shape.windowOffset(i, j);
      let weights = w;
      for (let index = 0; index < shape.kh * shape.kw; index++) {
        const target = window + shape.tapOffset(index);
        let c: usize = 0;
        while (c + 16 <= step) {
          v128.store(target + c, Tile.madd<f32>(v128.load(dy + c), v128.load(weights + c), v128.load(target + c)));
          c += 16;
        }
        while (c < step) {
          store<f32>(target + c, load<f32>(target + c) + load<f32>(dy + c) * load<f32>(weights + c));
          c += 4;
        }
        weights += step;
      }
      dy += step;
    }
  }
}

/** Adds one image's share of the filter gradient to dw, for taps [from, end). Each output row is summed on its own. */
export function depthwiseFilterGradient(
  shape: ConvolutionShape,
  image: usize,
  dy: usize,
  dw: usize,
  from: i32,
  end: i32,
): void {
  const step = (shape.c as usize) << 2;
  const pixel = (shape.strideW as usize) * step;
  for (let index = from; index < end; index++) {
    const tap = shape.tapOffset(index);
    const target = dw + (index as usize) * step;
    for (let i = 0; i < shape.oh; i++) {
      const window = image + shape.windowOffset(i, 0) + tap;
      const gradient = dy + ((i * shape.ow) as usize) * step;
      let c: usize = 0;
      while (c + 16 <= step) {
        let sum = f32x4.splat(0);
        let a = window + c;
        let b = gradient + c;
        for (let j = 0; j < shape.ow; j++) {
          sum = Tile.madd<f32>(v128.load(a), v128.load(b), sum);
          a += pixel;
          b += step;
        }
        v128.store(target + c, f32x4.add(v128.load(target + c), sum));
        c += 16;
      }
      while (c < step) {
        let sum: f32 = 0;
        for (let j: usize = 0; j < (shape.ow as usize); j++) {
          sum += load<f32>(window + c + j * pixel) * load<f32>(gradient + c + j * step);
        }
        store<f32>(target + c, load<f32>(target + c) + sum);
        c += 4;
      }
    }
  }
}
