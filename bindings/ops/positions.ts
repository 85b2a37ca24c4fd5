// Where the largest and smallest elements are: argMax and argMin. Read next: reduction.ts.
import type { DType } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { normalizeAxis, reducedShape, show, sizeOf } from "../core/shape.ts";
import { reshaped } from "./broadcasting.ts";
import { converted } from "./comparison.ts";
import type { KernelOp } from "./descriptor.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments } from "./tensor.ts";

interface PositionAttributes {
  readonly axis: number;
}

const position = (name: "argMax" | "argMin"): KernelOp<PositionAttributes> => ({
  kind: "kernel",
  name,
  call: ([x], _, { axis }) => {
    const shape = x?.shape ?? [];
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    const words = [outer, shape[axis] ?? 1, inner];
    return { kernel: `reduce_${name}`, dtype: x?.dtype ?? "f32", words, workgroups: Math.ceil((outer * inner) / 64) };
  },
  flops: ([x]) => sizeOf(x?.shape ?? []),
  work: "reduction",
});

const argMaxOp: KernelOp<PositionAttributes> = /* @__PURE__ */ position("argMax");
const argMinOp: KernelOp<PositionAttributes> = /* @__PURE__ */ position("argMin");

/** Options of `argMax` and `argMin`: one axis, or none for the position among all elements in row-major order. */
export interface PositionOptions {
  readonly axis?: number;
  readonly keepDims?: boolean;
}

// The kernels compare f32, f64 and i32; u32 fits into f64.
const compared: Readonly<Partial<Record<DType, DType>>> = { bool: "i32", u8: "i32", u32: "f64" };

function locate(op: KernelOp<PositionAttributes>, x: Tensor, { axis, keepDims = false }: PositionOptions): Tensor {
  const source = axis === undefined ? reshaped(x, [x.size]) : x;
  const index = axis === undefined ? 0 : normalizeAxis(op.name, axis, x.rank);
  const rest = reducedShape(source.shape, [index], false);
  if (source.shape[index] === 0 && sizeOf(rest) > 0) {
    throw new ShapeError(
      op.name,
      `axis ${String(index)} of ${show(source.shape)} has no elements, so there is no position. Leave empty slices out, or pad them`,
    );
  }
  const input = converted(source, compared[x.dtype] ?? x.dtype);
  const [result] = recorderOf(op.name, [x]).record(op, [input], { axis: index }, [{ shape: rest, dtype: "i32" }]);
  if (result === undefined || !keepDims) return result ?? x;
  return reshaped(result, axis === undefined ? x.shape.map(() => 1) : reducedShape(x.shape, [index], true));
}

/** The position of the largest element along an axis, i32: the first of equal ones; the first NaN if there is one. */
export function argMax(x: Tensor, options: PositionOptions = {}): Tensor {
  requireArguments("argMax", { x }, options);
  return locate(argMaxOp, x, options);
}

/** The position of the smallest element along an axis, i32: the first of equal ones; the first NaN if there is one. */
export function argMin(x: Tensor, options: PositionOptions = {}): Tensor {
  requireArguments("argMin", { x }, options);
  return locate(argMinOp, x, options);
}
