// Maximum pooling of [N, H, W, C] images, vectorised over channels; the last vector of a pixel overlaps the one before it.
// Padding never wins a maximum; a NaN does. Which of two zeros wins is not specified.
//
// The exact maximum of WebAssembly is eight instructions, so the largest is taken with pmax (one; the first operand where
// neither is larger) and NaN beside it: `nan` gathers the lanes where a value differs from itself and is written over
// the maximum, all bits set, at the end. Where three rows of three are shared by two windows, only the sum of all values
// is watched: it is NaN if one of them is (or for opposite infinities), and then the careful loop does the pixels again.
// Knows no adaptive or global pooling: those are windows. Read next: pooling-gradient.ts, pooling-average.ts.
import { PoolShape, Taps } from "./pooling-shape";
import { Share, Words } from "../program/words";

class Lanes {
  /** The lanes that are NaN in x or set in `nan`. */
  @inline static orNaN<T extends number>(nan: v128, x: v128): v128 {
    return v128.or(nan, v128.ne<T>(x, x));
  }
}

/** One vector of channels of one window. */
function maximumVector<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): v128 {
  let best = v128.load(x);
  let nan = i32x4.splat(0);
  for (let i = rows; i > 0; i--) {
    let place = x;
    for (let j = taps; j > 0; j--) {
      const value = v128.load(place);
      best = v128.pmax<T>(best, value);
      nan = Lanes.orNaN<T>(nan, value);
      place += tapStep;
    }
    x += rowStep;
  }
  return v128.or(best, nan);
}

/** Four vectors of channels of one window. */
function maximumBlock<T extends number>(
  x: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  target: usize,
): void {
  let b0 = v128.load(x);
  let b1 = v128.load(x, 16);
  let b2 = v128.load(x, 32);
  let b3 = v128.load(x, 48);
  let n0 = i32x4.splat(0);
  let n1 = n0;
  let n2 = n0;
  let n3 = n0;
  for (let i = rows; i > 0; i--) {
    let place = x;
    for (let j = taps; j > 0; j--) {
      const v0 = v128.load(place);
      b0 = v128.pmax<T>(b0, v0);
      n0 = Lanes.orNaN<T>(n0, v0);
      const v1 = v128.load(place, 16);
      b1 = v128.pmax<T>(b1, v1);
      n1 = Lanes.orNaN<T>(n1, v1);
      const v2 = v128.load(place, 32);
      b2 = v128.pmax<T>(b2, v2);
      n2 = Lanes.orNaN<T>(n2, v2);
      const v3 = v128.load(place, 48);
      b3 = v128.pmax<T>(b3, v3);
      n3 = Lanes.orNaN<T>(n3, v3);
      place += tapStep;
    }
    x += rowStep;
  }
  v128.store(target, v128.or(b0, n0));
  v128.store(target, v128.or(b1, n1), 16);
  v128.store(target, v128.or(b2, n2), 32);
  v128.store(target, v128.or(b3, n3), 48);
}

function maximumScalar<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): T {
  let best = load<T>(x);
  for (let i = rows; i > 0; i--) {
    let place = x;
    for (let j = taps; j > 0; j--) {
      const value = load<T>(place);
      if (value > best || value != value) best = value;
      place += tapStep;
    }
    x += rowStep;
  }
  return best;
}

/** `pixels` windows of one row, `step` bytes apart, all of whose rows x taps are inside. */
function maximumRun<T extends number>(
  x: usize,
  step: usize,
  pixels: i32,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  bytes: usize,
  target: usize,
): void {
  for (; pixels > 0; pixels--) {
    let c: usize = 0;
    while (c + 64 <= bytes) {
      maximumBlock<T>(x + c, rowStep, tapStep, rows, taps, target + c);
      c += 64;
    }
    while (c + 16 <= bytes) {
      v128.store(target + c, maximumVector<T>(x + c, rowStep, tapStep, rows, taps));
      c += 16;
    }
    if (c < bytes) {
      if (bytes >= 16) {
        c = bytes - 16;
        v128.store(target + c, maximumVector<T>(x + c, rowStep, tapStep, rows, taps));
      } else {
        for (c = 0; c < bytes; c += sizeof<T>())
          store<T>(target + c, maximumScalar<T>(x + c, rowStep, tapStep, rows, taps));
      }
    }
    x += step;
    target += bytes;
  }
}

