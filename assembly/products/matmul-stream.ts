// A few rows times a matrix whose rows are contiguous, without packing: rows of b stream by, several at once, and what
// they add goes to rows of c, which stay in the first-level cache. So b is read once and in order, which is what bounds a
// single row of a; two rows and more keep the multipliers busy. A sum over k is a sum of sums of four products.
// Read next: matmul-dots.ts for b transposed, matmul.ts, which chooses.
import { Tile } from "./tile";

/** Bytes of a row of c that are worked on at a time: they stay in the first-level cache, with what is read of b. */
const STRIP: usize = 16384;
const PAIR_STRIP: usize = 2048;
/** MOST_ROWS * PAIR_STRIP bytes fit the scratch of a product whose rows are longer than PAIR_STRIP and 8 deep. */
export const MOST_ROWS: i32 = 8;

/** c += x[0..3] times four rows of b, `bytes` (a multiple of 16) of each. More rows spill in V8 11.3. */
function addFour<T extends number>(x: usize, xStep: usize, b: usize, rowStep: usize, c: usize, bytes: usize): void {
  const x0 = v128.load_splat<T>(x);
  const x1 = v128.load_splat<T>(x + xStep);
  const x2 = v128.load_splat<T>(x + 2 * xStep);
  const x3 = v128.load_splat<T>(x + 3 * xStep);
  const step2: usize = 2 * rowStep;
  const step3: usize = 3 * rowStep;
  const end = c + (bytes & ~31);
  while (c < end) {
    let s0 = v128.mul<T>(x0, v128.load(b));
    let s1 = v128.mul<T>(x0, v128.load(b, 16));
    s0 = Tile.madd<T>(x1, v128.load(b + rowStep), s0);
    s1 = Tile.madd<T>(x1, v128.load(b + rowStep, 16), s1);
    s0 = Tile.madd<T>(x2, v128.load(b + step2), s0);
    s1 = Tile.madd<T>(x2, v128.load(b + step2, 16), s1);
    s0 = Tile.madd<T>(x3, v128.load(b + step3), s0);
    s1 = Tile.madd<T>(x3, v128.load(b + step3, 16), s1);
    v128.store(c, v128.add<T>(v128.load(c), s0));
    v128.store(c, v128.add<T>(v128.load(c, 16), s1), 16);
    b += 32;
    c += 32;
  }
  if (bytes & 16) {
    let s = v128.mul<T>(x0, v128.load(b));
    s = Tile.madd<T>(x1, v128.load(b + rowStep), s);
    s = Tile.madd<T>(x2, v128.load(b + step2), s);
    s = Tile.madd<T>(x3, v128.load(b + step3), s);
    v128.store(c, v128.add<T>(v128.load(c), s));
  }
}

/** The same for two rows of a and of c. */
function addFourTwice<T extends number>(
  x: usize,
  y: usize,
  xStep: usize,
  b: usize,
  rowStep: usize,
  c: usize,
  d: usize,
  bytes: usize,
): void {
  const x0 = v128.load_splat<T>(x);
  const x1 = v128.load_splat<T>(x + xStep);
  const x2 = v128.load_splat<T>(x + 2 * xStep);
  const x3 = v128.load_splat<T>(x + 3 * xStep);
  const y0 = v128.load_splat<T>(y);
  const y1 = v128.load_splat<T>(y + xStep);
  const y2 = v128.load_splat<T>(y + 2 * xStep);
  const y3 = v128.load_splat<T>(y + 3 * xStep);
  const step2: usize = 2 * rowStep;
  const step3: usize = 3 * rowStep;
  const across = d - c;
  const end = c + bytes;
  while (c < end) {
    let r = v128.load(b);
    let s = v128.mul<T>(x0, r);
    let t = v128.mul<T>(y0, r);
    r = v128.load(b + rowStep);
    s = Tile.madd<T>(x1, r, s);
    t = Tile.madd<T>(y1, r, t);
    r = v128.load(b + step2);
    s = Tile.madd<T>(x2, r, s);
    t = Tile.madd<T>(y2, r, t);
    r = v128.load(b + step3);
    s = Tile.madd<T>(x3, r, s);
    t = Tile.madd<T>(y3, r, t);
    v128.store(c, v128.add<T>(v128.load(c), s));
    v128.store(c + across, v128.add<T>(v128.load(c + across), t));
    b += 16;
    c += 16;
  }
}

/** c += x times one row of b. */
function addOne<T extends number>(x: usize, b: usize, c: usize, bytes: usize): void {
  const x0 = v128.load_splat<T>(x);
  const end = c + bytes;
  while (c < end) {
    v128.store(c, Tile.madd<T>(x0, v128.load(b), v128.load(c)));
    b += 16;
    c += 16;
  }
}

