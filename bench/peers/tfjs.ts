// TensorFlow.js, eagerly on its WebAssembly or plain JavaScript backend. It keeps packed weights by tensor, so a product
// that is repeated with the same second operand packs it once. Read next: tfjs-nets.ts, ../contender.ts.
import "@tensorflow/tfjs-backend-cpu";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
// What Node resolves has no gradients. These modules, bundled with us, put them into a registry that is shared.
import "./node_modules/@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { Contender, Prepared } from "../contender.ts";
import { inputShapes } from "../work/operands.ts";
import type { ConvolutionTask, PoolingTask, SingleTask, Task } from "../work/task.ts";
import { outputEdge } from "../work/task.ts";
import { inference, training } from "./tfjs-nets.ts";
import { versionOf } from "./versions.ts";

export function tfjs(backend: "wasm" | "cpu"): Contender {
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  if (backend === "wasm") wasm.setWasmPaths(`${folder}/`);
  return {
    ...{ name: `tfjs-${backend}`, version: versionOf("@tensorflow/tfjs-core"), backend, threads: 1 },
    supports: (task) => (backend === "wasm" ? hasKernels(task) : isPatient(task)),
    prepare: async (task, inputs) => {
      if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend did not start`);
      await tf.ready();
      const shapes = inputShapes(task);
      const operands = inputs.map((data, index) => tf.tensor(data, [...shapes[index]!]));
      if (task.op === "train") return training(task, operands);
      return single(operands, task.op === "infer" ? inference(task) : forward(task));
    },
  };
}

/** The wasm backend has no gradient of filters and of pooling, nor of depthwise convolutions. */
function hasKernels(task: Task): boolean {
  if (task.op === "conv") return task.gives === "output" || (task.gives === "inputGradient" && !task.depthwise);
  if (task.op === "train") return task.net === "mlp" || task.net === "lstm";
  if (task.op === "pool") return task.gives === "output";
  return (
    task.op !== "linalg" &&
    task.op !== "convAxes" &&
    !(task.op === "attention" && task.gives === "gradients") &&
    !(task.op === "matmul" && task.dtype !== "f32")
  );
}

/** What plain JavaScript does within a second or so. */
function isPatient(task: Task): boolean {
  if (task.op === "matmul") return task.dtype === "f32" && task.m * task.k * task.n <= 2 ** 27;
  if (task.op === "train") return task.net !== "resblock";
  if (task.op === "conv") return task.gives === "output" || task.inputs === 1 || task.depthwise;
  if (task.op === "map" && task.dtype !== "f32") return false;
  if (task.op === "map" || task.op === "sum") return task.count <= 2 ** 20;
  return !["linalg", "infer", "attention", "layer", "convAxes"].includes(task.op);
}

export type Forward = (...operands: [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]]) => tf.Tensor;

function single(operands: readonly tf.Tensor[], compute: Forward): Prepared {
  let last: tf.Tensor | undefined;
  return {
    run: () => {
      last?.dispose();
      last = tf.tidy(() => compute(...(operands as [tf.Tensor, tf.Tensor, tf.Tensor])));
    },
    result: () => last!.data(),
    dispose: () => tf.dispose([...operands, ...(last ? [last] : [])]),
  };
}

function forward(task: SingleTask): Forward {
  switch (task.op) {
    case "matmul":
      return (x, y) => tf.matMul(x, y, task.transposed === "a", task.transposed === "b");
    case "conv":
      return convolution(task);
    case "pool":
      return pooling(task);
    case "map":
      return maps[task.name];
    case "sum":
      return (x) => tf.sum(x);
    case "softmax":
      return (x) => tf.softmax(x);
    case "layerNorm":
      return (x, scale, shift) => {
        const { mean, variance } = tf.moments(x, 1, true);
        return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5))), scale), shift);
      };
    case "attention":
      return (query, key, value) => {
        const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(task.depth));
        return tf.matMul(tf.softmax(scores), value);
      };
    case "layer": {
      const product = forward(task.product);
      if (task.product.op === "matmul") return (x, weight, bias) => gelu(tf.add(product(x, weight, bias), bias));
      return (x, filter, bias, ...[shortcut]) => tf.relu(tf.add(tf.add(product(x, filter, bias), bias), shortcut!));
    }
    case "linalg":
    case "convAxes":
      throw new Error(`no ${task.op}`);
  }
}

/** One of its kernels by name, for what has no function. */
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attributes: Record<string, unknown>): tf.Tensor =>
  tf.engine().runKernel(name, inputs, attributes as never) as tf.Tensor;

function convolution(task: ConvolutionTask): Forward {
  const { batch, edge, inputs, outputs, window, stride, depthwise, gives } = task;
  const shared = { strides: stride, pad: "same", dataFormat: "NHWC", dilations: [1, 1], dimRoundingMode: undefined };
  // The same elements: [h, w, 1, channels] is [h, w, channels, 1].
  const filterShape: [number, number, number, number] = [window, window, inputs, depthwise ? 1 : outputs];
  const inputShape = [batch, edge, edge, inputs];
  const prefix = depthwise ? "DepthwiseConv2dNative" : "Conv2D";
  switch (gives) {
    case "output": {
      const convolve = depthwise ? tf.depthwiseConv2d : tf.conv2d;
      return (x, filter) => convolve(x as tf.Tensor4D, tf.reshape(filter, filterShape) as tf.Tensor4D, stride, "same");
    }
    case "inputGradient":
      return (dy, filter) =>
        kernel(`${prefix}BackpropInput`, { dy, filter: tf.reshape(filter, filterShape) }, { ...shared, inputShape });
    case "filterGradient":
      return (x, dy) => kernel(`${prefix}BackpropFilter`, { x, dy }, { ...shared, filterShape });
  }
}

function pooling({ kind, window, stride, gives, ...task }: PoolingTask): Forward {
  const pool = kind === "max" ? tf.maxPool : tf.avgPool;
  const forwards = (x: tf.Tensor): tf.Tensor => pool(x as tf.Tensor4D, window, stride, "valid");
  if (gives === "output") return forwards;
  const attributes = { filterSize: window, strides: stride, pad: "valid", dimRoundingMode: undefined };
  if (kind === "avg") return (input, dy) => kernel("AvgPoolGrad", { dy, input }, attributes);
  const edge = outputEdge({ kind, window, stride, gives, ...task });
  // It wants the maxima but takes only their shape.
  const output = tf.zeros([task.batch, edge, edge, task.channels]);
  return (input, dy) => kernel("MaxPoolGrad", { dy, input, output }, attributes);
}

const maps = {
  add: (x: tf.Tensor, y: tf.Tensor) => tf.add(x, y),
  exp: (x: tf.Tensor) => tf.exp(x),
  tanh: (x: tf.Tensor) => tf.tanh(x),
  sigmoid: (x: tf.Tensor) => tf.sigmoid(x),
  gelu: (x: tf.Tensor) => gelu(tf.add(tf.mul(x, 1.1), 0.1)),
} as const;

function gelu(z: tf.Tensor): tf.Tensor {
  const inner = tf.mul(tf.add(tf.mul(tf.mul(tf.mul(z, z), z), 0.044715), z), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(z, 0.5), tf.add(tf.tanh(inner), 1));
}
