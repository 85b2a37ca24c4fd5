// The gradient of average pooling. It is gathered: an element of the image sums the windows that it lies in and is written
// once; where each lies in exactly one, every window writes its elements. Vectorised over channels.
// Read next: pooling-average.ts, whose loops sum windows of windows here.
import { averageRun, averageRunOfTwo } from "./pooling-average";
import { PoolShape } from "./pooling-shape";
import { Share, Words } from "../program/words";

/** A pixel that lies in one window, or in two that begin `step` bytes apart: the whole vectors, and one that overlaps. */
function shareOfOne<T extends number>(dy: usize, bytes: usize, factor: T, target: usize): void {
  const scale = v128.splat<T>(factor);
  const last = bytes - 16;
  let c: usize = 0;
  while (c < last) {
    v128.store(target + c, v128.mul<T>(v128.load(dy + c), scale));
    c += 16;
  }
  v128.store(target + last, v128.mul<T>(v128.load(dy + last), scale));
}

function shareOfTwo<T extends number>(dy: usize, step: usize, bytes: usize, factor: T, target: usize): void {
  const scale = v128.splat<T>(factor);
  const last = bytes - 16;
  let c: usize = 0;
  while (c < bytes) {
    if (c > last) c = last;
    const place = dy + c;
    v128.store(target + c, v128.mul<T>(v128.add<T>(v128.load(place), v128.load(place + step)), scale));
    c += 16;
  }
}

/**
 * `pairs` pairs of pixels under windows of three taps, two apart: the first lies in two neighbours, of which dy is the left one,
 * the second in the right one only. `rows` rows of windows, one or two, have them.
 */
function shareOfPairs<T extends number>(
  dy: usize,
  pairs: i32,
  rows: i32,
  lineStep: usize,
  bytes: usize,
  factor: T,
  target: usize,
): void {
  const scale = v128.splat<T>(factor);
  const last = bytes - 16;
  for (; pairs > 0; pairs--) {
    let c: usize = 0;
    if (rows == 1) {
      while (c < bytes) {
        if (c > last) c = last;
        const left = dy + c;
        const right = v128.load(left + bytes);
        const place = target + c;
        v128.store(place, v128.mul<T>(v128.add<T>(v128.load(left), right), scale));
        v128.store(place + bytes, v128.mul<T>(right, scale));
        c += 16;
      }
    } else {
      while (c < bytes) {
        if (c > last) c = last;
        const left = dy + c;
        const below = left + lineStep;
        const right = v128.load(left + bytes);
        const rightBelow = v128.load(below + bytes);
        const upper = v128.add<T>(v128.load(left), right);
        const lower = v128.add<T>(v128.load(below), rightBelow);
        const place = target + c;
        v128.store(place, v128.mul<T>(v128.add<T>(upper, lower), scale));
        v128.store(place + bytes, v128.mul<T>(v128.add<T>(right, rightBelow), scale));
        c += 16;
      }
    }
    dy += bytes;
    target += 2 * bytes;
  }
}

/** Adds dy times `factor` to one pixel. */
function addPixel<T extends number>(dy: usize, dx: usize, bytes: usize, factor: T): void {
  let c: usize = 0;
  while (c + 16 <= bytes) {
    const share = v128.mul<T>(v128.load(dy + c), v128.splat<T>(factor));
    v128.store(dx + c, v128.add<T>(v128.load(dx + c), share));
    c += 16;
  }
  while (c < bytes) {
    store<T>(dx + c, (load<T>(dx + c) + load<T>(dy + c) * factor) as T);
    c += sizeof<T>();
  }
}

/** Writes dy times `factor` to the rows x taps pixels of a window that no other window has. */
function spreadWindow<T extends number>(
  dy: usize,
  dx: usize,
  rowStep: usize,
  rows: i32,
  taps: i32,
  bytes: usize,
  factor: T,
): void {
  const scale = v128.splat<T>(factor);
  let c: usize = 0;
  while (bytes >= 16 && c < bytes) {
    if (c + 16 > bytes) c = bytes - 16;
    const share = v128.mul<T>(v128.load(dy + c), scale);
    let line = dx + c;
    for (let i = rows; i > 0; i--) {
      let place = line;
      for (let j = taps; j > 0; j--) {
        v128.store(place, share);
        place += bytes;
      }
      line += rowStep;
    }
    c += 16;
  }
  while (c < bytes) {
    const share = (load<T>(dy + c) * factor) as T;
    for (let i: usize = 0; i < (rows as usize); i++) {
      for (let j: usize = 0; j < (taps as usize); j++) store<T>(dx + c + i * rowStep + j * bytes, share);
    }
    c += sizeof<T>();
  }
}

/** The same for 2 x 2 pixels. */
function spreadTwo<T extends number>(dy: usize, dx: usize, rowStep: usize, bytes: usize, factor: T): void {
  const scale = v128.splat<T>(factor);
  let c: usize = 0;
  while (c < bytes) {
    if (c + 16 > bytes) c = bytes - 16;
    const share = v128.mul<T>(v128.load(dy + c), scale);
    const above = dx + c;
    v128.store(above, share);
    v128.store(above + bytes, share);
    v128.store(above + rowStep, share);
    v128.store(above + rowStep + bytes, share);
    c += 16;
  }
}

