// The register tiles of the product of bytes. A: rows of 7-bit activations; B: columns of signed weights; both interleaved by
// four steps of depth, so that one instruction multiplies four by four and adds.
//
//   relaxed SIMD: 2 rows x 8 columns, bytes by bytes (one vpdpbusd, or three instructions where there is none)
//   otherwise   : 2 rows x 8 columns, 16 bits by 16 bits; a sum is in two lanes until the end
//
// Two rows only: the first compiler of V8 11.3 computes this dot product wrongly once it runs out of its eight registers
// (Node 20 with the flag, before a function is hot; newer ones are right), and more rows gain little.
// The sums are exact in both. Knows nothing of quantisation. Read next: quantized.ts.

export class ByteTile {
  static readonly ROWS: i32 = 2;

  /** Bytes of four steps of a row: of bytes or of 16-bit numbers. */
  @inline static group(): usize {
    return ASC_FEATURE_RELAXED_SIMD ? 4 : 8;
  }
}

/** Sums of the neighbours in two vectors: four columns. */
function pairs(x: v128, y: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(x, y, 0, 2, 4, 6), v128.shuffle<i32>(x, y, 1, 3, 5, 7));
}

function relaxedTile(groups: i32, a: usize, b: usize, sums: usize): void {
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  const end = b + ((groups as usize) << 5);
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b0, a0, c00);
    c01 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b1, a0, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b0, a1, c10);
    c11 = i32x4.relaxed_dot_i8x16_i7x16_add_s(b1, a1, c11);
    a += 8;
    b += 32;
  }
  v128.store(sums, c00);
  v128.store(sums, c01, 16);
  v128.store(sums, c10, 32);
  v128.store(sums, c11, 48);
}

function plainTile(groups: i32, a: usize, b: usize, sums: usize): void {
  let c00 = i32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c13 = c00;
  const end = b + ((groups as usize) << 5);
  while (b < end) {
    const a0 = v128.load64_splat(a);
    const a1 = v128.load64_splat(a, 8);
    const b0 = v128.load_ext<i8>(b);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(b0, a0));
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(b0, a1));
    const b1 = v128.load_ext<i8>(b, 8);
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(b1, a0));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(b1, a1));
    const b2 = v128.load_ext<i8>(b, 16);
    c02 = i32x4.add(c02, i32x4.dot_i16x8_s(b2, a0));
    c12 = i32x4.add(c12, i32x4.dot_i16x8_s(b2, a1));
    const b3 = v128.load_ext<i8>(b, 24);
    c03 = i32x4.add(c03, i32x4.dot_i16x8_s(b3, a0));
    c13 = i32x4.add(c13, i32x4.dot_i16x8_s(b3, a1));
    a += 16;
    b += 32;
  }
  v128.store(sums, pairs(c00, c01));
  v128.store(sums, pairs(c02, c03), 16);
  v128.store(sums, pairs(c10, c11), 32);
  v128.store(sums, pairs(c12, c13), 48);
}

/** sums [rows][8] of 32 bits = `groups` * 4 steps of packed a and b. */
export function byteTile(groups: i32, a: usize, b: usize, sums: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedTile(groups, a, b, sums);
  else plainTile(groups, a, b, sums);
}
