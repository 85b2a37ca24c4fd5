// The two adjoints of maximum pooling. Scatter: dy goes to the first maximum of its window (its gradient). Gather: the
// elements of another image at those places (the gradient of that). Each vector of channels sees its window twice: once
// for the largest, once for the first tap that equals it. A NaN equals nothing, so that the first NaN wins.
// Windows that cover each element once write the gradient; others are added to zeros.
// Read next: pooling.ts for the maximum without the eight instructions that it is by itself.
import { PoolShape, Taps } from "./pooling-shape";
import { Share, Words } from "../program/words";

class Window {
  /** The largest value of each lane, NaN where there is one. */
  @inline static largest<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): v128 {
    let best = v128.load(x);
    let nan = i32x4.splat(0);
    let line = x;
    for (let i = rows; i > 0; i--) {
      let place = line;
      for (let j = taps; j > 0; j--) {
        const value = v128.load(place);
        best = v128.pmax<T>(best, value);
        nan = v128.or(nan, v128.ne<T>(value, value));
        place += tapStep;
      }
      line += rowStep;
    }
    return v128.or(best, nan);
  }

  /** Lanes where a value is what `largest` found. */
  @inline static wins<T extends number>(value: v128, best: v128): v128 {
    return v128.or(v128.eq<T>(value, best), v128.ne<T>(value, value));
  }

  /** Adds the lanes of dy to a tap that is the largest, and returns the others. */
  @inline static give<T extends number>(value: v128, best: v128, dy: v128, target: usize): v128 {
    const here = v128.eq<T>(value, best);
    v128.store(target, v128.add<T>(v128.load(target), v128.and(dy, here)));
    return v128.andnot(dy, here);
  }

  /** Writes the lanes of dy at the first maxima of 2 x 2 taps that no other window has. */
  @inline static scatterTwo<T extends number>(x: usize, dy: v128, dx: usize, rowStep: usize, tapStep: usize): void {
    const below = x + rowStep;
    const v0 = v128.load(x);
    const v1 = v128.load(x + tapStep);
    const v2 = v128.load(below);
    const v3 = v128.load(below + tapStep);
    const n0 = v128.ne<T>(v0, v0);
    const n1 = v128.ne<T>(v1, v1);
    const n2 = v128.ne<T>(v2, v2);
    const n3 = v128.ne<T>(v3, v3);
    const largest = v128.pmax<T>(v128.pmax<T>(v0, v1), v128.pmax<T>(v2, v3));
    const best = v128.or(largest, v128.or(v128.or(n0, n1), v128.or(n2, n3)));
    const w0 = v128.or(v128.eq<T>(v0, best), n0);
    const w1 = v128.or(v128.eq<T>(v1, best), n1);
    const w2 = v128.or(v128.eq<T>(v2, best), n2);
    v128.store(dx, v128.and(dy, w0));
    let left = v128.andnot(dy, w0);
    v128.store(dx + tapStep, v128.and(left, w1));
    left = v128.andnot(left, w1);
    dx += rowStep;
    v128.store(dx, v128.and(left, w2));
    v128.store(dx + tapStep, v128.andnot(left, w2));
  }

  /** Bytes from x to the first maximum of one channel. */
  @inline static firstOf<T extends number>(x: usize, rowStep: usize, tapStep: usize, rows: i32, taps: i32): usize {
    let best = load<T>(x);
    let where: usize = 0;
    let line: usize = 0;
    for (let i = rows; i > 0; i--) {
      let place = line;
      for (let j = taps; j > 0; j--) {
        const value = load<T>(x + place);
        if (value > best || (value != value && best == best)) {
          best = value;
          where = place;
        }
        place += tapStep;
      }
      line += rowStep;
    }
    return where;
  }
}

/** Adds (or, if `first`, writes) the lanes of dy at the first maxima of a window. */
function scatterVector<T extends number>(
  x: usize,
  dy: v128,
  dx: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  first: bool,
): void {
  const best = Window.largest<T>(x, rowStep, tapStep, rows, taps);
  for (let i = rows; i > 0; i--) {
    let place = x;
    let target = dx;
    for (let j = taps; j > 0; j--) {
      const here = Window.wins<T>(v128.load(place), best);
      const share = v128.and(dy, here);
      dy = v128.andnot(dy, here);
      v128.store(target, first ? share : v128.add<T>(v128.load(target), share));
      place += tapStep;
      target += tapStep;
    }
    x += rowStep;
    dx += rowStep;
  }
}

