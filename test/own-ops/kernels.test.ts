// Users' ops with kernels: every kind on every kind of device, alone and in company; where they are placed and what is told.
// Read next: failures.test.ts for what goes wrong.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as athanor from "../../bindings/index.ts";
import type { InitOptions, Tensor } from "../../bindings/index.ts";
import { WasmBackend } from "../../bindings/backends/wasm/backend.ts";
import { defaultEngine, defineOp, explain, grad, jit, tensor } from "../../bindings/index.ts";
import type { Polar } from "./polar.ts";
import { polarInOps, polarOp } from "./polar.ts";

const columns: Readonly<Record<string, InitOptions>> = {
  base: { simd: "strict", webgpu: "off", threads: 1 },
  relaxed: { simd: "relaxed", webgpu: "off", threads: 1 },
  threads: { simd: "relaxed", webgpu: "off", threads: 3 },
  gpu: { webgpu: "require", threads: 1 },
};
const live = (): number => Object.values(athanor.memory()).reduce((sum, { inUse }) => sum + inUse, 0);
const wave = (count: number, phase: number): Tensor =>
  tensor(Float32Array.from({ length: count }, (_, i) => 1 + Math.sin(i + phase)));

for (const [name, options] of Object.entries(columns)) {
  describe(name, () => {
    const isGpu = name === "gpu";
    let before = 0;
    beforeAll(async () => {
      await athanor.shutdown();
      await athanor.init({ ...options, tune: "off" });
      const wasm = defaultEngine().backends.get("wasm");
      if (wasm instanceof WasmBackend && name === "threads") wasm.shareFrom = 0;
      athanor.memoryGuards(true);
    });
    beforeEach(() => (before = live()));
    afterEach(() => {
      expect(athanor.checkGuards()).toBe(0);
      expect(live()).toBe(before);
    });
    afterAll(() => athanor.shutdown());

    const ops: readonly (readonly [kinds: string, op: Polar, where: "wasm" | "webgpu"])[] = [
      ["wasm", polarOp("wasm"), "wasm"],
      ["compute", polarOp("compute"), "wasm"],
      ["all", polarOp("wgsl", "wasm", "compute"), isGpu ? "webgpu" : "wasm"],
      ...(isGpu ? [["wgsl", polarOp("wgsl"), "webgpu"] as const] : []),
    ];
    for (const [kinds, op, where] of ops) {
      const on = <T>(body: () => T): T => athanor.withDevice(where, body);

      test(`${kinds}: values, alone and between neighbours`, async () => {
        for (const count of [0, 1, 65, 1000]) {
          const [x, y] = [wave(count, 0), wave(count, 1)];
          const results = on(() => athanor.scope(() => op(x.mul(2), y.add(1), { scale: 3 }).map((r) => r.mul(0.5))));
          const want = athanor.scope(() => polarInOps(x.mul(2), y.add(1), 3).map((r) => r.mul(0.5)));
          for (const [i, result] of results.entries()) {
            const [got, wanted] = [await result.data(), await want[i]!.data()];
            expect(got.length).toBe(count);
            wanted.forEach((value, at) => expect(got[at]).toBeCloseTo(value, 4));
          }
          for (const t of [x, y, ...results, ...want]) t.dispose();
        }
      });

      test(`${kinds}: operands that are views`, async () => {
        const base = tensor([9, 3, 8, 4, 7, 5, 6, 12]);
        const result = on(() =>
          athanor.scope(() => {
            const pairs = base.reshape(4, 2);
            return op(pairs.slice([1, 1], [4, 2]), pairs.T.slice([0, 1], [1, 4]).T)[1];
          }),
        );
        expect(await result.toArray()).toEqual([[12], [12], [18]]);
        for (const t of [base, result]) t.dispose();
      });

      test(`${kinds}: gradients of two orders`, async () => {
        const [x, y] = [tensor([3, 1]), tensor([4, 2])];
        const loss = (f: typeof polarInOps) => (a: Tensor) => {
          const [r, s] = f(a, y, 2);
          return r.mul(s).sum();
        };
        const own = loss((a, b, scale) => op(a, b, scale === undefined ? {} : { scale }));
        const both = (l: (a: Tensor) => Tensor): readonly Tensor[] =>
          on(() => athanor.scope(() => [grad(l)(x), grad((a: Tensor) => grad(l)(a).square().sum())(x)]));
        const [got, want] = [both(own), both(loss(polarInOps))];
        for (const [i, result] of got.entries()) {
          const [a, b] = [await result.data(), await want[i]!.data()];
          b.forEach((value, at) => expect(a[at]! / value).toBeCloseTo(1, 5));
        }
        for (const t of [x, y, ...got, ...want]) t.dispose();
      });

      test(`${kinds}: under jit, with another value each time`, async () => {
        const step = jit((a: Tensor, b: Tensor) => op(a, b)[0].add(1), { donate: [0] });
        const y = tensor([4, 12]);
        for (const k of [1, 2, 3]) {
          const x = tensor([3 * k, 5 * k]);
          const r = on(() => step(x, y));
          const got = await r.data();
          [3, 5].forEach((v, i) => expect(got[i]).toBeCloseTo(1 + Math.hypot(v * k, [4, 12][i]!), 4));
          for (const t of [x, r]) t.dispose();
        }
        step.dispose();
        y.dispose();
      });

      test(`${kinds}: the same bits again`, async () => {
        const [x, y] = [wave(500, 0), wave(500, 2)];
        const runs = [on(() => op(x, y)), on(() => op(x, y))];
        const [[a], [b]] = runs as [readonly [Tensor, Tensor], readonly [Tensor, Tensor]];
        const first = await a.data();
        expect(await b.data()).toEqual(first);
        for (const t of [x, y, ...runs.flat()]) t.dispose();
      });
    }

    test("placement and its reasons", async () => {
      const x = tensor([3]);
      const [inTypeScript] = athanor.scope(() => [polarOp("compute")(x.mul(1), x)[0].exp()]);
      const { kernels } = await explain(inTypeScript);
      const own = kernels.find(({ op }) => op === "polar");
      expect(own?.device).toBe("wasm");
      expect(own?.reason).toBe(
        isGpu ? "polar has no WGSL kernel; computed in TypeScript" : "no GPU in use; computed in TypeScript",
      );
      inTypeScript.dispose();
      if (isGpu) {
        const results = polarOp("wgsl")(x, x);
        const told = await explain(results);
        expect(told.kernels.map(({ device, reason }) => [device, reason])).toEqual([
          ["webgpu", "polar has a WGSL kernel only"],
        ]);
        for (const t of results) t.dispose();
      }
      x.dispose();
    });

    test("what a TypeScript op needs is brought from where it is, and taken on", async () => {
      const median = defineOp("lowest", {
        inputs: ["x"],
        output: ({ x }) => ({ shape: [], dtype: x.dtype }),
        compute: ({ x }, output) => {
          output.data[0] = Math.min(...x.data);
        },
      });
      const x = tensor([3, 1, 2]);
      const y = athanor.scope(() => {
        const scaled = athanor.withDevice(isGpu ? "webgpu" : "wasm", () => x.mul(2));
        const lowest = median(scaled);
        return athanor.withDevice(isGpu ? "webgpu" : "wasm", () => lowest.add(1));
      });
      expect(await y.item()).toBe(3);
      for (const t of [x, y]) t.dispose();
    });

    test("a consumer is fused into WGSL that lets it", async () => {
      const twice = defineOp("twice", {
        inputs: ["x"],
        output: ({ x }) => x,
        wgsl: {
          source: `@compute @workgroup_size(1) fn start(@builtin(workgroup_id) id: vec3<u32>) {
            output[id.x] = epilogue(2.0 * x[id.x], id.x);
          }`,
          entry: "start",
          epilogue: true,
          workgroups: ({ x }) => x.size,
        },
        compute: ({ x }, output) => {
          output.data.set(x.data.map((value) => 2 * value));
        },
      });
      const [x, bias] = [tensor([1, -2, 3]), tensor([1, 1, -10])];
      const y = athanor.withDevice(isGpu ? "webgpu" : "wasm", () => athanor.scope(() => twice(x).add(bias).relu()));
      const { kernels } = await explain(y);
      expect(kernels.map(({ op }) => op)).toEqual(["twice+add+relu"]);
      expect(await y.toArray()).toEqual([3, 0, 0]);
      for (const t of [x, bias, y]) t.dispose();
    });

    test("two ops of one name are two", async () => {
      const times = (factor: number): ((x: Tensor) => Tensor) =>
        defineOp("times", {
          inputs: ["x"],
          output: ({ x }) => x,
          compute: ({ x }, output) => {
            output.data[0] = (x.data[0] ?? 0) * factor;
          },
        });
      const x = tensor([5]);
      const results = [times(2)(x), times(3)(x)];
      await athanor.evaluate(...results);
      expect(await Promise.all(results.map((r) => r.item()))).toEqual([10, 15]);
      for (const t of [x, ...results]) t.dispose();
    });

    test("attributes that JSON has no word for are told apart", async () => {
      const filled = defineOp("filled", {
        inputs: ["x"],
        attributes: { value: 0 },
        output: ({ x }) => x,
        compute: (_, output, { value }) => {
          output.data.fill(value);
        },
      });
      const x = tensor([1]);
      const results = [Infinity, -Infinity, -0].map((value) => filled(x, { value }));
      await athanor.evaluate(...results);
      const got = await Promise.all(results.map((r) => r.item()));
      expect(got).toEqual([Infinity, -Infinity, -0]);
      for (const t of [x, ...results]) t.dispose();
    });

    test("other types, by name and by function", async () => {
      const pick = defineOp("pick", {
        inputs: ["x", "index"],
        dtypes: { x: ["f32", "f64", "u8", "bool"], index: ["i32"] },
        output: ({ x, index }) => ({ shape: index.shape, dtype: x.dtype }),
        wgsl: {
          source: ({ x }) =>
            x.dtype === "f64"
              ? undefined
              : `@compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3<u32>) { output[id.x] = x[index[id.x]]; }`,
          workgroups: ({ index }) => index.size,
        },
        compute: ({ x, index }, output) => {
          output.data.forEach((_, i) => (output.data[i] = x.data[index.data[i] ?? 0] ?? 0));
        },
      });
      const index = tensor(Int32Array.of(2, 0));
      for (const data of [Float64Array.of(0.1, 2, 3), Float32Array.of(1, 2, 3), Uint8Array.of(7, 8, 255)]) {
        const x = tensor(data);
        const y = pick(x, index);
        expect(y.dtype).toBe(x.dtype);
        expect([...(await y.data())]).toEqual([data[2], data[0]]);
        for (const t of [x, y]) t.dispose();
      }
      const flags = tensor([true, false, true]);
      const some = athanor.withDevice(isGpu ? "webgpu" : "wasm", () => pick(flags, index));
      expect(await some.toArray()).toEqual([true, true]);
      for (const t of [flags, some, index]) t.dispose();
    });
  });
}

describe("what a compute function returns", () => {
  beforeAll(() => athanor.init({ webgpu: "off", tune: "off", threads: 1 }));
  afterAll(() => athanor.shutdown());
  const opOf = (compute: (x: Float32Array, output: Float32Array) => unknown): ((x: Tensor) => Tensor) =>
    defineOp("op", {
      inputs: ["x"],
      dtypes: ["f32"],
      output: ({ x }) => x,
      compute: ({ x }, output) => compute(x.data as Float32Array, output.data as Float32Array) as undefined,
    });

  test("is refused where it is the result, which would be lost in silence", async () => {
    const returning = opOf((x) => x.map((value) => value * 2));
    await expect(returning(tensor([1, 2])).data()).rejects.toThrow(
      new athanor.BackendError(
        "op",
        "its compute function failed: it returned its result, which is not looked at; it has to fill output.data",
      ),
    );
  });

  test("is nothing, or the output that was filled", async () => {
    expect(await opOf((_, output) => output.fill(3))(tensor([1, 2])).toArray()).toEqual([3, 3]);
  });
});
