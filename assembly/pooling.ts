// Pooling of [N, H, W, C] images, vectorised over channels; the last vector of a pixel overlaps the one before it where
// writing twice is harmless. Padding never wins a maximum; a NaN does. The first maximum of a window (row by row) is
// where the gradient goes, so Scatter, Gather and the pooled value always agree.
// Knows no adaptive or global pooling: those are windows. Read next: pooling-average.ts.
import { PoolShape, Taps } from "./pooling-shape";
import { Share, Words } from "./words";

/** The largest value of a window whose first tap inside is at x; all `rows` x `taps` are inside. */
function maximumVector<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): v128 {
  let best = v128.load(x);
  for (let i = 0; i < rows; i++) {
    let place = x;
    for (let j = 0; j < taps; j++) {
      best = v128.max<T>(best, v128.load(place));
      place += tapStep;
    }
    x += rowStep;
  }
  return best;
}

function maximumScalar<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): T {
  let best = load<T>(x);
  for (let i = 0; i < rows; i++) {
    let place = x;
    for (let j = 0; j < taps; j++) {
      best = max<T>(best, load<T>(place));
      place += tapStep;
    }
    x += rowStep;
  }
  return best;
}

/** Each lane gets the number of the tap that holds its first maximum. */
function firstMaximum<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): v128 {
  let best = v128.load(x);
  let where = i32x4.splat(0);
  let tap = 0;
  for (let i = 0; i < rows; i++) {
    let place = x;
    for (let j = 0; j < taps; j++) {
      const value = v128.load(place);
      const wins = v128.or(v128.gt<T>(value, best), v128.and(v128.ne<T>(value, value), v128.eq<T>(best, best)));
      best = v128.bitselect(value, best, wins);
      where = v128.bitselect(sizeof<T>() == 8 ? i64x2.splat(tap as i64) : i32x4.splat(tap), where, wins);
      place += tapStep;
      tap++;
    }
    x += rowStep;
  }
  return where;
}

/** Bytes from x to the first maximum of a window; one channel. */
function firstMaximumScalar<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): usize {
  let best = load<T>(x);
  let where: usize = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < taps; j++) {
      const offset = (i as usize) * rowStep + (j as usize) * tapStep;
      const value = load<T>(x + offset);
      if (value > best || (value != value && best == best)) {
        best = value;
        where = offset;
      }
    }
  }
  return where;
}

/** Adds the lanes of dy to the tap of dx each lane names. */
function scatterVector<T extends number>(
  where: v128,
  dy: v128,
  dx: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
): void {
  let tap = 0;
  for (let i = 0; i < rows; i++) {
    let place = dx;
    for (let j = 0; j < taps; j++) {
      const here = sizeof<T>() == 8 ? i64x2.eq(where, i64x2.splat(tap as i64)) : i32x4.eq(where, i32x4.splat(tap));
      v128.store(place, v128.add<T>(v128.load(place), v128.and(dy, here)));
      place += tapStep;
      tap++;
    }
    dx += rowStep;
  }
}

function gatherVector<T extends number>(
  where: v128,
  g: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
): v128 {
  let result = i32x4.splat(0);
  let tap = 0;
  for (let i = 0; i < rows; i++) {
    let place = g;
    for (let j = 0; j < taps; j++) {
      const here = sizeof<T>() == 8 ? i64x2.eq(where, i64x2.splat(tap as i64)) : i32x4.eq(where, i32x4.splat(tap));
      result = v128.bitselect(v128.load(place), result, here);
      place += tapStep;
      tap++;
    }
    g += rowStep;
  }
  return result;
}

/** Masks away the first `count` lanes: the ones that the vector before has already added. */
function withoutFirst<T extends number>(x: v128, count: usize): v128 {
  if (sizeof<T>() == 8) return count == 0 ? x : v128.and(x, i64x2(0, -1));
  const lanes = i32x4(0, 1, 2, 3);
  return v128.and(x, i32x4.ge_s(lanes, i32x4.splat(count as i32)));
}

/** Which of the three kernels a loop runs. */
class Mode {
  static readonly VALUE: i32 = 0;
  static readonly SCATTER: i32 = 1;
  static readonly GATHER: i32 = 2;
}

/**
 * Output rows [from, end) of all images. VALUE: target = pooled x. SCATTER: other is dy, target is dx (zeroed).
 * GATHER: other is g in the shape of x, target its values at the maxima. A window wholly in the padding has no
 * maximum: -Infinity, nothing, 0.
 */