/** The same as `scatterVector` for 3 x 3 taps. False, and nothing done, if a value may be NaN: the sum of all would be. */
function scatterThree<T extends number>(x: usize, dy: v128, dx: usize, rowStep: usize, tapStep: usize): bool {
  const v0 = v128.load(x);
  const v1 = v128.load(x + tapStep);
  const v2 = v128.load(x + 2 * tapStep);
  x += rowStep;
  const v3 = v128.load(x);
  const v4 = v128.load(x + tapStep);
  const v5 = v128.load(x + 2 * tapStep);
  x += rowStep;
  const v6 = v128.load(x);
  const v7 = v128.load(x + tapStep);
  const v8 = v128.load(x + 2 * tapStep);
  const sum = v128.add<T>(
    v128.add<T>(
      v128.add<T>(v128.add<T>(v0, v1), v128.add<T>(v2, v3)),
      v128.add<T>(v128.add<T>(v4, v5), v128.add<T>(v6, v7)),
    ),
    v8,
  );
  if (v128.any_true(v128.ne<T>(sum, sum))) return false;
  let best = v128.pmax<T>(v128.pmax<T>(v128.pmax<T>(v0, v1), v128.pmax<T>(v2, v3)), v8);
  best = v128.pmax<T>(v128.pmax<T>(v128.pmax<T>(v4, v5), v128.pmax<T>(v6, v7)), best);
  dy = Window.give<T>(v0, best, dy, dx);
  dy = Window.give<T>(v1, best, dy, dx + tapStep);
  dy = Window.give<T>(v2, best, dy, dx + 2 * tapStep);
  dx += rowStep;
  dy = Window.give<T>(v3, best, dy, dx);
  dy = Window.give<T>(v4, best, dy, dx + tapStep);
  dy = Window.give<T>(v5, best, dy, dx + 2 * tapStep);
  dx += rowStep;
  dy = Window.give<T>(v6, best, dy, dx);
  dy = Window.give<T>(v7, best, dy, dx + tapStep);
  Window.give<T>(v8, best, dy, dx + 2 * tapStep);
  return true;
}

function gatherVector<T extends number>(
  x: usize,
  g: usize,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
): v128 {
  const best = Window.largest<T>(x, rowStep, tapStep, rows, taps);
  let result = i32x4.splat(0);
  let left = i32x4.splat(-1);
  for (let i = rows; i > 0; i--) {
    let place = x;
    let other = g;
    for (let j = taps; j > 0; j--) {
      const here = v128.and(Window.wins<T>(v128.load(place), best), left);
      left = v128.andnot(left, here);
      result = v128.or(result, v128.and(v128.load(other), here));
      place += tapStep;
      other += tapStep;
    }
    x += rowStep;
    g += rowStep;
  }
  return result;
}

/** Masks away the lanes of the last `count` elements' vector that the vector before has: the first ones. */
function lastLanes<T extends number>(x: v128, count: usize): v128 {
  if (sizeof<T>() == 8) return v128.and(x, i64x2(0, -1));
  return v128.and(x, i32x4.ge_s(i32x4(0, 1, 2, 3), i32x4.splat(4 - (count as i32))));
}

/** `pixels` windows of one row, `step` bytes apart, all of whose rows x taps are inside. */
function scatterRun<T extends number>(
  x: usize,
  dy: usize,
  dx: usize,
  step: usize,
  pixels: i32,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  bytes: usize,
  first: bool,
): void {
  const ofTwo = first && rows == 2 && taps == 2 && bytes >= 16;
  const ofThree = !first && rows == 3 && taps == 3;
  for (; pixels > 0; pixels--) {
    let c: usize = 0;
    if (ofTwo) {
      while (c < bytes) {
        if (c + 16 > bytes) c = bytes - 16;
        Window.scatterTwo<T>(x + c, v128.load(dy + c), dx + c, rowStep, tapStep);
        c += 16;
      }
    }
    while (c + 16 <= bytes) {
      const share = v128.load(dy + c);
      if (!ofThree || !scatterThree<T>(x + c, share, dx + c, rowStep, tapStep))
        scatterVector<T>(x + c, share, dx + c, rowStep, tapStep, rows, taps, first);
      c += 16;
    }
    if (c < bytes) {
      if (bytes >= 16) {
        const last = bytes - 16;
        const all = v128.load(dy + last);
        const rest = first ? all : lastLanes<T>(all, (bytes - c) / sizeof<T>());
        scatterVector<T>(x + last, rest, dx + last, rowStep, tapStep, rows, taps, first);
      } else {
        for (c = 0; c < bytes; c += sizeof<T>()) {
          const place = dx + c + Window.firstOf<T>(x + c, rowStep, tapStep, rows, taps);
          store<T>(place, (load<T>(place) + load<T>(dy + c)) as T);
        }
      }
    }
    x += step;
    dx += step;
    dy += bytes;
  }
}

