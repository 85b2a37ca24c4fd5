// The WebGPU backend in a page: a fused map, a fold in two passes and a matrix product, compiled ahead and read together.
// Node runs the same code on Dawn; this row is what a browser's own implementation and its stricter validation say.
// Read next: test/webgpu/, which checks the backend thoroughly.
import { createWebGPU } from "../../bindings/backends/webgpu/backend.ts";
import { input } from "../../bindings/expr/expression.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import type { Segment, SlotView } from "../../bindings/graph/step.ts";
import { check } from "./report.ts";

export async function checkWebGPU(): Promise<void> {
  await check("webgpu: a segment of map, fold and matmul", async () => {
    const backend = await createWebGPU();
    if ("unavailable" in backend) throw new Error(backend.unavailable);
    const size = 10000;
    const view = (slot: number, strides: readonly number[]): SlotView => ({ slot, dtype: "f32", offset: 0, strides });
    const none = { prologue: undefined, epilogue: undefined };
    const segment: Segment = {
      slots: [
        { kind: "input", index: 0, dtype: "f32", size },
        { kind: "input", index: 1, dtype: "f32", size: 4 },
        { kind: "temporary", buffer: 0, dtype: "f32", size },
        { kind: "output", index: 0, dtype: "f32", size: 1 },
        { kind: "output", index: 1, dtype: "f32", size: 4 },
      ],
      steps: [
        {
          ...{ kind: "map", label: "sin² + cos²", shape: [size] },
          expression: scalar.add(square(scalar.sin(input(0, "f32"))), square(scalar.cos(input(0, "f32")))),
          ...{ inputs: [view(0, [1])], output: view(2, [1]) },
        },
        {
          ...{ kind: "reduce", label: "sum", combiner: "sum", dtype: "f32", outer: 1, length: size, inner: 1, ...none },
          ...{ input: view(2, [size, 1, 1]), output: view(3, [1, 1]) },
        },
        {
          ...{
            kind: "kernel",
            label: "matmul",
            kernel: "matmul",
            dtype: "f32",
            workgroups: 1,
            entry: "main",
            scratch: 0,
          },
          ...{ inputs: [view(1, [2, 1]), view(1, [2, 1])], outputs: [view(4, [2, 1])], epilogue: undefined },
          words: [1, 1, 2, 2, 2, 2, 1, 0, 0, 2, 1, 0, 0],
        },
      ],
      buffers: [size * 4],
    };
    const program = backend.compile(segment);
    await program.compileAhead();
    const angles = backend.upload(
      Float32Array.from({ length: size }, (_, i) => i),
      "f32",
    );
    const results = program.run([angles, backend.upload(Float32Array.of(1, 2, 3, 4), "f32")], []);
    const [sum, product] = await Promise.all(results.map((storage) => backend.download(storage)));
    await backend.idle();
    backend.dispose();
    if (Math.abs((sum?.[0] ?? 0) - size) > 0.1) throw new Error(`the sum is ${String(sum?.[0])}`);
    if (product?.join() !== "7,10,15,22") throw new Error(`the product is ${String(product)}`);
  });
}

const square = (value: ReturnType<typeof scalar.sin>): ReturnType<typeof scalar.sin> => scalar.mul(value, value);
