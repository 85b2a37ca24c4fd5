// A row times a matrix, without packing: c[j] = sum over k of x[k] b[k, j]. Memory-bound, so each element of b is read
// once, along its contiguous side: columns as running sums when rows of b are contiguous, dot products when columns
// are. Sums are cut every Tile.DEPTH steps like the packed product's, so long ones lose no more digits than there.
// A matrix times a column is the same with b transposed: matmul.ts swaps the strides.
import { Tile } from "./matmul-tile";

/** Four vectors of columns. `xStep` and `bStep` in bytes. */
function fourVectors<T extends number>(
  x: usize,
  xStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  depth: i32,
  accumulate: bool,
): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (let k = 0; k < depth; k++) {
    const a = v128.load_splat<T>(x);
    s0 = Tile.madd<T>(a, v128.load(b), s0);
    s1 = Tile.madd<T>(a, v128.load(b, 16), s1);
    s2 = Tile.madd<T>(a, v128.load(b, 32), s2);
    s3 = Tile.madd<T>(a, v128.load(b, 48), s3);
    x += xStep;
    b += bStep;
  }
  if (accumulate) {
    s0 = v128.add<T>(s0, v128.load(c));
    s1 = v128.add<T>(s1, v128.load(c, 16));
    s2 = v128.add<T>(s2, v128.load(c, 32));
    s3 = v128.add<T>(s3, v128.load(c, 48));
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
  v128.store(c, s2, 32);
  v128.store(c, s3, 48);
}

function oneVector<T extends number>(
  x: usize,
  xStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  depth: i32,
  accumulate: bool,
): void {
  let sum = i32x4.splat(0);
  for (let k = 0; k < depth; k++) {
    sum = Tile.madd<T>(v128.load_splat<T>(x), v128.load(b), sum);
    x += xStep;
    b += bStep;
  }
  v128.store(c, accumulate ? v128.add<T>(sum, v128.load(c)) : sum);
}

/** One column by scalars, any strides. */
function oneColumn<T extends number>(
  x: usize,
  xStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  depth: i32,
  accumulate: bool,
): void {
  let sum: T = accumulate ? load<T>(c) : (0 as T);
  for (let k = 0; k < depth; k++) {
    sum = (sum + load<T>(x) * load<T>(b)) as T;
    x += xStep;
    b += bStep;
  }
  store<T>(c, sum);
}

function sumLanes<T extends number>(s: v128): T {
  if (sizeof<T>() == 8) return (v128.extract_lane<T>(s, 0) + v128.extract_lane<T>(s, 1)) as T;
  return (v128.extract_lane<T>(s, 0) +
    v128.extract_lane<T>(s, 1) +
    (v128.extract_lane<T>(s, 2) + v128.extract_lane<T>(s, 3))) as T;
}

/** Four dot products of contiguous runs with x. `step` is the distance of the runs in bytes. */
function fourDots<T extends number>(x: usize, b: usize, step: usize, c: usize, depth: i32, accumulate: bool): void {
  let b1 = b + step;
  let b2 = b1 + step;
  let b3 = b2 + step;
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = x + (depth as usize) * sizeof<T>();
  while (x + 16 <= end) {
    const a = v128.load(x);
    s0 = Tile.madd<T>(a, v128.load(b), s0);
    s1 = Tile.madd<T>(a, v128.load(b1), s1);
    s2 = Tile.madd<T>(a, v128.load(b2), s2);
    s3 = Tile.madd<T>(a, v128.load(b3), s3);
    x += 16;
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  let t0 = sumLanes<T>(s0);
  let t1 = sumLanes<T>(s1);
  let t2 = sumLanes<T>(s2);
  let t3 = sumLanes<T>(s3);
  while (x < end) {
    const a = load<T>(x);
    t0 = (t0 + a * load<T>(b)) as T;
    t1 = (t1 + a * load<T>(b1)) as T;
    t2 = (t2 + a * load<T>(b2)) as T;
    t3 = (t3 + a * load<T>(b3)) as T;
    x += sizeof<T>();
    b += sizeof<T>();
    b1 += sizeof<T>();
    b2 += sizeof<T>();
    b3 += sizeof<T>();
  }
  if (accumulate) {
    t0 = (t0 + load<T>(c)) as T;
    t1 = (t1 + load<T>(c, sizeof<T>())) as T;
    t2 = (t2 + load<T>(c, 2 * sizeof<T>())) as T;
    t3 = (t3 + load<T>(c, 3 * sizeof<T>())) as T;
  }
  store<T>(c, t0);
  store<T>(c, t1, sizeof<T>());
  store<T>(c, t2, 2 * sizeof<T>());
  store<T>(c, t3, 3 * sizeof<T>());
}

function oneDot<T extends number>(x: usize, b: usize, c: usize, depth: i32, accumulate: bool): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  const end = x + (depth as usize) * sizeof<T>();
  while (x + 32 <= end) {
    s0 = Tile.madd<T>(v128.load(x), v128.load(b), s0);
    s1 = Tile.madd<T>(v128.load(x, 16), v128.load(b, 16), s1);
    x += 32;
    b += 32;
  }
  let sum = sumLanes<T>(v128.add<T>(s0, s1));
  while (x < end) {
    sum = (sum + load<T>(x) * load<T>(b)) as T;
    x += sizeof<T>();
    b += sizeof<T>();
  }
  store<T>(c, accumulate ? ((load<T>(c) + sum) as T) : sum);
}

/** Strides in elements; c contiguous. `scratch` holds Tile.DEPTH elements. Depth must not be 0. */
export function multiplyVector<T extends number>(
  x: usize,
  xStride: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  columns: i32,
  depth: i32,
  scratch: usize,
): void {
  const xStep = ((xStride as isize) * (sizeof<T>() as isize)) as usize;
  const rowStep = ((bRow as isize) * (sizeof<T>() as isize)) as usize;
  const columnStep = ((bColumn as isize) * (sizeof<T>() as isize)) as usize;
  const lanes = (16 / sizeof<T>()) as i32;
  const strip = 4 * lanes;
  for (let k = 0; k < depth; k += Tile.DEPTH) {
    const block = min<i32>(Tile.DEPTH, depth - k);
    const accumulate = k > 0;
    let from = b + (k as usize) * rowStep;
    let vector = x + (k as usize) * xStep;
    let place = c;
    let j = 0;
    if (bColumn == 1 && bRow != 1) {
      while (j + strip <= columns) {
        fourVectors<T>(vector, xStep, from, rowStep, place, block, accumulate);
        j += strip;
        from += 64;
        place += 64;
      }
      while (j + lanes <= columns) {
        oneVector<T>(vector, xStep, from, rowStep, place, block, accumulate);
        j += lanes;
        from += 16;
        place += 16;
      }
    } else if (bRow == 1) {
      if (xStride != 1) {
        for (let i: usize = 0; i < (block as usize); i++)
          store<T>(scratch + i * sizeof<T>(), load<T>(vector + i * xStep));
        vector = scratch;
      }
      while (j + 4 <= columns) {
        fourDots<T>(vector, from, columnStep, place, block, accumulate);
        j += 4;
        from += 4 * columnStep;
        place += 4 * sizeof<T>();
      }
      while (j < columns) {
        oneDot<T>(vector, from, place, block, accumulate);
        j++;
        from += columnStep;
        place += sizeof<T>();
      }
    }
    while (j < columns) {
      oneColumn<T>(vector, xStep, from, rowStep, place, block, accumulate);
      j++;
      from += columnStep;
      place += sizeof<T>();
    }
  }
}
