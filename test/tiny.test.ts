// The first thing to read: tensors, arithmetic, matrix products, gradients, compiled functions and scopes, on the engine as it
// starts by itself. If this file fails, everything else will. Read next: README.md, conformance.test.ts.
import { afterAll, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import {
  add,
  evaluate,
  grad,
  init,
  jit,
  matmul,
  memory,
  scope,
  shutdown,
  sum,
  tensor,
  valueAndGrad,
} from "../bindings/index.ts";
import type { Tensor } from "../bindings/index.ts";

afterAll(() => shutdown());

const live = (): number => Object.values(memory()).reduce((bytes, { inUse }) => bytes + inUse, 0);

test("a tensor holds numbers under a shape and a type", async () => {
  using a = tensor([
    [1, 2],
    [3, 4],
  ]);
  expect(a.shape).toEqual([2, 2]);
  expect(a.dtype).toBe("f32");
  expect(await a.data()).toEqual(new Float32Array([1, 2, 3, 4]));
  expect(await a.toArray()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  using b = tensor([true, false]);
  expect(b.dtype).toBe("bool");
  expect(await b.toArray()).toEqual([true, false]);
});

test("arithmetic is recorded now and done at the read", async () => {
  using a = tensor([1, 2, 3]);
  using b = a.mul(2).add(1);
  expect(b.shape).toEqual([3]);
  expect([...(await b.data())]).toEqual([3, 5, 7]);
});

test("shapes stretch as NumPy's do, and refuse in words", async () => {
  using column = tensor([[1], [2]]);
  using row = tensor([10, 20, 30]);
  using both = add(column, row);
  expect(await both.toArray()).toEqual([
    [11, 21, 31],
    [12, 22, 32],
  ]);
  using other = tensor([1, 2]);
  expect(() => add(row, other)).toThrow("add: shapes [3] and [2] do not broadcast");
});

test("matrix products take transposed operands", async () => {
  using a = tensor([
    [1, 2],
    [3, 4],
  ]);
  using product = matmul(a, a.T);
  expect(await product.toArray()).toEqual([
    [5, 11],
    [11, 25],
  ]);
});

test("a gradient is a function of the same arguments", async () => {
  using x = tensor([1, 2, 3]);
  const cubes = (v: Tensor): Tensor => sum(v.mul(v).mul(v));
  using slope = grad(cubes)(x);
  expect([...(await slope.data())]).toEqual([3, 12, 27]);
  using curvature = grad((v: Tensor) => sum(grad(cubes)(v)))(x);
  expect([...(await curvature.data())]).toEqual([6, 12, 18]);
});

test("valueAndGrad gives both, for the arguments asked for", async () => {
  using w = tensor([[0.5], [-0.5]]);
  using x = tensor([
    [1, 2],
    [3, 4],
  ]);
  using y = tensor([[1], [0]]);
  const loss = (weights: Tensor, inputs: Tensor, targets: Tensor): Tensor =>
    matmul(inputs, weights).sub(targets).square().mean();
  const [value, slope] = valueAndGrad(loss)(w, x, y);
  expect(await value.item()).toBeCloseTo(1.25, 6);
  expect([...(await slope.data())]).toEqual([-3, -5]);
  value.dispose();
  slope.dispose();
});

test("a compiled function gives the same values every time", async () => {
  const step = jit((x: Tensor) => x.mul(x).add(1));
  for (const value of [1, 2, 3]) {
    using x = tensor([value, value + 1]);
    using y = step(x);
    expect([...(await y.data())]).toEqual([value * value + 1, (value + 1) * (value + 1) + 1]);
  }
});

test("a scope frees all but what it returns", async () => {
  // Devices that are measured in the background have memory of their own meanwhile.
  await shutdown();
  await init({ tune: "off" });
  const before = live();
  const kept = scope(() => {
    const a = tensor(new Float32Array(1000));
    const b = a.add(1);
    return b.mul(2);
  });
  await evaluate(kept);
  expect((await kept.data())[999]).toBe(2);
  kept.dispose();
  expect(live()).toBe(before);
});

test("a disposed tensor says so", () => {
  const a = tensor([1, 2]);
  a.dispose();
  expect(a.isDisposed).toBe(true);
  expect(() => a.add(1)).toThrow(athanor.DisposedError);
});

test("several reads of one graph agree", async () => {
  using x = tensor([0.25, 0.5]);
  using y = x.exp();
  using a = y.add(1);
  using b = y.mul(y);
  await evaluate(a, b);
  const [ya, bb] = [await a.data(), await b.data()];
  expect(bb[0]).toBeCloseTo((ya[0]! - 1) ** 2, 5);
});
