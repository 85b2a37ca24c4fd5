// IEEE halves in memory: their values as f32. Kernels that pick elements read them one by one; whole arrays are converted by row
// functions that are made at run time (bindings/expr/wasm-halves.ts). Read next: indexing.ts.

@final
export class Half {
  /** The number that sixteen bits stand for. */
  @inline static value(bits: u32): f32 {
    const magnitude = bits & 0x7fff;
    const sign = (bits & 0x8000) << 16;
    // Subnormals count units of 2^-24.
    if (magnitude < 0x400) return reinterpret<f32>(reinterpret<u32>((magnitude as f32) * 5.9604644775390625e-8) | sign);
    // Exponents begin 112 lower; those of infinities and NaN are as much again from theirs.
    const moved = (magnitude << 13) + (magnitude < 0x7c00 ? 0x38000000 : 0x70000000);
    return reinterpret<f32>(moved | sign);
  }
}
