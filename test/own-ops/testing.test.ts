// testOp: it passes what is right on every device, and each of its checks finds what is wrong.
// Read next: bindings/testing/test-op.ts; test/package.test.ts, which runs it as a stranger would.
import { describe, expect, test } from "vitest";
import { defaultEngine, defineOp, tensor } from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { NdArray, TestReport } from "../../bindings/testing/index.ts";
import { testOp } from "../../bindings/testing/index.ts";
import { compiled } from "./compiled.ts";
import { polarOp } from "./polar.ts";

const softCap = defineOp("softCap", {
  inputs: ["x"],
  attributes: { cap: 30 },
  expression: ({ x }, e, { cap }) => e.mul(cap, e.tanh(e.div(x, cap))),
});
const polar = ({ x, y }: Readonly<Record<"x" | "y", NdArray>>, scale: number): readonly NdArray[] => [
  { shape: x.shape, data: x.data.map((a, i) => scale * Math.hypot(a, y.data[i]!)) },
  { shape: x.shape, data: x.data.map((a, i) => a + y.data[i]!) },
];
const shapes = [[70], [3, 4], [2, 0]] as const;
const layouts = ["sliced", "transposed", "contiguous"] as const;
const operand = { domain: [1, 3] } as const;

describe("what is right passes on every device", () => {
  test("an expression", async () => {
    const report = await testOp(softCap, {
      reference: ({ x }, { cap }) => cap * Math.tanh(x / cap),
      domain: [-100, 100],
      attributes: [{}, { cap: 2 }],
      errors: [
        {
          label: "an unknown attribute",
          shapes: [[2]],
          call: (x) => softCap(x, { lid: 1 } as object),
          error: "ParameterError",
          message: "softCap: there is no attribute lid. It has cap",
        },
      ],
    });
    expect(report.assert().missing).toEqual([]);
    expect(new Set(report.rows.map(({ backend }) => backend))).toEqual(
      new Set(["wasm", "wasm-relaxed", "wasm-threads", "webgpu"]),
    );
    expect(new Set(report.rows.map(({ check }) => check)).size).toBe(8);
    expect(String(report)).toMatch(
      /^softCap on wasm: \d+ checks of \d+ samples, all passed; largest error \d\.\d ulp$/m,
    );
  });

  for (const kinds of [["wasm"], ["compute"], ["wgsl", "wasm", "compute"], ["wgsl"]] as const) {
    test(kinds.join(" and "), async () => {
      const report = await testOp(polarOp(...kinds), {
        reference: (inputs, { scale }) => polar(inputs, scale),
        samples: shapes.map((shape, i) => ({
          inputs: { x: { ...operand, shape }, y: { ...operand, shape, layout: layouts[i]! } },
          attributes: { scale: 1 + i },
          gpu: true,
        })),
      });
      expect(report.assert().missing).toEqual([]);
      const tried = [...new Set(report.rows.map(({ backend }) => backend))];
      expect(tried).toEqual(
        kinds[0] === "wgsl" && kinds.length === 1 ? ["webgpu"] : ["wasm", "wasm-relaxed", "wasm-threads", "webgpu"],
      );
      expect(report.rows.some(({ check, sample }) => check === "gradient" && sample.endsWith("(second)"))).toBe(true);
    });
  }

  test("the engine from before is there again", async () => {
    const before = defaultEngine();
    const x = tensor([1, 2]);
    await testOp(softCap, {
      reference: ({ x: v }, { cap }) => cap * Math.tanh(v / cap),
      backends: ["wasm"],
      dtypes: ["f32"],
    });
    expect(defaultEngine()).toBe(before);
    expect(await x.add(1).toArray()).toEqual([2, 3]);
  });
});

