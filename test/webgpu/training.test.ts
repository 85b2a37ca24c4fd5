// Networks whose kernels LeNet does not use train alike on both devices from the same weights: a recurrent one and one with
// attention. Read next: ../agreement.test.ts for LeNet; steady.test.ts for what a step costs.
import { afterAll, beforeAll, expect, test } from "vitest";
import { dataset } from "../../bindings/data/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { init, manualSeed, mean, reshape, shutdown, slice, tensor } from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";
import { Adam } from "../../bindings/optim/index.ts";
import { fit } from "../../bindings/train/index.ts";

beforeAll(async () => {
  await init({ webgpu: "require", tune: "off", threads: 1 });
});
afterAll(() => shutdown());

const [samples, length, width, classes] = [16, 6, 8, 3];

/** Sequences whose class is the place of their largest mean. */
const data = (): ReturnType<typeof dataset> =>
  dataset(
    tensor(
      Float32Array.from({ length: samples * length * width }, (_, index) =>
        Math.sin(index * 1.3 + ((index * index) % 7)),
      ),
      { shape: [samples, length, width] },
    ),
    tensor(Int32Array.from({ length: samples }, (_, index) => index % classes)),
  );

class SequenceClassifier extends nn.Module<[x: Tensor]> {
  readonly lstm = new nn.LSTM(width, 12, { batchFirst: true });
  readonly head = new nn.Linear(12, classes);

  forward(x: Tensor): Tensor {
    const [output] = this.lstm.forward(x);
    return this.head.forward(reshape(slice(output, [0, length - 1]), [x.shape[0] ?? 1, 12]));
  }
}

/** One layer of an encoder: attention and a small network, each with its way round. */
class Encoder extends nn.Module<[x: Tensor]> {
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

test.each([
  ["an LSTM", () => new SequenceClassifier()],
  ["a small Transformer", () => new Encoder()],
] as const)(
  "%s trains alike on wasm and on webgpu",
  async (_, make) => {
    const train = async (device: "wasm" | "webgpu"): Promise<readonly number[]> => {
      manualSeed(3);
      const model = make();
      const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
      const history = await fit(model, data(), {
        ...{ optimizer, device, loss: nn.crossEntropy, epochs: 5, batchSize: 4, seed: 9 },
      });
      return history.losses;
    };
    const [here, there] = [await train("webgpu"), await train("wasm")];
    expect(here.length).toBe(20);
    expect(here.slice(-4).reduce((a, b) => a + b)).toBeLessThan(here.slice(0, 4).reduce((a, b) => a + b));
    here.forEach((value, step) => {
      expect(Math.abs(value - (there[step] ?? Number.NaN))).toBeLessThan(1e-4);
    });
  },
  120_000,
);
