// Strip loops on the CPU: steps over the same rows run a few rows at a time (bindings/graph/strips.ts). The same bits as
// step by step, on one thread and on two, for row counts around where strips begin and end. Read next: test/graph/strips.test.ts.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { init, shutdown } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import { drawFrom } from "../../bindings/testing/random.ts";

type Composition = (x: Tensor, read: (value: Tensor) => Tensor) => Tensor;

/** A value in memory of its own, so that what reads it is planned alone. */
function apart(value: Tensor): Tensor {
  value.dataSync();
  return value;
}

const rowwise = { axis: -1, keepDims: true } as const;

const compositions: Readonly<Record<string, Composition>> = {
  softmax: (x, read) => {
    const powers = read(athanor.exp(read(athanor.sub(x, read(athanor.max(x, rowwise))))));
    return athanor.div(powers, read(athanor.sum(powers, rowwise)));
  },
  normalised: (x, read) => {
    const near = read(athanor.sub(x, read(athanor.mean(x, rowwise))));
    const spread = read(athanor.mean(read(athanor.square(near)), rowwise));
    return athanor.div(near, read(athanor.sqrt(read(athanor.add(spread, 1e-3)))));
  },
  "sum of squares": (x, read) => athanor.sum(read(athanor.square(read(athanor.sub(x, 0.5))))),
  "largest magnitude": (x, read) => athanor.max(read(athanor.abs(x))),
  "columns of squares": (x, read) => athanor.sum(read(athanor.square(x)), { axis: 0 }),
  "columns of the smallest": (x, read) => athanor.min(read(athanor.mul(x, -2)), { axis: 0 }),
  "rows, then all": (x, read) => athanor.mean(read(athanor.logSumExp(x, { axis: -1 }))),
  "double product": (x, read) => athanor.prod(read(athanor.add(read(athanor.mul(x, 1e-3)), 1)), { axis: 0 }),
};

const shapes: readonly (readonly [number, number])[] = [
  [1003, 301],
  [1, 300_001],
  [300_001, 1],
  [16_385, 17],
  [29, 10_007],
  [2, 200_000],
  [0, 7],
];

const random = drawFrom("strips");
const inputs = new Map<string, Float32Array>();
function dataOf([rows, columns]: readonly [number, number]): Float32Array {
  const key = `${String(rows)}x${String(columns)}`;
  let data = inputs.get(key);
  if (data === undefined)
    inputs.set(key, (data = Float32Array.from({ length: rows * columns }, () => random.between([-3, 3]))));
  return data;
}

/** Where two results differ first, −1 if nowhere: `toEqual` takes a second for arrays of this size. */
function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return index;
  return -1;
}

const known = new Map<string, ArrayLike<number>>();

afterEach(() => {
  expect(athanor.checkGuards()).toBe(0);
});

afterAll(() => shutdown());

