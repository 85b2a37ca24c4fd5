// unique on the CPU: values, first positions, inverse and counts against a map of the elements; what is odd, and what is refused.
// Read next: ../specs/sorting.ts for the sort behind it, on every backend.
import { afterAll, beforeAll, expect, test } from "vitest";
import { init, memory, shutdown, tensor, unique } from "../../bindings/index.ts";

beforeAll(async () => {
  await init({ webgpu: "off" });
});
afterAll(() => shutdown());

test("values, positions, inverse and counts of whole numbers", async () => {
  const data = Int32Array.from({ length: 600 }, (_, i) => ((i * 7919) % 41) - 20);
  using x = tensor(data, { shape: [20, 30] });
  const found = await unique(x, { returnIndex: true, returnInverse: true, returnCounts: true });
  const wanted = [...new Set(data)].sort((a, b) => a - b);
  expect([...(await found.values.data())]).toEqual(wanted);
  expect(found.values.dtype).toBe("i32");
  expect([...(await found.indices.data())]).toEqual(wanted.map((value) => data.indexOf(value)));
  expect([...(await found.counts.data())]).toEqual(wanted.map((value) => data.filter((own) => own === value).length));
  expect(found.inverse.shape).toEqual([20, 30]);
  expect([...(await found.inverse.data())]).toEqual([...data].map((value) => wanted.indexOf(value)));
  for (const made of Object.values(found)) made.dispose();
});

test("NaN is one value and so are the zeros", async () => {
  using x = tensor([2, NaN, -0, 0, NaN, 2, -Infinity]);
  const { values, counts } = await unique(x, { returnCounts: true });
  expect([...(await values.data())]).toEqual([-Infinity, -0, 2, NaN]);
  expect([...(await counts.data())]).toEqual([1, 2, 2, 2]);
});

test("other types keep their type, and nothing has no values", async () => {
  const { values } = await unique(tensor([true, false, true]));
  expect(values.dtype).toBe("bool");
  expect(await values.toArray()).toEqual([false, true]);
  const none = await unique(tensor(new Float64Array(0), { shape: [0, 3] }), { returnInverse: true });
  expect([none.values.shape, none.values.dtype, none.inverse.shape]).toEqual([[0], "f64", [0, 3]]);
  const one = await unique(tensor(5));
  expect(await one.values.toArray()).toEqual([5]);
});

test("nothing is left behind", async () => {
  using x = tensor([3, 1, 3]);
  const held: (number | undefined)[] = [];
  // The first call brings x to the device, where it stays.
  for (let call = 0; call < 3; call++) {
    const { values, inverse } = await unique(x, { returnInverse: true });
    for (const made of [values, inverse]) {
      await made.data();
      made.dispose();
    }
    held.push(memory().wasm?.inUse);
  }
  expect(held[2]).toBe(held[0]);
});

test("what is no flag is refused", async () => {
  await expect(unique(tensor([1]), { returnCounts: 1 as never })).rejects.toThrow(
    "unique: returnCounts must be true or false, got number",
  );
  await expect(unique([1, 2] as never)).rejects.toThrow("unique: x must be a tensor, got an array");
});
