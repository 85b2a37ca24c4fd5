// Sums of f32 in two levels: short blocks in f32 lanes at full speed, block sums in f64. A lane never adds more than
// 8 (rows) or 16 (columns) numbers before it is widened, so the relative error of a sum of positives stays below
// 1e-6 for any length. Returns to reduce.ts, which knows the axes.

/** Elements of a row that are summed by themselves: partial.ts gives chunks to several workers, with the same result. */
export const CHUNK = 4096;

/** Bytes that are summed in f32 before they are widened: eight vectors in each of four accumulators. */
const BLOCK: usize = 512;

/** The sum of at most CHUNK elements. */
export function chunkSumF32(source: usize, length: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  const end = source + ((length as usize) << 2);
  while (source + 64 <= end) {
    const stop = source + min<usize>(BLOCK, (end - source) & ~63);
    let s0 = v128.load(source);
    let s1 = v128.load(source, 16);
    let s2 = v128.load(source, 32);
    let s3 = v128.load(source, 48);
    source += 64;
    while (source < stop) {
      s0 = f32x4.add(s0, v128.load(source));
      s1 = f32x4.add(s1, v128.load(source, 16));
      s2 = f32x4.add(s2, v128.load(source, 32));
      s3 = f32x4.add(s3, v128.load(source, 48));
      source += 64;
    }
    s0 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    low = f64x2.add(low, f64x2.promote_low_f32x4(s0));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(s0, s0, 1, 1)));
  }
  low = f64x2.add(low, high);
  let total = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
  while (source < end) {
    total += load<f32>(source) as f64;
    source += 4;
  }
  return total;
}

/** The sum of a row, chunk after chunk. */
export function rowSumF32(source: usize, length: i32): f64 {
  let total = chunkSumF32(source, min<i32>(length, CHUNK));
  for (let done = CHUNK; done < length; done += CHUNK)
    total += chunkSumF32(source + ((done as usize) << 2), min<i32>(length - done, CHUNK));
  return total;
}

/** One vector of columns over all rows. */
function columnVector(source: usize, target: usize, length: i32, step: usize): void {
  let low = f64x2.splat(0);
  let high = low;
  while (length > 0) {
    let s = f32x4.splat(0);
    for (let i = min<i32>(16, length); i > 0; i--) {
      s = f32x4.add(s, v128.load(source));
      source += step;
    }
    low = f64x2.add(low, f64x2.promote_low_f32x4(s));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(s, s, 1, 1)));
    length -= 16;
  }
  v128.store(target, v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2));
}

/** Four vectors of columns at once. Both levels spill a little here; the inner loop of 16 rows does not. */
function columnStrip(source: usize, target: usize, length: i32, step: usize): void {
  let l0 = f64x2.splat(0);
  let h0 = l0;
  let l1 = l0;
  let h1 = l0;
  let l2 = l0;
  let h2 = l0;
  let l3 = l0;
  let h3 = l0;
  while (length > 0) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let i = min<i32>(16, length); i > 0; i--) {
      s0 = f32x4.add(s0, v128.load(source));
      s1 = f32x4.add(s1, v128.load(source, 16));
      s2 = f32x4.add(s2, v128.load(source, 32));
      s3 = f32x4.add(s3, v128.load(source, 48));
      source += step;
    }
    l0 = f64x2.add(l0, f64x2.promote_low_f32x4(s0));
    h0 = f64x2.add(h0, f64x2.promote_low_f32x4(v128.shuffle<i64>(s0, s0, 1, 1)));
    l1 = f64x2.add(l1, f64x2.promote_low_f32x4(s1));
    h1 = f64x2.add(h1, f64x2.promote_low_f32x4(v128.shuffle<i64>(s1, s1, 1, 1)));
    l2 = f64x2.add(l2, f64x2.promote_low_f32x4(s2));
    h2 = f64x2.add(h2, f64x2.promote_low_f32x4(v128.shuffle<i64>(s2, s2, 1, 1)));
    l3 = f64x2.add(l3, f64x2.promote_low_f32x4(s3));
    h3 = f64x2.add(h3, f64x2.promote_low_f32x4(v128.shuffle<i64>(s3, s3, 1, 1)));
    length -= 16;
  }
  v128.store(target, v128.shuffle<i64>(f32x4.demote_f64x2_zero(l0), f32x4.demote_f64x2_zero(h0), 0, 2));
  v128.store(target, v128.shuffle<i64>(f32x4.demote_f64x2_zero(l1), f32x4.demote_f64x2_zero(h1), 0, 2), 16);
  v128.store(target, v128.shuffle<i64>(f32x4.demote_f64x2_zero(l2), f32x4.demote_f64x2_zero(h2), 0, 2), 32);
  v128.store(target, v128.shuffle<i64>(f32x4.demote_f64x2_zero(l3), f32x4.demote_f64x2_zero(h3), 0, 2), 48);
}

/** Sums `length` rows, `step` bytes apart, into `columns` neighbours. */
export function columnSumF32(source: usize, target: usize, length: i32, step: usize, columns: i32): void {
  while (columns >= 16) {
    columnStrip(source, target, length, step);
    source += 64;
    target += 64;
    columns -= 16;
  }
  while (columns >= 4) {
    columnVector(source, target, length, step);
    source += 16;
    target += 16;
    columns -= 4;
  }
  while (columns > 0) {
    let total: f64 = 0;
    let row = source;
    for (let rest = length; rest > 0; rest -= 16) {
      let sum: f64 = 0;
      for (let i = min<i32>(16, rest); i > 0; i--) {
        sum += load<f32>(row) as f64;
        row += step;
      }
      total += sum;
    }
    store<f32>(target, total as f32);
    source += 4;
    target += 4;
    columns -= 1;
  }
}
