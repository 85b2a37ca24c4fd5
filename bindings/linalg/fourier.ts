// Discrete Fourier transforms of any length along any axes. Complex tensors are pairs of real ones.
// Read next: assembly/fourier/fourier.ts for the method.
import { bytesOf, computedIn, floatOf, promote } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import { normalizeAxes, requireInteger, sameShape, show, sizeOf } from "../core/shape.ts";
import { mul, neg } from "../ops/arithmetic.ts";
import { broadcasted } from "../ops/broadcasting.ts";
import { converted } from "../ops/comparison.ts";
import type { KernelOp } from "../ops/descriptor.ts";
import { concat } from "../ops/joining.ts";
import { onCpuOnly } from "../ops/matrices.ts";
import { flip, moveAxis, range } from "../ops/movement.ts";
import { fourierScratch } from "../ops/scratch.ts";
import type { Spec, Tensor } from "../ops/tensor.ts";
import { describe, isTensor, recorderOf, requireArguments } from "../ops/tensor.ts";

/** A complex tensor: two real ones of one shape. */
export interface ComplexTensor {
  readonly real: Tensor;
  readonly imag: Tensor;
}

/** Options of the Fourier transforms. */
export interface FourierOptions {
  /** The axes to transform: one, or a list. The last one unless given; [-2, -1] is the transform of pictures. */
  readonly axes?: number | readonly number[];
}

const empty: Spec = { shape: [0], dtype: "f32" };

/** Rows along the last axis, not scaled. The attribute is whether the exponent is positive. */
const fourierOp: KernelOp<boolean> = {
  kind: "kernel",
  name: "fft",
  call: ([real = empty], _, isInverse) => {
    const n = real.shape.at(-1) ?? 1;
    const rows = sizeOf(real.shape.slice(0, -1));
    return {
      kernel: "fourier",
      dtype: real.dtype,
      words: [rows, n, Number(isInverse)],
      workgroups: rows,
      scratch: fourierScratch(n, bytesOf(real.dtype)),
      unsupported: onCpuOnly("fft"),
    };
  },
  // The matrix is symmetric: its adjoint has the other sign in the exponent.
  gradient: ({ cotangents: [real, imag], attributes }) => {
    if (real === undefined || imag === undefined) return [];
    const back = rowsOf({ real, imag }, !attributes);
    return [back.real, back.imag];
  },
  flops: ([real = empty]) => 5 * sizeOf(real.shape) * Math.log2(Math.max(2, real.shape.at(-1) ?? 1)),
  work: "factorization",
};

function rowsOf({ real, imag }: ComplexTensor, isInverse: boolean): ComplexTensor {
  const spec = { shape: real.shape, dtype: real.dtype };
  const [first = real, second = imag] = recorderOf("fft", [real]).record(fourierOp, [real, imag], isInverse, [
    spec,
    spec,
  ]);
  return { real: first, imag: second };
}

/** Both parts as floats of one type and shape, and the axes. */
function operandOf(
  op: string,
  x: Tensor | ComplexTensor,
  options: FourierOptions,
): { readonly value: ComplexTensor; readonly axes: readonly number[] } {
  const given: unknown = x;
  const isComplex = !isTensor(given) && typeof given === "object" && given !== null;
  const { real, imag } = isComplex ? (given as ComplexTensor) : { real: given as Tensor, imag: undefined };
  requireArguments(op, imag === undefined ? { x: real } : { real, imag }, options);
  if (isComplex && imag === undefined)
    throw new ParameterError(op, `x must be a tensor or { real, imag }, got ${describe(given)} without imag`);
  const dtype = computedIn(floatOf(imag === undefined ? real.dtype : promote(real.dtype, imag.dtype)));
  if (imag !== undefined && !sameShape(real.shape, imag.shape))
    throw new ShapeError(op, `real and imag must have one shape, got ${show(real.shape)} and ${show(imag.shape)}`);
  const part = converted(real, dtype);
  const zero = (): Tensor => broadcasted(part.recorder.scalar(0, dtype), part.shape);
  if (real.rank === 0) throw new ShapeError(op, "a scalar has no axis to transform. Reshape it to [1]");
  const { axes = -1 } = options;
  return {
    value: { real: part, imag: imag === undefined ? zero() : converted(imag, dtype) },
    axes: normalizeAxes(op, axes, real.rank),
  };
}

