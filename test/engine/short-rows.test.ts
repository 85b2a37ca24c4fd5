// Elementwise work with short rows on the CPU: lengthened by copies of repeating operands (periods.ts) or walked by one
// row function (`nested` in to-wasm.ts). Compared with plain loops at row counts around where they change over.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { init, withDevice } from "../../bindings/engine/index.ts";
import * as athanor from "../../bindings/index.ts";
import type { DType, Tensor } from "../../bindings/index.ts";

beforeAll(async () => {
  await init({ webgpu: "off", tune: "off" });
});

afterEach(() => {
  expect(athanor.checkGuards()).toBe(0);
});

/** Small whole numbers: every type holds them and their sums and products. */
function whole(shape: readonly number[], dtype: DType, seed: number): { tensor: Tensor; data: number[] } {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = Array.from({ length: size }, (_, index) => (index * 7 + seed * 3) % 5);
  return { tensor: athanor.tensor(data, { shape, dtype }), data };
}

const index3 = (rows: number, columns: number, at: number): [number, number, number] => {
  const rest = Math.floor(at / columns);
  return [Math.floor(rest / rows), rest % rows, at % columns];
};

const dtypes: readonly DType[] = ["f32", "f64", "i32", "u8"];

describe("short rows", () => {
  for (const dtype of dtypes) {
    test.each([
      [1, 15, 6],
      [1, 16, 6],
      [1, 86, 6],
      [1, 1000, 6],
      [3, 173, 3],
      [2, 500, 1],
      [2, 40, 17],
      [2, 5, 129],
      [1, 33, 255],
    ])(`${dtype} [%i, %i, %i] with a row and a column`, (outer, rows, columns) => {
      withDevice("wasm", () => {
        const x = whole([outer, rows, columns], dtype, 1);
        const bias = whole([columns], dtype, 2);
        const column = whole([rows, 1], dtype, 4);
        const sum = athanor.add(athanor.mul(x.tensor, column.tensor), bias.tensor);
        const shifted = athanor.add(x.tensor, bias.tensor);
        const above = athanor.greater(x.tensor, bias.tensor);
        const expected = x.data.map((value, at) => {
          const [, row, place] = index3(rows, columns, at);
          return value * (column.data[row] ?? 0) + (bias.data[place] ?? 0);
        });
        const repeated = x.data.map((_, at) => bias.data[at % columns] ?? 0);
        expect([...sum.dataSync()]).toEqual(expected);
        expect([...shifted.dataSync()]).toEqual(x.data.map((value, at) => value + (repeated[at] ?? 0)));
        expect([...above.dataSync()]).toEqual(x.data.map((value, at) => Number(value > (repeated[at] ?? 0))));
        for (const one of [x.tensor, bias.tensor, column.tensor, sum, shifted, above]) one.dispose();
      });
    });
  }

  test("strided rows and scalars", () => {
    withDevice("wasm", () => {
      const { tensor: x, data } = whole([40, 9], "f32", 1);
      const part = athanor.exp(athanor.mul(athanor.transpose(x), 0.5)).dataSync();
      data.forEach((value, at) => {
        expect(part[(at % 9) * 40 + Math.floor(at / 9)]).toBeCloseTo(Math.exp(value / 2), 5);
      });
      x.dispose();
    });
  });
});

describe("several results of one loop", () => {
  test.each([32, 64, 128])("one of them a part of a wider tensor, rows of %i", async (columns) => {
    const x = whole([32, columns], "f32", 1);
    const y = whole([32, columns], "f32", 2);
    const [product, wide] = withDevice("wasm", () => {
      const made = x.tensor.mul(y.tensor);
      return [made, athanor.concat([x.tensor, made.add(y.tensor)], { axis: 1 })] as const;
    });
    await athanor.evaluate(product, wide);
    expect([...(await product.data())]).toEqual(x.data.map((value, i) => value * y.data[i]!));
    const expected = Array.from({ length: 32 * 2 * columns }, (_, at) => {
      const [row, column] = [Math.floor(at / (2 * columns)), at % (2 * columns)];
      const source = row * columns + (column % columns);
      return column < columns ? x.data[source]! : x.data[source]! * y.data[source]! + y.data[source]!;
    });
    expect([...(await wide.data())]).toEqual(expected);
  });
});