/** One element by scalars, any strides: a sum of sums of sixteen products. */
export function multiplyElement<T extends number>(
  x: usize,
  xStep: usize,
  b: usize,
  rowStep: usize,
  c: usize,
  depth: i32,
): void {
  let total: T = 0 as T;
  for (let k = 0; k < depth; k += 16) {
    const block = min<i32>(16, depth - k);
    let sum: T = 0 as T;
    for (let i = 0; i < block; i++) {
      sum = (sum + load<T>(x) * load<T>(b)) as T;
      x += xStep;
      b += rowStep;
    }
    total = (total + sum) as T;
  }
  store<T>(c, total);
}

/** One row of c. All steps in bytes. */
function multiplyRow<T extends number>(
  x: usize,
  xStep: usize,
  b: usize,
  rowStep: usize,
  c: usize,
  bytes: usize,
  depth: i32,
): void {
  memory.fill(c, 0, bytes);
  let k = 0;
  for (; k + 4 <= depth; k += 4) {
    addFour<T>(x, xStep, b, rowStep, c, bytes);
    x += 4 * xStep;
    b += 4 * rowStep;
  }
  for (; k < depth; k++) {
    addOne<T>(x, b, c, bytes);
    x += xStep;
    b += rowStep;
  }
}

/** Pairs of rows of c, and the last one by itself. All steps in bytes. */
function multiplyPairs<T extends number>(
  a: usize,
  aRow: usize,
  aColumn: usize,
  b: usize,
  rowStep: usize,
  c: usize,
  cStep: usize,
  bytes: usize,
  rows: i32,
  depth: i32,
): void {
  const pairs = rows >> 1;
  for (let i = 0; i < rows; i++) memory.fill(c + (i as usize) * cStep, 0, bytes);
  for (let k = 0; k < depth;) {
    const four = k + 4 <= depth;
    let x = a;
    let place = c;
    for (let i = 0; i < pairs; i++) {
      if (four) {
        addFourTwice<T>(x, x + aRow, aColumn, b, rowStep, place, place + cStep, bytes);
      } else {
        addOne<T>(x, b, place, bytes);
        addOne<T>(x + aRow, b, place + cStep, bytes);
      }
      x += 2 * aRow;
      place += 2 * cStep;
    }
    const count: usize = four ? 4 : 1;
    if (rows & 1) {
      for (let r: usize = 0; r < count; r++) addOne<T>(x + r * aColumn, b + r * rowStep, place, bytes);
    }
    a += count * aColumn;
    b += count * rowStep;
    k += count as i32;
  }
}

/**
 * C [m, n] = A B for up to MOST_ROWS rows; columns of B are neighbours. Strides in elements, `cStep` in bytes. Depth above 0.
 * `scratch` is that of a packed product.
 */
export function multiplyStream<T extends number>(
  a: usize,
  b: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  aRow: i32,
  aColumn: i32,
  bRow: i32,
  cStep: usize,
  scratch: usize,
): void {
  const size = sizeof<T>() as isize;
  const rowStep = ((bRow as isize) * size) as usize;
  const aRowStep = ((aRow as isize) * size) as usize;
  const aColumnStep = ((aColumn as isize) * size) as usize;
  const bytes = ((n as isize) * size) as usize;
  const whole = bytes & ~15;
  const block = m == 1 ? STRIP : PAIR_STRIP;
  // Parts of long rows often begin at the same place of a page and would push each other out of the cache.
  const apart = bytes > PAIR_STRIP && k >= 8;
  for (let from: usize = 0; from < whole; from += block) {
    const part = min<usize>(block, whole - from);
    if (m == 1) multiplyRow<T>(a, aColumnStep, b + from, rowStep, c + from, part, k);
    else if (apart) {
      multiplyPairs<T>(a, aRowStep, aColumnStep, b + from, rowStep, scratch, part, part, m, k);
      for (let i: usize = 0; i < (m as usize); i++) memory.copy(c + from + i * cStep, scratch + i * part, part);
    } else multiplyPairs<T>(a, aRowStep, aColumnStep, b + from, rowStep, c + from, cStep, part, m, k);
  }
  for (let from = whole; from < bytes; from += sizeof<T>()) {
    for (let i: usize = 0; i < (m as usize); i++)
      multiplyElement<T>(a + i * aRowStep, aColumnStep, b + from, rowStep, c + i * cStep + from, k);
  }
}
