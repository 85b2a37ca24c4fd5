// The tasks as ONNX graphs: operand "x", then "p1", "p2" …; result "z". Channels are first. Read next: onnx.ts, ort.ts.
import type { InferenceNet } from "../work/nets.ts";
import { layersOf } from "../work/nets.ts";
import type { Task } from "../work/task.ts";
import { outputEdge, samePadding } from "../work/task.ts";
import type { Operator, Value } from "./onnx.ts";

export interface Graph {
  readonly operators: readonly Operator[];
  readonly constants: readonly Value[];
  /** Of the result. */
  readonly shape: readonly number[];
}

type Attributes = NonNullable<Operator["attributes"]>;

/** A graph of one operator on the first `count` operands. */
function one(type: string, shape: readonly number[], count: number, attributes: Attributes = {}): Graph {
  const inputs = ["x", "p1", "p2"].slice(0, count);
  return { operators: [{ type, inputs, output: "z", attributes }], constants: [], shape };
}

export function graphOf(task: Task): Graph {
  switch (task.op) {
    case "matmul": {
      const shape = [task.m, task.n];
      if (task.transposed === "none") return one("MatMul", shape, 2);
      return one("Gemm", shape, 2, {
        transA: Number(task.transposed === "a"),
        transB: Number(task.transposed === "b"),
      });
    }
    case "conv": {
      const { batch, edge, inputs, outputs, stride, depthwise } = task;
      const [before, after] = samePadding(task);
      const pads = [before, before, after, after];
      const attributes = { strides: [stride, stride], pads, group: depthwise ? inputs : 1 };
      if (task.gives === "inputGradient") return one("ConvTranspose", [batch, inputs, edge, edge], 2, attributes);
      const out = outputEdge(task);
      return one("Conv", [batch, outputs, out, out], 2, attributes);
    }
    case "pool": {
      const { kind, batch, channels, window, stride } = task;
      const out = outputEdge(task);
      const attributes = { kernel_shape: [window, window], strides: [stride, stride] };
      return one(kind === "max" ? "MaxPool" : "AveragePool", [batch, channels, out, out], 1, attributes);
    }
    case "map":
      if (task.name === "gelu") return gelu(task.count);
      if (task.name === "add") return one("Add", [task.count], 2);
      return one({ exp: "Exp", tanh: "Tanh", sigmoid: "Sigmoid" }[task.name], [task.count], 1);
    case "sum":
      return one("ReduceSum", [], 1, { keepdims: 0 });
    case "softmax":
      return one("Softmax", [task.rows, task.columns], 1);
    case "layerNorm":
      return one("LayerNormalization", [task.rows, task.columns], 3, { epsilon: { float: 1e-5 } });
    case "infer":
      return net(task.net);
    case "attention":
      return attention(task.heads, task.length, task.depth);
    case "linalg":
    case "layer":
    case "convAxes":
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

/** Query "x", key "p1" and value "p2" [heads, length, depth]. */
const attention = (heads: number, length: number, depth: number): Graph => ({
  operators: [
    { type: "Transpose", inputs: ["p1"], output: "turned", attributes: { perm: [0, 2, 1] } },
    { type: "MatMul", inputs: ["x", "turned"], output: "products" },
    { type: "Mul", inputs: ["products", "scale"], output: "scores" },
    { type: "Softmax", inputs: ["scores"], output: "weights" },
    { type: "MatMul", inputs: ["weights", "p2"], output: "z" },
  ],
  constants: [{ name: "scale", shape: [], data: Float32Array.of(1 / Math.sqrt(depth)) }],
  shape: [heads, length, depth],
});

/** A whole net; value n of the layers is called "vn". */
function net(name: InferenceNet): Graph {
  const operators: Operator[] = [];
  let parameters = 0;
  const parameter = (): string => `p${++parameters}`;
  const layers = layersOf(name);
  const value = (index: number): string => (index === 0 ? "x" : index === layers.length ? "z" : `v${index}`);
  layers.forEach((layer, index) => {
    const x = value(layer.of);
    const output = value(index + 1);
    switch (layer.kind) {
      case "conv": {
        const { window, stride, depthwise, plus, relu } = layer;
        const side = Math.floor(window / 2);
        const attributes = {
          ...{ strides: [stride, stride], pads: [side, side, side, side], group: depthwise ? layer.inputs : 1 },
        };
        const [bare, sum] = [`${output}c`, `${output}s`];
        const convolved = plus === undefined && !relu ? output : bare;
        operators.push({ type: "Conv", inputs: [x, parameter(), parameter()], output: convolved, attributes });
        if (plus !== undefined)
          operators.push({ type: "Add", inputs: [bare, value(plus)], output: relu ? sum : output });
        if (relu) operators.push({ type: "Relu", inputs: [plus === undefined ? bare : sum], output });
        break;
      }
      case "maxPool": {
        const { window, stride } = layer;
        const side = Math.floor(window / 2);
        const attributes = {
          ...{ kernel_shape: [window, window], strides: [stride, stride], pads: [side, side, side, side] },
        };
        operators.push({ type: "MaxPool", inputs: [x], output, attributes });
        break;
      }
      case "mean":
        operators.push({ type: "GlobalAveragePool", inputs: [x], output: `${output}g` });
        operators.push({ type: "Flatten", inputs: [`${output}g`], output });
        break;
      case "dense":
        operators.push({ type: "Gemm", inputs: [x, parameter(), parameter()], output });
        break;
    }
  });
  return { operators, constants: [], shape: [1, 1000] };
}
