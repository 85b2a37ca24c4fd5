// IEEE half-precision numbers on the host: their bits as 16-bit integers, and the values these stand for.
// JavaScript has no array of halves everywhere, so the host stores bits. Knows no tensors and no devices.
// Read next: dtype.ts; expr/wasm-halves.ts and shaders/prelude.wgsl, which do the same where the kernels run.
import type { DType, TypedArray } from "./dtype.ts";
import { newArray } from "./dtype.ts";

/** From here on numbers round to infinity: half a unit above the largest half, 65504. */
const overflow = 65520;
const infinityBits = 0x7c00;
const quietNaN = 0x7e00;

const single = /* @__PURE__ */ new Float32Array(1);
const singleBits = /* @__PURE__ */ new Uint32Array(single.buffer);

/** The bits of the half nearest to a number; of two that are equally near the even one. */
export function halfBits(value: number): number {
  if (Number.isNaN(value)) return quietNaN;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= overflow) return sign | infinityBits;
  // Rounding to f32 may carry the exponent up: such a number rounds to that power of two anyway.
  single[0] = magnitude;
  const exponent = Math.max(((singleBits[0] ?? 0) >>> 23) - 127, -14);
  // Units in the last place; adding and subtracting 2^52 rounds to a whole number, ties to the even one.
  const units = magnitude * 2 ** (10 - exponent) + 2 ** 52 - 2 ** 52;
  // The leading bit counts as one more of the exponent, except for subnormals, which have none.
  return sign | (((exponent + 14) << 10) + units);
}

/** The number that the bits of a half stand for. */
export function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude =
    exponent === 31
      ? fraction === 0
        ? Infinity
        : NaN
      : exponent === 0
        ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (exponent - 25);
  return (bits & 0x8000) === 0 ? magnitude : -magnitude;
}

/** A number rounded to the nearest half. */
export function roundToHalf(value: number): number {
  return halfValue(halfBits(value));
}

let table: Float32Array | undefined;

/** The values of halves. */
export function halfValues(bits: Uint16Array): Float32Array {
  // Made when first needed; looking up is several times faster than computing.
  table ??= Float32Array.from({ length: 65536 }, (_, index) => halfValue(index));
  const values = new Float32Array(bits.length);
  for (let index = 0; index < bits.length; index++) values[index] = table[bits[index] ?? 0] ?? 0;
  return values;
}

/** The bits of the halves nearest to numbers. */
export function halvesOf(values: ArrayLike<number>): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let index = 0; index < values.length; index++) bits[index] = halfBits(values[index] ?? 0);
  return bits;
}

/** Numbers as elements of type `dtype`, in the form in which the host stores them. Booleans are 1 for anything but 0. */
export function stored(values: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === "f16") return halvesOf(values);
  const array = newArray(dtype, values.length);
  for (let index = 0; index < values.length; index++)
    array[index] = dtype === "bool" ? Number(values[index] !== 0) : (values[index] ?? 0);
  return array;
}

/** Stored elements as the numbers that users read: halves become a Float32Array, the rest is given as it is. */
export function readable(data: TypedArray, dtype: DType): TypedArray {
  return dtype === "f16" && data instanceof Uint16Array ? halfValues(data) : data;
}
