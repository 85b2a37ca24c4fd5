// onnxruntime-web on its WebAssembly backend: graphs through run(), which copies operands and results; filters and the
// parameters of nets are initializers, both operands of a product are inputs. Read next: ort-graph.ts, ../contender.ts.
import * as ort from "onnxruntime-web";
import type { Contender } from "../contender.ts";
import { inputShapes } from "../work/operands.ts";
import type { Task } from "../work/task.ts";
import { channelsFirst, channelsLast, outputsFirst, permuted, reordered } from "./layout.ts";
import type { Value } from "./onnx.ts";
import { model } from "./onnx.ts";
import { graphOf } from "./ort-graph.ts";
import { versionOf } from "./versions.ts";

export function onnxruntime(threads: number): Contender {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  return {
    ...{ name: "ort-web", version: versionOf("onnxruntime-web"), backend: "wasm", threads },
    supports: (task) => {
      if (task.op === "matmul" || task.op === "map") return task.dtype === "f32";
      if (task.op === "conv") return task.gives !== "filterGradient";
      return (
        !["linalg", "layer", "convAxes", "train"].includes(task.op) &&
        !((task.op === "pool" || task.op === "attention") && task.gives !== "output")
      );
    },
    prepare: async (task, inputs) => {
      const values = inputShapes(task).map((shape, index): Value => {
        const name = index === 0 ? "x" : `p${index}`;
        const data = inputs[index] as Float32Array;
        const order = index === 0 ? channelsFirst : outputsFirst;
        if (shape.length !== 4) return { name, shape, data };
        return { name, shape: reordered(shape, order), data: permuted(data, shape, order) };
      });
      const held = values.map((value, index): Value => (isConstant(task, index) ? value : without(value)));
      const { operators, constants, shape } = graphOf(task);
      const bytes = model(operators, [...held, ...constants], { name: "z", shape });
      const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
      const feeds = Object.fromEntries(
        values
          .filter((_, index) => !isConstant(task, index))
          .map(({ name, shape: sizes, data }) => [name, new ort.Tensor("float32", data!, [...sizes])]),
      );
      let last: ort.Tensor | undefined;
      return {
        run: async () => {
          last = (await session.run(feeds)).z;
        },
        result: () => {
          const data = last!.data as Float32Array;
          return last!.dims.length === 4 ? permuted(data, last!.dims, channelsLast) : data;
        },
        dispose: () => void session.release(),
      };
    },
  };
}

const isConstant = ({ op }: Task, index: number): boolean => index > 0 && (op === "conv" || op === "infer");

const without = ({ name, shape }: Value): Value => ({ name, shape });
