// Element types: their names, sizes, arrays, and the rule by which two of them meet.
// Knows nothing of shapes, tensors or devices.
// Read next: shape.ts; bindings/ops/README.md tells how ops state which types they take.
import { DTypeError } from "./errors.ts";

/**
 * Element type of a tensor. `f64` lives on the CPU only: WGSL has no such type. `f16` is for storage: ops compute in f32 and
 * round what they store once.
 */
export type DType = "f16" | "f32" | "f64" | "i32" | "u32" | "u8" | "bool";

/** The typed array that stores elements of type `D`. Booleans are bytes 0 and 1; halves are their bits (half.ts). */
export interface ArrayOf {
  f16: Uint16Array;
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
  f16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** All element types, from the smallest to the largest value set. */
export const dtypes: readonly DType[] = ["bool", "u8", "u32", "i32", "f16", "f32", "f64"];

/** The floating-point types: those that have gradients. */
export const floating: readonly DType[] = ["f16", "f32", "f64"];

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
  // Runtimes that have it give its elements as numbers.
  return array.constructor.name === "Float16Array" ? "f16" : undefined;
}

/** True for f16, f32 and f64. */
export function isFloating(dtype: DType): boolean {
  return dtype === "f16" || dtype === "f32" || dtype === "f64";
}

/** The type that an op computes in for operands of type `dtype`: f32 for f16, else the type itself. */
export function computedIn(dtype: DType): DType {
  return dtype === "f16" ? "f32" : dtype;
}

/** True if `value` names an element type. */
export function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(arrays, value);
}

/**
 * The floating type that ops turn `dtype` into: a float stays what it is, u8 and bool become f32, i32 and u32 f64, so that
 * every value is kept.
 */
export function floatOf(dtype: DType): DType {
  if (dtype === "f16") return dtype;
  return dtype === "f32" || dtype === "u8" || dtype === "bool" ? "f32" : "f64";
}

/**
 * The smallest type that holds every value of both, so that promotion never loses precision (NumPy's rule without i64):
 * bool < u8 < i32, u32 < f64; u8 < f16 < f32 < f64; i32 or u32 with f16 or f32 gives f64; i32 with u32 gives f64.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === "bool") return b;
  if (b === "bool") return a;
  if (a === "u8") return b;
  if (b === "u8") return a;
  const isSmall = (dtype: DType): boolean => dtype === "f16" || dtype === "f32";
  return isSmall(a) && isSmall(b) ? "f32" : "f64";
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
  if (!isDType(dtype))
    throw new DTypeError(op, `unknown dtype ${String(dtype)}. Known: f32, f64, f16, i32, u32, u8, bool`);
}