/** Output rows [from, end) of all images, when every element of the image lies in one window. */
function spreadWindows<T extends number>(shape: PoolShape, dy: usize, dx: usize, from: i32, end: i32): void {
  const bytes = (shape.c as usize) * sizeof<T>();
  const lineStep = (shape.w as usize) * bytes;
  const factor = ((1 as T) / ((shape.windowH * shape.windowW) as T)) as T;
  const step = (shape.windowW as usize) * bytes;
  const ofTwo = shape.windowH == 2 && shape.windowW == 2 && bytes >= 16;
  let source = dy + (from as usize) * (shape.ow as usize) * bytes;
  let line = dx + (from as usize) * (shape.windowH as usize) * lineStep;
  for (let row = from; row < end; row++) {
    let place = line;
    for (let j = shape.ow; j > 0; j--) {
      if (ofTwo) spreadTwo<T>(source, place, lineStep, bytes, factor);
      else spreadWindow<T>(source, place, lineStep, shape.windowH, shape.windowW, bytes, factor);
      source += bytes;
      place += step;
    }
    line += (shape.windowH as usize) * lineStep;
  }
}

/** Image rows [from, end) of all images. */
function spreadRows<T extends number>(shape: PoolShape, dy: usize, dx: usize, from: i32, end: i32): void {
  const bytes = (shape.c as usize) * sizeof<T>();
  const lineStep = (shape.ow as usize) * bytes;
  const reachH = (shape.windowH - 1) * shape.dilationH;
  const reachW = (shape.windowW - 1) * shape.dilationW;
  const full = ((1 as T) / ((shape.windowH * shape.windowW) as T)) as T;
  // Windows [wholeFrom, wholeEnd) of a row count all their taps; dilated ones are taken one by one, as if they did not.
  let wholeFrom = 0;
  let wholeEnd = (shape.dilationH | shape.dilationW) == 1 ? shape.ow : 0;
  while (wholeFrom < wholeEnd && shape.countedTaps(wholeFrom) < shape.windowW) wholeFrom++;
  while (wholeFrom < wholeEnd && shape.countedTaps(wholeEnd - 1) < shape.windowW) wholeEnd--;
  const right = shape.padLeft + shape.w;
  const inPairs = shape.windowW == 3 && shape.strideW == 2 && bytes >= 16;
  let place = dx + (from as usize) * (shape.w as usize) * bytes;
  for (let row = from; row < end; row++) {
    const n = row / shape.h;
    const i = row - n * shape.h + shape.padTop;
    // Windows [firstRow, lastRow] x [first, last] reach the pixel, dilated ones if they have a tap on it.
    const firstRow = i <= reachH ? 0 : (i - reachH + shape.strideH - 1) / shape.strideH;
    const lastRow = min<i32>(shape.oh - 1, i / shape.strideH);
    const plane = dy + (n as usize) * (shape.oh as usize) * lineStep;
    const rows = lastRow - firstRow + 1;
    const whole =
      rows > 0 && shape.countedRows(firstRow) == shape.windowH && shape.countedRows(lastRow) == shape.windowH;
    let first = 0;
    let last = 0;
    for (let j = shape.padLeft; j < right; j++) {
      while (first * shape.strideW + reachW < j) first++;
      while (last < shape.ow && last * shape.strideW <= j) last++;
      const taps = last - first;
      const window = plane + (firstRow as usize) * lineStep + (first as usize) * bytes;
      if (inPairs && whole && rows <= 2 && taps == 2 && first >= wholeFrom) {
        const pairs = min<i32>(wholeEnd - first - 1, (right - j) >> 1);
        if (pairs > 0) {
          shareOfPairs<T>(window, pairs, rows, lineStep, bytes, full, place);
          place += ((2 * pairs) as usize) * bytes;
          j += 2 * pairs - 1;
          continue;
        }
      }
      if (rows <= 0 || taps <= 0) {
        memory.fill(place, 0, bytes);
      } else if (whole && first >= wholeFrom && last <= wholeEnd) {
        if (bytes < 16 || rows > 2 || taps > 2)
          averageRun<T>(window, 0, 1, lineStep, bytes, rows, taps, bytes, full, place);
        else if (rows == 1 && taps == 1) shareOfOne<T>(window, bytes, full, place);
        else if (rows == 2 && taps == 2) averageRunOfTwo<T>(window, 0, 1, lineStep, bytes, bytes, full, place);
        else shareOfTwo<T>(window, rows == 2 ? lineStep : bytes, bytes, full, place);
      } else {
        memory.fill(place, 0, bytes);
        for (let k = firstRow; k <= lastRow; k++) {
          if ((i - k * shape.strideH) % shape.dilationH != 0) continue;
          for (let l = first; l < last; l++) {
            if ((j - l * shape.strideW) % shape.dilationW != 0) continue;
            const source = plane + (k as usize) * lineStep + (l as usize) * bytes;
            addPixel<T>(source, place, bytes, shape.divisor<T>(k, l));
          }
        }
      }
      place += bytes;
    }
  }
}

/** Words: dy, dx, the pool words, countIncludePad, padBottom, padRight. Workers share rows of windows, or of the image. */
function avgPoolGradient<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 8);
  const dy = Words.pointer(args, 0);
  const dx = Words.pointer(args, 1);
  const rows = shape.n * (shape.isPartition ? shape.oh : shape.h);
  const from = Share.from(rows, worker, workers);
  const end = Share.from(rows, worker + 1, workers);
  if (shape.isPartition) spreadWindows<T>(shape, dy, dx, from, end);
  else spreadRows<T>(shape, dy, dx, from, end);
}

export function avgPool2dGradient_f32(args: usize, worker: i32, workers: i32): void {
  avgPoolGradient<f32>(args, worker, workers);
}
export function avgPool2dGradient_f64(args: usize, worker: i32, workers: i32): void {
  avgPoolGradient<f64>(args, worker, workers);
}
