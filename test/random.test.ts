// Random numbers: threefry against its published known answers, device bits against host bits, moments, streams.
// Read next: ../bindings/random/README.md.
import { describe, expect, test } from "vitest";
import { jit } from "../bindings/engine/index.ts";
import { ParameterError } from "../bindings/core/errors.ts";
import {
  bernoulli,
  bits,
  Generator,
  manualSeed,
  normal,
  permutation,
  rand,
  randint,
  randn,
  truncatedNormal,
  uniform,
} from "../bindings/random/index.ts";
import { threefry } from "../bindings/random/threefry.ts";
import { normalQuantile } from "../bindings/random/distributions.ts";
import { tensor } from "../bindings/engine/creation.ts";

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");

function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  return { mean, variance: list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length };
}

describe("threefry2x32-20", () => {
  // The known-answer vectors of the Random123 distribution.
  test.each([
    [[0, 0], [0, 0], "6b200159 99ba4efe"],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "1cb996fc bb002be7"],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], "c4923a9c 483df7a0"],
  ] as const)("key %s, counter %s", (key, counter, expected) => {
    expect(hex(threefry(key, counter))).toBe(expected);
  });

  test("device bits are host bits", async () => {
    const seed = 0xdeadbeef;
    const drawn = await bits([5, 7], { generator: new Generator(seed, 3) }).data();
    expect(Array.from(drawn)).toEqual(Array.from({ length: 35 }, (_, index) => threefry([seed, 3], [index, 0])[0]));
  });

  test("uniform floats are the upper 24 bits, exactly", async () => {
    const drawn = await rand([100], { generator: new Generator(1) }).data();
    expect(Array.from(drawn)).toEqual(
      Array.from({ length: 100 }, (_, index) => (threefry([1, 0], [index, 0])[0] >>> 8) / 2 ** 24),
    );
  });

  test("integers are ⌊bits · range / 2^32⌋ + low, exactly", async () => {
    const drawn = await randint(-3, 1_000_003, [64], { generator: new Generator(9) }).data();
    const expected = Array.from(
      { length: 64 },
      (_, index) => Number((BigInt(threefry([9, 0], [index, 0])[0]) * 1_000_006n) >> 32n) - 3,
    );
    expect(Array.from(drawn)).toEqual(expected);
  });
});

describe("distributions", () => {
  const count = 20_000;
  const generator = (): Generator => new Generator(123);

  test("normal", async () => {
    const { mean, variance } = moments(await normal([count], { mean: 2, std: 3, generator: generator() }).data());
    expect(mean).toBeCloseTo(2, 1);
    expect(Math.abs(variance / 9 - 1)).toBeLessThan(0.05);
  });

  test("normals follow Box and Muller", async () => {
    const drawn = await randn([50], { generator: generator() }).data();
    Array.from(drawn).forEach((value, index) => {
      const [first, second] = threefry([123, 0], [index, 0]);
      const radius = Math.sqrt(-2 * Math.log(((first >>> 8) + 1) / 2 ** 24));
      expect(value).toBeCloseTo(radius * Math.cos((2 * Math.PI * (second >>> 8)) / 2 ** 24), 4);
    });
  });

  test("uniform", async () => {
    const values = await uniform([count], { low: -1, high: 3, generator: generator() }).data();
    const { mean, variance } = moments(values);
    expect(mean).toBeCloseTo(1, 1);
    expect(Math.abs(variance / (16 / 12) - 1)).toBeLessThan(0.05);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...values)).toBeLessThanOrEqual(3);
  });

  test("truncated normal", async () => {
    const values = await truncatedNormal([count], { generator: generator() }).data();
    const { mean, variance } = moments(values);
    expect(Math.max(...Array.from(values).map(Math.abs))).toBeLessThanOrEqual(2);
    expect(Math.abs(mean)).toBeLessThan(0.03);
    // The variance of a standard normal cut at ±2: 1 − 2·2φ(2) / (2Φ(2) − 1).
    expect(variance).toBeCloseTo(0.7737, 1);
  });

  test("normal quantiles", async () => {
    const values = await normalQuantile(tensor([-0.9973002, -0.6826895, 0, 0.6826895, 0.9544997])).data();
    [-3, -1, 0, 1, 2].forEach((expected, index) => {
      expect(values[index]).toBeCloseTo(expected, 4);
    });
  });

  test("bernoulli", async () => {
    const drawn = bernoulli(0.3, [count], { generator: generator() });
    expect(drawn.dtype).toBe("bool");
    expect(moments(await drawn.data()).mean).toBeCloseTo(0.3, 1);
  });

  test("randint covers its range", async () => {
    const drawn = randint(2, 5, [300], { generator: generator() });
    expect(drawn.dtype).toBe("i32");
    expect([...new Set(await drawn.data())].sort()).toEqual([2, 3, 4]);
  });

  test("permutation holds every number once", async () => {
    const drawn = await permutation(100, { generator: generator() }).data();
    expect(Array.from(drawn)).not.toEqual(Array.from(drawn).sort((a, b) => a - b));
    expect(Array.from(drawn).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("refuses what makes no sense", () => {
    expect(() => bernoulli(1.5, [2])).toThrow("bernoulli: p must be in [0, 1], got 1.5");
    expect(() => randint(3, 3, [2])).toThrow(ParameterError);
    expect(() => normal([2], { std: -1 })).toThrow("normal: std must be ≥ 0, got -1");
    expect(() => new Generator(-1)).toThrow("Generator: seed must be a whole number in [0, 2^32), got -1");
  });
});

describe("streams", () => {
  test("a seed repeats, and each draw differs", async () => {
    manualSeed(42);
    const first = await rand([4]).data();
    const second = await rand([4]).data();
    manualSeed(42);
    expect(Array.from(await rand([4]).data())).toEqual(Array.from(first));
    expect(Array.from(second)).not.toEqual(Array.from(first));
  });

  test("a compiled function draws anew at every call, in the order of eager draws", async () => {
    const draw = jit((x: ReturnType<typeof tensor>) => x.add(rand([3])));
    manualSeed(7);
    const zero = tensor([0, 0, 0]);
    const compiled = [await draw(zero).data(), await draw(zero).data()].map((values) => Array.from(values));
    manualSeed(7);
    const eager = [await rand([3]).data(), await rand([3]).data()].map((values) => Array.from(values));
    expect(compiled).toEqual(eager);
  });
});