function gatherRun<T extends number>(
  x: usize,
  g: usize,
  out: usize,
  step: usize,
  pixels: i32,
  rowStep: usize,
  tapStep: usize,
  rows: i32,
  taps: i32,
  bytes: usize,
): void {
  for (; pixels > 0; pixels--) {
    let c: usize = 0;
    if (bytes >= 16) {
      while (c < bytes) {
        if (c + 16 > bytes) c = bytes - 16;
        v128.store(out + c, gatherVector<T>(x + c, g + c, rowStep, tapStep, rows, taps));
        c += 16;
      }
    }
    while (c < bytes) {
      store<T>(out + c, load<T>(g + c + Window.firstOf<T>(x + c, rowStep, tapStep, rows, taps)));
      c += sizeof<T>();
    }
    x += step;
    g += step;
    out += bytes;
  }
}

/**
 * Output rows [from, end) of all images. Scatter: small is dy, large dx. Gather: small is the result, large the image g.
 * A window wholly in the padding has no maximum: nothing, and 0.
 */
function adjointRows<T extends number>(
  shape: PoolShape,
  x: usize,
  small: usize,
  large: usize,
  from: i32,
  end: i32,
  scatter: bool,
  first: bool,
): void {
  const bytes = (shape.c as usize) * sizeof<T>();
  const lineStep = (shape.w as usize) * bytes;
  const rowStep = (shape.dilationH as usize) * lineStep;
  const tapStep = (shape.dilationW as usize) * bytes;
  const step = (shape.strideW as usize) * bytes;
  const innerFrom = shape.innerFrom;
  const innerEnd = shape.innerEnd;
  let place = small + (from as usize) * (shape.ow as usize) * bytes;
  for (let row = from; row < end; row++) {
    const n = row / shape.oh;
    const top = (row - n * shape.oh) * shape.strideH - shape.padTop;
    const firstRow = Taps.first(top, shape.dilationH);
    const rows = Taps.last(top, shape.dilationH, shape.windowH, shape.h) - firstRow;
    const line = ((n * shape.h + top + firstRow * shape.dilationH) as usize) * lineStep;
    let j = 0;
    while (j < shape.ow) {
      const left = j * shape.strideW - shape.padLeft;
      const firstTap = Taps.first(left, shape.dilationW);
      const taps = Taps.last(left, shape.dilationW, shape.windowW, shape.w) - firstTap;
      const window = line + ((left + firstTap * shape.dilationW) as usize) * bytes;
      let pixels = j >= innerFrom && j < innerEnd ? innerEnd - j : 1;
      if (rows > 0 && taps > 0) {
        if (scatter)
          scatterRun<T>(x + window, place, large + window, step, pixels, rowStep, tapStep, rows, taps, bytes, first);
        else gatherRun<T>(x + window, large + window, place, step, pixels, rowStep, tapStep, rows, taps, bytes);
      } else {
        pixels = 1;
        if (!scatter) memory.fill(place, 0, bytes);
      }
      place += (pixels as usize) * bytes;
      j += pixels;
    }
  }
}

/** Words: x, dy, dx, then the pool words. Workers share images, because windows of one image may overlap. */
function maxPoolScatter<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 12);
  const x = Words.pointer(args, 0);
  const dy = Words.pointer(args, 1);
  const dx = Words.pointer(args, 2);
  const bytes = (shape.c as usize) * sizeof<T>();
  const first = shape.isDisjoint && bytes >= 16;
  if (first && shape.isPartition) {
    const rows = shape.n * shape.oh;
    const from = Share.from(rows, worker, workers);
    adjointRows<T>(shape, x, dy, dx, from, Share.from(rows, worker + 1, workers), true, true);
    return;
  }
  const from = Share.from(shape.n, worker, workers);
  const end = Share.from(shape.n, worker + 1, workers);
  const image = (shape.h as usize) * (shape.w as usize) * bytes;
  for (let n = from; n < end; n++) {
    memory.fill(dx + (n as usize) * image, 0, image);
    adjointRows<T>(shape, x, dy, dx, n * shape.oh, (n + 1) * shape.oh, true, first);
  }
}

/** Words: x, g, out, then the pool words. Workers share rows of outputs. */
function maxPoolGather<T extends number>(args: usize, worker: i32, workers: i32): void {
  const shape = changetype<PoolShape>(args + 12);
  const rows = shape.n * shape.oh;
  const from = Share.from(rows, worker, workers);
  const end = Share.from(rows, worker + 1, workers);
  const g = Words.pointer(args, 1);
  adjointRows<T>(shape, Words.pointer(args, 0), Words.pointer(args, 2), g, from, end, false, false);
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
