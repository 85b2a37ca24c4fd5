// onnxruntime-web on its WebAssembly backend: graphs of one to three operators through run(), which copies operands and
// results; filters are initializers, both operands of a product are inputs. Read next: onnx.ts, ../contender.ts.
import * as ort from "onnxruntime-web";
import type { Contender } from "../contender.ts";
import type { Task } from "../work.ts";
import { inputShapes, outputEdge, samePadding } from "../work.ts";
import { channelsFirst, channelsLast, outputsFirst, permuted, reordered } from "./layout.ts";
import type { Operator, Value } from "./onnx.ts";
import { model } from "./onnx.ts";
import { versionOf } from "./versions.ts";

export function onnxruntime(): Contender {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return {
    ...{ name: "ort-web", version: versionOf("onnxruntime-web"), backend: "wasm", threads: 1 },
    supports: ({ op }) => op !== "eigh" && op !== "train",
    prepare: async (task, inputs) => {
      const images = task.op === "conv" || task.op === "pool";
      const values = inputShapes(task).map((shape, index): Value => {
        const name = "xy"[index]!;
        const data = inputs[index]!;
        if (!images) return { name, shape, data };
        const order = index === 0 ? channelsFirst : outputsFirst;
        return { name, shape: reordered(shape, order), data: permuted(data, shape, order) };
      });
      const held = values.map(({ name, shape, data }, index): Value => {
        return task.op === "conv" && index === 1 ? { name, shape, data: data! } : { name, shape };
      });
      const { operators, constants, shape } = graph(task);
      const bytes = model(operators, [...held, ...constants], { name: "z", shape });
      const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
      const feeds = Object.fromEntries(
        values
          .filter((_, index) => held[index]!.data === undefined)
          .map(({ name, shape: sizes, data }) => [name, new ort.Tensor("float32", data!, [...sizes])]),
      );
      let last: ort.Tensor | undefined;
      return {
        run: async () => {
          last = (await session.run(feeds)).z;
        },
        result: () => {
          const data = last!.data as Float32Array;
          return images ? permuted(data, last!.dims, channelsLast) : data;
        },
        dispose: () => void session.release(),
      };
    },
  };
}

interface Graph {
  readonly operators: readonly Operator[];
  readonly constants: readonly Value[];
  readonly shape: readonly number[];
}

function graph(task: Task): Graph {
  const one = (type: string, shape: readonly number[], attributes: Operator["attributes"] = {}, two = false): Graph => {
    return { operators: [{ type, inputs: two ? ["x", "y"] : ["x"], output: "z", attributes }], constants: [], shape };
  };
  switch (task.op) {
    case "matmul":
      return one("MatMul", [task.m, task.n], {}, true);
    case "conv": {
      const { batch, edge, inputs, outputs, stride, depthwise } = task;
      const [before, after] = samePadding(task);
      const out = Math.ceil(edge / stride);
      const attributes = {
        ...{ strides: [stride, stride], pads: [before, before, after, after], group: depthwise ? inputs : 1 },
      };
      return one("Conv", [batch, outputs, out, out], attributes, true);
    }
    case "pool": {
      const { kind, batch, channels, window, stride } = task;
      const out = outputEdge(task);
      const attributes = { kernel_shape: [window, window], strides: [stride, stride] };
      return one(kind === "max" ? "MaxPool" : "AveragePool", [batch, channels, out, out], attributes);
    }
    case "map":
      if (task.name === "gelu") return gelu(task.count);
      return one(
        { add: "Add", exp: "Exp", tanh: "Tanh", sigmoid: "Sigmoid" }[task.name],
        [task.count],
        {},
        task.name === "add",
      );
    case "sum":
      return one("ReduceSum", [], { keepdims: 0 });
    case "softmax":
      return one("Softmax", [task.rows, task.columns], {});
    case "eigh":
    case "train":
      throw new Error(`no ${task.op}`);
  }
}

const gelu = (count: number): Graph => ({
  operators: [
    { type: "Mul", inputs: ["x", "a"], output: "ax" },
    { type: "Add", inputs: ["ax", "b"], output: "line" },
    { type: "Gelu", inputs: ["line"], output: "z", attributes: { approximate: "tanh" } },
  ],
  constants: [
    { name: "a", shape: [], data: Float32Array.of(1.1) },
    { name: "b", shape: [], data: Float32Array.of(0.1) },
  ],
  shape: [count],
});
