// Users' ops from an expression: values, types, broadcasting, attributes, fusion and gradients, on the CPU and the GPU.
// Read next: kernels.test.ts for the other kinds.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../../bindings/index.ts";
import { defineOp, explain, grad, jit, tensor } from "../../bindings/index.ts";

const softCap = defineOp("softCap", {
  inputs: ["x"],
  attributes: { cap: 30 },
  expression: ({ x }, e, { cap }) => e.mul(cap, e.tanh(e.div(x, cap))),
});
const blend = defineOp("blend", {
  inputs: ["a", "b"],
  attributes: { weights: [0.25, 0.75], absolute: false },
  expression: ({ a, b }, e, { weights: [w0 = 0, w1 = 0], absolute }) => {
    const sum = e.add(e.mul(a, w0), e.mul(b, w1));
    return absolute ? e.abs(sum) : sum;
  },
});
const cap = (x: number, c = 30): number => c * Math.tanh(x / c);

for (const device of ["wasm", "webgpu"] as const) {
  describe(device, () => {
    beforeAll(async () => {
      await athanor.shutdown();
      await athanor.init({ webgpu: device === "wasm" ? "off" : "require", tune: "off", threads: 1 });
    });
    afterAll(() => athanor.shutdown());
    const on = <T>(body: () => T): T => athanor.withDevice(device, body);

    test("values, attributes and tensors in place of attributes", async () => {
      const values = [-100, -3, 0, 0.5, 40];
      const x = tensor(values);
      const near = async (y: athanor.Tensor, want: readonly number[]): Promise<void> => {
        const got = await y.data();
        want.forEach((value, i) => {
          expect(got[i]).toBeCloseTo(value, 4);
        });
      };
      await near(
        on(() => softCap(x)),
        values.map((v) => cap(v)),
      );
      await near(
        on(() => softCap(x, { cap: 2 })),
        values.map((v) => cap(v, 2)),
      );
      await near(
        on(() => softCap(x, { cap: tensor([1, 2, 3, 4, 5]) })),
        values.map((v, i) => cap(v, i + 1)),
      );
    });

    test("broadcasts, promotes and takes numbers", async () => {
      const a = tensor([[4], [8]]);
      const b = on(() => blend(a, tensor([0, 4, 8])));
      expect(b.shape).toEqual([2, 3]);
      expect(await b.toArray()).toEqual([
        [1, 4, 7],
        [2, 5, 8],
      ]);
      expect(await on(() => blend(-8, a, { absolute: true, weights: [1, 0.5] })).toArray()).toEqual([[6], [4]]);
      expect(softCap(tensor(Uint8Array.of(1, 2))).dtype).toBe("f32");
      expect(softCap(tensor(Int32Array.of(1, 2))).dtype).toBe("f64");
    });

    test("is one kernel with its neighbours", async () => {
      const x = tensor([1, 2, 3]);
      const { kernels } = await explain(on(() => softCap(x.mul(2)).add(1).exp()));
      expect(kernels.map(({ op, device: where }) => [op, where])).toEqual([["mul+softCap+add+exp", device]]);
    });

    test("gradients of two orders, by inputs and by attributes", async () => {
      const x = tensor([0.3, -1.2]);
      const first = on(() => grad((a: athanor.Tensor) => softCap(a, { cap: 2 }).sum())(x));
      const second = on(() =>
        grad((a: athanor.Tensor) => grad((b: athanor.Tensor) => softCap(b, { cap: 2 }).sum())(a).sum())(x),
      );
      const slope = (v: number): number => 1 - Math.tanh(v / 2) ** 2;
      const bend = (v: number): number => -Math.tanh(v / 2) * slope(v);
      const [g, h] = [await first.data(), await second.data()];
      [0.3, -1.2].forEach((v, i) => {
        expect(g[i]).toBeCloseTo(slope(v), 5);
        expect(h[i]).toBeCloseTo(bend(v), 5);
      });
      const byCap = on(() => grad((c: athanor.Tensor) => softCap(x, { cap: c }).sum())(tensor(2)));
      const want = [0.3, -1.2].reduce((sum, v) => sum + Math.tanh(v / 2) - (v / 2) * slope(v), 0);
      expect(await byCap.item()).toBeCloseTo(want, 5);
    });

    test("a gradient in ops is summed over what was broadcast", async () => {
      const scaled = defineOp("scaled", {
        inputs: ["x", "s"],
        expression: ({ x, s }, e) => e.mul(x, s),
        gradient: ({ x, s }, _, { cotangent, wanted }) => ({
          x: cotangent.mul(s),
          s: wanted.s ? cotangent.mul(x).mul(10) : undefined,
        }),
      });
      const x = tensor([1, 2, 3]);
      const [dx, ds] = on(() =>
        grad((a: athanor.Tensor, b: athanor.Tensor) => scaled(a, b).sum(), { argnums: [0, 1] })(x, tensor(5)),
      );
      expect(await dx!.toArray()).toEqual([5, 5, 5]);
      expect(await ds!.item()).toBe(60);
    });

    test("under jit one plan serves every value of an attribute", async () => {
      const step = jit((x: athanor.Tensor, c: number) => softCap(x, { cap: c }));
      const x = tensor([3]);
      await athanor.evaluate(x.add(0));
      for (const c of [1, 2, 5]) expect(await on(() => step(x, c)).item()).toBeCloseTo(cap(3, c), 5);
      expect(step.traces).toBe(1);
    });
  });
}
