// What the three convolution kernels share: their 17 words, and images with their padding made real. When a window can
// leave the image, one image at a time is copied with its border into scratch; after that no loop tests a border.
// A column of the implicit im2col matrix is then a few contiguous runs of the (padded) image:
//
//   window of one output pixel, K = KH * KW * C/groups values:  groups = 1 and dilationW = 1 -> KH runs of KW * C
//                                                               otherwise                   -> KH * KW runs of C/groups
// Read next: convolution.ts (forward), convolution-gradient.ts, depthwise.ts.

/** The parameter words, laid over the argument block: changetype<ConvolutionShape>(args + 16). */
@unmanaged
export class ConvolutionShape {
  n: i32;
  h: i32;
  w: i32;
  c: i32;
  oh: i32;
  ow: i32;
  o: i32;
  kh: i32;
  kw: i32;
  strideH: i32;
  strideW: i32;
  padTop: i32;
  padLeft: i32;
  dilationH: i32;
  dilationW: i32;
  groups: i32;
  /** Not 0: sums of products only. */
  strict: i32;

  /** Height of the image with its border: all that windows reach and all of the image. */
  @inline get paddedH(): i32 {
    return max<i32>((this.oh - 1) * this.strideH + (this.kh - 1) * this.dilationH + 1, this.padTop + this.h);
  }

  @inline get paddedW(): i32 {
    return max<i32>((this.ow - 1) * this.strideW + (this.kw - 1) * this.dilationW + 1, this.padLeft + this.w);
  }

  /** Does a window ever leave the image? */
  @inline get isPadded(): bool {
    return this.paddedH != this.h || this.paddedW != this.w;
  }

  /** Bytes of one image with its border, a multiple of 64; 0 when there is no border. */
  @inline get paddedBytes(): usize {
    if (!this.isPadded) return 0;
    return ((((this.paddedH as usize) * (this.paddedW as usize) * (this.c as usize)) << 2) + 63) & ~63;
  }

  @inline get channels(): i32 {
    return this.c / this.groups;
  }

  @inline get outputs(): i32 {
    return this.o / this.groups;
  }

  /** Values under one window: the depth of the implicit matrix product. */
  @inline get depth(): i32 {
    return this.kh * this.kw * this.channels;
  }

  /** One output channel group per input channel: no sum over channels at all. */
  @inline get isDepthwise(): bool {
    return this.groups > 1 && this.groups == this.c && this.o == this.c;
  }

  /** A plain matrix product of pixels by channels. */
  @inline get isPointwise(): bool {
    return this.kh == 1 && this.kw == 1 && this.groups == 1 && this.strideH == 1 && this.strideW == 1 && !this.isPadded;
  }

  /** Nothing to sum or nothing to write. */
  @inline get isEmpty(): bool {
    return this.n <= 0 || this.oh <= 0 || this.ow <= 0 || this.o <= 0 || this.depth <= 0;
  }

  /** Bytes from the start of a window to one of its KH x KW pixels. */
  @inline tapOffset(index: i32): usize {
    const i = index / this.kw;
    const j = index - i * this.kw;
    return (((i * this.dilationH * this.paddedW + j * this.dilationW) as usize) * (this.c as usize)) << 2;
  }

  /** Bytes from the start of the image with its border to the window of an output pixel. */
  @inline windowOffset(i: i32, j: i32): usize {
    return (((i * this.strideH * this.paddedW + j * this.strideW) as usize) * (this.c as usize)) << 2;
  }

  /** Copies image `index` of x with its border into scratch, or returns where it is when it has none. */
  padImage(x: usize, index: i32, scratch: usize): usize {
    const row = ((this.w * this.c) as usize) << 2;
    let source = x + (index as usize) * (this.h as usize) * row;
    if (!this.isPadded) return source;
    const pitch = ((this.paddedW * this.c) as usize) << 2;
    const before = ((this.padLeft * this.c) as usize) << 2;
    // Only the border is cleared; what lies after one row and before the next, at once. Nothing may lie after the last row.
    let target = scratch + (this.padTop as usize) * pitch + before;
    memory.fill(scratch, 0, target - scratch);
    for (let i = 0; i < this.h; i++) {
      copyRun(source, target, this.w * this.c);
      if (pitch != row && i + 1 < this.h) memory.fill(target + row, 0, pitch - row);
      source += row;
      target += pitch;
    }
    // The rest of the last row and the rows below it.
    if (this.h > 0) target -= pitch - row;
    const end = scratch + (this.paddedH as usize) * pitch;
    if (target < end) memory.fill(target, 0, end - target);
    return scratch;
  }
}

/**
 * How windows lie in an image with its border. Derived from the shape once per call, because divisions per pixel would
 * cost as much as small filters do; the kernels keep it in the unused end of their edge tile.
 */
@unmanaged
export class WindowRuns {
  /** Neighbouring values of a run, and runs of a window. */
  run: i32;
  runs: i32;
  /** Runs of one row of a window; steps in bytes from run to run, and from row to row of a window. */
  taps: i32;
  tapStep: i32;
  rowStep: i32;
  /** Steps in bytes from window to window along a row of outputs, from row to row, and from image to image. */
  pixelStep: i32;
  lineStep: i32;
  imageStep: i32;
  /** Windows of one row, and of one image. */
  pixels: i32;
  plane: i32;

  static at(place: usize, shape: ConvolutionShape): WindowRuns {
    const runs = changetype<WindowRuns>(place);
    const merged = shape.groups == 1 && shape.dilationW == 1;
    const pixel = shape.c << 2;
    const line = shape.paddedW * pixel;
    runs.run = merged ? shape.kw * shape.c : shape.channels;
    runs.runs = merged ? shape.kh : shape.kh * shape.kw;
    runs.taps = merged ? 1 : shape.kw;
    runs.tapStep = shape.dilationW * pixel;
    runs.rowStep = shape.dilationH * line;
    runs.pixelStep = shape.strideW * pixel;
    runs.lineStep = shape.strideH * line;
    runs.imageStep = shape.paddedH * line;
    runs.pixels = shape.ow;
    runs.plane = shape.oh * shape.ow;
    return runs;
  }

  /** Start of the window of output pixel `index`, counted over all images behind `image`. */
  windowAt(image: usize, index: i32): usize {
    const n = index / this.plane;
    const rest = index - n * this.plane;
    const i = rest / this.pixels;
    const j = rest - i * this.pixels;
    return image + (n as usize) * (this.imageStep as usize) + ((i * this.lineStep + j * this.pixelStep) as usize);
  }

  /** Bytes from the start of a window to its run number `index`. */
  @inline offset(index: i32): usize {
    const i = index / this.taps;
    return (i * this.rowStep + (index - i * this.taps) * this.tapStep) as usize;
  }
}

/** Adds (not copies) runs: the scatter half of an im2col. */
export function addRun(source: usize, target: usize, count: i32): void {
  while (count >= 4) {
    v128.store(target, f32x4.add(v128.load(target), v128.load(source)));
    source += 16;
    target += 16;
    count -= 4;
  }
  while (count > 0) {
    store<f32>(target, load<f32>(target) + load<f32>(source));
    source += 4;
    target += 4;
    count -= 1;
  }
}

/** Copies a run by vectors: memory.copy costs a call into the engine, too much for a few values. */
export function copyRun(source: usize, target: usize, count: i32): void {
  while (count >= 4) {
    v128.store(target, v128.load(source));
    source += 16;
    target += 16;
    count -= 4;
  }
  while (count > 0) {
    store<f32>(target, load<f32>(source));
    source += 4;
    target += 4;
    count -= 1;
  }
}
