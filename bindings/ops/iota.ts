// 0, 1, 2 … as a tensor: what positions are compared with. Read next: joining.ts for triangles, indexing.ts for oneHot.
import type { KernelOp } from "./descriptor.ts";
import type { Recorder, Tensor } from "./tensor.ts";

const iotaOp: KernelOp<null> = {
  kind: "kernel",
  name: "iota",
  call: (_, [output]) => {
    const count = output?.shape[0] ?? 0;
    return { kernel: "iota", dtype: "i32", words: [count], workgroups: Math.ceil(count / 64) };
  },
  flops: () => 0,
  work: "stream",
};

/** The first `count` whole numbers, i32. */
export function iota(recorder: Recorder, count: number): Tensor {
  const [result] = recorder.record(iotaOp, [], null, [{ shape: [count], dtype: "i32" }]);
  return result ?? recorder.scalar(0, "i32");
}
