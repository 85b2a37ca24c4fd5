// Creation of tensors on the default engine, with NumPy's names and PyTorch's default type, f32.
// Read next: ../random for random tensors.
import type { DType, TypedArray } from "../core/dtype.ts";
import { bytesOf, checkDType, dtypeOfArray, isFloating, newArray } from "../core/dtype.ts";
import { BackendError, DTypeError, ParameterError, ShapeError } from "../core/errors.ts";
import { stored } from "../core/half.ts";
import type { Shape } from "../core/shape.ts";
import { checkShape, show, sizeOf } from "../core/shape.ts";
import * as ops from "../ops/index.ts";
import type { Nested, Tensor } from "../ops/tensor.ts";
import { describe, isTensor, requireArguments } from "../ops/tensor.ts";
import { defaultEngine } from "./default.ts";

/** Element type of a new tensor. */
export interface CreationOptions {
  /** Default f32. */
  readonly dtype?: DType;
}

/** Options of `tensor`. */
export interface TensorOptions extends CreationOptions {
  /** Shape of flat data; default the nesting of the data, or one axis for a typed array. */
  readonly shape?: Shape;
}

/**
 * A tensor from nested arrays, a number, or a typed array, which is copied. Numbers become f32 and booleans bool unless
 * `dtype` says otherwise; typed arrays keep their type (Float64Array gives f64). Throws a ShapeError for ragged
 * nesting or a shape that does not hold the elements, a DTypeError for a type there is no room for.
 */
export function tensor(data: Nested | ArrayBufferView, options: TensorOptions = {}): Tensor {
  requireArguments("tensor", {}, options);
  if (options.dtype !== undefined) checkDType("tensor", options.dtype);
  if (isTensor(data))
    throw new ParameterError(
      "tensor",
      "the data is a tensor already. Convert it: cast(x, dtype); copy it: tensor(await x.data(), { shape: x.shape })",
    );
  if (ArrayBuffer.isView(data)) {
    const own = dtypeOfArray(data);
    if (own === undefined)
      throw new DTypeError(
        "tensor",
        `cannot hold a ${data.constructor.name}. Convert it: Float32Array.from(data, Number)`,
      );
    const array = data as TypedArray;
    return place("tensor", array, options.shape ?? [array.length], options.dtype ?? own);
  }
  const shape: number[] = [];
  for (let level: Nested = data; Array.isArray(level); level = (level as readonly Nested[])[0] ?? 0) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const flat: number[] = [];
  let booleans = 0;
  const collect = (item: Nested, depth: number): void => {
    if (Array.isArray(item)) {
      const list = item as readonly Nested[];
      if (list.length !== shape[depth])
        throw new ShapeError(
          "tensor",
          `ragged nesting: an array of ${String(list.length)} where ${String(shape[depth] ?? 0)} was expected (shape so far ${show(shape)}). Pad the rows to one length`,
        );
      for (const inner of list) collect(inner, depth + 1);
      return;
    }
    if (depth !== shape.length)
      throw new ShapeError(
        "tensor",
        `ragged nesting: a number where an array of ${String(shape[depth] ?? 0)} was expected. Nest all rows equally`,
      );
    if (typeof item !== "number" && typeof item !== "boolean")
      throw new ParameterError("tensor", `expects numbers and booleans, got ${typeof item}`);
    if (typeof item === "boolean") booleans++;
    flat.push(Number(item));
  };
  collect(data, 0);
  const dtype = options.dtype ?? (booleans > 0 && booleans === flat.length ? "bool" : "f32");
  return place("tensor", flat, options.shape ?? shape, dtype);
}

function place(op: string, data: ArrayLike<number>, shape: Shape, dtype: DType): Tensor {
  checkShape(op, shape);
  if (sizeOf(shape) !== data.length)
    throw new ShapeError(
      op,
      `${String(data.length)} elements do not fill shape ${show(shape)} (${String(sizeOf(shape))} elements)`,
    );
  return defaultEngine().fromArray(stored(data, dtype), shape, dtype);
}

/** Refuses data that could be stored nowhere before the host makes it: the CPU's memory ends at four gigabytes. */
function requireRoom(op: string, shape: Shape, dtype: DType): void {
  const bytes = sizeOf(shape) * bytesOf(dtype);
  if (bytes > 2 ** 32)
    throw new BackendError(
      op,
      `shape ${show(shape)} needs ${(bytes / 2 ** 30).toFixed(1)} GiB, and a tensor can have at most 4.0 GiB. Make it in parts`,
    );
}

/** A tensor filled with one value. No memory is used until a kernel or a reader needs it. */
export function full(shape: Shape, value: number, options: CreationOptions = {}): Tensor {
  requireArguments("full", {}, options);
  if (typeof value !== "number") throw new ParameterError("full", `the value must be a number, got ${describe(value)}`);
  return filled("full", shape, value, options.dtype ?? "f32");
}

