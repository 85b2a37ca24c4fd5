// The register tile of matmul-tile.ts with one vector of columns instead of two, for what is left at the right edge of C.
// Knows what that file knows. Read next: matmul-tile.ts.
import { clearRows, Tile } from "./tile";

/** The first `rows` rows of a C tile (`cStep` bytes apart) = or += the product of `depth` steps of a and b. */
export function multiplyHalf<T extends number>(
  depth: i32,
  a: usize,
  b: usize,
  bStep: usize,
  rows: i32,
  c: usize,
  cStep: usize,
  accumulate: bool,
): void {
  if (depth <= 0) {
    if (!accumulate) clearRows(rows, c, cStep, 16);
    return;
  }
  const step = (Tile.rows<T>() as usize) * sizeof<T>();
  const end = a + (depth as usize) * step;
  let x: v128;
  let b0 = v128.load(b);
  let c0: v128;
  let c1: v128;
  let c2: v128;
  let c3: v128;
  let c4: v128;
  let c5 = i32x4.splat(0);
  x = v128.load_splat<T>(a);
  c0 = v128.mul<T>(x, b0);
  x = v128.load_splat<T>(a, sizeof<T>());
  c1 = v128.mul<T>(x, b0);
  x = v128.load_splat<T>(a, 2 * sizeof<T>());
  c2 = v128.mul<T>(x, b0);
  x = v128.load_splat<T>(a, 3 * sizeof<T>());
  c3 = v128.mul<T>(x, b0);
  x = v128.load_splat<T>(a, 4 * sizeof<T>());
  c4 = v128.mul<T>(x, b0);
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isFloat<T>()) {
      x = v128.load_splat<T>(a, 5 * sizeof<T>());
      c5 = v128.mul<T>(x, b0);
    }
  }
  a += step;
  b += bStep;
  while (a < end) {
    b0 = v128.load(b);
    x = v128.load_splat<T>(a);
    c0 = Tile.madd<T>(x, b0, c0);
    x = v128.load_splat<T>(a, sizeof<T>());
    c1 = Tile.madd<T>(x, b0, c1);
    x = v128.load_splat<T>(a, 2 * sizeof<T>());
    c2 = Tile.madd<T>(x, b0, c2);
    x = v128.load_splat<T>(a, 3 * sizeof<T>());
    c3 = Tile.madd<T>(x, b0, c3);
    x = v128.load_splat<T>(a, 4 * sizeof<T>());
    c4 = Tile.madd<T>(x, b0, c4);
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        x = v128.load_splat<T>(a, 5 * sizeof<T>());
        c5 = Tile.madd<T>(x, b0, c5);
      }
    }
    a += step;
    b += bStep;
  }
  if (accumulate) {
    v128.store(c, v128.add<T>(v128.load(c), c0));
    if (rows == 1) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c1));
    if (rows == 2) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c2));
    if (rows == 3) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c3));
    if (rows == 4) return;
    c += cStep;
    v128.store(c, v128.add<T>(v128.load(c), c4));
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        if (rows == 5) return;
        c += cStep;
        v128.store(c, v128.add<T>(v128.load(c), c5));
      }
    }
  } else {
    v128.store(c, c0);
    if (rows == 1) return;
    c += cStep;
    v128.store(c, c1);
    if (rows == 2) return;
    c += cStep;
    v128.store(c, c2);
    if (rows == 3) return;
    c += cStep;
    v128.store(c, c3);
    if (rows == 4) return;
    c += cStep;
    v128.store(c, c4);
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (isFloat<T>()) {
        if (rows == 5) return;
        c += cStep;
        v128.store(c, c5);
      }
    }
  }
}
