// Networks whose kernels LeNet does not use train alike on both devices from the same weights: a recurrent one and one with
// attention. Read next: ../agreement.test.ts for LeNet; steady.test.ts for what a step costs.
import { afterAll, beforeAll, expect, test } from "vitest";
import { dataset } from "../../bindings/data/index.ts";
import { init, manualSeed, shutdown } from "../../bindings/index.ts";
import * as nn from "../../bindings/nn/index.ts";
import { Adam } from "../../bindings/optim/index.ts";
import { fit } from "../../bindings/train/index.ts";
import { Encoder, labelled, length, SequenceClassifier, width } from "./networks.ts";

beforeAll(async () => {
  await init({ webgpu: "require", tune: "off", threads: 1 });
});
afterAll(() => shutdown());

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
      const { x, y } = labelled([length, width]);
      const history = await fit(model, dataset(x, y), {
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