function poolRows<T extends number>(
  shape: PoolShape,
  x: usize,
  other: usize,
  target: usize,
  from: i32,
  end: i32,
  mode: i32,
): void {
  const channels = shape.c as usize;
  const lanes: usize = 16 / sizeof<T>();
  const pixelStep = channels * sizeof<T>();
  const lineStep = (shape.w as usize) * pixelStep;
  const rowStep = (shape.dilationH as usize) * lineStep;
  const tapStep = (shape.dilationW as usize) * pixelStep;
  const imageStep = (shape.h as usize) * lineStep;
  for (let row = from; row < end; row++) {
    const n = row / shape.oh;
    const top = (row - n * shape.oh) * shape.strideH - shape.padTop;
    const firstRow = Taps.first(top, shape.dilationH);
    const rows = Taps.last(top, shape.dilationH, shape.windowH, shape.h) - firstRow;
    for (let j = 0; j < shape.ow; j++) {
      const left = j * shape.strideW - shape.padLeft;
      const firstTap = Taps.first(left, shape.dilationW);
      const taps = Taps.last(left, shape.dilationW, shape.windowW, shape.w) - firstTap;
      const pixel = ((row as usize) * (shape.ow as usize) + (j as usize)) * pixelStep;
      if (rows <= 0 || taps <= 0) {
        if (mode == Mode.SCATTER) continue;
        for (let c: usize = 0; c < channels; c++) {
          store<T>(target + pixel + c * sizeof<T>(), mode == Mode.VALUE ? (-Infinity as T) : (0 as T));
        }
        continue;
      }
      const corner =
        (((top + firstRow * shape.dilationH) * shape.w + left + firstTap * shape.dilationW) as usize) * pixelStep;
      const window = (n as usize) * imageStep + corner;
      let c: usize = 0;
      while (channels >= lanes && c < channels) {
        const start = min<usize>(c, channels - lanes);
        const offset = start * sizeof<T>();
        if (mode == Mode.VALUE) {
          v128.store(target + pixel + offset, maximumVector<T>(x + window + offset, rowStep, tapStep, rows, taps));
        } else {
          const where = firstMaximum<T>(x + window + offset, rowStep, tapStep, rows, taps);
          if (mode == Mode.SCATTER) {
            const dy = withoutFirst<T>(v128.load(other + pixel + offset), c - start);
            scatterVector<T>(where, dy, target + window + offset, rowStep, tapStep, rows, taps);
          } else {
            v128.store(
              target + pixel + offset,
              gatherVector<T>(where, other + window + offset, rowStep, tapStep, rows, taps),
            );
          }
        }
        c += lanes;
      }
      while (c < channels) {
        const offset = c * sizeof<T>();
        if (mode == Mode.VALUE) {
          store<T>(target + pixel + offset, maximumScalar<T>(x + window + offset, rowStep, tapStep, rows, taps));
        } else {
          const place = window + offset + firstMaximumScalar<T>(x + window + offset, rowStep, tapStep, rows, taps);
          if (mode == Mode.SCATTER)
            store<T>(target + place, (load<T>(target + place) + load<T>(other + pixel + offset)) as T);
          else store<T>(target + pixel + offset, load<T>(other + place));
        }
        c++;
      }
    }
  }
}

/** Words: x, out, then the pool words. Workers share rows of outputs. */
function maxPool<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 8);
  const rows = shape.n * shape.oh;
  const from = Share.from(rows, worker, workers);
  poolRows<T>(
    shape,
    Words.pointer(args, 0),
    0,
    Words.pointer(args, 1),
    from,
    Share.from(rows, worker + 1, workers),
    Mode.VALUE,
  );
}

/** Words: x, dy, dx, then the pool words. Workers share images, because windows of one image may overlap. */
function maxPoolScatter<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 12);
  const dx = Words.pointer(args, 2);
  const from = Share.from(shape.n, worker, workers);
  const end = Share.from(shape.n, worker + 1, workers);
  const image = (shape.h as usize) * (shape.w as usize) * (shape.c as usize) * sizeof<T>();
  memory.fill(dx + (from as usize) * image, 0, ((end - from) as usize) * image);
  poolRows<T>(shape, Words.pointer(args, 0), Words.pointer(args, 1), dx, from * shape.oh, end * shape.oh, Mode.SCATTER);
}

/** Words: x, g, out, then the pool words. */
function maxPoolGather<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 12);
  const rows = shape.n * shape.oh;
  const from = Share.from(rows, worker, workers);
  const end = Share.from(rows, worker + 1, workers);
  poolRows<T>(shape, Words.pointer(args, 0), Words.pointer(args, 1), Words.pointer(args, 2), from, end, Mode.GATHER);
}

export function maxPool2d_f32(args: usize, worker: i32, workers: i32): void {
  maxPool<f32>(args, worker, workers);
}
export function maxPool2d_f64(args: usize, worker: i32, workers: i32): void {
  maxPool<f64>(args, worker, workers);
}
export function maxPool2dScatter_f32(args: usize, worker: i32, workers: i32): void {
  maxPoolScatter<f32>(args, worker, workers);
}
export function maxPool2dScatter_f64(args: usize, worker: i32, workers: i32): void {
  maxPoolScatter<f64>(args, worker, workers);
}
export function maxPool2dGather_f32(args: usize, worker: i32, workers: i32): void {
  maxPoolGather<f32>(args, worker, workers);
}
export function maxPool2dGather_f64(args: usize, worker: i32, workers: i32): void {
  maxPoolGather<f64>(args, worker, workers);
}
