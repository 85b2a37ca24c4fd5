// Halves on the host: their bits, promotion, f64; and what is made of f16 above the ops: factorisations, models, optimisers.
// Read next: nearest.ts for what is right; devices.test.ts for every backend; docs/types.md for the rules.
import { describe, expect, test } from "vitest";
import { promote } from "../../bindings/core/dtype.ts";
import { halfBits, halfValue, halfValues, halvesOf } from "../../bindings/core/half.ts";
import * as athanor from "../../bindings/index.ts";
import { Linear, Parameter } from "../../bindings/nn/index.ts";
import { SGD } from "../../bindings/optim/index.ts";
import { openBackend } from "../../bindings/testing/backends.ts";
import { awkward, expectSame, nearest, table } from "./nearest.ts";

const { cast, grad, tensor } = athanor;

describe("on the host", () => {
  test("all 65536 halves have the value of their bits, and give them back", () => {
    expectSame(halfValues(Uint16Array.from({ length: 65536 }, (_, bits) => bits)), table);
    for (let bits = 0; bits < 65536; bits++) {
      const value = table[bits] ?? 0;
      if (!Object.is(halfValue(bits), value)) throw new Error(`bits ${String(bits)}`);
      if (halfBits(value) !== (Number.isNaN(value) ? 0x7e00 : bits)) throw new Error(`value of bits ${String(bits)}`);
    }
  });

  test("numbers become the nearest half, ties the even one, in one rounding", () => {
    expectSame(halfValues(halvesOf(awkward())), Array.from(awkward(), nearest));
    // Above the middle by less than f32 can tell: by way of f32 it would be a tie.
    expect(halfValue(halfBits(1 + 2 ** -11 + 2 ** -40))).toBe(1 + 2 ** -10);
  });

  test("types meet without loss, and numbers do not change them", () => {
    expect(promote("f16", "f32")).toBe("f32");
    for (const [other, both] of Object.entries({
      f64: "f64",
      i32: "f64",
      u32: "f64",
      u8: "f16",
      bool: "f16",
    } as const)) {
      expect(promote("f16", other as athanor.DType)).toBe(both);
      expect(promote(other as athanor.DType, "f16")).toBe(both);
    }
    using x = tensor([1, 2], { dtype: "f16" });
    expect([x.add(1).dtype, x.mul(0.1).dtype, x.div(3).dtype, x.sum().dtype, x.less(2).dtype]).toEqual([
      "f16",
      "f16",
      "f16",
      "f16",
      "bool",
    ]);
  });
});

describe("on the CPU", () => {
  test("a model in halves, and optimisers that count in f32", async () => {
    const opened = await openBackend("wasm");
    if ("missing" in opened) throw new Error(opened.missing);
    try {
      athanor.manualSeed(1);
      const model = new Linear(3, 2).to("f16");
      expect(model.parameters().map(({ dtype }) => dtype)).toEqual(["f16", "f16"]);
      const x = tensor([[1, 2, 3]], { dtype: "f16" });
      expect(model.forward(x).dtype).toBe("f16");
      expect(() => model.to("i32")).toThrow("Parameter: must hold floats: f16, f32 or f64, got i32");

      const cell = new Parameter(tensor([1, -3], { dtype: "f16" }));
      const slope = tensor([0.001, 1], { dtype: "f16" });
      const optimizer = new SGD([cell], { lr: 0.1, momentum: 0.9 });
      // Ten slopes of 10⁻⁴ move nothing at 1, where halves are 2^-10 apart; the momentum counts them all the same.
      let momentum = [0, 0];
      let value = [1, -3];
      const slopes = [nearest(0.001), 1];
      for (let step = 0; step < 10; step++) {
        const loss = optimizer.step(() => cell.value.mul(slope).sum());
        expect(loss.dtype).toBe("f16");
        momentum = momentum.map((m, i) => Math.fround(Math.fround(m * Math.fround(0.9)) + (slopes[i] ?? 0)));
        value = value.map((p, i) => nearest(Math.fround(p - Math.fround((momentum[i] ?? 0) * Math.fround(0.1)))));
      }
      expect(cell.dtype).toBe("f16");
      const [buffer] = optimizer.state.momentum as readonly athanor.Tensor[];
      expect(buffer?.dtype).toBe("f32");
      expectSame((await buffer?.data()) ?? [], momentum);
      expectSame(await cell.value.data(), value);
    } finally {
      await opened.close();
    }
  });

  test("factorisations and transforms of halves are those of the same numbers in f32", async () => {
    const opened = await openBackend("wasm");
    if ("missing" in opened) throw new Error(opened.missing);
    try {
      const a = tensor(
        [
          [4, 1, 0.3],
          [1, 3, -0.7],
          [0.3, -0.7, 2],
        ],
        { dtype: "f16" },
      );
      const single = cast(a, "f32");
      const { linalg } = athanor;
      const ways = [linalg.cholesky, linalg.inv, linalg.det, linalg.trace, linalg.svdvals, linalg.eigvalsh];
      for (const way of ways) {
        expect(way(a).dtype).toBe("f32");
        expectSame(await way(a).data(), await way(single).data());
      }
      expectSame(await linalg.fft(a).real.data(), await linalg.fft(single).real.data());
      // The gradient goes back through the conversion.
      expect(grad((x: athanor.Tensor) => linalg.det(x))(a).dtype).toBe("f16");
    } finally {
      await opened.close();
    }
  });

  test("f64 is rounded once, not by way of f32", async () => {
    const opened = await openBackend("wasm");
    if ("missing" in opened) throw new Error(opened.missing);
    try {
      const values = Float64Array.from(awkward()).map((value, index) => value * (1 + (index % 3) * 2 ** -40));
      expectSame(await cast(tensor(values), "f16").data(), Array.from(values, nearest));
      expectSame(await cast(cast(tensor(values), "f16"), "f64").data(), Array.from(values, nearest));
    } finally {
      await opened.close();
    }
  });
});
