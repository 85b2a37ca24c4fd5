// What the convolutions of sequences, images and volumes check alike about their operands, and how channels come last.
// Knows no windows. Read next: convolution.ts, sequence-convolution.ts, volume-convolution.ts.
import type { DType } from "../core/dtype.ts";
import { computedIn, floatOf, promote, requireDType } from "../core/dtype.ts";
import { ParameterError, ShapeError } from "../core/errors.ts";
import { show } from "../core/shape.ts";
import { converted } from "./comparison.ts";
import { permuted } from "./movement.ts";
import type { Tensor } from "./tensor.ts";
import { checkFormat } from "./window.ts";

const isFirst = (format: string): boolean => format[1] === "C";

/** Moves the channels of a tensor in this format ("NCHW", "NDHWC", …) to the end, and back. */
export function toLast(x: Tensor, format: string): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return isFirst(format) ? permuted(x, [0, ...axes.slice(2), 1]) : x;
}

export function fromLast(x: Tensor, format: string): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return isFirst(format) ? permuted(x, [0, x.rank - 1, ...axes.slice(1, -1)]) : x;
}

/** Both operands, in f32, images with their channels last. */
export interface Operands {
  /** In f32, like the filter. */
  readonly x: Tensor;
  readonly filter: Tensor;
  /** Rounds what was computed from halves, and with a bias of halves if there is one, to halves. */
  readonly rounded: (result: Tensor, bias: Tensor | undefined) => Tensor;
}

const counts = ["no", "one", "two", "three", "four", "five"] as const;

/** Checks formats, ranks and types. `window` names the axes of a filter before its channels. */
export function prepared(
  op: string,
  x: Tensor,
  filter: Tensor,
  format: string,
  formats: readonly string[],
  window: readonly string[],
): Operands {
  checkFormat(op, format, formats);
  for (const [name, operand] of [
    ["x", x],
    ["filter", filter],
  ] as const) {
    if (operand.rank !== format.length) {
      const axes = name === "x" ? format.split("") : [...window, "in", "out"];
      throw new ShapeError(
        op,
        `${name} must have ${String(counts[format.length])} axes [${axes.join(", ")}], got ${show(operand.shape)}`,
      );
    }
  }
  const dtype = floatOf(promote(x.dtype, filter.dtype));
  const isSingle = (of: DType): boolean => computedIn(floatOf(of)) === "f32";
  const [name, wide] = isSingle(x.dtype) ? (["filter", filter] as const) : (["x", x] as const);
  if (!isSingle(dtype)) requireDType(op, name, wide.dtype, ["f16", "f32"]);
  if (filter.shape.slice(0, -2).includes(0))
    throw new ShapeError(op, `the filter's window must not be empty, got ${show(filter.shape)}`);
  const rounded = (result: Tensor, bias: Tensor | undefined): Tensor =>
    dtype === "f16" && (bias === undefined || bias.dtype === "f16") ? converted(result, "f16") : result;
  return { x: converted(toLast(x, format), "f32"), filter: converted(filter, "f32"), rounded };
}

export function requireDivisible(op: string, groups: number, inputs: number, outputs: number): void {
  if (inputs % groups !== 0 || outputs % groups !== 0) {
    throw new ParameterError(
      op,
      `groups must divide both channel counts, got ${String(groups)} for ${String(inputs)} in and ${String(outputs)} out`,
    );
  }
}

/** Refuses a filter whose depth is not that of a group. `x` and `filter` as the user gave them. */
export function requireDepth(
  op: string,
  x: Tensor,
  filter: Tensor,
  channels: number,
  groups: number,
  window: readonly string[],
): void {
  const depth = filter.shape.at(-2) ?? 0;
  if (depth === channels / groups) return;
  throw new ShapeError(
    op,
    `channels differ: x is ${show(x.shape)} with ${String(channels)} channels in ${String(groups)} ${groups === 1 ? "group" : "groups"}, filter is ${show(filter.shape)} with ${String(depth)} (expected ${String(channels / groups)}). A filter is [${window.join(", ")}, in / groups, out]`,
  );
}
