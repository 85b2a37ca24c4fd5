// Element types: their names, sizes, arrays, and the rule by which two of them meet.
// Knows nothing of shapes, tensors or devices.
// Read next: shape.ts; bindings/ops/README.md tells how ops state which types they take.
import { DTypeError } from "./errors.ts";

/** Element type of a tensor. `f64` lives on the CPU only: WGSL has no such type. */
export type DType = "f32" | "f64" | "i32" | "u32" | "u8" | "bool";

/** The typed array that holds elements of type `D` on the JavaScript side. Booleans are bytes 0 and 1. */
export interface ArrayOf {
  f32: Float32Array;
  f64: Float64Array;
  i32: Int32Array;
  u32: Uint32Array;
  u8: Uint8Array;
  bool: Uint8Array;
}

/** Any of the typed arrays athanor reads and writes. */
export type TypedArray = ArrayOf[DType];

interface ArrayConstructor<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
}

const arrays: { readonly [D in DType]: ArrayConstructor<ArrayOf[D]> } = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** All element types, from the smallest to the largest value set. */
export const dtypes: readonly DType[] = ["bool", "u8", "u32", "i32", "f32", "f64"];

/** The floating-point types: those that have gradients. */
export const floating: readonly DType[] = ["f32", "f64"];

/** The integer types, without `bool`. */
export const integers: readonly DType[] = ["u8", "u32", "i32"];

/** Bytes of one element in host and WASM memory. */
export function bytesOf(dtype: DType): number {
  return arrays[dtype].BYTES_PER_ELEMENT;
}

/** A zero-filled array of `length` elements. */
export function newArray<D extends DType>(dtype: D, length: number): ArrayOf[D] {
  return new arrays[dtype](length);
}

/** A view of `length` elements at `byteOffset` of a buffer. */
export function viewArray<D extends DType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): ArrayOf[D] {
  return new arrays[dtype](buffer, byteOffset, length);
}

/** The element type a typed array stands for. */
export function dtypeOfArray(array: ArrayBufferView): DType | undefined {
  if (array instanceof Float32Array) return "f32";
  if (array instanceof Float64Array) return "f64";
  if (array instanceof Int32Array) return "i32";
  if (array instanceof Uint32Array) return "u32";
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return "u8";
  return undefined;
}

/** True for f32 and f64. */
export function isFloating(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f64";
}

/** True if `value` names an element type. */
export function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(arrays, value);
}

/** The smallest floating type that holds every value of `dtype`: f32 for f32, u8 and bool, f64 for the rest. */
export function floatOf(dtype: DType): DType {
  return dtype === "f32" || dtype === "u8" || dtype === "bool" ? "f32" : "f64";
}

/**
 * The smallest type that holds every value of both, so that promotion never loses precision (NumPy's rule without i64):
 * bool < u8 < i32, u32 < f64; u8 < f32 < f64; i32 or u32 with f32 gives f64; i32 with u32 gives f64.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === "bool") return b;
  if (b === "bool") return a;
  if (a === "u8") return b;
  if (b === "u8") return a;
  return "f64";
}

/** The type a JavaScript number takes beside a tensor of type `dtype`: the tensor's own if it can hold the number. */
export function dtypeOfNumber(value: number, dtype: DType): DType {
  if (isFloating(dtype)) return dtype;
  if (!Number.isInteger(value)) return floatOf(dtype);
  const fits =
    dtype === "bool"
      ? false
      : dtype === "u8"
        ? value >= 0 && value <= 255
        : dtype === "u32"
          ? value >= 0 && value <= 0xffffffff
          : value >= -0x80000000 && value <= 0x7fffffff;
  if (fits) return dtype;
  return value >= -0x80000000 && value <= 0x7fffffff && dtype !== "u32" ? "i32" : "f64";
}

/** Throws a DTypeError unless `dtype` is one of `allowed`. */
export function requireDType(op: string, name: string, dtype: DType, allowed: readonly DType[], advice = ""): void {
  if (allowed.includes(dtype)) return;
  const hint = advice === "" ? `cast(${name}, "${allowed.includes("f32") ? "f32" : (allowed[0] ?? "f32")}")` : advice;
  throw new DTypeError(op, `${name} must be ${allowed.join(" or ")}, got ${dtype}. Convert it: ${hint}`);
}

/** Throws a DTypeError unless `dtype` names an element type. */
export function checkDType(op: string, dtype: unknown): asserts dtype is DType {
  if (!isDType(dtype)) throw new DTypeError(op, `unknown dtype ${String(dtype)}. Known: f32, f64, i32, u32, u8, bool`);
}
