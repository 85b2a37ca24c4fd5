// Every scalar primitive on four f32 lanes, under one name: what generated kernels, the structured kernels' epilogues
// and functions.ts call. Holds no mathematics itself. Specials follow IEEE 754 and NumPy.
// Exponentials and logarithms come from bindings/expr/wasm-functions.ts, which emitted kernels write out as well.
// Read next: lanes-trigonometric.ts, lanes-power.ts, lanes-integer.ts.
import { FunctionLanes } from "../generated/functions";
import { IntegerLanes } from "./lanes-integer";
import { PowerLanes } from "./lanes-power";
import { TrigonometricLanes } from "./lanes-trigonometric";
import { Vector } from "./lanes-vector";

export class Lanes {
  /** x * y + z, fused where relaxed SIMD is there. */
  @inline static madd(x: v128, y: v128, z: v128): v128 {
    return Vector.madd(x, y, z);
  }

  /** chosen where the mask is all ones, otherwise where it is all zeros. */
  @inline static select(mask: v128, chosen: v128, otherwise: v128): v128 {
    return Vector.select(mask, chosen, otherwise);
  }

  @inline static exp(x: v128): v128 {
    return FunctionLanes.exp(x);
  }

  @inline static exp2(x: v128): v128 {
    return FunctionLanes.exp2(x);
  }

  @inline static expm1(x: v128): v128 {
    return FunctionLanes.expm1(x);
  }

  @inline static sinh(x: v128): v128 {
    return FunctionLanes.sinh(x);
  }

  @inline static cosh(x: v128): v128 {
    return FunctionLanes.cosh(x);
  }

  @inline static tanh(x: v128): v128 {
    return FunctionLanes.tanh(x);
  }

  /** 1 / (1 + e^-x) */
  @inline static sigmoid(x: v128): v128 {
    return FunctionLanes.sigmoid(x);
  }

  @inline static erf(x: v128): v128 {
    return FunctionLanes.erf(x);
  }

  @inline static log(x: v128): v128 {
    return FunctionLanes.log(x);
  }

  @inline static log2(x: v128): v128 {
    return FunctionLanes.log2(x);
  }

  @inline static log10(x: v128): v128 {
    return FunctionLanes.log10(x);
  }

  @inline static log1p(x: v128): v128 {
    return FunctionLanes.log1p(x);
  }

  @inline static asinh(x: v128): v128 {
    return FunctionLanes.asinh(x);
  }

  @inline static acosh(x: v128): v128 {
    return FunctionLanes.acosh(x);
  }

  @inline static atanh(x: v128): v128 {
    return FunctionLanes.atanh(x);
  }

  @inline static sin(x: v128): v128 {
    return TrigonometricLanes.sin(x);
  }

  @inline static cos(x: v128): v128 {
    return TrigonometricLanes.cos(x);
  }

  @inline static tan(x: v128): v128 {
    return TrigonometricLanes.tan(x);
  }

  @inline static asin(x: v128): v128 {
    return TrigonometricLanes.asin(x);
  }

  @inline static acos(x: v128): v128 {
    return TrigonometricLanes.acos(x);
  }

  @inline static atan(x: v128): v128 {
    return TrigonometricLanes.atan(x);
  }

  @inline static atan2(y: v128, x: v128): v128 {
    return TrigonometricLanes.atan2(y, x);
  }

  @inline static pow(x: v128, y: v128): v128 {
    return PowerLanes.pow(x, y);
  }

  /** Floored remainder: the sign of y. */
  @inline static mod(x: v128, y: v128): v128 {
    return PowerLanes.mod(x, y);
  }

  @inline static shiftLeft(x: v128, y: v128): v128 {
    return IntegerLanes.shiftLeft(x, y);
  }

  @inline static shiftRightSigned(x: v128, y: v128): v128 {
    return IntegerLanes.shiftRightSigned(x, y);
  }

  @inline static shiftRightUnsigned(x: v128, y: v128): v128 {
    return IntegerLanes.shiftRightUnsigned(x, y);
  }

  @inline static floorDivideSigned(x: v128, y: v128): v128 {
    return IntegerLanes.floorDivideSigned(x, y);
  }

  @inline static modSigned(x: v128, y: v128): v128 {
    return IntegerLanes.modSigned(x, y);
  }

  @inline static powSigned(x: v128, y: v128): v128 {
    return IntegerLanes.powSigned(x, y);
  }

  @inline static floorDivideUnsigned(x: v128, y: v128): v128 {
    return IntegerLanes.floorDivideUnsigned(x, y);
  }

  @inline static modUnsigned(x: v128, y: v128): v128 {
    return IntegerLanes.modUnsigned(x, y);
  }

  @inline static powUnsigned(x: v128, y: v128): v128 {
    return IntegerLanes.powUnsigned(x, y);
  }
}
