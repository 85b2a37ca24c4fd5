// Chains, folds and hand-written kernels on WebGPU.
// Segments are written by hand; the ops built on them are checked by conformance.
// Read next: segments.ts, bindings/backends/webgpu.
import { describe, expect, test } from "vitest";
import type { Storage } from "../../bindings/backends/backend.ts";
import { shaders } from "../../bindings/backends/webgpu/generated/shaders.ts";
import type { DType, TypedArray } from "../../bindings/core/dtype.ts";
import type { Expression } from "../../bindings/expr/expression.ts";
import { constant, input } from "../../bindings/expr/expression.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import type { KernelStep, Segment, Slot } from "../../bindings/graph/step.ts";
import { between, elementwise, fold, map, openBackend, run, sequence, source, target, view, x, y } from "./segments.ts";

const gpu = openBackend();

describe("chains, folds and kernels", () => {
  test("temporaries may share a buffer of the plan that a step reads and writes", async () => {
    const size = 1000;
    const steps = Array.from({ length: 6 }, (_, i) =>
      map([size], scalar.add(scalar.mul(x, 2), 1), [view(i, "f32", [1])], view(i + 1, "f32", [1])),
    );
    const slots = [
      source(0, "f32", size),
      ...Array.from({ length: 5 }, () => between("f32", size)),
      target(0, "f32", size),
    ];
    const data = Float32Array.from({ length: size }, (_, i) => i);
    expect(await run(gpu.backend, { slots, steps, buffers: [size * 4] }, [[data, "f32"]])).toEqual(
      Array.from(data, (v) => v * 64 + 63),
    );
  });

  const cases = [
    [1, 5, 1],
    [7, 100, 1],
    [3, 50, 5],
    [1, 20000, 1],
    [2, 9000, 3],
    [2, 40, 3000],
    [4, 0, 3],
    [0, 4, 2],
  ] as const;
  test.each(cases)(
    "sums and extremes over [%i, %i, %i], with a prologue and an epilogue",
    async (outer, length, inner) => {
      const size = outer * length * inner;
      const results = outer * inner;
      const random = sequence(3);
      const data = Float32Array.from({ length: size }, () => Math.fround(random() - 0.5));
      const scale = Float32Array.from({ length: results }, (_, i) => i + 1);
      const whole = [length * inner, inner, 1];
      const segment = (combiner: "sum" | "max", fused: boolean): Segment => ({
        slots: [source(0, "f32", size), source(1, "f32", results), target(0, "f32", results)],
        steps: [
          fold({
            ...{ combiner, outer, length, inner },
            input: fused ? undefined : view(0, "f32", whole),
            prologue: fused
              ? { expression: scalar.mul(x, x), shape: [outer, length, inner], inputs: [view(0, "f32", whole)] }
              : undefined,
            epilogue: fused
              ? { expression: scalar.mul(x, y), shape: [outer, inner], inputs: [view(1, "f32", [inner, 1])] }
              : undefined,
            output: view(2, "f32", [inner, 1]),
          }),
        ],
        buffers: [],
      });
      const expected = (
        start: number,
        step: (total: number, value: number) => number,
        last: (value: number, i: number) => number,
      ): number[] =>
        Array.from({ length: results }, (_, i) => {
          let total = start;
          for (let k = 0; k < length; k++)
            total = step(total, data[(Math.floor(i / inner) * length + k) * inner + (i % inner)] ?? 0);
          return last(total, i);
        });
      const inputs: [TypedArray, DType][] = [
        [data, "f32"],
        [scale, "f32"],
      ];
      const near = (actual: number[], wanted: number[]): void => {
        expect(actual.length).toBe(wanted.length);
        const isOff = (value: number, i: number): boolean => {
          const exact = wanted[i] ?? NaN;
          if (!Number.isFinite(exact)) return !Object.is(value, exact);
          return !(Math.abs(value - exact) < 1e-6 * Math.max(length, 10) ** 0.5 * (1 + Math.abs(exact)));
        };
        const at = actual.findIndex(isOff);
        expect(at, `got ${String(actual[at])}, expected ${String(wanted[at])}`).toBe(-1);
      };
      near(
        await run(gpu.backend, segment("sum", true), inputs),
        expected(
          0,
          (total, v) => total + v * v,
          (v, i) => v * (i + 1),
        ),
      );
      near(
        await run(gpu.backend, segment("sum", false), inputs),
        expected(
          0,
          (total, v) => total + v,
          (v) => v,
        ),
      );
      expect(await run(gpu.backend, segment("max", false), inputs)).toEqual(expected(-Infinity, Math.max, (v) => v));
    },
  );

  test("folds of other types, and an epilogue that changes the type", async () => {
    const bytes: Segment = {
      slots: [source(0, "u8", 5), target(0, "i32", 1)],
      steps: [
        fold({
          combiner: "sum",
          dtype: "i32",
          outer: 1,
          length: 5,
          inner: 1,
          input: view(0, "u8", [5, 1, 1]),
          output: view(1, "i32", [1, 1]),
        }),
      ],
      buffers: [],
    };
    expect(await run(gpu.backend, bytes, [[Uint8Array.of(255, 255, 255, 1, 1), "u8"]])).toEqual([767]);
    const any: Segment = {
      slots: [source(0, "f32", 6), target(0, "bool", 2)],
      steps: [
        fold({
          ...{ combiner: "max", outer: 2, length: 3, inner: 1, input: view(0, "f32", [3, 1, 1]) },
          epilogue: { expression: scalar.less(constant(0, "f32"), x), shape: [2, 1], inputs: [] },
          output: view(1, "bool", [1, 1]),
        }),
      ],
      buffers: [],
    };
    expect(
      await run(gpu.backend, any, [[Float32Array.of(-1, -2, -3, -1, 4, Number.NEGATIVE_INFINITY), "f32"]]),
    ).toEqual([0, 1]);
  });

  test("NaN wins every extreme", async () => {
    const data = new Float32Array(5000).fill(1);
    data[4321] = Number.NaN;
    const segment: Segment = {
      slots: [source(0, "f32", 5000), target(0, "f32", 1)],
      steps: [
        fold({
          combiner: "min",
          outer: 1,
          length: 5000,
          inner: 1,
          input: view(0, "f32", [5000, 1, 1]),
          output: view(1, "f32", [1, 1]),
        }),
      ],
      buffers: [],
    };
    expect(await run(gpu.backend, segment, [[data, "f32"]])).toEqual([Number.NaN]);
  });

  const product = (epilogue: KernelStep["epilogue"]): KernelStep => ({
    ...{ kind: "kernel", label: "matmul under test", kernel: "matmul", dtype: "f32" },
    inputs: [view(0, "f32", [3, 1]), view(1, "f32", [2, 1], 2)],
    outputs: [view(3, "f32", [2, 1])],
    // batch0 batch1 m n k, then the strides of a and b
    words: [1, 1, 2, 2, 3, 3, 1, 0, 0, 2, 1, 0, 0],
    ...{ workgroups: 1, entry: "main", scratch: 0, epilogue },
  });

  test("a matrix product with bias and activation", async () => {
    const segment: Segment = {
      slots: [source(0, "f32", 6), source(1, "f32", 8), source(2, "f32", 2), target(0, "f32", 4)],
      steps: [
        product({
          expression: scalar.max(scalar.add(x, y), constant(0, "f32")),
          shape: [2, 2],
          inputs: [view(2, "f32", [0, 1])],
        }),
      ],
      buffers: [],
    };
    const a: [TypedArray, DType] = [Float32Array.of(1, 2, 3, 4, 5, 6), "f32"];
    const b: [TypedArray, DType] = [Float32Array.of(9, 9, 1, 0, 0, 1, 1, 1), "f32"];
    // a·b = [[4 5] [10 11]]
    expect(await run(gpu.backend, segment, [a, b, [Float32Array.of(-5, 1), "f32"]])).toEqual([0, 6, 5, 12]);
  });

  test("a kernel that is missing is named", () => {
    const step: KernelStep = { ...product(undefined), kernel: "fourier" };
    const segment: Segment = {
      slots: [source(0, "f32", 6), source(1, "f32", 8), source(2, "f32", 2), target(0, "f32", 4)],
      steps: [step],
      buffers: [],
    };
    expect(() => gpu.backend.compile(segment)).toThrow(/^matmul under test: webgpu has no kernel fourier for f32/);
    expect(gpu.backend.hasKernel("matmul", "f32")).toBe(true);
    expect(gpu.backend.hasKernel("matmul", "f64")).toBe(false);
    expect(gpu.backend.hasKernel("fourier", "f32")).toBe(false);
  });

  test.each(["main", "cooperative"])("the position of the maximum, %s", async (entry) => {
    const length = entry === "main" ? 7 : 300;
    const data = Float32Array.from({ length: 2 * length }, (_, i) => -Math.abs((i % length) - 5));
    const step: KernelStep = {
      ...{ kind: "kernel", label: "argMax", kernel: "reduce_argMax", dtype: "f32" },
      inputs: [view(0, "f32", [length, 1, 1])],
      outputs: [view(1, "i32", [1])],
      ...{ words: [2, length, 1], workgroups: 1, entry: "main", scratch: 0, epilogue: undefined },
    };
    const segment: Segment = { slots: [source(0, "f32", 2 * length), target(0, "i32", 2)], steps: [step], buffers: [] };
    expect(await run(gpu.backend, segment, [[data, "f32"]])).toEqual([5, 5]);
  });

  test("a number of the run as a kernel's operand", async () => {
    const step: KernelStep = {
      ...{ kind: "kernel", label: "take", kernel: "take", dtype: "f32" },
      inputs: [view(0, "f32", [1]), view(1, "i32", [1])],
      outputs: [view(2, "f32", [1])],
      // outer size inner count
      ...{ words: [1, 3, 1, 1], workgroups: 1, entry: "main", scratch: 0, epilogue: undefined },
    };
    const slots: Slot[] = [source(0, "f32", 3), { kind: "scalar", index: 0, dtype: "i32" }, target(0, "f32", 1)];
    expect(
      await run(gpu.backend, { slots, steps: [step], buffers: [] }, [[Float32Array.of(7, 8, 9), "f32"]], [-1]),
    ).toEqual([9]);
  });

  test("every shader compiles for every type it is offered for", async () => {
    const names = Object.keys(shaders).filter((name) => name !== "prelude" && name !== "reduce");
    expect(names.length).toBeGreaterThan(10);
    for (const kernel of names) {
      const bindings = (shaders[kernel] ?? "").match(/var<storage, read(_write)?>/g) ?? [];
      const inputs = bindings.filter((text) => !text.includes("write")).length;
      for (const dtype of ["f32", "i32", "u32", "u8", "bool"] as const) {
        if (!gpu.backend.hasKernel(kernel, dtype)) continue;
        const slots = bindings.map((_, at) => (at < inputs ? source(at, dtype, 64) : target(at - inputs, dtype, 64)));
        const views = slots.map((_, at) => view(at, dtype, [1]));
        // All sizes are 0, so the kernel finds nothing to do.
        const step: KernelStep = {
          ...{ kind: "kernel", label: `${kernel} ${dtype}`, kernel, dtype, words: new Array<number>(32).fill(0) },
          ...{
            inputs: views.slice(0, inputs),
            outputs: views.slice(inputs),
            workgroups: 1,
            entry: "main",
            scratch: 0,
            epilogue: undefined,
          },
        };
        const program = gpu.backend.compile({ slots, steps: [step], buffers: [] });
        const data = gpu.backend.upload(new Float32Array(64), "f32");
        const results = program.run(new Array<Storage>(inputs).fill(data), []);
        await gpu.backend.idle();
        for (const storage of [data, ...results]) storage.release();
        program.dispose();
      }
    }
  });

  test("more inputs than the device binds are refused", () => {
    const count = gpu.backend.maxInputs + 1;
    const sum = Array.from({ length: count }, (_, i) => input(i, "f32")).reduce<Expression>(
      (total, own) => scalar.add(total, own),
      constant(0, "f32"),
    );
    expect(() => gpu.backend.compile(elementwise(sum, new Array<DType>(count).fill("f32"), 4))).toThrow(
      /buffers at once/,
    );
  });
});