function filled(op: string, shape: Shape, value: number, dtype: DType): Tensor {
  checkShape(op, shape);
  checkDType(op, dtype);
  return ops.broadcastTo(defaultEngine().scalar(value, dtype), shape);
}

/** Zeros. */
export function zeros(shape: Shape, options: CreationOptions = {}): Tensor {
  requireArguments("zeros", {}, options);
  checkShape("zeros", shape);
  return filled("zeros", shape, 0, options.dtype ?? "f32");
}

/** Ones. */
export function ones(shape: Shape, options: CreationOptions = {}): Tensor {
  requireArguments("ones", {}, options);
  checkShape("ones", shape);
  return filled("ones", shape, 1, options.dtype ?? "f32");
}

/** One value in the shape and type of x. */
export function fullLike(x: Tensor, value: number, options: CreationOptions = {}): Tensor {
  requireArguments("fullLike", { x }, options);
  return full(x.shape, value, { dtype: options.dtype ?? x.dtype });
}

/** Zeros in the shape and type of x. */
export function zerosLike(x: Tensor, options: CreationOptions = {}): Tensor {
  requireArguments("zerosLike", { x }, options);
  return fullLike(x, 0, options);
}

/** Ones in the shape and type of x. */
export function onesLike(x: Tensor, options: CreationOptions = {}): Tensor {
  requireArguments("onesLike", { x }, options);
  return fullLike(x, 1, options);
}

/**
 * start, start + step, … below stop (above it for a negative step). `arange(n)` counts from 0. Integers by `{ dtype: "i32" }`, which
 * may follow any of the numbers.
 */
export function arange(stop: number, options?: CreationOptions): Tensor;
export function arange(start: number, stop: number, options?: CreationOptions): Tensor;
export function arange(start: number, stop?: number, step?: number, options?: CreationOptions): Tensor;
export function arange(start: number, ...rest: readonly (number | CreationOptions | undefined)[]): Tensor {
  const at = rest.findIndex((value) => typeof value === "object");
  const [stop, step = 1] = (at < 0 ? rest : rest.slice(0, at)) as readonly (number | undefined)[];
  const options = (at < 0 ? (rest[2] ?? {}) : rest[at]) as CreationOptions;
  requireArguments("arange", {}, options);
  const { dtype = "f32" } = options;
  checkDType("arange", dtype);
  const [first, last] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0 || ![first, last, step].every(Number.isFinite)) {
    throw new ParameterError(
      "arange",
      `start, stop and step must be finite and step not 0, got ${String(first)}, ${String(last)}, ${String(step)}`,
    );
  }
  const count = Math.max(0, Math.ceil((last - first) / step));
  requireRoom("arange", [count], dtype);
  return place(
    "arange",
    Float64Array.from({ length: count }, (_, index) => first + index * step),
    [count],
    dtype,
  );
}

/** `count` values evenly spaced from start to stop, both included unless `endpoint` is false. */
export function linspace(
  start: number,
  stop: number,
  count = 50,
  options: CreationOptions & { readonly endpoint?: boolean } = {},
): Tensor {
  requireArguments("linspace", {}, options);
  const { dtype = "f32", endpoint = true } = options;
  checkDType("linspace", dtype);
  if (!Number.isInteger(count) || count < 0)
    throw new ParameterError("linspace", `count must be a whole number ≥ 0, got ${String(count)}`);
  if (typeof start !== "number" || typeof stop !== "number")
    throw new ParameterError(
      "linspace",
      `start and stop must be numbers, got ${describe(start)} and ${describe(stop)}. For a tensor's range: await x.item()`,
    );
  requireRoom("linspace", [count], dtype);
  const intervals = Math.max(1, endpoint ? count - 1 : count);
  const values = Float64Array.from({ length: count }, (_, index) => start + ((stop - start) * index) / intervals);
  // The last value is exact, whatever rounding the division did.
  if (endpoint && count > 1) values[count - 1] = stop;
  return place("linspace", values, [count], dtype);
}

/** The identity matrix, or ones on the diagonal of [rows, columns]. */
export function eye(rows: number, columns: number = rows, options: CreationOptions = {}): Tensor {
  requireArguments("eye", {}, options);
  const { dtype = "f32" } = options;
  checkShape("eye", [rows, columns]);
  checkDType("eye", dtype);
  requireRoom("eye", [rows, columns], dtype);
  const data = newArray(dtype, rows * columns);
  const [one = 1] = stored([1], dtype);
  for (let index = 0; index < Math.min(rows, columns); index++) data[index * columns + index] = one;
  return defaultEngine().fromArray(data, [rows, columns], dtype);
}

/** True if `dtype` has gradients: f16, f32 and f64. */
export function isDifferentiable(x: Tensor): boolean {
  return isFloating(x.dtype);
}
