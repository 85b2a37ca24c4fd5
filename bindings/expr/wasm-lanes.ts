// How element types live in v128 registers: loads, stores, literals and conversions of the WebAssembly emitter.
// 32-bit types fill four lanes, u8 travels as 32-bit lanes of 0 to 255, bool as masks of 32 bits, f16 as its bits in 32-bit
// lanes (wasm-halves.ts); f64 fills two lanes, and beside it the other types use the two low lanes. Read next: to-wasm.ts.
import type { DType } from "../core/dtype.ts";
import { viewArray } from "../core/dtype.ts";
import type { Bytes } from "./wasm-bytes.ts";
import { opcodes } from "./wasm-bytes.ts";

/** Elements an iteration of the vector loop handles. */
export type Width = 2 | 4;

/** SIMD opcodes after the 0xFD prefix. */
export const simdOpcodes = {
  load: 0x00,
  load16x4S: 0x03,
  load32Splat: 0x09,
  load64Splat: 0x0a,
  store: 0x0b,
  shuffle: 0x0d,
  i32x4Splat: 0x11,
  f64x2Splat: 0x14,
  i32x4ExtractLane: 0x1b,
  i32x4ReplaceLane: 0x1c,
  f64x2ExtractLane: 0x21,
  f64x2ReplaceLane: 0x22,
  i32x4NotEqual: 0x38,
  f32x4NotEqual: 0x42,
  f64x2NotEqual: 0x48,
  v128And: 0x4e,
  v128Or: 0x50,
  v128AnyTrue: 0x53,
  load32Lane: 0x56,
  load64Lane: 0x57,
  store16Lane: 0x59,
  store32Lane: 0x5a,
  store64Lane: 0x5b,
  load32Zero: 0x5c,
  load64Zero: 0x5d,
  f32x4DemoteF64x2Zero: 0x5e,
  f64x2PromoteLowF32x4: 0x5f,
  i8x16Abs: 0x60,
  i8x16NarrowI16x8S: 0x65,
  i8x16NarrowI16x8U: 0x66,
  i16x8NarrowI32x4S: 0x85,
  i16x8NarrowI32x4U: 0x86,
  i16x8ExtendLowI8x16U: 0x89,
  i32x4ExtendLowI16x8S: 0xa7,
  i32x4ExtendLowI16x8U: 0xa9,
  i32x4MinS: 0xb6,
  i32x4MaxS: 0xb8,
  i64x2ExtendLowI32x4S: 0xc7,
  i32x4TruncSatF32x4S: 0xf8,
  i32x4TruncSatF32x4U: 0xf9,
  f32x4Add: 0xe4,
  f64x2Add: 0xf0,
  f32x4ConvertI32x4S: 0xfa,
  f32x4ConvertI32x4U: 0xfb,
  i32x4TruncSatF64x2SZero: 0xfc,
  i32x4TruncSatF64x2UZero: 0xfd,
  f64x2ConvertLowI32x4S: 0xfe,
  f64x2ConvertLowI32x4U: 0xff,
} as const;

const zeros = new Uint8Array(16);

const isByte = (dtype: DType): boolean => dtype === "u8" || dtype === "bool";

/** The sixteen bytes of a literal in all lanes. */
export function constantLanes(value: number, dtype: DType): Uint8Array {
  const bytes = new Uint8Array(16);
  if (dtype === "f64") viewArray("f64", bytes.buffer, 0, 2).fill(value);
  else if (dtype === "f32") viewArray("f32", bytes.buffer, 0, 4).fill(value);
  else if (dtype === "u32" || dtype === "u8") viewArray("u32", bytes.buffer, 0, 4).fill(value);
  else viewArray("i32", bytes.buffer, 0, 4).fill(dtype === "bool" ? (value === 0 ? 0 : -1) : value);
  return bytes;
}

/**
 * Pushes a literal in all lanes. Literals other than zero are not written as `v128.const`: V8 builds those anew wherever
 * they are used, in every turn of a loop.
 */
export type Literal = (value: number, dtype: DType) => void;

/** Address on the stack → elements in a register. One element is spread over all lanes. Bool bytes still need `maskOfBytes`. */
export function loadLanes(body: Bytes, dtype: DType, width: Width | 1, offset = 0): void {
  if (isByte(dtype)) {
    if (width === 1) body.memory(opcodes.i32Load8, offset).simd(simdOpcodes.i32x4Splat);
    else {
      if (width === 4) body.simdMemory(simdOpcodes.load32Zero, offset);
      else body.memory(opcodes.i32Load16, offset).simd(simdOpcodes.i32x4Splat);
      body.simd(simdOpcodes.i16x8ExtendLowI8x16U).simd(simdOpcodes.i32x4ExtendLowI16x8U);
    }
  } else if (dtype === "f16") {
    if (width === 1) body.memory(opcodes.i32Load16Signed, offset).simd(simdOpcodes.i32x4Splat);
    else if (width === 4) body.simdMemory(simdOpcodes.load16x4S, offset);
    else body.simdMemory(simdOpcodes.load32Zero, offset).simd(simdOpcodes.i32x4ExtendLowI16x8S);
  } else if (dtype === "f64") body.simdMemory(width === 1 ? simdOpcodes.load64Splat : simdOpcodes.load, offset);
  else {
    const opcode = width === 1 ? simdOpcodes.load32Splat : width === 2 ? simdOpcodes.load64Zero : simdOpcodes.load;
    body.simdMemory(opcode, offset);
  }
}

