// The scalar primitives as plain functions, for modules emitted at run time: they import f32x4_<name> (four lanes) and
// f64_<name> and call them wasm to wasm; functions of v128 cannot be called from JavaScript. Holds no mathematics. The f32
// functions that emitted modules write out themselves (bindings/expr/wasm-functions.ts) are not here.
// Read next: lanes.ts for f32 and integers, scalar.ts for f64.
import { Lanes } from "./lanes";
import { Scalar } from "./scalar";

export function f32x4_sin(x: v128): v128 {
  return Lanes.sin(x);
}

export function f32x4_cos(x: v128): v128 {
  return Lanes.cos(x);
}

export function f32x4_tan(x: v128): v128 {
  return Lanes.tan(x);
}

export function f32x4_asin(x: v128): v128 {
  return Lanes.asin(x);
}

export function f32x4_acos(x: v128): v128 {
  return Lanes.acos(x);
}

export function f32x4_atan(x: v128): v128 {
  return Lanes.atan(x);
}

export function f32x4_pow(x: v128, y: v128): v128 {
  return Lanes.pow(x, y);
}

export function f32x4_atan2(y: v128, x: v128): v128 {
  return Lanes.atan2(y, x);
}

export function f32x4_mod(x: v128, y: v128): v128 {
  return Lanes.mod(x, y);
}

export function i32x4_floorDivide(x: v128, y: v128): v128 {
  return Lanes.floorDivideSigned(x, y);
}

export function i32x4_mod(x: v128, y: v128): v128 {
  return Lanes.modSigned(x, y);
}

export function i32x4_pow(x: v128, y: v128): v128 {
  return Lanes.powSigned(x, y);
}

export function u32x4_floorDivide(x: v128, y: v128): v128 {
  return Lanes.floorDivideUnsigned(x, y);
}

export function u32x4_mod(x: v128, y: v128): v128 {
  return Lanes.modUnsigned(x, y);
}

export function u32x4_pow(x: v128, y: v128): v128 {
  return Lanes.powUnsigned(x, y);
}

export function f64_exp(x: f64): f64 {
  return NativeMath.exp(x);
}

export function f64_exp2(x: f64): f64 {
  return NativeMath.exp2(x);
}

export function f64_expm1(x: f64): f64 {
  return NativeMath.expm1(x);
}

export function f64_log(x: f64): f64 {
  return NativeMath.log(x);
}

export function f64_log2(x: f64): f64 {
  return NativeMath.log2(x);
}

export function f64_log10(x: f64): f64 {
  return NativeMath.log10(x);
}

export function f64_log1p(x: f64): f64 {
  return NativeMath.log1p(x);
}

export function f64_sin(x: f64): f64 {
  return Scalar.sin(x);
}

export function f64_cos(x: f64): f64 {
  return Scalar.cos(x);
}

export function f64_tan(x: f64): f64 {
  return Scalar.tan(x);
}

export function f64_asin(x: f64): f64 {
  return NativeMath.asin(x);
}

export function f64_acos(x: f64): f64 {
  return NativeMath.acos(x);
}

export function f64_atan(x: f64): f64 {
  return NativeMath.atan(x);
}

export function f64_sinh(x: f64): f64 {
  return NativeMath.sinh(x);
}

export function f64_cosh(x: f64): f64 {
  return NativeMath.cosh(x);
}

export function f64_tanh(x: f64): f64 {
  return NativeMath.tanh(x);
}

export function f64_asinh(x: f64): f64 {
  return NativeMath.asinh(x);
}

export function f64_acosh(x: f64): f64 {
  return NativeMath.acosh(x);
}

export function f64_atanh(x: f64): f64 {
  return NativeMath.atanh(x);
}

export function f64_erf(x: f64): f64 {
  return Scalar.erf(x);
}

export function f64_pow(x: f64, y: f64): f64 {
  return Scalar.pow(x, y);
}

export function f64_atan2(y: f64, x: f64): f64 {
  return NativeMath.atan2(y, x);
}

export function f64_mod(x: f64, y: f64): f64 {
  return Scalar.mod(x, y);
}

// WebAssembly shifts all lanes of a vector by one count; these take a count for every lane.

export function i32x4_shiftLeft(x: v128, y: v128): v128 {
  return Lanes.shiftLeft(x, y);
}

export function u32x4_shiftLeft(x: v128, y: v128): v128 {
  return Lanes.shiftLeft(x, y);
}

export function i32x4_shiftRight(x: v128, y: v128): v128 {
  return Lanes.shiftRightSigned(x, y);
}

export function u32x4_shiftRight(x: v128, y: v128): v128 {
  return Lanes.shiftRightUnsigned(x, y);
}
