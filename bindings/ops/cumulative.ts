// Running sums and products, and the products of others that the gradient of a product needs.
// Read next: reduction.ts for folds, which keep only the last of the running values.
import type { DType } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import { normalizeAxis, sizeOf } from "../core/shape.ts";
import { mul } from "./arithmetic.ts";
import { broadcasted, reshaped, widened } from "./broadcasting.ts";
import type { KernelCall, KernelOp } from "./descriptor.ts";
import { concat } from "./joining.ts";
import { assemble, flip, permuted, range } from "./movement.ts";
import type { Spec, Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";

interface ScanAttributes {
  readonly axis: number;
}

function scanCall(kernel: "cumsum" | "cumprod", x: Spec | undefined, axis: number): KernelCall {
  const shape = x?.shape ?? [];
  const outer = sizeOf(shape.slice(0, axis));
  const inner = sizeOf(shape.slice(axis + 1));
  // Sums and products that wrap have the same bits with and without a sign.
  const dtype: DType = x?.dtype === "u32" ? "i32" : (x?.dtype ?? "f32");
  return { kernel, dtype, words: [outer, shape[axis] ?? 1, inner], workgroups: outer * inner };
}

const cumSumOp: KernelOp<ScanAttributes> = {
  kind: "kernel",
  name: "cumSum",
  call: ([x], _, { axis }) => scanCall("cumsum", x, axis),
  flops: ([x]) => sizeOf(x?.shape ?? []),
  work: "reduction",
  // dx_i collects the cotangents of all sums that x_i is part of: those from i on.
  gradient: ({ inputs: [x], cotangents: [dy], attributes: { axis } }) =>
    x !== undefined && dy !== undefined && isFloating(x.dtype)
      ? [flip(scan(cumSumOp, flip(dy, axis), axis), axis)]
      : [],
};

const cumProdOp: KernelOp<ScanAttributes> = {
  kind: "kernel",
  name: "cumProd",
  call: ([x], _, { axis }) => scanCall("cumprod", x, axis),
  flops: ([x]) => sizeOf(x?.shape ?? []),
  work: "reduction",
  // Dividing the products by each x_i would be wrong where one is 0, so the gradient is that of products made by doubling.
  gradient: ({ inputs: [x], cotangents: [dy], attributes: { axis }, pullback }) =>
    x !== undefined && dy !== undefined && isFloating(x.dtype)
      ? pullback((factors) => [productsByDoubling(factors, axis)], [x], [dy])
      : [],
};

function scan(op: KernelOp<ScanAttributes>, x: Tensor, axis: number): Tensor {
  const [result] = recorderOf(op.name, [x]).record(op, [x], { axis }, [{ shape: x.shape, dtype: x.dtype }]);
  return result ?? x;
}

/** Options of `cumSum` and `cumProd`: `reverse` begins at the end, `exclusive` leaves the element itself out of its result. */
export interface CumulativeOptions {
  readonly axis?: number;
  readonly reverse?: boolean;
  readonly exclusive?: boolean;
}

function cumulated(op: KernelOp<ScanAttributes>, x: Tensor, options: CumulativeOptions, identity: number): Tensor {
  requireArguments(op.name, { x }, options);
  const { axis = 0, reverse = false, exclusive = false } = options;
  const index = normalizeAxis(op.name, axis, x.rank);
  const forward = reverse ? flip(widened(x), index) : widened(x);
  const length = x.shape[index] ?? 0;
  const results =
    exclusive && length > 0
      ? moved(scan(op, range(forward, index, 0, length - 1), index), index, identity)
      : scan(op, forward, index);
  return reverse ? flip(results, index) : results;
}

/** Sums of all elements up to each one along an axis. Sums of bool and u8 are i32; f32 is carried in f64 on the CPU. */
export function cumSum(x: Tensor, options: CumulativeOptions = {}): Tensor {
  return cumulated(cumSumOp, x, options, 0);
}

/**
 * Products of all elements up to each one along an axis. Products of bool and u8 are i32; f32 is carried in f64 on the CPU. The
 * gradient is right where elements are 0; it takes log₂(length) multiplications of the whole.
 */
export function cumProd(x: Tensor, options: CumulativeOptions = {}): Tensor {
  return cumulated(cumProdOp, x, options, 1);
}

/** One place on along an axis, `first` entering at the front: results without their last element, to the last bit. */
function moved(x: Tensor, axis: number, first: number): Tensor {
  const shape = x.shape.map((extent, index) => (index === axis ? extent + 1 : extent));
  const begin = x.shape.map((_, index) => (index === axis ? 1 : 0));
  return assemble([x], shape, { pieces: [{ begin, step: x.shape.map(() => 1) }], fill: first });
}

/** Products up to each element: those over twice as many are products of two of those before. */
function productsByDoubling(x: Tensor, axis: number): Tensor {
  const length = x.shape[axis] ?? 0;
  let products = x;
  for (let reach = 1; reach < length; reach *= 2) {
    const later = mul(range(products, axis, reach, length), range(products, axis, 0, length - reach));
    products = concat([range(products, axis, 0, reach), later], { axis });
  }
  return products;
}

/**
 * For every element the product of all others along the axes: the derivative of a product, right where elements are 0.
 * Products of those before times products of those after, each by doubling: log₂(length) multiplications of the whole.
 */
export function productOfOthers(x: Tensor, axes: readonly number[]): Tensor {
  const order = [...x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis)), ...axes];
  const front = permuted(x, order);
  const length = sizeOf(axes.map((axis) => x.shape[axis] ?? 1));
  const rows = reshaped(front, [length === 0 ? 0 : x.size / length, length]);
  const others = length === 0 ? rows : mul(productsBefore(rows), flip(productsBefore(flip(rows, 1)), 1));
  return permuted(
    reshaped(others, front.shape),
    order.map((_, axis) => order.indexOf(axis)),
  );
}

/** Product of the elements before each one, in rows of a matrix. */
function productsBefore(x: Tensor): Tensor {
  const [rows = 0, length = 0] = x.shape;
  const one = broadcasted(x.recorder.scalar(1, x.dtype), [rows, 1]);
  return productsByDoubling(concat([one, range(x, 1, 0, length - 1)], { axis: 1 }), 1);
}
