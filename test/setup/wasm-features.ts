// The two smallest modules that tell whether an engine compiles SIMD and relaxed SIMD. Written by hand, byte by byte, so that
// the tests of the machine depend on no compiler. Read next: software-gpu.test.ts, test/browser/machine.ts.

// magic, version, types: (v128 v128 v128) -> v128, functions: one of type 0, then the code section.
const head = [0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0];

/** One function: f32x4.add of its first two parameters. */
export const simdModule: Uint8Array<ArrayBuffer> = new Uint8Array([
  ...head,
  10,
  11,
  1,
  9,
  0,
  32,
  0,
  32,
  1,
  253,
  228,
  1,
  11,
]);

/** One function: f32x4.relaxed_madd of its three parameters. */
export const relaxedModule: Uint8Array<ArrayBuffer> = new Uint8Array([
  ...head,
  ...[10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11],
]);
