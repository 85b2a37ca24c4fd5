// TensorFlow.js, eagerly on its WebAssembly or plain JavaScript backend. It keeps packed weights by tensor, so a product
// that is repeated with the same second operand packs it once. Read next: ../contender.ts.
import "@tensorflow/tfjs-backend-cpu";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
// What Node resolves has no gradients. These modules, bundled with us, put them into a registry that is shared.
import "./node_modules/@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { Contender, Prepared } from "../contender.ts";
import type { Task, TrainingTask } from "../work.ts";
import { inputShapes, learningRates } from "../work.ts";
import { versionOf } from "./versions.ts";

export function tfjs(backend: "wasm" | "cpu"): Contender {
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  if (backend === "wasm") wasm.setWasmPaths(`${folder}/`);
  return {
    ...{ name: `tfjs-${backend}`, version: versionOf("@tensorflow/tfjs-core"), backend, threads: 1 },
    supports: ({ op }) => op !== "eigh",
    prepare: async (task, inputs) => {
      if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend did not start`);
      await tf.ready();
      const shapes = inputShapes(task);
      const operands = inputs.map((data, index) => tf.tensor(data, [...shapes[index]!]));
      return task.op === "train" ? training(task, operands) : single(operands, forward(task));
    },
  };
}

function single(operands: readonly tf.Tensor[], compute: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor): Prepared {
  const [x, y = x] = operands;
  let last: tf.Tensor | undefined;
  return {
    run: () => {
      last?.dispose();
      last = tf.tidy(() => compute(x!, y!));
    },
    result: () => last!.data(),
    dispose: () => tf.dispose([...operands, ...(last ? [last] : [])]),
  };
}

function forward(task: Exclude<Task, TrainingTask>): (x: tf.Tensor, y: tf.Tensor) => tf.Tensor {
  switch (task.op) {
    case "matmul":
      return (x, y) => tf.matMul(x, y);
    case "conv": {
      const convolve = task.depthwise ? tf.depthwiseConv2d : tf.conv2d;
      // The same elements: [h, w, 1, channels] is [h, w, channels, 1].
      const shape: [number, number, number, number] = [
        task.window,
        task.window,
        task.inputs,
        task.depthwise ? 1 : task.outputs,
      ];
      return (x, filter) => convolve(x as tf.Tensor4D, tf.reshape(filter, shape) as tf.Tensor4D, task.stride, "same");
    }
    case "pool": {
      const pool = task.kind === "max" ? tf.maxPool : tf.avgPool;
      return (x) => pool(x as tf.Tensor4D, task.window, task.stride, "valid");
    }
    case "map":
      return maps[task.name];
    case "sum":
      return (x) => tf.sum(x);
    case "softmax":
      return (x) => tf.softmax(x);
    case "eigh":
      throw new Error("no eigh");
  }
}

const maps = {
  add: (x: tf.Tensor, y: tf.Tensor) => tf.add(x, y),
  exp: (x: tf.Tensor) => tf.exp(x),
  tanh: (x: tf.Tensor) => tf.tanh(x),
  sigmoid: (x: tf.Tensor) => tf.sigmoid(x),
  gelu: (x: tf.Tensor) => {
    const z = tf.add(tf.mul(x, 1.1), 0.1);
    const inner = tf.mul(tf.add(tf.mul(tf.mul(tf.mul(z, z), z), 0.044715), z), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(z, 0.5), tf.add(tf.tanh(inner), 1));
  },
} as const;

function training({ net }: TrainingTask, [x, y, ...values]: readonly tf.Tensor[]): Prepared {
  const rate = learningRates[net];
  const optimizer = net === "mlp" ? tf.train.adam(rate, 0.9, 0.999, 1e-8) : tf.train.sgd(rate);
  const variables = values.map((value) => tf.variable(value));
  const labels = tf.oneHot(tf.cast(y!, "int32") as tf.Tensor1D, 10);
  let last: tf.Scalar | null = null;
  return {
    run: () => {
      last?.dispose();
      last = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, nets[net](variables, x!)), true);
    },
    result: () => last!.data(),
    dispose: () => {
      tf.dispose([x!, y!, labels, ...values, ...variables, ...(last ? [last] : [])]);
      optimizer.dispose();
    },
  };
}

const dense = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor => tf.add(tf.matMul(x, weight), bias);
const convolved = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor, padding: "same" | "valid"): tf.Tensor => {
  const y = tf.relu(tf.add(tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, padding), bias));
  return tf.maxPool(y as tf.Tensor4D, 2, 2, "valid");
};

const nets = {
  mlp: ([w1, b1, w2, b2]: readonly tf.Tensor[], x: tf.Tensor): tf.Tensor =>
    dense(tf.relu(dense(x, w1!, b1!)), w2!, b2!),
  lenet: ([f1, c1, f2, c2, w1, b1, w2, b2, w3, b3]: readonly tf.Tensor[], x: tf.Tensor): tf.Tensor => {
    const fine = convolved(convolved(x, f1!, c1!, "same"), f2!, c2!, "valid");
    const hidden = tf.relu(dense(tf.reshape(fine, [-1, 400]), w1!, b1!));
    return dense(tf.relu(dense(hidden, w2!, b2!)), w3!, b3!);
  },
} as const;
