// Halves on every backend: conversions from and to every type, what is rounded and when, views that begin in the middle of a word,
// sums and products in f32, gradients, compiled functions, random numbers, memory.
// Read next: nearest.ts for what is right; docs/types.md for the rules; conformance/halves.ts for every op.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { halfValues } from "../../bindings/core/half.ts";
import * as athanor from "../../bindings/index.ts";
import type { OpenedBackend } from "../../bindings/testing/backends.ts";
import { backendNames, openBackend } from "../../bindings/testing/backends.ts";
import { awkward, expectSame, nearest, table } from "./nearest.ts";

const { cast, grad, jit, matmul, tensor, withDevice } = athanor;
const mustHaveAll = process.env.CI !== undefined || process.env.ATHANOR_REQUIRE_ALL !== undefined;

const total = (values: ArrayLike<number>, term: (value: number) => number): number =>
  Array.from(values, term).reduce((sum, value) => sum + value, 0);

for (const name of backendNames) {
  describe(name, () => {
    let backend: OpenedBackend | undefined;
    let missing = "";

    beforeAll(async () => {
      const opened = await openBackend(name);
      if ("missing" in opened) missing = opened.missing;
      else backend = opened;
    });

    afterAll(async () => {
      await backend?.close();
    });

    test("is here", (context) => {
      if (missing === "") return;
      expect(mustHaveAll, `${name} is missing: ${missing}`).toBe(false);
      context.skip(`${name} is missing: ${missing}`);
    });

    /** A test of numbers that are recorded for this backend. */
    const on = (title: string, body: (here: <T>(record: () => T) => T) => Promise<void>): void => {
      test(title, async (context) => {
        const device = backend?.device;
        if (device === undefined) context.skip(`${name} is missing`);
        await body((record) => withDevice(device ?? "wasm", record));
        expect(backend?.guardDamage()).toBeUndefined();
      });
    };

    on("every half is read as its value and stored again", async (here) => {
      const bits = Uint16Array.from({ length: 65536 }, (_, index) => index);
      const x = tensor(halfValues(bits), { dtype: "f16" });
      expectSame(await x.data(), table);
      expectSame(await here(() => cast(x, "f32")).data(), table);
      expectSame(
        await here(() => cast(cast(x, "f32").add(0), "f16")).data(),
        table.map((value) => value + 0),
      );
      expectSame(
        await here(() => x.neg()).data(),
        table.map((value) => -value),
      );
    });

    on("numbers are rounded once, to the nearest half", async (here) => {
      const values = awkward();
      const want = Array.from(values, nearest);
      expectSame(await here(() => cast(tensor(values), "f16")).data(), want);
      // Rounded in a register, then read on.
      expectSame(await here(() => cast(cast(tensor(values), "f16"), "f32")).data(), want);
      expectSame(await here(() => cast(tensor(values), "f16").abs()).data(), want.map(Math.abs));
    });

    on("conversions from and to every type", async (here) => {
      const whole = [0, 1, 2, 200, 255, 2047, 2048, 2049, 2051, 65504, 65519, 65520, 2 ** 24 + 1, 2 ** 31 - 1];
      for (const dtype of ["i32", "u32"] as const)
        expectSame(await here(() => cast(tensor(whole, { dtype }), "f16")).data(), whole.map(nearest));
      expectSame(await here(() => cast(tensor([-2049, -65520], { dtype: "i32" }), "f16")).data(), [-2048, -Infinity]);
      expectSame(await here(() => cast(tensor([0, 3, 255], { dtype: "u8" }), "f16")).data(), [0, 3, 255]);
      expectSame(await here(() => cast(tensor([true, false, true]), "f16")).data(), [1, 0, 1]);
      const x = tensor([0, -0, 0.5, -1.5, 2.9, 300, NaN, Infinity, -70000, 6e-8], { dtype: "f16" });
      expectSame(await here(() => cast(x, "i32")).data(), [0, 0, 0, -1, 2, 300, 0, 2 ** 31 - 1, -(2 ** 31), 0]);
      expectSame(await here(() => cast(x, "u32")).data(), [0, 0, 0, 0, 2, 300, 0, 2 ** 32 - 1, 0, 0]);
      expectSame(await here(() => cast(x, "u8")).data(), [0, 0, 0, 0, 2, 255, 0, 255, 0, 0]);
      expectSame(await here(() => cast(x, "bool")).data(), [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    });

    on("views may begin in the middle of a word, and lengths may be odd", async (here) => {
      for (const length of [1, 2, 3, 4, 5, 17, 1023]) {
        const values = Array.from({ length }, (_, index) => nearest(index / 3));
        const x = tensor(values, { dtype: "f16" });
        expectSame(
          await here(() => x.add(1)).data(),
          values.map((value) => nearest(value + 1)),
        );
        const cut = values.slice(1);
        expectSame(
          await here(() => x.slice([1]).mul(2)).data(),
          cut.map((value) => nearest(value * 2)),
        );
        expectSame(await here(() => x.slice([1])).data(), cut);
        expectSame(await here(() => athanor.flip(x)).data(), [...values].reverse());
        expectSame(await here(() => athanor.concat([x.slice([1]), x, tensor([7], { dtype: "f16" })])).data(), [
          ...cut,
          ...values,
          7,
        ]);
        expectSame(await here(() => athanor.pad(x, [[1, 2]], { value: 0.1 })).data(), [
          nearest(0.1),
          ...values,
          nearest(0.1),
          nearest(0.1),
        ]);
      }
      const m = tensor(
        Array.from({ length: 35 }, (_, index) => index),
        { shape: [5, 7], dtype: "f16" },
      );
      const turned = Array.from({ length: 35 }, (_, index) => (index % 5) * 7 + Math.floor(index / 5));
      expectSame(await here(() => m.T.reshape(35)).data(), turned);
      expectSame(await here(() => m.slice([1, 1], [4, 6], [2, 2])).data(), [8, 10, 12, 22, 24, 26]);
    });

    on("several results of one loop, halves among them", async (here) => {
      const values = Array.from({ length: 37 }, (_, index) => nearest(index / 7));
      const x = tensor(values, { dtype: "f16" });
      const [a, b, c] = here(() => [x.add(0.1), x.less(2), cast(x, "f32").add(0.1)]);
      await athanor.evaluate(a, b, c);
      expectSame(
        await a.data(),
        values.map((value) => nearest(Math.fround(value + Math.fround(0.1)))),
      );
      expectSame(
        await b.data(),
        values.map((value) => Number(value < 2)),
      );
      expectSame(
        await c.data(),
        values.map((value) => Math.fround(value + Math.fround(0.1))),
      );
    });

    on("sums and products add up in f32", async (here) => {
      // In halves the sum would stay at 2048, where adding 1 is half of the last place.
      const ones = here(() => athanor.ones([5000], { dtype: "f16" }));
      expect(await here(() => ones.sum()).item()).toBe(5000);
      expect(await here(() => athanor.ones([300, 300], { dtype: "f16" }).sum()).item()).toBe(Infinity);
      expect(await here(() => athanor.ones([300, 300], { dtype: "f16" }).mean()).item()).toBe(1);
      const [m, k, n] = [5, 3001, 7];
      const a = here(() => athanor.full([m, k], 1, { dtype: "f16" }));
      const b = here(() => athanor.full([k, n], 1, { dtype: "f16" }));
      const product = here(() => matmul(a, b));
      expect(product.dtype).toBe("f16");
      expectSame(await product.data(), new Array<number>(m * n).fill(nearest(k)));
      expectSame(await here(() => matmul(a, cast(b, "f32"))).data(), new Array<number>(m * n).fill(k));
    });

    on("products of halves of every layout", async (here) => {
      const number = (index: number): number => nearest(((index * 37) % 101) / 50 - 1);
      for (const [m, k, n] of [
        [1, 5, 3],
        [3, 17, 9],
        [4, 64, 33],
        [7, 8, 16],
        [33, 70, 35],
        [64, 48, 64],
      ] as const) {
        const x = Array.from({ length: m * k }, (_, index) => number(index));
        const y = Array.from({ length: k * n }, (_, index) => number(index + 7));
        const want = Array.from({ length: m * n }, (_, at) => {
          const [i, j] = [Math.floor(at / n), at % n];
          let sum = 0;
          for (let l = 0; l < k; l++) sum += (x[i * k + l] ?? 0) * (y[l * n + j] ?? 0);
          return sum;
        });
        const turned = (list: number[], rows: number, columns: number): number[] =>
          Array.from({ length: rows * columns }, (_, at) => list[(at % rows) * columns + Math.floor(at / rows)] ?? 0);
        // Behind one more element every row begins in the middle of a word.
        const half = (list: number[], rows: number, columns: number): athanor.Tensor =>
          tensor([0, ...list], { dtype: "f16" })
            .slice([1])
            .reshape(rows, columns);
        const products = here(() => [
          matmul(half(x, m, k), half(y, k, n)),
          matmul(half(turned(x, m, k), k, m).T, half(turned(y, k, n), n, k).T),
          matmul(half(x, m, k), cast(half(y, k, n), "f32")),
          matmul(cast(half(x, m, k), "f32"), half(y, k, n)),
        ]);
        for (const product of products) {
          const got = await product.data();
          const unit = product.dtype === "f16" ? 2 ** -11 : 0;
          want.forEach((value, at) => {
            const error = Math.abs((got[at] ?? NaN) - value);
            expect(
              error,
              `${product.dtype} [${String(m)}, ${String(k)}, ${String(n)}] at ${String(at)}`,
            ).toBeLessThanOrEqual(Math.abs(value) * unit * 1.001 + k * 2 ** -22);
          });
        }
      }
    });

    if (name === "webgpu")
      on("products read halves as they are stored, also for gradients", async (here) => {
        const x = tensor(new Float32Array(64 * 32).fill(0.5), { shape: [64, 32], dtype: "f16" });
        const w = tensor(new Float32Array(32 * 16).fill(0.25), { shape: [32, 16], dtype: "f16" });
        const product = await athanor.explain(here(() => matmul(x, w)));
        expect(product.kernels.map(({ op }) => op)).toEqual(["matmul+cast"]);
        expect(product.kernels[0]?.bytes).toBe(2 * (64 * 32 + 32 * 16 + 64 * 16));
        const slope = await athanor.explain(
          here(() => grad((v: athanor.Tensor) => cast(matmul(x, v), "f32").sum())(w)),
        );
        const converted = slope.kernels.filter(({ op, bytes }) => op === "cast" && bytes > 2 * 64 * 32);
        expect(converted).toEqual([]);
      });

    on("elements are picked out of a table of halves as it is stored", async (here) => {
      const all = tensor(halfValues(Uint16Array.from({ length: 65535 }, (_, bits) => bits)), {
        dtype: "f16",
        shape: [21845, 3],
      });
      const want = [0, 21844, 7, -1, 21845].flatMap((row) =>
        [0, 1, 2].map((column) => (row === 21845 ? NaN : (table[(row < 0 ? row + 21845 : row) * 3 + column] ?? 0))),
      );
      const rows = here(() => athanor.take(all, [0, 21844, 7, -1, 21845]));
      const { kernels } = await athanor.explain(rows);
      expect(kernels.map(({ op }) => op)).toEqual(["take+cast"]);
      expectSame(await rows.data(), want);
      const each = Int32Array.from({ length: 65535 }, (_, index) => (index * 37) % 21845);
      const picked = here(() => athanor.gather(all, 0, tensor(each, { shape: [21845, 3] })));
      expectSame(
        await picked.data(),
        Array.from(each, (row, index) => table[row * 3 + (index % 3)] ?? 0),
      );
    });

    on("gradients of halves are halves", async (here) => {
      const x = tensor([0.5, -1, 2, 3], { dtype: "f16" });
      const w = tensor(
        [
          [1, 2],
          [3, 4],
          [5, 6],
          [7, 8],
        ],
        { dtype: "f16" },
      );
      const slope = here(() => grad((v: athanor.Tensor) => matmul(v.tanh(), w).square().sum())(x));
      expect(slope.dtype).toBe("f16");
      const t = [0.5, -1, 2, 3].map(Math.tanh);
      const y = [0, 1].map((j) => t.reduce((sum, value, i) => sum + value * (2 * i + 1 + j), 0));
      const want = t.map(
        (value, i) => 2 * ((y[0] ?? 0) * (2 * i + 1) + (y[1] ?? 0) * (2 * i + 2)) * (1 - value * value),
      );
      const got = await slope.data();
      want.forEach((value, i) => {
        expect(Math.abs((got[i] ?? NaN) / value - 1)).toBeLessThan(4 * 2 ** -11);
      });
      // A bias's gradient is a sum of more ones than halves can count one by one.
      const bias = tensor([1], { dtype: "f16" });
      const rows = here(() => athanor.ones([4099, 1], { dtype: "f16" }));
      expect(await here(() => grad((b: athanor.Tensor) => cast(rows.add(b), "f32").sum())(bias)).item()).toBe(
        nearest(4099),
      );
    });

    on("compiled functions", async (here) => {
      const step = jit((x: athanor.Tensor, w: athanor.Tensor) => matmul(x, w).add(0.1).relu());
      const x = tensor([[1, -2, 3]], { dtype: "f16" });
      const w = tensor(
        [
          [1, 0],
          [0.5, 1],
          [0, 0.25],
        ],
        { dtype: "f16" },
      );
      for (let call = 0; call < 3; call++) {
        const y = here(() => step(x, w));
        expect(y.dtype).toBe("f16");
        expectSame(await y.data(), [nearest(Math.fround(0.1)), 0]);
      }
      step.dispose();
    });

    on("random numbers", async (here) => {
      athanor.manualSeed(3);
      const uniform = await here(() => athanor.rand([4001], { dtype: "f16" })).data();
      expect(uniform.every((value) => value >= 0 && value < 1 && Number.isInteger(value * 2048))).toBe(true);
      expect(Math.abs(total(uniform, (value) => value) / 4001 - 0.5)).toBeLessThan(0.02);
      const normal = await here(() => athanor.randn([4001], { dtype: "f16" })).data();
      expectSame(normal, Array.from(normal, nearest));
      expect(Math.abs(total(normal, (value) => value * value) / 4001 - 1)).toBeLessThan(0.1);
    });

    on("an element takes two bytes", async (here) => {
      const before = backend?.liveBytes() ?? 0;
      using x = tensor(new Float32Array(1001), { dtype: "f16" });
      using y = here(() => x.add(1));
      await y.data();
      // Operand and result, each rounded up to whole words; nothing else is kept.
      const bytes = (backend?.liveBytes() ?? 0) - before;
      expect(bytes).toBeGreaterThanOrEqual(2 * 2002);
      expect(bytes).toBeLessThanOrEqual(2 * 2048 + (name === "webgpu" ? 4096 : 0));
    });
  });
}