/** Transforms along one axis after the other. */
function along(value: ComplexTensor, axes: readonly number[], isInverse: boolean): ComplexTensor {
  return axes.reduce((x, axis) => {
    const to = (part: Tensor): Tensor => moveAxis(part, axis, -1);
    const back = (part: Tensor): Tensor => moveAxis(part, -1, axis);
    const moved = rowsOf({ real: to(x.real), imag: to(x.imag) }, isInverse);
    return { real: back(moved.real), imag: back(moved.imag) };
  }, value);
}

const lengthOf = (x: Tensor, axes: readonly number[]): number =>
  axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);

/**
 * The discrete Fourier transform X[j] = Σ x[k] exp(−2πi jk / n) along the axes, of a real tensor or a complex pair; any
 * length, n log n for all. Shapes stay. f32 and f64.
 */
export function fft(x: Tensor | ComplexTensor, options: FourierOptions = {}): ComplexTensor {
  const { value, axes } = operandOf("fft", x, options);
  return along(value, axes, false);
}

/** The inverse of fft: x[k] = (1 / n) Σ X[j] exp(2πi jk / n). */
export function ifft(x: Tensor | ComplexTensor, options: FourierOptions = {}): ComplexTensor {
  const { value, axes } = operandOf("ifft", x, options);
  const { real, imag } = along(value, axes, true);
  const factor = 1 / lengthOf(real, axes);
  return { real: mul(real, factor), imag: mul(imag, factor) };
}

/** fft of a real tensor without the half that follows by symmetry: n / 2 + 1 frequencies (rounded down) on the last of the axes. */
export function rfft(x: Tensor, options: FourierOptions = {}): ComplexTensor {
  requireArguments("rfft", { x }, options);
  const { value, axes } = operandOf("rfft", x, options);
  const { real, imag } = along(value, axes, false);
  const last = axes.at(-1) ?? 0;
  const kept = Math.floor((x.shape[last] ?? 0) / 2) + 1;
  return { real: range(real, last, 0, kept), imag: range(imag, last, 0, kept) };
}

/** Options of `irfft`. */
export interface InverseRealOptions extends FourierOptions {
  /** Length of the last of the axes of the result; 2 (k − 1) for k frequencies unless given. */
  readonly size?: number;
}

/** The real tensor whose rfft over the same axes this is. Imaginary parts that no real tensor could have are not used. */
export function irfft(x: ComplexTensor, options: InverseRealOptions = {}): Tensor {
  const { value, axes } = operandOf("irfft", x, options);
  const last = axes.at(-1) ?? 0;
  const given = value.real.shape[last] ?? 0;
  const { size = 2 * (given - 1) } = options;
  requireInteger("irfft", "size", size, 1, 2 ** 31 - 1);
  const kept = Math.floor(size / 2) + 1;
  if (given < kept)
    throw new ShapeError(
      "irfft",
      `size ${String(size)} needs ${String(kept)} frequencies on axis ${String(last)}, got ${show(value.real.shape)}. Pad with zeros`,
    );
  // The other axes first: what is left along the last one has the symmetry of a real row.
  const half = along(value, axes.slice(0, -1), true);
  const whole = (part: Tensor, isImaginary: boolean): Tensor => {
    const first = range(part, last, 0, kept);
    const tail = flip(range(part, last, 1, size - kept + 1), last);
    return size - kept === 0 ? first : concat([first, isImaginary ? neg(tail) : tail], { axis: last });
  };
  const { real } = along({ real: whole(half.real, false), imag: whole(half.imag, true) }, [last], true);
  return mul(real, 1 / (size * lengthOf(real, axes.slice(0, -1))));
}
