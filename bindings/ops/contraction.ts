// Matrix products: matmul with NumPy's rules, and dot, outer and tensordot, which arrange their operands for it.
// Transposes and broadcasts are layouts, so they reach the kernel as strides and cost nothing.
// Read next: einsum.ts; epilogue.ts for bias and activation; assembly/products/matmul.ts for the kernel.
import type { DType } from "../core/dtype.ts";
import { bytesOf, computedIn, isFloating, promote } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import type { Layout } from "../core/layout.ts";
import type { Shape } from "../core/shape.ts";
import { broadcastPair, normalizeAxis, requireInteger, show, sizeOf } from "../core/shape.ts";
import { mul } from "./arithmetic.ts";
import { broadcasted, reshaped, sumTo } from "./broadcasting.ts";
import { converted } from "./comparison.ts";
import type { KernelOp } from "./descriptor.ts";
import type { EpilogueOptions } from "./epilogue.ts";
import { applyEpilogue, checkEpilogue } from "./epilogue.ts";
import { flatten, permuted } from "./movement.ts";
import { matmulPreparation, matmulScratch } from "./scratch.ts";
import { inSingle } from "./single.ts";
import type { Tensor } from "./tensor.ts";
import { recorderOf, requireArguments, requireList } from "./tensor.ts";

/** Stride of an axis counted from the end; 0 where it is missing or has size 1 and is repeated. */
export function strideOf(layout: Layout | undefined, fromEnd: number): number {
  const axis = (layout?.shape.length ?? 0) - fromEnd;
  return axis < 0 || layout?.shape[axis] === 1 ? 0 : (layout?.strides[axis] ?? 0);
}

const matmulOp: KernelOp<null> = {
  kind: "kernel",
  name: "matmul",
  call: ([a, b], [output]) => {
    const shape = output?.shape ?? [];
    const [batch0 = 1, batch1 = 1, m = 1, n = 1] = [...new Array<number>(4 - shape.length).fill(1), ...shape];
    const k = a?.shape.at(-1) ?? 0;
    const dtype: DType = a?.dtype === "u32" ? "i32" : (a?.dtype ?? "f32");
    const strides = [a, b].flatMap((operand) => [2, 1, 4, 3].map((fromEnd) => strideOf(operand?.layout, fromEnd)));
    const words = [batch0, batch1, m, n, k, ...strides];
    return {
      kernel: "matmul",
      dtype,
      words,
      workgroups: batch0 * batch1 * Math.ceil(m / 32) * Math.ceil(n / 32),
      scratch: matmulScratch(words, bytesOf(dtype)),
      preparation: isFloating(dtype) ? matmulPreparation(words, bytesOf(dtype)) : undefined,
    };
  },
  // At most two batch axes were recorded, so all strides can be told to the kernel; it walks forwards only.
  accepts: (layout) => layout.strides.every((stride) => stride >= 0),
  epilogue: true,
  readsHalves: "gpu",
  storesPairs: true,
  gradient: ({ inputs: [a, b], cotangents: [dy], wanted: [forA, forB] }) => {
    if (a === undefined || b === undefined || dy === undefined || !isFloating(a.dtype)) return [];
    return [
      forA === true ? sumTo(product(dy, turned(b)), a.shape) : undefined,
      forB === true ? sumTo(product(turned(a), dy), b.shape) : undefined,
    ];
  },
  flops: ([a], [output]) => 2 * sizeOf(output?.shape ?? []) * (a?.shape.at(-1) ?? 0),
  work: "contraction",
};

/** The last two axes exchanged. */
const turned = (x: Tensor): Tensor =>
  permuted(
    x,
    [...x.shape.keys()].map((axis) => (axis < x.rank - 2 ? axis : 2 * x.rank - 3 - axis)),
  );