/** Lanes of 0 and 1 → masks, for bool; nothing for the rest. */
export function maskOfBytes(body: Bytes, dtype: DType): void {
  if (dtype === "bool") body.vector(new Uint8Array(16)).simd(simdOpcodes.i32x4NotEqual);
}

/** Address and register on the stack → elements in memory. */
export function storeLanes(body: Bytes, dtype: DType, width: Width | 1, offset = 0): void {
  if (isByte(dtype)) {
    if (width === 1) {
      body.simd(simdOpcodes.i32x4ExtractLane).byte(0);
      if (dtype === "bool") body.integer(1).byte(opcodes.i32And);
      body.memory(opcodes.i32Store8, offset);
      return;
    }
    // Both narrowings take two registers; zeros fill the upper half.
    body.vector(zeros).simd(simdOpcodes.i16x8NarrowI32x4S).vector(zeros);
    // Masks narrow to bytes of −1.
    if (dtype === "bool") body.simd(simdOpcodes.i8x16NarrowI16x8S).simd(simdOpcodes.i8x16Abs);
    else body.simd(simdOpcodes.i8x16NarrowI16x8U);
    body.simdMemory(width === 4 ? simdOpcodes.store32Lane : simdOpcodes.store16Lane, offset, 0);
  } else if (dtype === "f16") {
    if (width === 1) body.simd(simdOpcodes.i32x4ExtractLane).byte(0).memory(opcodes.i32Store16, offset);
    else {
      body.vector(zeros).simd(simdOpcodes.i16x8NarrowI32x4U);
      body.simdMemory(width === 4 ? simdOpcodes.store64Lane : simdOpcodes.store32Lane, offset, 0);
    }
  } else if (dtype === "f64") {
    if (width === 1) body.simdMemory(simdOpcodes.store64Lane, offset, 0);
    else body.simdMemory(simdOpcodes.store, offset);
  } else if (width === 4) body.simdMemory(simdOpcodes.store, offset);
  else body.simdMemory(width === 2 ? simdOpcodes.store64Lane : simdOpcodes.store32Lane, offset, 0);
}

/**
 * A register of one type → of another; the rules are those of `cast` in primitives/logic.ts. The bits of halves are only
 * given another type here: wasm-halves.ts has made instructions of their conversions before.
 */
export function convertLanes(body: Bytes, from: DType, to: DType, literal: Literal): void {
  if (from === to || from === "f16" || to === "f16") return;
  if (to === "bool") {
    body.vector(zeros);
    if (from === "f64") narrow(body.simd(simdOpcodes.f64x2NotEqual));
    else body.simd(from === "f32" ? simdOpcodes.f32x4NotEqual : simdOpcodes.i32x4NotEqual);
  } else if (from === "bool") {
    // A mask selects the bits of one.
    if (to === "f64") body.simd(simdOpcodes.i64x2ExtendLowI32x4S);
    literal(1, to);
    body.simd(simdOpcodes.v128And);
  } else if (to === "f64") {
    if (from === "f32") body.simd(simdOpcodes.f64x2PromoteLowF32x4);
    else body.simd(from === "i32" ? simdOpcodes.f64x2ConvertLowI32x4S : simdOpcodes.f64x2ConvertLowI32x4U);
  } else if (to === "f32") {
    if (from === "f64") body.simd(simdOpcodes.f32x4DemoteF64x2Zero);
    else body.simd(from === "i32" ? simdOpcodes.f32x4ConvertI32x4S : simdOpcodes.f32x4ConvertI32x4U);
  } else {
    if (from === "f64")
      body.simd(to === "u32" ? simdOpcodes.i32x4TruncSatF64x2UZero : simdOpcodes.i32x4TruncSatF64x2SZero);
    if (from === "f32") body.simd(to === "u32" ? simdOpcodes.i32x4TruncSatF32x4U : simdOpcodes.i32x4TruncSatF32x4S);
    if (to === "u8") {
      if (from === "f64" || from === "f32") {
        body.vector(zeros).simd(simdOpcodes.i32x4MaxS);
        literal(255, "i32");
        body.simd(simdOpcodes.i32x4MinS);
      } else {
        literal(255, "u32");
        body.simd(simdOpcodes.v128And);
      }
    }
  }
}

/** Two 64-bit masks → the masks of the two low 32-bit lanes. */
export function narrow(body: Bytes): void {
  body.vector(zeros).simd(simdOpcodes.shuffle).byte(0, 1, 2, 3, 8, 9, 10, 11, 16, 16, 16, 16, 16, 16, 16, 16);
}