describe("what is wrong is found", () => {
  const found = (report: TestReport): string[] => [...new Set(report.failures.map(({ check }) => check))];
  const samples = [{ inputs: { x: { shape: [8] } } }];
  const backends = ["wasm"] as const;
  const identity = ({ x }: { readonly x: NdArray }): NdArray => x;
  type Fill = (x: Float32Array, output: Float32Array) => void;
  const op = (fill: Fill, gradient?: (x: Tensor, cotangent: Tensor) => Tensor) =>
    defineOp("op", {
      inputs: ["x"],
      output: ({ x }) => x,
      compute: ({ x }, output) => {
        fill(x.data as Float32Array, output.data as Float32Array);
      },
      gradient: gradient && (({ x }, _, { cotangent }) => ({ x: gradient(x, cotangent) })),
    });
  const copy: Fill = (x, output) => {
    output.set(x);
  };

  test("a wrong expression and a wrong value", async () => {
    const report = await testOp(softCap, { reference: ({ x }) => x, backends, dtypes: ["f32"] });
    expect(report.ok).toBe(false);
    expect(found(report)).toEqual(expect.arrayContaining(["values", "gradient"]));
    expect(() => report.assert()).toThrow(/^softCap on wasm: .* failed; .*\n {2}wasm values, f32 /);
    const scaled = op((x, output) => {
      output.set(x.map((value) => value * 1.001));
    });
    expect(found(await testOp(scaled, { reference: identity, samples, backends }))).toEqual(["values"]);
  });

  test("a wrong shape or type", async () => {
    const reference = ({ x }: { readonly x: NdArray }): NdArray => ({ shape: [2, 4], data: x.data });
    expect(found(await testOp(op(copy), { reference, samples, backends }))).toEqual(["type"]);
    const integers = samples.map((sample) => ({ ...sample, result: "i32" as const }));
    expect(found(await testOp(op(copy), { reference: identity, samples: integers, backends }))).toContain("type");
  });

  test("a wrong gradient, and one that is only right once", async () => {
    const wrong = await testOp(
      op(copy, (_, dy) => dy.mul(2)),
      { reference: identity, samples, backends },
    );
    expect(found(wrong)).toEqual(["gradient"]);
    const square: Fill = (x, output) => {
      output.set(x.map((v) => v * v));
    };
    const once = await testOp(
      op(square, (x, dy) => {
        const held = defineOp("held", {
          inputs: ["x"],
          output: ({ x: v }) => v,
          compute: ({ x: v }, o) => {
            o.data.set(v.data);
          },
          gradient: () => ({}),
        });
        return dy.mul(held(x)).mul(2);
      }),
      { reference: ({ x }) => ({ shape: x.shape, data: x.data.map((v) => v * v) }), samples, backends },
    );
    expect(once.failures.map(({ check, sample }) => [check, sample])).toEqual([["gradient", "1 [8] (second)"]]);
  });

  test("a kernel that writes where it must not", async () => {
    const module = (place: string): Promise<Uint8Array<ArrayBuffer>> =>
      compiled(`export function op(args: usize, worker: i32, workers: i32): void {
        memory.copy(load<usize>(args, 4), load<usize>(args), 32);
        ${place};
      }`);
    const define = (bytes: Uint8Array) => defineOp("op", { inputs: ["x"], output: ({ x }) => x, wasm: { bytes } });
    const beyond = await testOp(define(await module("store<f32>(load<usize>(args, 4) + 32, 1)")), {
      reference: identity,
      samples,
      backends,
    });
    expect(found(beyond)).toContain("guards");
    const operands = await testOp(define(await module("store<f32>(load<usize>(args), 1)")), {
      reference: identity,
      samples,
      backends,
    });
    expect(found(operands)).toContain("guards");
  });

  test("different bits each time", async () => {
    let runs = 0;
    const report = await testOp(
      op((x, y) => {
        copy(x, y);
        y[0]! *= 1 + 2 ** -23 * (runs++ % 2);
      }),
      { reference: identity, samples, backends },
    );
    expect(found(report)).toContain("repeat");
  });

  test("a kernel that throws, and an error that is not the one expected", async () => {
    const report = await testOp(
      op(() => {
        throw new Error("no");
      }),
      { reference: identity, samples, backends },
    );
    expect(report.failures[0]?.message).toBe("BackendError: op: its compute function failed: no");
    const errors = [
      { label: "never", shapes: [[1]], call: op(copy) as never, error: "ShapeError", message: "" },
    ] as const;
    expect(found(await testOp(op(copy), { reference: identity, samples, backends, errors }))).toEqual(["errors"]);
  });

  test("a test that cannot be run", async () => {
    await expect(testOp(softCap, {} as never)).rejects.toThrow(
      "testOp: softCap needs a reference: a function that computes it in plain JavaScript",
    );
    await expect(testOp((() => 0) as never, {} as never)).rejects.toThrow(
      "testOp: the first argument must be an op made by defineOp",
    );
    await expect(testOp(op(copy), { reference: identity, samples: [] })).rejects.toThrow(
      "testOp: op needs samples, such as [{ inputs: { x: { shape: [2, 3] } } }]",
    );
    const nothing = await testOp(op(copy), { reference: identity, samples, backends: [] });
    expect(() => nothing.assert()).toThrow("op: nothing was tried");
  });
});
