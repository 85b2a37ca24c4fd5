// Modules, layers, starting values and losses against closed forms and hand-computed values.
// Read next: ../bindings/nn/README.md.
import { describe, expect, test } from "vitest";
import { grad } from "../bindings/autodiff/index.ts";
import { tensor, zeros } from "../bindings/engine/creation.ts";
import {
  bceWithLogits,
  Conv1d,
  Conv2d,
  Conv3d,
  crossEntropy,
  Dropout,
  Flatten,
  huber,
  initialisers,
  Linear,
  mae,
  MaxPool2d,
  Module,
  mse,
  nll,
  Parameter,
  ReLU,
  sequential,
} from "../bindings/nn/index.ts";
import { relu } from "../bindings/ops/activation.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import { manualSeed, randn } from "../bindings/random/index.ts";
import { LeNet5 } from "../bindings/zoo/index.ts";

const numbers = async (x: Tensor): Promise<number[]> => Array.from(await x.data());

class Tied extends Module {
  readonly shared = new Linear(2, 2);
  readonly blocks = [new Linear(2, 3, { bias: false }), this.shared];
  readonly scale = new Parameter(tensor([2]));

  forward(x: Tensor): Tensor {
    return this.shared.forward(x).mul(this.scale.value);
  }
}

describe("modules", () => {
  test("parameters are found by property, named by path, shared ones once", () => {
    expect([...new Tied().namedParameters().keys()]).toEqual([
      "shared.weight",
      "shared.bias",
      "blocks.0.weight",
      "scale",
    ]);
    const chain = sequential([new Linear(2, 4), relu, new ReLU(), new Linear(4, 1)]);
    expect(Object.keys(chain.stateDict())).toEqual(["0.weight", "0.bias", "3.weight", "3.bias"]);
  });

  test("training mode reaches all modules", () => {
    const drop = new Dropout();
    const model = sequential([new Linear(1, 1), sequential([drop])]);
    model.eval();
    expect(drop.training).toBe(false);
    model.train();
    expect(drop.training).toBe(true);
  });

  test("a state dictionary goes from one model to another", async () => {
    const [from, to] = [new LeNet5(), new LeNet5()];
    to.loadStateDict(from.stateDict());
    const x = randn([1, 28, 28, 1]);
    expect(await numbers(to.forward(x))).toEqual(await numbers(from.forward(x)));
  });

  test("a wrong state dictionary changes nothing and says what is wrong", () => {
    const layer = new Linear(2, 1);
    expect(() => layer.loadStateDict({ weight: new Float32Array(2), extra: new Float32Array(1) })).toThrow(
      "loadStateDict: missing: bias; unknown: extra. To load what fits, pass { strict: false }",
    );
    expect(() => layer.loadStateDict({ weight: new Float32Array(3) }, { strict: false })).toThrow(
      "weight is [2, 1] (2 elements), got 3 elements",
    );
    expect(() => (layer.weight.value = zeros([1, 2]))).toThrow("Parameter: holds [2, 1], cannot hold [1, 2]");
  });
});

describe("layers", () => {
  test("linear", async () => {
    const layer = new Linear(3, 2);
    layer.loadStateDict({ weight: new Float32Array([1, 2, 3, 4, 5, 6]), bias: new Float32Array([10, 20]) });
    expect(await numbers(layer.forward(tensor([[1, 0, -1]])))).toEqual([6, 16]);
    expect(() => layer.forward(zeros([1, 4]))).toThrow("Linear: the last axis must have 3 features, got [1, 4]");
  });

  test("conv2d", async () => {
    const layer = new Conv2d(1, 1, 2);
    layer.loadStateDict({ weight: new Float32Array([1, 2, 3, 4]), bias: new Float32Array([1]) });
    const image = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9]).reshape([1, 3, 3, 1]);
    expect(await numbers(layer.forward(image))).toEqual([38, 48, 68, 78]);
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow(
      "Conv2d: groups must divide both channel counts, got 2 for 3 → 4",
    );
  });

  test("conv1d and conv3d", async () => {
    const layer = new Conv1d(2, 1, 2);
    layer.loadStateDict({ weight: new Float32Array([1, 2, 3, 4]), bias: new Float32Array([1]) });
    const sequence = tensor([1, 2, 3, 4, 5, 6]).reshape([1, 3, 2]);
    expect(await numbers(layer.forward(sequence))).toEqual([31, 51]);
    const volume = new Conv3d(1, 2, [2, 1, 1], { bias: false, stride: [1, 2, 2] });
    volume.loadStateDict({ weight: new Float32Array([1, 10, 2, 20]) });
    expect(await numbers(volume.forward(tensor([1, 2, 3, 4]).reshape([1, 2, 1, 2, 1])))).toEqual([7, 70]);
    expect(() => new Conv3d(1, 1, [2, 0, 1])).toThrow("Conv3d: kernel height must be a whole number ≥ 1, got 0");
  });

  test("pooling and flattening", async () => {
    const image = tensor([1, 2, 3, 4]).reshape([1, 2, 2, 1]);
    expect(await numbers(new MaxPool2d(2).forward(image))).toEqual([4]);
    expect(new Flatten().forward(zeros([2, 3, 4])).shape).toEqual([2, 12]);
  });

  test("dropout keeps the mean in training and everything in use", async () => {
    manualSeed(5);
    const layer = new Dropout(0.25);
    const x = tensor(new Float32Array(10_000).fill(1));
    const values = await numbers(layer.forward(x));
    expect([...new Set(values)].sort()).toEqual([0, Math.fround(1 / 0.75)]);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(1, 1);
    expect(layer.eval().forward(x)).toBe(x);
  });

  test("LeNet-5 has 61,706 parameters and takes bytes", async () => {
    const model = new LeNet5();
    expect(model.parameters().reduce((sum, parameter) => sum + parameter.size, 0)).toBe(61_706);
    const bytes = tensor(new Uint8Array(2 * 784).fill(255), { shape: [2, 28, 28, 1] });
    const floats = tensor(new Float32Array(2 * 784).fill(1), { shape: [2, 28, 28, 1] });
    expect(model.forward(bytes).shape).toEqual([2, 10]);
    const [fromBytes, fromFloats] = [await numbers(model.forward(bytes)), await numbers(model.forward(floats))];
    fromBytes.forEach((value, index) => {
      expect(value).toBeCloseTo(fromFloats[index]!, 4);
    });
  });
});

