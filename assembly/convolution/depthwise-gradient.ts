// The two gradients of depthwise convolution, vectorised over channels. The input gradient is gathered: a pixel of the image is a
// sum over the windows that it lies in, and is written once. (Without strides it is a convolution itself, which the host
// knows.) The filter gradient sums rows of outputs, on images with their border (convolution-shape.ts).
// Read next: depthwise.ts.
import { ConvolutionShape } from "./convolution-shape";
import { Tile } from "../products/matmul-tile";

/** Bytes of the lists of the rows and terms of one pixel. The host computes the same number. */
export function termBytes(shape: ConvolutionShape): usize {
  return ((((shape.kh * (shape.kw + 1)) as usize) << 3) + 63) & ~63;
}

/** The pixel at `target`: the sum of the products of the vectors at [x, weights] of each term in the list [terms, end). */
function sumTerms(terms: usize, end: usize, bytes: usize, target: usize): void {
  let c: usize = 0;
  while (c + 64 <= bytes) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let term = terms; term < end; term += 8) {
      const x = (load<u32>(term) as usize) + c;
      const w = (load<u32>(term, 4) as usize) + c;
      s0 = Tile.madd<f32>(v128.load(x), v128.load(w), s0);
      s1 = Tile.madd<f32>(v128.load(x, 16), v128.load(w, 16), s1);
      s2 = Tile.madd<f32>(v128.load(x, 32), v128.load(w, 32), s2);
      s3 = Tile.madd<f32>(v128.load(x, 48), v128.load(w, 48), s3);
    }
    const place = target + c;
    v128.store(place, s0);
    v128.store(place, s1, 16);
    v128.store(place, s2, 32);
    v128.store(place, s3, 48);
    c += 64;
  }
  while (c + 16 <= bytes) {
    let sum = f32x4.splat(0);
    for (let term = terms; term < end; term += 8)
      sum = Tile.madd<f32>(
        v128.load((load<u32>(term) as usize) + c),
        v128.load((load<u32>(term, 4) as usize) + c),
        sum,
      );
    v128.store(target + c, sum);
    c += 16;
  }
  while (c < bytes) {
    let sum: f32 = 0;
    for (let term = terms; term < end; term += 8)
      sum += load<f32>((load<u32>(term) as usize) + c) * load<f32>((load<u32>(term, 4) as usize) + c);
    store<f32>(target + c, sum);
    c += 4;
  }
}

/** Rows [from, end) of the input gradients of all images. `scratch` is termBytes. */
export function depthwiseInputGradient(
  shape: ConvolutionShape,
  dy: usize,
  w: usize,
  dx: usize,
  scratch: usize,
  from: i32,
  end: i32,
): void {
  const terms = scratch + ((shape.kh as usize) << 3);
  const bytes = (shape.c as usize) << 2;
  const line = (shape.ow as usize) * bytes;
  const filterLine = (shape.kw as usize) * bytes;
  let target = dx + (from as usize) * (shape.w as usize) * bytes;
  for (let row = from; row < end; row++) {
    const n = row / shape.h;
    const y = row - n * shape.h + shape.padTop;
    const plane = dy + ((n * shape.oh) as usize) * line;
    // Rows of dy and of the filter that meet in this row.
    let lines = scratch;
    for (let i = 0; i < shape.kh; i++) {
      const top = y - i * shape.dilationH;
      if (top < 0) break;
      const outputRow = top / shape.strideH;
      if (outputRow * shape.strideH != top || outputRow >= shape.oh) continue;
      store<u32>(lines, (plane + (outputRow as usize) * line) as u32);
      store<u32>(lines, (w + (i as usize) * filterLine) as u32, 4);
      lines += 8;
    }
    for (let column = shape.padLeft; column < shape.padLeft + shape.w; column++) {
      let term = terms;
      for (let j = 0; j < shape.kw; j++) {
        const left = column - j * shape.dilationW;
        if (left < 0) break;
        const outputColumn = left / shape.strideW;
        if (outputColumn * shape.strideW != left || outputColumn >= shape.ow) continue;
        for (let entry = scratch; entry < lines; entry += 8) {
          store<u32>(term, load<u32>(entry) + (outputColumn as u32) * (bytes as u32));
          store<u32>(term, load<u32>(entry, 4) + (j as u32) * (bytes as u32), 4);
          term += 8;
        }
      }
      sumTerms(terms, term, bytes, target);
      target += bytes;
    }
  }
}

/** One row of outputs times `count` (1 to 3) taps of a row of the filter, all vectors of channels; added to dw. */
function addTaps(
  x: usize,
  dy: usize,
  dw: usize,
  pixels: i32,
  pixel: usize,
  tapStep: usize,
  step: usize,
  count: i32,
): void {
  const end = x + (step & ~15);
  const second: usize = count > 1 ? tapStep : 0;
  const third: usize = count > 2 ? 2 * tapStep : 0;
  while (x < end) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let t0 = s0;
    let t1 = s0;
    let t2 = s0;
    let a = x;
    let b = dy;
    let j = pixels;
    for (; j > 1; j -= 2) {
      const d0 = v128.load(b);
      s0 = Tile.madd<f32>(v128.load(a), d0, s0);
      s1 = Tile.madd<f32>(v128.load(a + second), d0, s1);
      s2 = Tile.madd<f32>(v128.load(a + third), d0, s2);
      a += pixel;
      const d1 = v128.load(b + step);
      t0 = Tile.madd<f32>(v128.load(a), d1, t0);
      t1 = Tile.madd<f32>(v128.load(a + second), d1, t1);
      t2 = Tile.madd<f32>(v128.load(a + third), d1, t2);
      a += pixel;
      b += 2 * step;
    }
    if (j > 0) {
      const d = v128.load(b);
      s0 = Tile.madd<f32>(v128.load(a), d, s0);
      s1 = Tile.madd<f32>(v128.load(a + second), d, s1);
      s2 = Tile.madd<f32>(v128.load(a + third), d, s2);
    }
    v128.store(dw, f32x4.add(v128.load(dw), f32x4.add(s0, t0)));
    if (count > 1) v128.store(dw + step, f32x4.add(v128.load(dw + step), f32x4.add(s1, t1)));
    if (count > 2) v128.store(dw + 2 * step, f32x4.add(v128.load(dw + 2 * step), f32x4.add(s2, t2)));
    x += 16;
    dy += 16;
    dw += 16;
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
  const tapStep = (shape.dilationW as usize) * step;
  for (let i = 0; i < shape.oh; i++) {
    const row = image + shape.windowOffset(i, 0);
    const gradient = dy + ((i * shape.ow) as usize) * step;
    let index = from;
    while (index < end) {
      const count = min<i32>(min<i32>(3, end - index), shape.kw - (index % shape.kw));
      const window = row + shape.tapOffset(index);
      addTaps(window, gradient, dw + (index as usize) * step, shape.ow, pixel, tapStep, step, count);
      index += count;
    }
    // Channels past the last vector.
    for (let c = step & ~15; c < step; c += 4) {
      for (index = from; index < end; index++) {
        const window = row + shape.tapOffset(index) + c;
        const target = dw + (index as usize) * step + c;
        let sum: f32 = 0;
        for (let j: usize = 0; j < (shape.ow as usize); j++)
          sum += load<f32>(window + j * pixel) * load<f32>(gradient + c + j * step);
        store<f32>(target, load<f32>(target) + sum);
      }
    }
  }
}
