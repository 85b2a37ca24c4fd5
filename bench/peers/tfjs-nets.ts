// The nets of work/nets.ts in TensorFlow.js. Read next: tfjs.ts.
import * as tf from "@tensorflow/tfjs-core";
import type { Prepared } from "../contender.ts";
import type { TrainingNet } from "../work/nets.ts";
import { layersOf, learningRates, recurrence } from "../work/nets.ts";
import type { InferenceTask, TrainingTask } from "../work/task.ts";
import type { Forward } from "./tfjs.ts";

export function training({ net }: TrainingTask, [x, y, ...values]: readonly tf.Tensor[]): Prepared {
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

/** Batch norm by the statistics of the batch. */
function normalised(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, [0, 1, 2], true);
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5))), scale), shift);
}

type Net = (parameters: readonly tf.Tensor[], x: tf.Tensor) => tf.Tensor;

const nets: Readonly<Record<TrainingNet, Net>> = {
  mlp: ([w1, b1, w2, b2], x) => dense(tf.relu(dense(x, w1!, b1!)), w2!, b2!),
  lenet: ([f1, c1, f2, c2, w1, b1, w2, b2, w3, b3], x) => {
    const fine = convolved(convolved(x, f1!, c1!, "same"), f2!, c2!, "valid");
    const hidden = tf.relu(dense(tf.reshape(fine, [-1, 400]), w1!, b1!));
    return dense(tf.relu(dense(hidden, w2!, b2!)), w3!, b3!);
  },
  resblock: ([f1, g1, b1, f2, g2, b2, w, b], x) => {
    const same = (y: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
      tf.conv2d(y as tf.Tensor4D, filter as tf.Tensor4D, 1, "same");
    const middle = tf.relu(normalised(same(x, f1!), g1!, b1!));
    const y = normalised(same(middle, f2!), g2!, b2!);
    return dense(tf.mean(tf.relu(tf.add(y, x)), [1, 2]), w!, b!);
  },
  lstm: ([wx, wh, bias, w, b], x) => {
    const { steps, inputs, hidden } = recurrence;
    const batch = x.shape[0]!;
    const rows = dense(tf.reshape(x, [batch * steps, inputs]), wx!, bias!);
    const driven = tf.unstack(tf.reshape(rows, [batch, steps, 4 * hidden]), 1);
    let [h, c]: [tf.Tensor | undefined, tf.Tensor | undefined] = [undefined, undefined];
    for (const step of driven) {
      const gates: tf.Tensor = h === undefined ? step : tf.add(step, tf.matMul(h, wh!));
      const [input, forget, cell, output]: tf.Tensor[] = tf.split(gates, 4, 1);
      const written = tf.mul(tf.sigmoid(input!), tf.tanh(cell!));
      c = c === undefined ? written : tf.add(tf.mul(tf.sigmoid(forget!), c), written);
      h = tf.mul(tf.sigmoid(output!), tf.tanh(c));
    }
    return dense(h!, w!, b!);
  },
};

/** The logits of an image, layer by layer; bias and activation are part of its convolutions. */
export function inference({ net }: InferenceTask): Forward {
  return (image, ...parameters) => {
    const values: tf.Tensor[] = [image];
    let position = 0;
    const parameter = (): tf.Tensor => parameters[position++]!;
    for (const layer of layersOf(net)) {
      const x = values[layer.of] as tf.Tensor4D;
      switch (layer.kind) {
        case "conv": {
          const { window, stride, depthwise, inputs, plus, relu } = layer;
          const weight = parameter() as tf.Tensor4D;
          const fused = {
            ...({
              x,
              strides: stride,
              pad: Math.floor(window / 2),
              dimRoundingMode: "floor",
              bias: parameter(),
            } as const),
            activation: relu && plus === undefined ? ("relu" as const) : ("linear" as const),
          };
          const y = depthwise
            ? tf.fused.depthwiseConv2d({
                ...fused,
                filter: tf.reshape(weight, [window, window, inputs, 1]) as tf.Tensor4D,
              })
            : tf.fused.conv2d({ ...fused, filter: weight });
          const sum = plus === undefined ? y : tf.add(y, values[plus]!);
          values.push(plus !== undefined && relu ? tf.relu(sum) : sum);
          break;
        }
        case "maxPool":
          values.push(tf.maxPool(x, layer.window, layer.stride, Math.floor(layer.window / 2), "floor"));
          break;
        case "mean":
          values.push(tf.mean(x, [1, 2]));
          break;
        case "dense":
          values.push(dense(x, parameter(), parameter()));
          break;
      }
    }
    return values.at(-1)!;
  };
}
