// Average pooling of [N, H, W, C] images, vectorised over channels. The divisor is the number of taps inside the padded
// image (countIncludePad, as torch) or inside the image. A window without any gives 0.
// Knows no maxima: pooling.ts. Read next: pooling-average-gradient.ts.
import { PoolShape, Taps } from "./pooling-shape";
import { Share, Words } from "../program/words";

/** Sums of `rows` x `taps` pixels, times `factor`: one vector of channels, or the whole vectors of a pixel four at a time. */
function averageVector<T extends number>(
  x: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  factor: T,
): v128 {
  let sum = v128.splat<T>(0 as T);
  for (let i = rows; i > 0; i--) {
    let place = x;
    for (let j = taps; j > 0; j--) {
      sum = v128.add<T>(sum, v128.load(place));
      place += tapStep;
    }
    x += rowStep;
  }
  return v128.mul<T>(sum, v128.splat<T>(factor));
}

function averageBlock<T extends number>(
  x: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  factor: T,
  target: usize,
): void {
  let s0 = v128.splat<T>(0 as T);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (let i = rows; i > 0; i--) {
    let place = x;
    for (let j = taps; j > 0; j--) {
      s0 = v128.add<T>(s0, v128.load(place));
      s1 = v128.add<T>(s1, v128.load(place, 16));
      s2 = v128.add<T>(s2, v128.load(place, 32));
      s3 = v128.add<T>(s3, v128.load(place, 48));
      place += tapStep;
    }
    x += rowStep;
  }
  const scale = v128.splat<T>(factor);
  v128.store(target, v128.mul<T>(s0, scale));
  v128.store(target, v128.mul<T>(s1, scale), 16);
  v128.store(target, v128.mul<T>(s2, scale), 32);
  v128.store(target, v128.mul<T>(s3, scale), 48);
}

function averageScalar<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32, factor: T): T {
  let sum: T = 0 as T;
  for (let i = rows; i > 0; i--) {
    let place = x;
    for (let j = taps; j > 0; j--) {
      sum = (sum + load<T>(place)) as T;
      place += tapStep;
    }
    x += rowStep;
  }
  return (sum * factor) as T;
}

/** `pixels` pixels of the target; their windows of `rows` x `taps` pixels begin `step` bytes apart. */
export function averageRun<T extends number>(
  x: usize,
  step: usize,
  pixels: i32,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  bytes: usize,
  factor: T,
  target: usize,
): void {
  for (; pixels > 0; pixels--) {
    let c: usize = 0;
    while (c + 64 <= bytes) {
      averageBlock<T>(x + c, rowStep, tapStep, rows, taps, factor, target + c);
      c += 64;
    }
    while (c + 16 <= bytes) {
      v128.store(target + c, averageVector<T>(x + c, rowStep, tapStep, rows, taps, factor));
      c += 16;
    }
    if (c < bytes) {
      if (bytes >= 16) {
        c = bytes - 16;
        v128.store(target + c, averageVector<T>(x + c, rowStep, tapStep, rows, taps, factor));
      } else {
        for (c = 0; c < bytes; c += sizeof<T>())
          store<T>(target + c, averageScalar<T>(x + c, rowStep, tapStep, rows, taps, factor));
      }
    }
    x += step;
    target += bytes;
  }
}

/** The same for windows of two rows and two taps: nothing to loop over. */
export function averageRunOfTwo<T extends number>(
  x: usize,
  step: usize,
  pixels: i32,
  rowStep: usize,
  tapStep: usize,
  bytes: usize,
  factor: T,
  target: usize,
): void {
  const scale = v128.splat<T>(factor);
  const last = bytes - 16;
  for (; pixels > 0; pixels--) {
    let c: usize = 0;
    while (c < bytes) {
      if (c > last) c = last;
      const above = x + c;
      const below = above + rowStep;
      const upper = v128.add<T>(v128.load(above), v128.load(above + tapStep));
      const lower = v128.add<T>(v128.load(below), v128.load(below + tapStep));
      v128.store(target + c, v128.mul<T>(v128.add<T>(upper, lower), scale));
      c += 16;
    }
    x += step;
    target += bytes;
  }
}

/** Output rows [from, end) of all images. */
function averageRows<T extends number>(shape: PoolShape, x: usize, target: usize, from: i32, end: i32): void {
  const bytes = (shape.c as usize) * sizeof<T>();
  const lineStep = (shape.w as usize) * bytes;
  const rowStep = (shape.dilationH as usize) * lineStep;
  const tapStep = (shape.dilationW as usize) * bytes;
  const step = (shape.strideW as usize) * bytes;
  const innerFrom = shape.innerFrom;
  const innerEnd = shape.innerEnd;
  let place = target + (from as usize) * (shape.ow as usize) * bytes;
  for (let row = from; row < end; row++) {
    const n = row / shape.oh;
    const i = row - n * shape.oh;
    const top = i * shape.strideH - shape.padTop;
    const firstRow = Taps.first(top, shape.dilationH);
    const rows = Taps.last(top, shape.dilationH, shape.windowH, shape.h) - firstRow;
    const line = x + ((n * shape.h + top + firstRow * shape.dilationH) as usize) * lineStep;
    let j = 0;
    while (j < shape.ow) {
      const left = j * shape.strideW - shape.padLeft;
      const firstTap = Taps.first(left, shape.dilationW);
      const taps = Taps.last(left, shape.dilationW, shape.windowW, shape.w) - firstTap;
      const window = line + ((left + firstTap * shape.dilationW) as usize) * bytes;
      let pixels = j >= innerFrom && j < innerEnd ? innerEnd - j : 1;
      if (rows <= 0 || taps <= 0) {
        pixels = 1;
        memory.fill(place, 0, bytes);
      } else {
        const factor = shape.divisor<T>(i, j);
        if (rows == 2 && taps == 2 && bytes >= 16)
          averageRunOfTwo<T>(window, step, pixels, rowStep, tapStep, bytes, factor, place);
        else averageRun<T>(window, step, pixels, rowStep, tapStep, rows, taps, bytes, factor, place);
      }
      place += (pixels as usize) * bytes;
      j += pixels;
    }
  }
}

/** Words: x, out, the pool words, countIncludePad, padBottom, padRight. Workers share rows of outputs. */
function avgPool<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 8);
  const rows = shape.n * shape.oh;
  const from = Share.from(rows, worker, workers);
  const end = Share.from(rows, worker + 1, workers);
  averageRows<T>(shape, Words.pointer(args, 0), Words.pointer(args, 1), from, end);
}

export function avgPool2d_f32(args: usize, worker: i32, workers: i32): void {
  avgPool<f32>(args, worker, workers);
}
export function avgPool2d_f64(args: usize, worker: i32, workers: i32): void {
  avgPool<f64>(args, worker, workers);
}
