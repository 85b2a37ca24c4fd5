// Segments of one kernel on buffers of its own: what is run to find out how long a kernel takes on this device.
// Knows slots and words, no shader. Read next: tuner.ts, which measures them.
import { input } from "../../../expr/expression.ts";
import { div, exp, sub } from "../../../expr/primitives/index.ts";
import type { KernelStep, MapStep, ReduceStep, Segment, Slot, SlotView } from "../../../graph/step.ts";
import { whole } from "../../../graph/step.ts";
import type { ColumnShape } from "./columns.ts";
import type { ProductShape } from "./products.ts";

/**
 * A kernel step alone: its inputs, of so many elements each and stored in such a type, lie in buffers of their own, and nothing
 * follows it.
 */
export function sampleOf(
  step: KernelStep,
  inputs: readonly number[],
  result: number,
  stored: "f16" | "f32" = "f32",
): Segment {
  const slots = inputs.map((size, index): Slot => ({ kind: "input", index, dtype: stored, size }));
  return {
    slots: [...slots, { kind: "output", index: 0, dtype: "f32", size: result }],
    steps: [
      {
        ...step,
        label: step.kernel,
        inputs: inputs.map((_, at) => whole(at, stored)),
        outputs: [whole(inputs.length, "f32")],
        epilogue: undefined,
      },
    ],
    buffers: [],
  };
}

/** A kernel that reads two buffers of such a type and writes one of f32, of so many elements each. */
export function sampleSegment(
  kernel: string,
  words: readonly number[],
  [left, right, result]: readonly [left: number, right: number, result: number],
  stored: "f16" | "f32" = "f32",
): Segment {
  const step: KernelStep = {
    ...({ kind: "kernel", label: kernel, kernel, dtype: "f32", entry: "main" } as const),
    ...{ inputs: [], outputs: [], words, workgroups: 1, scratch: 0, epilogue: undefined },
  };
  return sampleOf(step, [left, right], result, stored);
}

/** One product of contiguous matrices, the second of them transposed where the shape says so. */
export function productSegment({ batches, m, n, k, isAlong = false, components }: ProductShape): Segment {
  const right = isAlong ? [1, k] : [n, 1];
  const words = [batches, 1, m, n, k, k, 1, m * k, 0, ...right, k * n, 0];
  return sampleSegment("matmul", words, [batches * m * k, batches * k * n, batches * m * n], components);
}

/** Sums along rows. */
export function sumSegment(rows: number, length: number): Segment {
  return {
    slots: [
      { kind: "input", index: 0, dtype: "f32", size: rows * length },
      { kind: "output", index: 0, dtype: "f32", size: rows },
    ],
    steps: [fold("sum", rows, length, 0, 1)],
    buffers: [],
  };
}

/** Sums of columns. */
export function columnSegment({ outer, length, inner }: ColumnShape): Segment {
  return {
    slots: [
      { kind: "input", index: 0, dtype: "f32", size: outer * length * inner },
      { kind: "output", index: 0, dtype: "f32", size: outer * inner },
    ],
    steps: [{ ...fold("sum", outer, length, 0, 1), inner }],
    buffers: [],
  };
}

/** The softmax of rows, as a row kernel. */
export function softmaxSegment(rows: number, length: number): Segment {
  const value = input(0, "f32");
  const isFlat = rows === 1;
  const across: SlotView = { ...whole(1, "f32"), strides: isFlat ? [0] : [1, 0] };
  const along: SlotView = { ...whole(0, "f32"), strides: isFlat ? [1] : [length, 1] };
  const shape = isFlat ? [length] : [rows, length];
  const exponential: MapStep = {
    kind: "map",
    label: "softmax",
    shape,
    expression: exp(sub(value, input(1, "f32"))),
    inputs: [along, across],
    output: { ...along, slot: 2 },
  };
  const quotient: MapStep = {
    ...exponential,
    expression: div(value, input(1, "f32")),
    inputs: [
      { ...along, slot: 2 },
      { ...across, slot: 3 },
    ],
    output: { ...along, slot: 4 },
  };
  const steps = [fold("max", rows, length, 0, 1), exponential, fold("sum", rows, length, 2, 3), quotient];
  const between = (size: number): Slot => ({ kind: "temporary", buffer: -1, dtype: "f32", size });
  return {
    slots: [
      { kind: "input", index: 0, dtype: "f32", size: rows * length },
      between(rows),
      between(rows * length),
      between(rows),
      { kind: "output", index: 0, dtype: "f32", size: rows * length },
    ],
    steps: [{ kind: "rowKernel", label: "softmax", rows, length, steps, hidden: [1, 2, 3] }],
    buffers: [],
  };
}

function fold(combiner: ReduceStep["combiner"], rows: number, length: number, from: number, to: number): ReduceStep {
  return {
    kind: "reduce",
    label: combiner,
    combiner,
    dtype: "f32",
    outer: rows,
    length,
    inner: 1,
    input: whole(from, "f32"),
    prologue: undefined,
    epilogue: undefined,
    output: whole(to, "f32"),
  };
}