/** The same for windows of two rows and two taps: nothing to loop over, all four vectors at once. */
function maximumRunOfTwo<T extends number>(
  x: usize,
  step: usize,
  pixels: i32,
  rowStep: usize,
  tapStep: usize,
  bytes: usize,
  target: usize,
): void {
  const last = bytes - 16;
  for (; pixels > 0; pixels--) {
    let c: usize = 0;
    while (c < bytes) {
      if (c > last) c = last;
      const above = x + c;
      const below = above + rowStep;
      const v0 = v128.load(above);
      const v1 = v128.load(above + tapStep);
      const v2 = v128.load(below);
      const v3 = v128.load(below + tapStep);
      const best = v128.pmax<T>(v128.pmax<T>(v0, v1), v128.pmax<T>(v2, v3));
      const n0 = Lanes.orNaN<T>(v128.ne<T>(v0, v0), v1);
      const n1 = Lanes.orNaN<T>(v128.ne<T>(v2, v2), v3);
      v128.store(target + c, v128.or(best, v128.or(n0, n1)));
      c += 16;
    }
    x += step;
    target += bytes;
  }
}

/** Two neighbouring windows of 3 x 3, two pixels apart: five columns, the middle one for both. True if a value may be NaN. */
function maximumPairOfThree<T extends number>(
  x: usize,
  rowStep: usize,
  tapStep: usize,
  bytes: usize,
  target: usize,
): bool {
  const last = bytes - 16;
  let sum = i32x4.splat(0);
  let c: usize = 0;
  while (c < bytes) {
    if (c > last) c = last;
    let top = x + c;
    let v0 = v128.load(top);
    let v1 = v128.load(top + rowStep);
    let v2 = v128.load(top + 2 * rowStep);
    let total = v128.add<T>(v128.add<T>(v0, v1), v2);
    let first = v128.pmax<T>(v128.pmax<T>(v0, v1), v2);
    top += tapStep;
    v0 = v128.load(top);
    v1 = v128.load(top + rowStep);
    v2 = v128.load(top + 2 * rowStep);
    total = v128.add<T>(total, v128.add<T>(v128.add<T>(v0, v1), v2));
    first = v128.pmax<T>(first, v128.pmax<T>(v128.pmax<T>(v0, v1), v2));
    top += tapStep;
    v0 = v128.load(top);
    v1 = v128.load(top + rowStep);
    v2 = v128.load(top + 2 * rowStep);
    let other = v128.add<T>(v128.add<T>(v0, v1), v2);
    let second = v128.pmax<T>(v128.pmax<T>(v0, v1), v2);
    v128.store(target + c, v128.pmax<T>(first, second));
    top += tapStep;
    v0 = v128.load(top);
    v1 = v128.load(top + rowStep);
    v2 = v128.load(top + 2 * rowStep);
    other = v128.add<T>(other, v128.add<T>(v128.add<T>(v0, v1), v2));
    second = v128.pmax<T>(second, v128.pmax<T>(v128.pmax<T>(v0, v1), v2));
    top += tapStep;
    v0 = v128.load(top);
    v1 = v128.load(top + rowStep);
    v2 = v128.load(top + 2 * rowStep);
    total = v128.add<T>(total, v128.add<T>(v128.add<T>(v0, v1), v2));
    second = v128.pmax<T>(second, v128.pmax<T>(v128.pmax<T>(v0, v1), v2));
    v128.store(target + bytes + c, second);
    sum = v128.add<T>(sum, v128.add<T>(total, other));
    c += 16;
  }
  return v128.any_true(v128.ne<T>(sum, sum));
}

/** Output rows [from, end) of all images. A window wholly in the padding gives -Infinity. */
function maximumRows<T extends number>(shape: PoolShape, x: usize, target: usize, from: i32, end: i32): void {
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
    const top = (row - n * shape.oh) * shape.strideH - shape.padTop;
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
        for (let c: usize = 0; c < bytes; c += sizeof<T>()) store<T>(place + c, -Infinity as T);
      } else if (pixels > 1 && rows == 3 && taps == 3 && step == 2 * tapStep && bytes >= 16) {
        pixels = 2;
        if (maximumPairOfThree<T>(window, rowStep, tapStep, bytes, place))
          maximumRun<T>(window, step, 2, rowStep, tapStep, 3, 3, bytes, place);
      } else if (rows == 2 && taps == 2 && bytes >= 16) {
        maximumRunOfTwo<T>(window, step, pixels, rowStep, tapStep, bytes, place);
      } else {
        maximumRun<T>(window, step, pixels, rowStep, tapStep, rows, taps, bytes, place);
      }
      place += (pixels as usize) * bytes;
      j += pixels;
    }
  }
}

/** Words: x, out, then the pool words. Workers share rows of outputs. */
function maxPool<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 8);
  const rows = shape.n * shape.oh;
  const from = Share.from(rows, worker, workers);
  const end = Share.from(rows, worker + 1, workers);
  maximumRows<T>(shape, Words.pointer(args, 0), Words.pointer(args, 1), from, end);
}

export function maxPool2d_f32(args: usize, worker: i32, workers: i32): void {
  maxPool<f32>(args, worker, workers);
}
export function maxPool2d_f64(args: usize, worker: i32, workers: i32): void {
  maxPool<f64>(args, worker, workers);
}
