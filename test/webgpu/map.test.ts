// Map steps on WebGPU: layouts, types, numbers of a run, special values, and the text that carries them.
// Segments are written by hand; the ops built on them are checked by conformance.
// Read next: segments.ts, bindings/backends/webgpu.
import { describe, expect, test } from "vitest";
import type { DType, TypedArray } from "../../bindings/core/dtype.ts";
import { stridesOf } from "../../bindings/core/shape.ts";
import type { Expression } from "../../bindings/expr/expression.ts";
import { constant, input } from "../../bindings/expr/expression.ts";
import * as scalar from "../../bindings/expr/primitives/index.ts";
import type { Segment } from "../../bindings/graph/step.ts";
import {
  between,
  elementwise,
  map,
  openBackend,
  readAll,
  run,
  sequence,
  source,
  target,
  view,
  x,
  y,
} from "./segments.ts";

const gpu = openBackend();

describe("map steps", () => {
  test("broadcasting, negative strides, offsets and an output with strides", async () => {
    // out[i][j] = a[i][2 - j] · b[j] + c, written transposed.
    const expression = scalar.add(scalar.mul(x, y), input(2, "f32"));
    const segment: Segment = {
      slots: [source(0, "f32", 6), source(1, "f32", 4), source(2, "f32", 1), target(0, "f32", 6)],
      steps: [
        map(
          [2, 3],
          expression,
          [view(0, "f32", [3, -1], 2), view(1, "f32", [0, 1], 1), view(2, "f32", [0, 0])],
          view(3, "f32", [1, 2]),
        ),
      ],
      buffers: [],
    };
    const a = Float32Array.of(1, 2, 3, 4, 5, 6);
    const result = await run(gpu.backend, segment, [
      [a, "f32"],
      [Float32Array.of(99, 10, 20, 30), "f32"],
      [Float32Array.of(0.5), "f32"],
    ]);
    // rows of a reversed: [3 2 1] [6 5 4], times [10 20 30]
    expect(result).toEqual([30.5, 60.5, 40.5, 100.5, 30.5, 120.5]);
  });

  test("eight axes", async () => {
    const shape = [2, 2, 2, 2, 2, 2, 2, 2];
    const strides = stridesOf(shape);
    const segment: Segment = {
      slots: [source(0, "f32", 256), target(0, "f32", 256)],
      steps: [map(shape, scalar.neg(x), [view(0, "f32", [...strides].reverse())], view(1, "f32", strides))],
      buffers: [],
    };
    const result = await run(gpu.backend, segment, [[Float32Array.from({ length: 256 }, (_, i) => i), "f32"]]);
    const reversed = (i: number): number =>
      Number.parseInt(i.toString(2).padStart(8, "0").split("").reverse().join(""), 2);
    expect(result).toEqual(Array.from({ length: 256 }, (_, i) => -reversed(i)));
  });

  test("one pipeline serves all shapes of a layout class", async () => {
    const expression = scalar.mul(scalar.add(x, y), 0.25);
    await run(gpu.backend, elementwise(expression, ["f32", "f32"], 3), [
      [Float32Array.of(1, 2, 3), "f32"],
      [Float32Array.of(3, 2, 1), "f32"],
    ]);
    const count = gpu.backend.counts.pipelines;
    await run(gpu.backend, elementwise(expression, ["f32", "f32"], 1000), [
      [new Float32Array(1000), "f32"],
      [new Float32Array(1000), "f32"],
    ]);
    expect(gpu.backend.counts.pipelines).toBe(count);
  });

  test("booleans in and out, and bytes that wrap", async () => {
    const flags = scalar.and(input(0, "bool"), scalar.not(input(1, "bool")));
    const bytes: [TypedArray, DType][] = [
      [Uint8Array.of(0, 1, 1, 0), "bool"],
      [Uint8Array.of(0, 1, 0, 1), "bool"],
    ];
    expect(await run(gpu.backend, elementwise(flags, ["bool", "bool"], 4), bytes)).toEqual([0, 0, 1, 0]);
    const wrapped = scalar.add(input(0, "u8"), constant(10, "u8"));
    expect(await run(gpu.backend, elementwise(wrapped, ["u8"], 2), [[Uint8Array.of(250, 1), "u8"]])).toEqual([4, 11]);
  });

  test("scalars of a run reach the shader without a new pipeline", async () => {
    const segment: Segment = {
      slots: [
        source(0, "f32", 3),
        { kind: "scalar", index: 0, dtype: "f32" },
        { kind: "scalar", index: 1, dtype: "bool" },
        target(0, "f32", 3),
      ],
      steps: [
        map(
          [3],
          scalar.select(input(2, "bool"), scalar.mul(x, y), x),
          [view(0, "f32", [1]), view(1, "f32", [0]), view(2, "bool", [0])],
          view(3, "f32", [1]),
        ),
      ],
      buffers: [],
    };
    const program = gpu.backend.compile(segment);
    const storage = gpu.backend.upload(Float32Array.of(1, 2, 3), "f32");
    const results = [
      [2, 1],
      [0.1, 1],
      [5, 0],
    ]
      .map((scalars) => program.run([storage], scalars))
      .flat();
    const third = Math.fround(0.1);
    expect(await readAll(gpu.backend, results)).toEqual([
      [2, 4, 6],
      [1, 2, 3].map((v) => Math.fround(v * third)),
      [1, 2, 3],
    ]);
    for (const held of [storage, ...results]) held.release();
    program.dispose();
  });

  test("constants keep their bits, and tests for NaN stand", async () => {
    const values = [0.1, -0, Infinity, -Infinity, Number.NaN, 3.4028234663852886e38, 1e20, 2 ** -126];
    for (const value of values) {
      const picked = scalar.select(scalar.equal(x, x), constant(value, "f32"), x);
      const [result] = await run(gpu.backend, elementwise(picked, ["f32"], 1), [[Float32Array.of(1), "f32"]]);
      expect(Object.is(result, Math.fround(value))).toBe(true);
    }
    const specials = Float32Array.of(Number.NaN, 1, Infinity);
    expect(await run(gpu.backend, elementwise(scalar.isNaN(x), ["f32"], 3), [[specials, "f32"]])).toEqual([1, 0, 0]);
    expect(
      await run(gpu.backend, elementwise(scalar.less(x, constant(5, "f32")), ["f32"], 3), [[specials, "f32"]]),
    ).toEqual([0, 1, 0]);
    expect(await run(gpu.backend, elementwise(constant(-2147483648, "i32"), [], 1), [])).toEqual([-2147483648]);
  });

  test("casts truncate and saturate", async () => {
    const data = Float32Array.of(-1.9, 2.9, 3e9, -3e9, 1e20, Number.NaN, Infinity, 300);
    expect(await run(gpu.backend, elementwise(scalar.cast(x, "i32"), ["f32"], 8), [[data, "f32"]])).toEqual([
      -1, 2, 2147483647, -2147483648, 2147483647, 0, 2147483647, 300,
    ]);
    expect(await run(gpu.backend, elementwise(scalar.cast(x, "u32"), ["f32"], 8), [[data, "f32"]])).toEqual([
      0, 2, 3e9, 0, 4294967295, 0, 4294967295, 300,
    ]);
    expect(await run(gpu.backend, elementwise(scalar.cast(x, "u8"), ["f32"], 8), [[data, "f32"]])).toEqual([
      0, 2, 255, 0, 255, 0, 255, 255,
    ]);
    expect(
      await run(gpu.backend, elementwise(scalar.cast(x, "bool"), ["f32"], 3), [
        [Float32Array.of(0, -0, Number.NaN), "f32"],
      ]),
    ).toEqual([0, 0, 1]);
  });

  test("division and roots are the nearest float or next to it", async () => {
    const count = 4096;
    const random = sequence(7);
    const a = Float32Array.from({ length: count }, () => (random() - 0.5) * 10 ** (random() * 20 - 10));
    const b = Float32Array.from({ length: count }, () => (random() - 0.5) * 10 ** (random() * 20 - 10));
    const quotients = await run(gpu.backend, elementwise(scalar.div(x, y), ["f32", "f32"], count), [
      [a, "f32"],
      [b, "f32"],
    ]);
    const roots = await run(gpu.backend, elementwise(scalar.sqrt(x), ["f32"], count), [[a.map(Math.abs), "f32"]]);
    const ulps = (value: number, exact: number): number => Math.abs(value - exact) / (Math.abs(exact) * 2 ** -23);
    const worst = (values: number[], exact: (i: number) => number): number =>
      Math.max(...values.map((value, i) => ulps(value, exact(i))));
    expect(worst(quotients, (i) => (a[i] ?? 0) / (b[i] ?? 1))).toBeLessThanOrEqual(0.51);
    expect(worst(roots, (i) => Math.sqrt(Math.abs(a[i] ?? 0)))).toBeLessThanOrEqual(0.51);
    const special: [TypedArray, DType][] = [
      [Float32Array.of(1, -1, 0, Infinity, 1, 3e38), "f32"],
      [Float32Array.of(0, 0, 0, 2, Infinity, 3e38), "f32"],
    ];
    expect(await run(gpu.backend, elementwise(scalar.div(x, y), ["f32", "f32"], 6), special)).toEqual([
      Infinity,
      -Infinity,
      Number.NaN,
      Infinity,
      0,
      1,
    ]);
    expect(
      await run(gpu.backend, elementwise(scalar.sqrt(x), ["f32"], 4), [[Float32Array.of(-1, -0, Infinity, 4), "f32"]]),
    ).toEqual([Number.NaN, -0, Infinity, 2]);
  });

  const functions = {
    ...{
      exp: Math.exp,
      expm1: Math.expm1,
      sin: Math.sin,
      cos: Math.cos,
      tan: Math.tan,
      asin: Math.asin,
      acos: Math.acos,
    },
    ...{ atan: Math.atan, sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, asinh: Math.asinh, atanh: Math.atanh },
    ...{ log: Math.log, log2: Math.log2, log10: Math.log10, log1p: Math.log1p, sqrt: Math.sqrt, abs: Math.abs },
    ...{ floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, sign: Math.sign, exp2: (v: number) => 2 ** v },
  };
  test("the functions of one number agree with the host's", async () => {
    const data = Float32Array.from({ length: 40 }, (_, i) => (i + 0.5) / 41);
    const rows = Object.entries(functions) as [keyof typeof functions, (v: number) => number][];
    for (const [name, reference] of rows) {
      const result = await run(gpu.backend, elementwise(scalar[name](x), ["f32"], 40), [[data, "f32"]]);
      result.forEach((value, i) => {
        const wanted = reference(data[i] ?? 0);
        expect(Math.abs(value - wanted), `${name}(${data[i]})`).toBeLessThanOrEqual(
          1e-6 * Math.max(Math.abs(wanted), 0.1),
        );
      });
    }
  });

  test("the functions of two numbers agree with the host's", async () => {
    const a = Float32Array.of(2, -7.5, 0.5, 9, 3);
    const b = Float32Array.of(3, 2, -0.25, 0.5, -3);
    const inputs: [TypedArray, DType][] = [
      [a, "f32"],
      [b, "f32"],
    ];
    const rows = [
      [scalar.pow(x, y), (v: number, w: number) => v ** w],
      [scalar.atan2(x, y), Math.atan2],
      [scalar.mod(x, y), (v: number, w: number) => v - Math.floor(v / w) * w],
      [scalar.max(x, y), Math.max],
      [scalar.min(x, y), Math.min],
    ] as const;
    for (const [expression, reference] of rows) {
      const result = await run(gpu.backend, elementwise(expression, ["f32", "f32"], 5), inputs);
      result.forEach((value, i) => expect(value).toBeCloseTo(reference(a[i] ?? 0, b[i] ?? 0), 5));
    }
    const integers: [TypedArray, DType][] = [
      [Int32Array.of(7, -7, 5), "i32"],
      [Int32Array.of(2, 2, 0), "i32"],
    ];
    const [m, n] = [input(0, "i32"), input(1, "i32")];
    const whole = async (expression: Expression): Promise<number[]> =>
      run(gpu.backend, elementwise(expression, ["i32", "i32"], 3), integers);
    expect(await whole(scalar.integerFloorDivide(m, n))).toEqual([3, -4, 0]);
    expect(await whole(scalar.mod(m, n))).toEqual([1, 1, 0]);
    expect(await whole(scalar.pow(m, n))).toEqual([49, 49, 1]);
    expect(await whole(scalar.shiftRight(m, n))).toEqual([1, -2, 5]);
    expect(await whole(scalar.xor(m, n))).toEqual([5, -5, 5]);
  });

  test("a grid beyond 65535 workgroups is folded", async () => {
    const size = 65535 * 256 + 300;
    const segment: Segment = {
      slots: [source(0, "i32", 1), between("i32", size), target(0, "i32", 3)],
      steps: [
        map([size], scalar.add(input(0, "i32"), constant(1, "i32")), [view(0, "i32", [0])], view(1, "i32", [1])),
        map([3], input(0, "i32"), [view(1, "i32", [size / 2 - (size % 2) / 2 - 1], 1)], view(2, "i32", [1])),
      ],
      buffers: [size * 4],
    };
    expect(await run(gpu.backend, segment, [[Int32Array.of(6), "i32"]])).toEqual([7, 7, 7]);
  });
});
