// Running sums, and the running products that the gradient of a product needs.
// Read next: reduction.ts for folds, which keep only the last of the running values.
import type { DType } from "../core/dtype.ts";
import { isFloating } from "../core/dtype.ts";
import { normalizeAxis, sizeOf } from "../core/shape.ts";
import { mul } from "./arithmetic.ts";
import { broadcasted, reshaped, widened } from "./broadcasting.ts";
import type { KernelOp } from "./descriptor.ts";
import { concat } from "./joining.ts";
import { assemble, flip, permuted, range } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";

interface ScanAttributes {
  readonly axis: number;
}

const cumSumOp: KernelOp<ScanAttributes> = {
  kind: "kernel",
  name: "cumSum",
  call: ([x], _, { axis }) => {
    const shape = x?.shape ?? [];
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    // Sums that wrap have the same bits with and without a sign.
    const dtype: DType = x?.dtype === "u32" ? "i32" : (x?.dtype ?? "f32");
    return { kernel: "cumsum", dtype, words: [outer, shape[axis] ?? 1, inner], workgroups: outer * inner };
  },
  flops: ([x]) => sizeOf(x?.shape ?? []),
  work: "reduction",
  // dx_i collects the cotangents of all sums that x_i is part of: those from i on.
  gradient: ({ inputs: [x], cotangents: [dy], attributes: { axis } }) =>
    x !== undefined && dy !== undefined && isFloating(x.dtype) ? [flip(scan(flip(dy, axis), axis), axis)] : [],
};

function scan(x: Tensor, axis: number): Tensor {
  const [result] = recorderOf("cumSum", [x]).record(cumSumOp, [x], { axis }, [{ shape: x.shape, dtype: x.dtype }]);
  return result ?? x;
}

/** Options of `cumSum`: `reverse` sums from the end, `exclusive` leaves the element itself out of its sum. */
export interface CumSumOptions {
  readonly axis?: number;
  readonly reverse?: boolean;
  readonly exclusive?: boolean;
}

/** Sums of all elements up to each one along an axis. Sums of bool and u8 are i32; f32 is carried in f64 on the CPU. */
export function cumSum(x: Tensor, options: CumSumOptions = {}): Tensor {
  requireArguments("cumSum", { x }, options);
  const { axis = 0, reverse = false, exclusive = false } = options;
  const index = normalizeAxis("cumSum", axis, x.rank);
  const forward = reverse ? flip(widened(x), index) : widened(x);
  const length = x.shape[index] ?? 0;
  const sums =
    exclusive && length > 0 ? moved(scan(range(forward, index, 0, length - 1), index), index) : scan(forward, index);
  return reverse ? flip(sums, index) : sums;
}

/** One place on along an axis, 0 entering at the front: sums without their last element, to the last bit. */
function moved(x: Tensor, axis: number): Tensor {
  const shape = x.shape.map((extent, index) => (index === axis ? extent + 1 : extent));
  const begin = x.shape.map((_, index) => (index === axis ? 1 : 0));
  return assemble([x], shape, { pieces: [{ begin, step: x.shape.map(() => 1) }], fill: 0 });
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
  let products = concat([one, range(x, 1, 0, length - 1)], { axis: 1 });
  for (let reach = 1; reach < length; reach *= 2) {
    const later = mul(range(products, 1, reach, length), range(products, 1, 0, length - reach));
    products = concat([range(products, 1, 0, reach), later], { axis: 1 });
  }
  return products;
}
