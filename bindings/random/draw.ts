// The functions that draw random tensors, each from one key of a generator (the default one where none is given).
// Values are pending like any op's. Under jit every call of the compiled function draws anew.
// Knows no bit mixing and no stream arithmetic. Read next: distributions.ts, generator.ts.
import type { DType } from "../core/dtype.ts";
import { checkDType, isFloating } from "../core/dtype.ts";
import { DTypeError, ParameterError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { checkShape, requireInteger, sizeOf } from "../core/shape.ts";
import { add, mul } from "../ops/arithmetic.ts";
import { reshape } from "../ops/broadcasting.ts";
import { cast, converted, less } from "../ops/comparison.ts";
import type { Tensor } from "../ops/tensor.ts";
import {
  normalQuantile,
  randomBelow,
  randomBits,
  randomNormal,
  randomUniform,
  randomUniformHalf,
} from "./distributions.ts";
import type { Generator } from "./generator.ts";
import { defaultGenerator, shuffled } from "./generator.ts";
import { hostTensor, indexes, splitKey } from "./source.ts";

/** Where the numbers come from. */
export interface DrawOptions {
  /** The default generator when absent. */
  readonly generator?: Generator;
}

/** Options of draws of floats. */
export interface FloatDrawOptions extends DrawOptions {
  /** f32 when absent. In f64 the numbers are those of f32, in f16 they are rounded. */
  readonly dtype?: DType;
}

/** The type asked for. Throws a DTypeError for one that is no float. */
function typeOf(op: string, { dtype = "f32" }: FloatDrawOptions): DType {
  checkDType(op, dtype);
  if (!isFloating(dtype))
    throw new DTypeError(op, `dtype must be f16, f32 or f64, got ${dtype}. Whole numbers: randint(low, high, shape)`);
  return dtype;
}

type Kernel = (index: Tensor, key0: Tensor, key1: Tensor) => Tensor;

function draw(op: string, shape: Shape, options: DrawOptions, kernel: Kernel): Tensor {
  checkShape(op, shape);
  const [key0, key1] = splitKey(options.generator ?? defaultGenerator());
  return reshape(kernel(indexes(sizeOf(shape)), key0, key1), shape);
}

/** 32 random bits an element, u32. */
export function bits(shape: Shape, options: DrawOptions = {}): Tensor {
  return draw("bits", shape, options, randomBits);
}

/** Uniform in [0, 1), f32: multiples of 2^-24, in f16 of 2^-11, the same on every device. */
export function rand(shape: Shape, options: FloatDrawOptions = {}): Tensor {
  const dtype = typeOf("rand", options);
  if (dtype === "f16") return draw("rand", shape, options, randomUniformHalf);
  return converted(draw("rand", shape, options, randomUniform), dtype);
}

/** Standard normal, f32, after Box and Muller. */
export function randn(shape: Shape, options: FloatDrawOptions = {}): Tensor {
  const dtype = typeOf("randn", options);
  return converted(draw("randn", shape, options, randomNormal), dtype);
}

/** Uniform in [low, high), f32: low + (high − low) · rand. Rounding to f16 may make `high` of the numbers next to it. */
export function uniform(
  shape: Shape,
  options: FloatDrawOptions & { readonly low?: number; readonly high?: number } = {},
): Tensor {
  const { low = 0, high = 1 } = options;
  requireFinite("uniform", { low, high });
  const dtype = typeOf("uniform", options);
  return converted(add(mul(draw("uniform", shape, options, randomUniform), high - low), low), dtype);
}

/** Normal with the given mean and standard deviation, f32. */
export function normal(
  shape: Shape,
  options: FloatDrawOptions & { readonly mean?: number; readonly std?: number } = {},
): Tensor {
  const { mean = 0, std = 1 } = options;
  requireFinite("normal", { mean, std });
  if (std < 0) throw new ParameterError("normal", `std must be ≥ 0, got ${std}`);
  const dtype = typeOf("normal", options);
  return converted(add(mul(draw("normal", shape, options, randomNormal), std), mean), dtype);
}

/**
 * Normal conditioned on [low, high], both counted in standard deviations from the mean (±2 by default), by inversion:
 * the quantile of a uniform number between the bounds' distribution functions.
 */
export function truncatedNormal(
  shape: Shape,
  options: FloatDrawOptions & {
    readonly mean?: number;
    readonly std?: number;
    readonly low?: number;
    readonly high?: number;
  } = {},
): Tensor {
  const { mean = 0, std = 1, low = -2, high = 2 } = options;
  requireFinite("truncatedNormal", { mean, std, low, high });
  if (low >= high) throw new ParameterError("truncatedNormal", `low must be below high, got ${low} and ${high}`);
  const [from, to] = [erf(low / Math.SQRT2), erf(high / Math.SQRT2)];
  // One step of 2^-24 inside the bounds: ±1 itself has no quantile.
  const dtype = typeOf("truncatedNormal", options);
  const position = add(mul(draw("truncatedNormal", shape, options, randomUniform), to - from), from);
  const inside = position.maximum(-1 + 2 ** -24).minimum(1 - 2 ** -24);
  return converted(add(mul(normalQuantile(inside).maximum(low).minimum(high), std), mean), dtype);
}

/** Whole numbers in [low, high), i32. The bias of any value is below (high − low) / 2^32. */
export function randint(low: number, high: number, shape: Shape, options: DrawOptions = {}): Tensor {
  requireInteger("randint", "low", low, -(2 ** 31), 2 ** 31 - 1);
  requireInteger("randint", "high", high, low + 1, 2 ** 31);
  // A range of all 2^32 values needs no scaling, and its length has no u32.
  const range = high - low;
  const drawn =
    range === 2 ** 32
      ? bits(shape, options)
      : draw("randint", shape, options, (i, k0, k1) => randomBelow(i, k0, k1, range));
  return add(cast(drawn, "i32"), low);
}

/** True with probability p, bool. */
export function bernoulli(p: number, shape: Shape, options: DrawOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ParameterError("bernoulli", `p must be in [0, 1], got ${p}`);
  return less(draw("bernoulli", shape, options, randomUniform), p);
}

/** Whole numbers 0 … count − 1 in random order, i32. Shuffled on the host. */
export function permutation(count: number, options: DrawOptions = {}): Tensor {
  requireInteger("permutation", "count", count, 0, 2 ** 31 - 1);
  return hostTensor(shuffled(count, options.generator ?? defaultGenerator()));
}

function requireFinite(op: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isFinite(value)) throw new ParameterError(op, `${name} must be a finite number, got ${value}`);
  }
}

/** erf on the host: 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)), whose terms are all of one sign. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let sum = 0;
  let term = x * Math.exp(-x * x);
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
