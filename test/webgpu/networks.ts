// Small networks over sequences, a recurrent one and one with attention, and what they are trained on.
// Read next: training.test.ts, which compares devices; ../../bench/long-run.ts, which trains for thousands of steps.
import type { Tensor } from "../../bindings/index.ts";
import { mean, reshape, slice, tensor } from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";

export const [samples, length, width, classes] = [16, 6, 8, 3];

/** `samples` of a shape with their classes. */
export function labelled(shape: readonly number[]): { readonly x: Tensor; readonly y: Tensor } {
  const size = shape.reduce((product, extent) => product * extent, samples);
  const x = Float32Array.from({ length: size }, (_, index) => Math.sin(index * 1.3 + ((index * index) % 7)));
  return {
    x: tensor(x, { shape: [samples, ...shape] }),
    y: tensor(Int32Array.from({ length: samples }, (_, index) => index % classes)),
  };
}

export class SequenceClassifier extends nn.Module<[x: Tensor]> {
  readonly lstm = new nn.LSTM(width, 12, { batchFirst: true });
  readonly head = new nn.Linear(12, classes);

  forward(x: Tensor): Tensor {
    const [output] = this.lstm.forward(x);
    return this.head.forward(reshape(slice(output, [0, length - 1]), [x.shape[0] ?? 1, 12]));
  }
}

/** One layer of an encoder: attention and a small network, each with its way round. */
export class Encoder extends nn.Module<[x: Tensor]> {
  readonly attention = new nn.MultiheadAttention(width, 2, { batchFirst: true });
  readonly wide = new nn.Linear(width, 16);
  readonly narrow = new nn.Linear(16, width);
  readonly head = new nn.Linear(width, classes);

  forward(x: Tensor): Tensor {
    const attended = x.add(this.attention.forward(x, x, x, { causal: true }));
    const passed = attended.add(this.narrow.forward(this.wide.forward(attended).relu()));
    return this.head.forward(mean(passed, { axis: 1 }));
  }
}
