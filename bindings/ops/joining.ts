// Ops that put tensors together or cut them into parts: concat, stack, split, pad, roll, and the diagonals and triangles
// of matrices. All are regions of one output. Read next: movement.ts, for regions.
import type { DType } from "../core/dtype.ts";
import { dtypeOfNumber, promote } from "../core/dtype.ts";
import { DTypeError, ParameterError, ShapeError } from "../core/errors.ts";
import { normalizeAxis, requireInteger, sameShape, show, sizeOf } from "../core/shape.ts";
import { alias, own } from "./alias.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import { converted, lessEqual, where } from "./comparison.ts";
import { sub } from "./arithmetic.ts";
import { iota } from "./iota.ts";
import { assemble, expandDims, flip, range, region } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { requireArguments, requireList } from "./tensor.ts";

function commonType(tensors: readonly Tensor[]): DType {
  return tensors.map((tensor) => tensor.dtype).reduce(promote);
}

/** Tensors joined along an existing axis; all other axes must agree. Types are promoted. */
export function concat(tensors: readonly Tensor[], options: { readonly axis?: number } = {}): Tensor {
  requireList("concat", "tensors", tensors);
  requireArguments("concat", tensors, options);
  const [first] = tensors;
  if (first === undefined) throw new ParameterError("concat", "needs at least one tensor, got an empty list");
  const axis = normalizeAxis("concat", options.axis ?? 0, first.rank);
  for (const tensor of tensors) {
    if (
      tensor.rank !== first.rank ||
      tensor.shape.some((extent, index) => index !== axis && extent !== first.shape[index])
    ) {
      throw new ShapeError(
        "concat",
        `shapes ${tensors.map((each) => show(each.shape)).join(" and ")} differ outside axis ${String(axis)}. All other axes must be equal`,
      );
    }
  }
  return own(join(tensors, axis), ...tensors);
}

/** The same for shapes that are known to fit. Empty parts are left out. */
function join(tensors: readonly Tensor[], axis: number): Tensor {
  const dtype = commonType(tensors);
  const parts = tensors.filter((tensor) => tensor.shape[axis] !== 0).map((tensor) => converted(tensor, dtype));
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first ?? converted(tensors[0]!, dtype);
  let offset = 0;
  const pieces = parts.map((tensor) => {
    const begin = tensor.shape.map((_, index) => (index === axis ? offset : 0));
    offset += tensor.shape[axis] ?? 0;
    return { begin, step: tensor.shape.map(() => 1) };
  });
  return assemble(
    parts,
    first.shape.map((extent, index) => (index === axis ? offset : extent)),
    { pieces, fill: undefined },
  );
}

/** Tensors of one shape joined along a new axis. */
export function stack(tensors: readonly Tensor[], options: { readonly axis?: number } = {}): Tensor {
  requireList("stack", "tensors", tensors);
  requireArguments("stack", tensors, options);
  const [first] = tensors;
  if (first === undefined) throw new ParameterError("stack", "needs at least one tensor, got an empty list");
  const axis = normalizeAxis("stack", options.axis ?? 0, first.rank + 1);
  for (const tensor of tensors) {
    if (!sameShape(tensor.shape, first.shape))
      throw new ShapeError(
        "stack",
        `shapes ${show(first.shape)} and ${show(tensor.shape)} differ. All must be equal; concat joins along an existing axis`,
      );
  }
  return join(
    tensors.map((tensor) => expandDims(tensor, axis)),
    axis,
  );
}

