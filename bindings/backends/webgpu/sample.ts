// Segments of one kernel on buffers of its own: what is run to find out how long a kernel takes on this device.
// Knows slots and words, no shader. Read next: tuner.ts, which measures them.
import type { Segment } from "../../graph/step.ts";
import { whole } from "../../graph/step.ts";
import type { ProductShape } from "./variants.ts";

/** A kernel that reads two buffers and writes one, of so many elements each. */
export function sampleSegment(
  kernel: string,
  words: readonly number[],
  [left, right, result]: readonly [left: number, right: number, result: number],
): Segment {
  return {
    slots: [
      { kind: "input", index: 0, dtype: "f32", size: left },
      { kind: "input", index: 1, dtype: "f32", size: right },
      { kind: "output", index: 0, dtype: "f32", size: result },
    ],
    steps: [
      {
        kind: "kernel",
        label: kernel,
        kernel,
        dtype: "f32",
        inputs: [whole(0, "f32"), whole(1, "f32")],
        outputs: [whole(2, "f32")],
        words,
        workgroups: 1,
        entry: "main",
        scratch: 0,
        epilogue: undefined,
      },
    ],
    buffers: [],
  };
}

/** One product of contiguous matrices. */
export function productSegment({ batches, m, n, k }: ProductShape): Segment {
  const words = [batches, 1, m, n, k, k, 1, m * k, 0, n, 1, k * n, 0];
  return sampleSegment("matmul", words, [batches * m * k, batches * k * n, batches * m * n]);
}