describe("starting values", () => {
  test("layers start as torch's: U(±1/√fanIn)", async () => {
    const values = await numbers(new Conv2d(4, 64, 3).weight.value);
    const bound = 1 / 6;
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(values.reduce((sum, value) => sum + value * value, 0) / values.length).toBeCloseTo(bound ** 2 / 3, 3);
  });

  test("fans count receptive fields", () => {
    expect(initialisers.fans([3, 3, 8, 16])).toEqual({ fanIn: 72, fanOut: 144 });
  });
});

describe("losses", () => {
  const p = tensor([1, 2, 3]);
  const t = tensor([1.5, 0, 3]);

  test("mse, mae, huber", async () => {
    expect(await mse(p, t).item()).toBeCloseTo((0.25 + 4) / 3, 6);
    expect(await mae(p, t, { reduction: "sum" }).item()).toBeCloseTo(2.5, 6);
    expect(await numbers(huber(p, t, { reduction: "none" }))).toEqual([0.125, 1.5, 0]);
    expect(() => mse(p, zeros([3, 1]))).toThrow("mse: prediction is [3], target [3, 1]: they must be equal");
  });

  test("cross entropy of equal logits is log classes", async () => {
    expect(await crossEntropy(zeros([2, 8]), tensor(new Int32Array([3, 0]))).item()).toBeCloseTo(Math.log(8), 6);
  });

  test("sparse, dense and smoothed targets agree with the formula", async () => {
    const logits = [0.5, -1, 2];
    const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
    const x = tensor([logits]);
    expect(await crossEntropy(x, tensor(new Uint8Array([2]))).item()).toBeCloseTo(logSum - 2, 5);
    expect(await crossEntropy(x, tensor([[0.25, 0.25, 0.5]])).item()).toBeCloseTo(logSum - (0.125 - 0.25 + 1), 5);
    const smoothed = 0.9 * (logSum - 2) + 0.1 * (logSum - 0.5);
    expect(await crossEntropy(x, tensor(new Int32Array([2])), { labelSmoothing: 0.1 }).item()).toBeCloseTo(smoothed, 5);
    expect(await nll(tensor([[-1, -2]]), tensor(new Int32Array([1]))).item()).toBe(2);
  });

  test("the gradient of cross entropy is softmax minus target", async () => {
    const dx = grad((x: Tensor) => crossEntropy(x, tensor(new Int32Array([0]))))(zeros([1, 4]));
    expect(await numbers(dx)).toEqual([-0.75, 0.25, 0.25, 0.25]);
  });

  test("binary cross entropy does not overflow or cancel", async () => {
    const losses = await numbers(
      bceWithLogits(tensor([200, -200, 0, -20]), tensor([1, 1, 0.5, 0]), { reduction: "none" }),
    );
    expect(losses[0]).toBe(0);
    expect(losses[1]).toBe(200);
    expect(losses[2]).toBeCloseTo(Math.log(2), 6);
    expect(losses[3]! / Math.log1p(Math.exp(-20))).toBeCloseTo(1, 4);
  });
});