/** Parts of x along an axis: `parts` equal ones, or parts of the sizes listed. */
export function split(
  x: Tensor,
  parts: number | readonly number[],
  options: { readonly axis?: number } = {},
): Tensor[] {
  requireArguments("split", { x }, options);
  const axis = normalizeAxis("split", options.axis ?? 0, x.rank);
  const extent = x.shape[axis] ?? 0;
  if (typeof parts === "number") {
    requireInteger("split", "the number of parts", parts, 1);
    if (extent % parts !== 0) {
      throw new ShapeError(
        "split",
        `axis ${String(axis)} of ${show(x.shape)} does not divide into ${String(parts)} equal parts. Give a list of sizes instead`,
      );
    }
  }
  if (typeof parts !== "number") requireList("split", "parts", parts);
  const sizes = typeof parts === "number" ? new Array<number>(parts).fill(extent / parts) : parts;
  for (const size of sizes) requireInteger("split", "a size", size, 0);
  if (sizes.reduce((sum, size) => sum + size, 0) !== extent) {
    throw new ShapeError(
      "split",
      `sizes [${sizes.join(", ")}] must add up to ${String(extent)}, the size of axis ${String(axis)} of ${show(x.shape)}`,
    );
  }
  let offset = 0;
  return sizes.map((size) => own(range(x, axis, offset, (offset += size)), x));
}

/** How `pad` fills: with a value, with the reflection that leaves the edge out, or with the edge repeated. */
export interface PadOptions {
  readonly value?: number;
  readonly mode?: "constant" | "reflect" | "edge";
}

/** x with `widths[axis] = [before, after]` more elements on the sides of every axis. */
export function pad(
  x: Tensor,
  widths: readonly (readonly [before: number, after: number])[],
  options: PadOptions = {},
): Tensor {
  requireArguments("pad", { x }, options);
  requireList("pad", "widths", widths);
  const { value = 0, mode = "constant" } = options;
  if (widths.length !== x.rank)
    throw new ShapeError(
      "pad",
      `needs a pair [before, after] for each of the ${String(x.rank)} axes of ${show(x.shape)}, got ${String(widths.length)}`,
    );
  for (const pair of widths) {
    requireList("pad", "a pair of widths", pair);
    const [before, after] = pair;
    requireInteger("pad", "a width", before, 0);
    requireInteger("pad", "a width", after, 0);
  }
  if (!["constant", "reflect", "edge"].includes(mode))
    throw new ParameterError("pad", `mode must be "constant", "reflect" or "edge", got ${JSON.stringify(mode)}`);
  if (widths.every(([before, after]) => before === 0 && after === 0)) return alias(x);
  if (mode === "constant") return padConstant(x, widths, value);
  return widths.reduce((padded, [before, after], axis) => {
    if (before === 0 && after === 0) return padded;
    return mode === "reflect" ? padReflect(padded, axis, before, after) : padEdge(padded, axis, before, after);
  }, x);
}

function padConstant(x: Tensor, widths: readonly (readonly [number, number])[], value: number): Tensor {
  if (typeof value !== "number") throw new ParameterError("pad", `value must be a number, got ${typeof value}`);
  if (x.dtype === "bool" ? value !== 0 && value !== 1 : dtypeOfNumber(value, x.dtype) !== x.dtype) {
    throw new DTypeError("pad", `value ${String(value)} is not a ${x.dtype}. Convert x first: cast(x, "f32")`);
  }
  const shape = x.shape.map((extent, axis) => extent + (widths[axis]?.[0] ?? 0) + (widths[axis]?.[1] ?? 0));
  if (Number.isFinite(value)) {
    const piece = { begin: widths.map(([before]) => before), step: x.shape.map(() => 1) };
    return assemble([x], shape, { pieces: [piece], fill: value });
  }
  // Attributes are part of a plan's key as text, which has no infinities: these are joined on as data.
  const fill = x.recorder.scalar(value, x.dtype);
  return widths.reduce((padded, [before, after], axis) => {
    const part = (width: number): Tensor =>
      broadcasted(
        fill,
        padded.shape.map((extent, index) => (index === axis ? width : extent)),
      );
    return join([part(before), padded, part(after)], axis);
  }, x);
}

function padReflect(x: Tensor, axis: number, before: number, after: number): Tensor {
  const extent = x.shape[axis] ?? 0;
  if (before >= extent || after >= extent) {
    throw new ShapeError(
      "pad",
      `reflection needs widths below the size of the axis: axis ${String(axis)} has size ${String(extent)}, widths are [${String(before)}, ${String(after)}]`,
    );
  }
  return join(
    [flip(range(x, axis, 1, before + 1), axis), x, flip(range(x, axis, extent - 1 - after, extent - 1), axis)],
    axis,
  );
}