/** The product of two tensors of two to four axes, equal in type, whose batch axes broadcast. */
function product(a: Tensor, b: Tensor): Tensor {
  const batch = broadcastPair(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? [];
  const shape = [...batch, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1];
  const [result] = recorderOf("matmul", [a, b]).record(matmulOp, [a, b], null, [{ shape, dtype: a.dtype }]);
  return result ?? a;
}

/** Options of `matmul`. The transposes exchange the last two axes of an operand first. */
export interface MatmulOptions extends EpilogueOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/**
 * Matrix product with NumPy's rules: [..., m, k] by [..., k, n] gives [..., m, n], the leading axes broadcast; a vector on
 * the left is a row, on the right a column, and its axis is dropped from the result. Bias and activation are computed
 * inside the kernel where the device can.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  requireArguments("matmul", { a, b }, options);
  for (const [name, operand] of [
    ["a", a],
    ["b", b],
  ] as const) {
    if (operand.rank === 0) throw new ShapeError("matmul", `${name} is a scalar. Multiply by it instead: mul(a, b)`);
  }
  const dtype = productType(a, b);
  const left = a.rank === 1 ? reshaped(a, [1, a.size]) : options.transposeA === true ? turned(a) : a;
  const right = b.rank === 1 ? reshaped(b, [b.size, 1]) : options.transposeB === true ? turned(b) : b;
  const [k, otherK] = [left.shape.at(-1) ?? 0, right.shape.at(-2) ?? 0];
  if (k !== otherK) throw new ShapeError("matmul", innerDifference(a, b, left, right, options));
  const batch = broadcastPair(left.shape.slice(0, -2), right.shape.slice(0, -2));
  if (batch === undefined) {
    throw new ShapeError(
      "matmul",
      `batch axes do not broadcast: a is ${show(a.shape)}, b is ${show(b.shape)}. All axes but the last two must be equal or 1`,
    );
  }
  const rows = a.rank === 1 ? [] : [left.shape.at(-2) ?? 1];
  const columns = b.rank === 1 ? [] : [right.shape.at(-1) ?? 1];
  const shape = [...batch, ...rows, ...columns];
  checkEpilogue("matmul", shape, options);
  const operands: [Tensor, Tensor, Tensor | undefined] = [left, right, options.bias];
  const inner = computedIn(dtype);
  return a.recorder.compose("matmul", () =>
    inSingle(operands, (x, y, bias) => {
      const product = reshaped(batched(converted(x, inner), converted(y, inner), batch), shape);
      return applyEpilogue(product, bias === undefined ? options : { ...options, bias });
    }),
  );
}

/** Products of bool and u8 are i32, as their sums are. */
function productType(a: Tensor, b: Tensor): DType {
  const common = promote(a.dtype, b.dtype);
  return common === "bool" || common === "u8" ? "i32" : common;
}

function innerDifference(a: Tensor, b: Tensor, left: Tensor, right: Tensor, options: MatmulOptions): string {
  const [k, otherK] = [left.shape.at(-1) ?? 0, right.shape.at(-2) ?? 0];
  const plain = options.transposeA !== true && options.transposeB !== true;
  const said = `inner dimensions differ: a is ${show(a.shape)}, b is ${show(b.shape)} (${String(k)} ≠ ${String(otherK)})`;
  if (!plain) return `${said} after the transposes`;
  if (b.rank > 1 && b.shape.at(-1) === k) return `${said}. Transpose b? matmul(a, b.T)`;
  if (a.rank > 1 && a.shape.at(-2) === otherK) return `${said}. Transpose a? matmul(a.T, b)`;
  return `${said}. The last axis of a must equal the ${b.rank === 1 ? "size" : "second to last axis"} of b`;
}

/** [...batch, m, n] from operands of any number of batch axes: the kernel knows two. */
function batched(left: Tensor, right: Tensor, batch: Shape): Tensor {
  const [m, k, n] = [left.shape.at(-2) ?? 1, left.shape.at(-1) ?? 0, right.shape.at(-1) ?? 1];
  // One matrix on the right serves all rows of all batches: a single, larger product.
  if (right.rank === 2 && left.rank > 2)
    return reshaped(product(reshaped(left, [sizeOf(batch) * m, k]), right), [...batch, m, n]);
  if (batch.length <= 2) return product(left, right);
  const merged = mergedBatch(left.shape.slice(0, -2), right.shape.slice(0, -2), batch);
  const [a, b] =
    merged === undefined
      ? [repeated(left, batch), repeated(right, batch)]
      : [reshaped(left, [...merged.left, m, k]), reshaped(right, [...merged.right, k, n])];
  return reshaped(product(a, b), [...batch, m, n]);
}

/** The tensor with its batch axes written out and merged into one. */
const repeated = (x: Tensor, batch: Shape): Tensor =>
  reshaped(broadcasted(x, [...batch, ...x.shape.slice(-2)]), [sizeOf(batch), ...x.shape.slice(-2)]);

/** Batch axes merged where neighbours are repeated in the same operands; undefined if more than two remain. */
function mergedBatch(
  left: Shape,
  right: Shape,
  batch: Shape,
): { readonly left: number[]; readonly right: number[] } | undefined {
  const merged: { readonly inLeft: boolean; readonly inRight: boolean; extent: number }[] = [];
  batch.forEach((extent, axis) => {
    if (extent === 1) return;
    const inLeft = (left[axis - batch.length + left.length] ?? 1) !== 1;
    const inRight = (right[axis - batch.length + right.length] ?? 1) !== 1;
    const last = merged.at(-1);
    if (last?.inLeft === inLeft && last.inRight === inRight) last.extent *= extent;
    else merged.push({ inLeft, inRight, extent });
  });
  if (merged.length > 2) return undefined;
  return {
    left: merged.map(({ inLeft, extent }) => (inLeft ? extent : 1)),
    right: merged.map(({ inRight, extent }) => (inRight ? extent : 1)),
  };
}

/**
 * NumPy's dot: the sum of products over the last axis of a and the second to last of b (its only one for a vector). For
 * matrices the same as matmul; for more axes the outer ones are combined with each other. Scalars multiply.
 */
export function dot(a: Tensor, b: Tensor): Tensor {
  requireArguments("dot", { a, b });
  if (a.rank === 0 || b.rank === 0) return mul(a, b);
  const [k, otherK] = [a.shape.at(-1), b.shape.at(b.rank === 1 ? -1 : -2)];
  if (k !== otherK)
    throw new ShapeError(
      "dot",
      `inner dimensions differ: a is ${show(a.shape)}, b is ${show(b.shape)} (${String(k)} ≠ ${String(otherK)})`,
    );
  return contracted(a, b, [a.rank - 1], [Math.max(0, b.rank - 2)]);
}

/** All products of an element of a with an element of b, [a.size, b.size]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireArguments("outer", { a, b });
  return mul(reshaped(flatten(a), [a.size, 1]), flatten(b));
}

/**
 * The sum of products over pairs of axes: `axes` is [axes of a, axes of b], or a number of last axes of a and first axes
 * of b. The axes that remain of a come first.
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  requireArguments("tensordot", { a, b });
  if (typeof axes === "number") requireInteger("tensordot", "axes", axes, 0, Math.min(a.rank, b.rank));
  if (typeof axes !== "number") {
    requireList("tensordot", "axes", axes);
    for (const list of [axes[0], axes[1]]) requireList("tensordot", "the axes of each operand", list);
  }
  const [forA, forB] = typeof axes === "number" ? [lastAxes(a.rank, axes), lastAxes(axes, axes)] : axes;
  const ofA = forA.map((axis) => normalizeAxis("tensordot", axis, a.rank));
  const ofB = forB.map((axis) => normalizeAxis("tensordot", axis, b.rank));
  const extents = (x: Tensor, list: readonly number[]): number[] => list.map((axis) => x.shape[axis] ?? 1);
  if (ofA.length !== ofB.length || show(extents(a, ofA)) !== show(extents(b, ofB))) {
    throw new ShapeError(
      "tensordot",
      `summed axes must agree in number and size: axes [${forA.join(", ")}] of a ${show(a.shape)} are ${show(extents(a, ofA))}, axes [${forB.join(", ")}] of b ${show(b.shape)} are ${show(extents(b, ofB))}`,
    );
  }
  if (new Set(ofA).size !== ofA.length || new Set(ofB).size !== ofB.length) {
    throw new ShapeError(
      "tensordot",
      `an axis is named twice in [${forA.join(", ")}] or [${forB.join(", ")}]. Name each axis once`,
    );
  }
  return contracted(a, b, ofA, ofB);
}

const lastAxes = (rank: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => rank - count + index);

function contracted(a: Tensor, b: Tensor, ofA: readonly number[], ofB: readonly number[]): Tensor {
  const dtype = productType(a, b);
  const freeA = [...a.shape.keys()].filter((axis) => !ofA.includes(axis));
  const freeB = [...b.shape.keys()].filter((axis) => !ofB.includes(axis));
  const sizes = (x: Tensor, list: readonly number[]): number[] => list.map((axis) => x.shape[axis] ?? 1);
  const depth = sizeOf(sizes(a, ofA));
  const left = reshaped(permuted(converted(a, dtype), [...freeA, ...ofA]), [sizeOf(sizes(a, freeA)), depth]);
  const right = reshaped(permuted(converted(b, dtype), [...ofB, ...freeB]), [depth, sizeOf(sizes(b, freeB))]);
  return reshaped(product(left, right), [...sizes(a, freeA), ...sizes(b, freeB)]);
}
