// Average pooling of [N, H, W, C] images and its gradient, vectorised over channels. The divisor is the number of taps
// inside the padded image (countIncludePad, as torch) or inside the image. A window without any gives 0.
// Knows no maxima: pooling.ts.
import { PoolShape, Taps } from "./pooling-shape";
import { Share, Words } from "./words";

/** Sums the taps of one window over all channels of a pixel, times `factor`. */
function averagePixel<T extends number>(
  x: usize,
  target: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  channels: usize,
  factor: T,
): void {
  const bytes = channels * sizeof<T>();
  let c: usize = 0;
  while (c + 16 <= bytes) {
    let sum = v128.splat<T>(0 as T);
    let line = x + c;
    for (let i = 0; i < rows; i++) {
      let place = line;
      for (let j = 0; j < taps; j++) {
        sum = v128.add<T>(sum, v128.load(place));
        place += tapStep;
      }
      line += rowStep;
    }
    v128.store(target + c, v128.mul<T>(sum, v128.splat<T>(factor)));
    c += 16;
  }
  while (c < bytes) {
    let sum: T = 0 as T;
    let line = x + c;
    for (let i = 0; i < rows; i++) {
      let place = line;
      for (let j = 0; j < taps; j++) {
        sum = (sum + load<T>(place)) as T;
        place += tapStep;
      }
      line += rowStep;
    }
    store<T>(target + c, (sum * factor) as T);
    c += sizeof<T>();
  }
}

/** Adds dy times `factor` to each tap of one window. */
function spreadPixel<T extends number>(
  dy: usize,
  dx: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  channels: usize,
  factor: T,
): void {
  const bytes = channels * sizeof<T>();
  let line = dx;
  for (let i = 0; i < rows; i++) {
    let place = line;
    for (let j = 0; j < taps; j++) {
      let c: usize = 0;
      while (c + 16 <= bytes) {
        const share = v128.mul<T>(v128.load(dy + c), v128.splat<T>(factor));
        v128.store(place + c, v128.add<T>(v128.load(place + c), share));
        c += 16;
      }
      while (c < bytes) {
        store<T>(place + c, (load<T>(place + c) + load<T>(dy + c) * factor) as T);
        c += sizeof<T>();
      }
      place += tapStep;
    }
    line += rowStep;
  }
}

/** Taps along one dimension that count for the divisor. */
function counted(start: i32, dilation: i32, window: i32, size: i32, before: i32, after: i32, includePad: bool): i32 {
  if (includePad) {
    const shifted = start + before;
    return Taps.last(shifted, dilation, window, size + before + after) - Taps.first(shifted, dilation);
  }
  return Taps.last(start, dilation, window, size) - Taps.first(start, dilation);
}

/** Output rows [from, end): small = pooled side, large = image side. */
function averageRows<T extends number>(
  shape: PoolShape,
  small: usize,
  large: usize,
  from: i32,
  end: i32,
  spread: bool,
): void {
  const channels = shape.c as usize;
  const pixelStep = channels * sizeof<T>();
  const lineStep = (shape.w as usize) * pixelStep;
  const rowStep = (shape.dilationH as usize) * lineStep;
  const tapStep = (shape.dilationW as usize) * pixelStep;
  const includePad = shape.countIncludePad != 0;
  for (let row = from; row < end; row++) {
    const n = row / shape.oh;
    const top = (row - n * shape.oh) * shape.strideH - shape.padTop;
    const firstRow = Taps.first(top, shape.dilationH);
    const rows = Taps.last(top, shape.dilationH, shape.windowH, shape.h) - firstRow;
    const countH = counted(top, shape.dilationH, shape.windowH, shape.h, shape.padTop, shape.padBottom, includePad);
    for (let j = 0; j < shape.ow; j++) {
      const left = j * shape.strideW - shape.padLeft;
      const firstTap = Taps.first(left, shape.dilationW);
      const taps = Taps.last(left, shape.dilationW, shape.windowW, shape.w) - firstTap;
      const countW = counted(left, shape.dilationW, shape.windowW, shape.w, shape.padLeft, shape.padRight, includePad);
      const pixel = small + ((row as usize) * (shape.ow as usize) + (j as usize)) * pixelStep;
      if (rows <= 0 || taps <= 0) {
        if (!spread) memory.fill(pixel, 0, pixelStep);
        continue;
      }
      const corner =
        (((top + firstRow * shape.dilationH) * shape.w + left + firstTap * shape.dilationW) as usize) * pixelStep;
      const window = large + (n as usize) * (shape.h as usize) * lineStep + corner;
      const factor = ((1 as T) / (max<i32>(1, countH * countW) as T)) as T;
      if (spread) spreadPixel<T>(pixel, window, rowStep, tapStep, rows, taps, channels, factor);
      else averagePixel<T>(window, pixel, rowStep, tapStep, rows, taps, channels, factor);
    }
  }
}

/** Words: x, out, the pool words, countIncludePad, padBottom, padRight. Workers share rows of outputs. */
function avgPool<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 8);
  const rows = shape.n * shape.oh;
  const from = Share.from(rows, worker, workers);
  averageRows<T>(
    shape,
    Words.pointer(args, 1),
    Words.pointer(args, 0),
    from,
    Share.from(rows, worker + 1, workers),
    false,
  );
}

/** Words: dy, dx, the pool words, countIncludePad, padBottom, padRight. Workers share images. */
function avgPoolGradient<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 8);
  const dx = Words.pointer(args, 1);
  const from = Share.from(shape.n, worker, workers);
  const end = Share.from(shape.n, worker + 1, workers);
  const image = (shape.h as usize) * (shape.w as usize) * (shape.c as usize) * sizeof<T>();
  memory.fill(dx + (from as usize) * image, 0, ((end - from) as usize) * image);
  averageRows<T>(shape, Words.pointer(args, 0), dx, from * shape.oh, end * shape.oh, true);
}

export function avgPool2d_f32(args: usize, worker: i32, workers: i32): void {
  avgPool<f32>(args, worker, workers);
}
export function avgPool2d_f64(args: usize, worker: i32, workers: i32): void {
  avgPool<f64>(args, worker, workers);
}
export function avgPool2dGradient_f32(args: usize, worker: i32, workers: i32): void {
  avgPoolGradient<f32>(args, worker, workers);
}
export function avgPool2dGradient_f64(args: usize, worker: i32, workers: i32): void {
  avgPoolGradient<f64>(args, worker, workers);
}