function padEdge(x: Tensor, axis: number, before: number, after: number): Tensor {
  const extent = x.shape[axis] ?? 0;
  if (extent === 0)
    throw new ShapeError("pad", `axis ${String(axis)} of ${show(x.shape)} is empty: it has no edge to repeat`);
  const repeated = (index: number, width: number): Tensor =>
    broadcasted(
      range(x, axis, index, index + 1),
      x.shape.map((size, i) => (i === axis ? width : size)),
    );
  return join([repeated(0, before), x, repeated(extent - 1, after)], axis);
}

/** Elements moved on by `shift` places along an axis; those that leave at one end enter at the other. Flat without an axis. */
export function roll(x: Tensor, shift: number, axis?: number): Tensor {
  requireArguments("roll", { x });
  requireInteger("roll", "shift", shift, Number.MIN_SAFE_INTEGER);
  if (axis === undefined) return reshaped(roll(reshaped(x, [x.size]), shift, 0), x.shape);
  const index = normalizeAxis("roll", axis, x.rank);
  const extent = x.shape[index] ?? 0;
  const places = extent === 0 ? 0 : ((shift % extent) + extent) % extent;
  if (places === 0) return alias(x);
  return join([range(x, index, extent - places, extent), range(x, index, 0, extent - places)], index);
}

/** column − row for the last two axes of x, i32 [rows, columns]. */
function offsets(op: string, x: Tensor): Tensor {
  const [rows, columns] = [x.shape.at(-2), x.shape.at(-1)];
  if (rows === undefined || columns === undefined)
    throw new ShapeError(op, `expects a matrix or a batch of them, got ${show(x.shape)}`);
  return sub(iota(x.recorder, columns), reshaped(iota(x.recorder, rows), [rows, 1]));
}

/** The upper triangle of matrices: elements below diagonal k (0 the main one, positive above it) become 0. */
export function triu(x: Tensor, k = 0): Tensor {
  requireArguments("triu", { x });
  requireInteger("triu", "k", k, -(2 ** 31), 2 ** 31 - 1);
  return where(lessEqual(x.recorder.scalar(k, "i32"), offsets("triu", x)), x, zeroLike(x));
}

/** The lower triangle of matrices: elements above diagonal k become 0. */
export function tril(x: Tensor, k = 0): Tensor {
  requireArguments("tril", { x });
  requireInteger("tril", "k", k, -(2 ** 31), 2 ** 31 - 1);
  return where(lessEqual(offsets("tril", x), x.recorder.scalar(k, "i32")), x, zeroLike(x));
}

const zeroLike = (x: Tensor): Tensor => x.recorder.scalar(0, x.dtype);

/** A vector becomes the matrix with that diagonal k; of a matrix, diagonal k becomes a vector. */
export function diag(x: Tensor, k = 0): Tensor {
  requireArguments("diag", { x });
  requireInteger("diag", "k", k, -(2 ** 31), 2 ** 31 - 1);
  if (x.rank === 1) {
    const size = x.size + Math.abs(k);
    const begin = k >= 0 ? k : -k * size;
    return reshaped(assemble([x], [size * size], { pieces: [{ begin: [begin], step: [size + 1] }], fill: 0 }), [
      size,
      size,
    ]);
  }
  const [rows, columns] = x.shape;
  if (x.rank !== 2 || rows === undefined || columns === undefined)
    throw new ShapeError("diag", `expects a vector or a matrix, got ${show(x.shape)}`);
  const count = Math.max(0, Math.min(rows, columns, k >= 0 ? columns - k : rows + k));
  const begin = count === 0 ? 0 : k >= 0 ? k : -k * columns;
  return region(reshaped(x, [sizeOf(x.shape)]), [begin], [columns + 1], [count]);
}
