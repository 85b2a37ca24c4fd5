// The error bounds that docs/accuracy.md publishes, measured over arguments from the whole range of f32 on both CPU builds.
// Read next: bindings/expr/wasm-exponentials.ts for the functions; specs/exponential.ts for special values.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";
import type { Tensor } from "../bindings/index.ts";
import { erf, sigmoid } from "./reference/functions.ts";

interface Measured {
  readonly run: (x: Tensor, y: Tensor) => Tensor;
  readonly exact: (x: number, y: number) => number;
}

const unary = (run: (x: Tensor) => Tensor, exact: (x: number) => number): Measured => {
  return { run: (x) => run(x), exact };
};

const measured: Readonly<Record<string, Measured>> = {
  exp: unary(athanor.exp, Math.exp),
  exp2: unary(athanor.exp2, (x) => 2 ** x),
  expm1: unary(athanor.expm1, Math.expm1),
  log: unary(athanor.log, Math.log),
  log2: unary(athanor.log2, Math.log2),
  log10: unary(athanor.log10, Math.log10),
  log1p: unary(athanor.log1p, Math.log1p),
  sin: unary(athanor.sin, Math.sin),
  cos: unary(athanor.cos, Math.cos),
  tan: unary(athanor.tan, Math.tan),
  asin: unary(athanor.asin, Math.asin),
  acos: unary(athanor.acos, Math.acos),
  atan: unary(athanor.atan, Math.atan),
  sinh: unary(athanor.sinh, Math.sinh),
  cosh: unary(athanor.cosh, Math.cosh),
  tanh: unary(athanor.tanh, Math.tanh),
  asinh: unary(athanor.asinh, Math.asinh),
  acosh: unary(athanor.acosh, Math.acosh),
  atanh: unary(athanor.atanh, Math.atanh),
  sigmoid: unary(athanor.sigmoid, sigmoid),
  erf: unary(athanor.erf, erf),
  gelu: { run: (x) => athanor.gelu(x), exact: (x) => (x * (1 + erf(x * Math.SQRT1_2))) / 2 },
  "gelu, tanh": {
    run: (x) => athanor.gelu(x, { approximate: "tanh" }),
    exact: (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  },
  pow: { run: athanor.pow, exact: (x, y) => x ** y },
};

interface Row {
  readonly name: string;
  readonly ulps: number;
  readonly of: string;
}

const published: readonly Row[] = readFileSync("docs/accuracy.md", "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, name = "", ulps = ""]) => name !== "" && Number(ulps) > 0)
  .map(([, name = "", ulps, of = ""]) => ({ name, ulps: Number(ulps), of }));

/** Every 16381st of the 2^32 bit patterns, NaN and infinities left out; the second operand of pow is a moderate number. */
const x = new Float32Array(
  Uint32Array.from({ length: Math.floor(2 ** 32 / 16381) }, (_, i) => i * 16381).buffer,
).filter(Number.isFinite);
const y = x.map((_, index) => ((index * 0.618034) % 1) * 16 - 8);

function ulpOf(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(value), 2 ** -126))) - 23);
}

function largestError(results: Float32Array, { exact }: Measured, { of }: Row): number {
  let worst = 0;
  results.forEach((result, index) => {
    const argument = x[index] ?? 0;
    const expected = exact(argument, y[index] ?? 0);
    if (!Number.isFinite(Math.fround(expected))) {
      // Just below the overflow a result may be infinite or the largest number.
      const isRight = Number.isFinite(expected) ? Math.abs(result) > 3.4028e38 : Object.is(result, expected);
      if (!isRight) worst = Infinity;
    } else worst = Math.max(worst, Math.abs(result - expected) / ulpOf(of === "x" ? argument : expected));
    if (Number.isNaN(worst)) worst = Infinity;
  });
  return worst;
}

test("every function that is measured is published, and the other way round", () => {
  expect(published.map(({ name }) => name).sort()).toEqual(Object.keys(measured).sort());
});

describe.each(["strict", "relaxed"] as const)("%s", (simd) => {
  beforeAll(() => athanor.init({ simd, webgpu: "off", tune: "off" }));
  afterAll(() => athanor.shutdown());

  test.each(published)("$name: at most $ulps ulp of $of", async (row) => {
    const it = measured[row.name];
    if (it === undefined) throw new RangeError(`nothing measures ${row.name}`);
    using first = athanor.tensor(x);
    using second = athanor.tensor(y);
    using result = it.run(first, second);
    expect(largestError((await result.data()) as Float32Array, it, row)).toBeLessThanOrEqual(row.ulps);
  });
});
