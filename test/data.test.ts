// Datasets: batches, order, splits and transforms. Read next: ../bindings/data/README.md.
import { describe, expect, test } from "vitest";
import type { Dataset } from "../bindings/data/index.ts";
import { dataset } from "../bindings/data/index.ts";
import { tensor } from "../bindings/engine/creation.ts";

const pairs = { data: Float32Array.from({ length: 20 }, (_, index) => index), shape: [10, 2] };
const labels = Int32Array.from({ length: 10 }, (_, index) => index);

async function labelsOf(data: Dataset, pass = 0): Promise<number[][]> {
  const seen: number[][] = [];
  for await (const { x, y } of data.batches(pass)) {
    const rows = await x.data();
    const targets = Array.from(await y.data());
    targets.forEach((label, row) => {
      expect([rows[2 * row], rows[2 * row + 1]]).toEqual([2 * label, 2 * label + 1]);
    });
    seen.push(targets);
  }
  return seen;
}

describe("dataset", () => {
  test("batches in order, the last one smaller or left out", async () => {
    const data = dataset(pairs, labels);
    expect(await labelsOf(data.batch(4))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const dropped = data.batch(4, { dropLast: true });
    expect([dropped.length, (await labelsOf(dropped)).length]).toEqual([2, 2]);
  });

  test("shuffling repeats by seed and pass, and keeps inputs with their targets", async () => {
    const data = dataset(pairs, labels).shuffle(3).batch(10);
    const [first, again, second] = [await labelsOf(data), await labelsOf(data), await labelsOf(data, 1)];
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
    expect([...first[0]!].sort((a, b) => a - b)).toEqual(Array.from(labels));
  });

  test("split and slice", async () => {
    const [most, rest] = dataset(pairs, labels).split(0.7);
    expect([most.size, rest.size]).toEqual([7, 3]);
    expect(await labelsOf(rest.batch(5))).toEqual([[7, 8, 9]]);
    const [left, right] = dataset(pairs, labels).split(0.5, { seed: 1 });
    const all = [...(await labelsOf(left.batch(5))), ...(await labelsOf(right.batch(5)))].flat();
    expect(all.sort((a, b) => a - b)).toEqual(Array.from(labels));
    expect(await labelsOf(dataset(pairs, labels).slice(-2).batch(2))).toEqual([[8, 9]]);
  });

  test("map, samples without a batch axis, tensors and nested arrays as sources", async () => {
    const mapped = dataset(
      [
        [1, 2],
        [3, 4],
      ],
      tensor([5, 6]),
    ).map(({ x, y }) => ({ x: x.mul(10), y }));
    const samples: number[][] = [];
    for await (const { x, y } of mapped) {
      expect([x.shape, y.shape]).toEqual([[2], []]);
      samples.push([...(await x.data()), await y.item()]);
    }
    expect(samples).toEqual([
      [10, 20, 5],
      [30, 40, 6],
    ]);
  });

  test("without targets the target is the input", async () => {
    for await (const { x, y } of dataset(pairs).batch(10)) expect(y).toBe(x);
  });

  test("refuses sources that do not fit", () => {
    expect(() => dataset(pairs, new Int32Array(3))).toThrow("dataset: x has 10 samples, y has 3: they must be equal");
    expect(() => dataset({ data: new Float32Array(5), shape: [2, 3] })).toThrow(
      "x has 5 elements, which cannot be rows of shape [2, 3]",
    );
    expect(() => dataset(pairs).batch(0)).toThrow("batch: size must be a whole number ≥ 1, got 0");
    expect(() => dataset(pairs).split(1)).toThrow("split: fraction must be between 0 and 1, got 1");
  });
});
