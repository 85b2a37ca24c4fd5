// Derivatives where there is none: at kinks and ties the engine gives PyTorch's choice, written here as numbers.
// The conformance suite keeps off these points. Read next: specs/activation.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { Tensor } from "../bindings/index.ts";

beforeAll(() => athanor.init({ webgpu: "off", tune: "off" }));
afterAll(() => athanor.shutdown());

async function slopes(f: (x: Tensor) => Tensor, points: readonly number[]): Promise<number[]> {
  using x = athanor.tensor([...points]);
  using g = athanor.grad((v: Tensor) => athanor.sum(f(v)))(x);
  return [...(await g.data())].map((value) => Math.round(value * 1e6) / 1e6);
}

const selu = 1.758099;

test.each<[string, (x: Tensor) => Tensor, readonly number[], readonly number[]]>([
  ["relu", (x) => athanor.relu(x), [0, -0], [0, 0]],
  ["relu6", (x) => athanor.relu6(x), [0, 6], [0, 0]],
  ["abs", (x) => athanor.abs(x), [0, -1, 1], [0, -1, 1]],
  ["leakyRelu", (x) => athanor.leakyRelu(x, { negativeSlope: 0.25 }), [0], [0.25]],
  ["elu", (x) => athanor.elu(x, { alpha: 0.5 }), [0], [0.5]],
  ["selu", (x) => athanor.selu(x), [0], [selu]],
  ["celu", (x) => athanor.celu(x, { alpha: 2 }), [0], [1]],
  ["hardSigmoid", (x) => athanor.hardSigmoid(x), [-3, 3], [0, 0]],
  ["clip", (x) => athanor.clip(x, { min: -1, max: 2 }), [-1, 2, -1.5, 2.5], [1, 1, 0, 0]],
  ["maximum with itself", (x) => athanor.maximum(x, x), [2], [1]],
  ["maximum at a tie", (x) => athanor.maximum(x, 2), [2], [0.5]],
  ["max of ties", (x) => athanor.max(x), [3, 1, 3], [0.5, 0, 0.5]],
  ["norm at 0", (x) => athanor.norm(x), [0, 0], [0, 0]],
  [
    "sqrt far from 0 beside 0·∞",
    (x) => athanor.where(athanor.greater(x, 0), athanor.sqrt(athanor.maximum(x, 1e-12)), 0),
    [4, -1],
    [0.25, 0],
  ],
  ["sinc", (x) => athanor.sinc(x), [0], [0]],
  ["pow to 0", (x) => athanor.pow(x, 0), [0, 2], [0, 0]],
  ["pow to 2", (x) => athanor.pow(x, 2), [0, -3], [0, -6]],
  ["prod with one zero", (x) => athanor.prod(x), [2, 0, 3], [0, 6, 0]],
  ["stopGradient", (x) => athanor.mul(x, athanor.stopGradient(x)), [3], [3]],
  ["step", (x) => athanor.mul(athanor.step(x), x), [0, 2], [0, 1]],
  ["0 to the power x", (x) => athanor.pow(athanor.mul(athanor.stopGradient(x), 0), x), [0, 1, 2], [0, 0, 0]],
  ["relu6 at NaN", (x) => athanor.relu6(x), [NaN, 7], [0, 0]],
  ["clip at NaN", (x) => athanor.clip(x, { min: 0, max: 1 }), [NaN, 1], [0, 1]],
  ["std far from 0", (x) => athanor.std(x), [10_000, 10_000.015625], [-0.5, 0.5]],
])("%s", async (_, f, points, expected) => {
  (await slopes(f, points)).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 5);
  });
});

test("activations stay finite at their extremes, values and slopes", async () => {
  const { sigmoid, silu, mish, softplus, logSigmoid, tanh, gelu, softsign, logAddExp } = athanor;
  for (const f of [
    sigmoid,
    silu,
    mish,
    softplus,
    logSigmoid,
    tanh,
    gelu,
    softsign,
    (x: Tensor) => logAddExp(x, 0),
  ] as ((x: Tensor) => Tensor)[]) {
    const points = [-200, -90, -50, 50, 90, 200];
    using x = athanor.tensor(points);
    using y = f(x);
    expect([...(await y.data())].every(Number.isFinite)).toBe(true);
    expect((await slopes(f, points)).every(Number.isFinite)).toBe(true);
  }
});

test("a function is NaN's slope where PyTorch says so", async () => {
  for (const f of [athanor.elu, athanor.celu, athanor.selu, athanor.hardSwish] as ((x: Tensor) => Tensor)[]) {
    expect(await slopes(f, [NaN])).toEqual([NaN]);
  }
  expect(await slopes((x) => athanor.maximum(x, 1), [NaN])).toEqual([1]);
  expect(await slopes((x) => athanor.pow(athanor.tensor([0]), x), [-1])).toEqual([-Infinity]);
});

test("the curvature of tanh near 0 keeps its digits", async () => {
  const curvature = athanor.grad((x: Tensor) =>
    athanor.sum(athanor.grad((z: Tensor) => athanor.sum(athanor.tanh(z)))(x)),
  );
  const [value = 0] = await curvature(athanor.tensor([1e-5])).data();
  expect(Math.abs(value / -2e-5 - 1)).toBeLessThan(1e-6);
});

test("several numbers beside a condition take one float type", async () => {
  using y = athanor.where(athanor.tensor([true, false]), 1, 0.7);
  expect(y.dtype).toBe("f32");
  expect([...(await y.data())]).toEqual([1, Math.fround(0.7)]);
});
