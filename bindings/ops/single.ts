// Halves are stored, not computed with: where one meets an op that is not elementwise, the op works in f32 between two
// conversions, and compositions do all their work in f32 and round what they return. Fusion makes the conversions part of
// kernels where it can. Knows no device. Read next: define.ts, which does the same inside of elementwise expressions.
import { computedIn, isFloating } from "../core/dtype.ts";
import { converted } from "./comparison.ts";
import type { Op } from "./descriptor.ts";
import type { Recorder, Spec, Tensor } from "./tensor.ts";

/** Whether an op of this kind works on halves as they are: what moves elements or has an expression for them. */
function takesHalves({ kind }: Op<unknown>): boolean {
  return kind === "map" || kind === "view" || kind === "assemble" || kind === "constant";
}

/** Whether this call of an op has to be recorded by `recordInSingle`. */
export function needsSingle(op: Op<unknown>, inputs: readonly Spec[], outputs: readonly Spec[]): boolean {
  const isHalf = ({ dtype }: Spec): boolean => dtype === "f16";
  return !takesHalves(op) && (inputs.some(isHalf) || outputs.some(isHalf));
}

/** Records an op over the operands in f32; what it gives is rounded to halves where halves are asked for. */
export function recordInSingle<A>(
  recorder: Recorder,
  op: Op<A>,
  inputs: readonly Tensor[],
  attributes: A,
  outputs: readonly Spec[],
): Tensor[] {
  return recorder.compose(op.name, () => {
    const operands = inputs.map((tensor) => converted(tensor, computedIn(tensor.dtype)));
    const specs = outputs.map(({ shape, dtype }) => ({ shape, dtype: computedIn(dtype) }));
    const results = recorder.record(op, operands, attributes, specs);
    return results.map((result, index) => converted(result, outputs[index]?.dtype ?? result.dtype));
  });
}

/** The result of `body` over the operands; where they are halves in f32, and rounded to a half at the end. */
export function inSingle<T extends readonly (Tensor | undefined)[]>(
  operands: T,
  body: (...operands: T) => Tensor,
): Tensor {
  const floats = operands.flatMap((operand) =>
    operand !== undefined && isFloating(operand.dtype) ? operand.dtype : [],
  );
  if (!floats.includes("f16") || floats.some((dtype) => dtype !== "f16")) return body(...operands);
  const singles = operands.map((operand) => operand && converted(operand, computedIn(operand.dtype)));
  const result = body(...(singles as unknown as T));
  return result.dtype === "f32" ? converted(result, "f16") : result;
}