describe.each([1, 2])("%i threads", (threads) => {
  beforeAll(async () => {
    await shutdown();
    await init({ webgpu: "off", tune: "off", threads });
    athanor.memoryGuards(true);
  });

  describe.each(Object.keys(compositions))("%s", (name) => {
    const compose = compositions[name];
    test.each(shapes)("[%i, %i] is the same as step by step", (rows, columns) => {
      if (compose === undefined) throw new Error("no composition");
      const isEmpty = rows === 0 && (name.startsWith("largest") || name.endsWith("smallest"));
      if (isEmpty) return;
      const x = athanor.tensor(dataOf([rows, columns]), { shape: [rows, columns] });
      const [fused, stepwise] = athanor.scope(() => [
        compose(x, (value) => value).dataSync(),
        compose(x, apart).dataSync(),
      ]);
      expect(firstDifference(fused, stepwise)).toBe(-1);
      const key = `${name} ${String(rows)} ${String(columns)}`;
      const before = known.get(key);
      if (before === undefined) known.set(key, fused);
      else expect(firstDifference(fused, before)).toBe(-1);
      x.dispose();
    });
  });

  test("broadcast rows and columns, several results, transposed operands", () => {
    const [rows, columns] = [777, 513];
    const x = athanor.tensor(dataOf([rows, columns]), { shape: [rows, columns] });
    const turned = athanor.tensor(dataOf([columns, rows]), { shape: [columns, rows] });
    const bias = athanor.tensor(dataOf([1, columns]), { shape: [columns] });
    const column = athanor.tensor(dataOf([rows, 1]), { shape: [rows, 1] });
    const requireEqual = (got: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): void => {
      expect(got.map((values, index) => firstDifference(values, expected[index] ?? []))).toEqual([-1, -1, -1]);
    };
    const compute = (read: (value: Tensor) => Tensor): ArrayLike<number>[] => {
      const a = read(athanor.add(athanor.mul(x, column), bias));
      const b = read(athanor.tanh(athanor.add(a, athanor.transpose(turned))));
      const c = read(athanor.sum(athanor.mul(a, b), rowwise));
      const d = read(athanor.sub(athanor.mul(b, c), a));
      const results = [athanor.max(d, { axis: 1 }), athanor.add(a, d), athanor.sum(b, { axis: 0 })];
      return results.map((result) => result.dataSync());
    };
    athanor.scope(() => {
      requireEqual(
        compute((value) => value),
        compute(apart),
      );
    });
    const together = athanor.jit((...[one, two, three, four]: Tensor[]) => {
      const a = athanor.add(athanor.mul(one!, four!), three!);
      const b = athanor.tanh(athanor.add(a, athanor.transpose(two!)));
      const d = athanor.sub(athanor.mul(b, athanor.sum(athanor.mul(a, b), rowwise)), a);
      return [athanor.max(d, { axis: 1 }), athanor.add(a, d), athanor.sum(b, { axis: 0 })];
    });
    const results = together(x, turned, bias, column);
    athanor.scope(() => {
      requireEqual(
        results.map((result) => result.dataSync()),
        compute(apart),
      );
    });
    for (const tensor of [x, turned, bias, column, ...results]) tensor.dispose();
    together.dispose();
  });
});

test("explain tells the memory of a plan: a chain in place, a strip loop with next to none", async () => {
  await shutdown();
  await init({ webgpu: "off", tune: "off", threads: 1 });
  const bytes = 4 * 1000 * 1000;
  const x = athanor.tensor(dataOf([1000, 1000]), { shape: [1000, 1000] });
  const soft = athanor.softmax(x);
  const told = await athanor.explain(soft);
  // The operand, the differences, the powers, the result; maxima, the same without a gradient, sums and their reciprocals.
  expect(told.memory.sum).toBe(4 * bytes + 4 * 4000);
  expect(told.memory.peak).toBeGreaterThanOrEqual(2 * bytes);
  expect(told.memory.peak).toBeLessThan(2 * bytes + 128 * 1024);
  expect(String(told)).toMatch(/held 7\.\d MiB at most; all its tensors together are 15\.3 MiB/);
  for (const tensor of [x, soft]) tensor.dispose();
});

test("a maximum along rows and columns: NaN, infinities, zeros of both signs", async () => {
  await shutdown();
  await init({ webgpu: "off", tune: "off", threads: 1 });
  const [rows, columns] = [40, 67];
  const plain = Float32Array.from({ length: rows * columns }, (_, i) => -1 - ((i * 7) % 11));
  const special: readonly (readonly number[])[] = [
    [NaN],
    [Infinity, -Infinity],
    [-0],
    [0, -0],
    [-0, 0],
    [-Infinity],
    [],
  ];
  for (const values of special) {
    const data = plain.slice();
    values.forEach((value, index) => (data[(5 + 13 * index) * columns + 31] = value));
    athanor.scope(() => {
      const x = athanor.tensor(data, { shape: [rows, columns] });
      const row = [...athanor.max(x, { axis: 1 }).dataSync()];
      const column = [...athanor.max(x, { axis: 0 }).dataSync()];
      const lowest = [...athanor.min(athanor.neg(x), { axis: 1 }).dataSync()];
      const at = (r: number, c: number): number => data[r * columns + c] ?? NaN;
      const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
      expect(row).toEqual(range(rows).map((r) => Math.max(...range(columns).map((c) => at(r, c)))));
      expect(column).toEqual(range(columns).map((c) => Math.max(...range(rows).map((r) => at(r, c)))));
      expect(lowest).toEqual(range(rows).map((r) => Math.min(...range(columns).map((c) => -at(r, c)))));
    });
  }
});
