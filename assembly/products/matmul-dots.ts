// A few rows times a matrix whose columns are contiguous, without packing: c[i, j] are dot products of a row of a and a
// column of b, four columns at a time. Columns are read in order and once; rows of a stay in the first-level cache.
// Sums are cut every Tile.DEPTH vectors. Read next: matmul-stream.ts for rows of b that are contiguous.
import { Tile } from "./tile";

function sumLanes<T extends number>(s: v128): T {
  if (sizeof<T>() == 8) return (v128.extract_lane<T>(s, 0) + v128.extract_lane<T>(s, 1)) as T;
  return (v128.extract_lane<T>(s, 0) +
    v128.extract_lane<T>(s, 1) +
    (v128.extract_lane<T>(s, 2) + v128.extract_lane<T>(s, 3))) as T;
}

/** The sums of the lanes of four vectors, for 32-bit elements. */
function sumsOfLanes<T extends number>(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const a = v128.add<T>(v128.shuffle<i32>(s0, s1, 0, 4, 1, 5), v128.shuffle<i32>(s0, s1, 2, 6, 3, 7));
  const b = v128.add<T>(v128.shuffle<i32>(s2, s3, 0, 4, 1, 5), v128.shuffle<i32>(s2, s3, 2, 6, 3, 7));
  return v128.add<T>(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** Four sums to (or added to) four neighbours. */
function storeSums<T extends number>(c: usize, s0: v128, s1: v128, s2: v128, s3: v128, accumulate: bool): void {
  if (sizeof<T>() == 8) {
    let low = v128.add<T>(v128.shuffle<i64>(s0, s1, 0, 2), v128.shuffle<i64>(s0, s1, 1, 3));
    let high = v128.add<T>(v128.shuffle<i64>(s2, s3, 0, 2), v128.shuffle<i64>(s2, s3, 1, 3));
    if (accumulate) {
      low = v128.add<T>(v128.load(c), low);
      high = v128.add<T>(v128.load(c, 16), high);
    }
    v128.store(c, low);
    v128.store(c, high, 16);
  } else {
    const sums = sumsOfLanes<T>(s0, s1, s2, s3);
    v128.store(c, accumulate ? v128.add<T>(v128.load(c), sums) : sums);
  }
}

/** Adds what is left of four dot products, less than a vector, to c. */
function addRest<T extends number>(x: usize, b: usize, step: usize, c: usize, rest: i32, columns: i32): void {
  for (let j = 0; j < columns; j++) {
    let sum: T = 0 as T;
    for (let k: usize = 0; k < (rest as usize); k++)
      sum = (sum + load<T>(x + k * sizeof<T>()) * load<T>(b + k * sizeof<T>())) as T;
    store<T>(c, (load<T>(c) + sum) as T);
    b += step;
    c += sizeof<T>();
  }
}

/** Dot products of x with four columns `step` bytes apart, of `bytes`, a multiple of 16. */
function fourDots<T extends number>(x: usize, b: usize, step: usize, c: usize, bytes: usize, accumulate: bool): void {
  const step2: usize = 2 * step;
  const step3: usize = 3 * step;
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = x + bytes;
  while (x < end) {
    const u = v128.load(x);
    s0 = Tile.madd<T>(u, v128.load(b), s0);
    s1 = Tile.madd<T>(u, v128.load(b + step), s1);
    s2 = Tile.madd<T>(u, v128.load(b + step2), s2);
    s3 = Tile.madd<T>(u, v128.load(b + step3), s3);
    x += 16;
    b += 16;
  }
  storeSums<T>(c, s0, s1, s2, s3, accumulate);
}

/** The same for two rows x and y, whose results are `cStep` bytes apart. */
function fourDotsTwice<T extends number>(
  x: usize,
  y: usize,
  b: usize,
  step: usize,
  c: usize,
  cStep: usize,
  bytes: usize,
  accumulate: bool,
): void {
  const step2: usize = 2 * step;
  const step3: usize = 3 * step;
  const across = y - x;
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let t0 = s0;
  let t1 = s0;
  let t2 = s0;
  let t3 = s0;
  const end = x + bytes;
  while (x < end) {
    const u = v128.load(x);
    const v = v128.load(x + across);
    let r = v128.load(b);
    s0 = Tile.madd<T>(u, r, s0);
    t0 = Tile.madd<T>(v, r, t0);
    r = v128.load(b + step);
    s1 = Tile.madd<T>(u, r, s1);
    t1 = Tile.madd<T>(v, r, t1);
    r = v128.load(b + step2);
    s2 = Tile.madd<T>(u, r, s2);
    t2 = Tile.madd<T>(v, r, t2);
    r = v128.load(b + step3);
    s3 = Tile.madd<T>(u, r, s3);
    t3 = Tile.madd<T>(v, r, t3);
    x += 16;
    b += 16;
  }
  storeSums<T>(c, s0, s1, s2, s3, accumulate);
  storeSums<T>(c + cStep, t0, t1, t2, t3, accumulate);
}

function oneDot<T extends number>(x: usize, b: usize, c: usize, bytes: usize, accumulate: bool): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  const end = x + (bytes & ~31);
  while (x < end) {
    s0 = Tile.madd<T>(v128.load(x), v128.load(b), s0);
    s1 = Tile.madd<T>(v128.load(x, 16), v128.load(b, 16), s1);
    x += 32;
    b += 32;
  }
  if (bytes & 16) s0 = Tile.madd<T>(v128.load(x), v128.load(b), s0);
  const sum = sumLanes<T>(v128.add<T>(s0, s1));
  store<T>(c, accumulate ? ((load<T>(c) + sum) as T) : sum);
}

/** C [m, n] = or += A B for few rows; rows of A and columns of B are contiguous. Steps in bytes. Depth above 0. */
export function multiplyDots<T extends number>(
  a: usize,
  aStep: usize,
  b: usize,
  columnStep: usize,
  c: usize,
  cStep: usize,
  m: i32,
  n: i32,
  k: i32,
  accumulate: bool,
): void {
  const lanes = (16 / sizeof<T>()) as i32;
  const longest = Tile.DEPTH * lanes;
  const rest = k & (lanes - 1);
  for (let j = 0; j < n; j += 4) {
    const columns = min<i32>(4, n - j);
    let x = a;
    let place = c;
    for (let i = 0; i < m;) {
      const pair = i + 2 <= m && columns == 4;
      let done: usize = 0;
      // Where the depth is less than a vector the rest below is all there is.
      if (k < lanes && !accumulate) memory.fill(place, 0, (columns as usize) * sizeof<T>());
      if (k < lanes && !accumulate && pair) memory.fill(place + cStep, 0, 4 * sizeof<T>());
      for (let from = 0; from + lanes <= k; from += longest) {
        const bytes = ((min<i32>(longest, k - from) & ~(lanes - 1)) as usize) * sizeof<T>();
        const adds = accumulate || from > 0;
        if (pair) {
          fourDotsTwice<T>(x + done, x + aStep + done, b + done, columnStep, place, cStep, bytes, adds);
        } else if (columns == 4) {
          fourDots<T>(x + done, b + done, columnStep, place, bytes, adds);
        } else {
          for (let q: usize = 0; q < (columns as usize); q++)
            oneDot<T>(x + done, b + q * columnStep + done, place + q * sizeof<T>(), bytes, adds);
        }
        done += bytes;
      }
      if (rest > 0) {
        addRest<T>(x + done, b + done, columnStep, place, rest, columns);
        if (pair) addRest<T>(x + aStep + done, b + done, columnStep, place + cStep, rest, columns);
      }
      const count: usize = pair ? 2 : 1;
      x += count * aStep;
      place += count * cStep;
      i += count as i32;
    }
    b += 4 * columnStep;
    c += 4 * sizeof<T>();
  }
}
