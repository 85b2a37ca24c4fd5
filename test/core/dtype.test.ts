// Element types: promotion is a lattice that never loses a value, numbers take the type beside them.
// Read next: bindings/core/dtype.ts.
import { describe, expect, test } from "vitest";
import type { DType } from "../../bindings/core/dtype.ts";
import {
  bytesOf,
  dtypeOfArray,
  dtypeOfNumber,
  dtypes,
  floatOf,
  isDType,
  newArray,
  promote,
  requireDType,
  viewArray,
} from "../../bindings/core/dtype.ts";

/** Whole numbers that a type holds exactly are those up to this; the least value is 0 for unsigned types. */
const reach: Record<DType, readonly [number, number]> = {
  bool: [0, 1],
  u8: [0, 255],
  u32: [0, 2 ** 32 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  f16: [-(2 ** 11), 2 ** 11],
  f32: [-(2 ** 24), 2 ** 24],
  f64: [-(2 ** 53), 2 ** 53],
};

describe("promotion", () => {
  test("is symmetric, idempotent and associative", () => {
    for (const a of dtypes) {
      expect(promote(a, a)).toBe(a);
      for (const b of dtypes) {
        expect(promote(a, b)).toBe(promote(b, a));
        for (const c of dtypes) expect(promote(promote(a, b), c)).toBe(promote(a, promote(b, c)));
      }
    }
  });

  test("never loses a whole number of either type", () => {
    for (const a of dtypes) {
      for (const b of dtypes) {
        const [low, high] = reach[promote(a, b)];
        expect(low).toBeLessThanOrEqual(reach[a][0]);
        expect(high).toBeGreaterThanOrEqual(reach[a][1]);
      }
    }
  });

  test("meets where the documentation says", () => {
    expect(promote("i32", "f32")).toBe("f64");
    expect(promote("i32", "u32")).toBe("f64");
    expect(promote("u8", "f32")).toBe("f32");
    expect(promote("f16", "f32")).toBe("f32");
    expect(promote("u8", "f16")).toBe("f16");
    expect(promote("i32", "f16")).toBe("f64");
    expect(dtypes.map(floatOf)).toEqual(["f32", "f32", "f64", "f64", "f16", "f32", "f64"]);
  });
});

describe("numbers beside tensors", () => {
  test.each([
    [1, "i32", "i32"],
    [1.5, "f32", "f32"],
    [0.1, "f16", "f16"],
    [1.5, "i32", "f64"],
    [1.5, "u8", "f32"],
    [-1, "u8", "i32"],
    [256, "u8", "i32"],
    [-1, "u32", "f64"],
    [2 ** 31, "i32", "f64"],
    [1, "bool", "i32"],
  ] as const)("%s beside %s is %s", (value, dtype, expected) => {
    expect(dtypeOfNumber(value, dtype)).toBe(expected);
  });
});

describe("arrays", () => {
  test("have the type's size and name", () => {
    expect(dtypes.map(bytesOf)).toEqual([1, 1, 4, 4, 2, 4, 8]);
    expect(newArray("i32", 3)).toEqual(new Int32Array(3));
    expect(viewArray("f32", new Float32Array([1, 2, 3]).buffer, 4, 2)).toEqual(new Float32Array([2, 3]));
    expect(dtypeOfArray(new Float64Array(1))).toBe("f64");
    expect(dtypeOfArray(new Int16Array(1))).toBeUndefined();
    expect(isDType("f32")).toBe(true);
    expect(isDType("toString")).toBe(false);
  });

  test("a type that does not fit is refused with a way out", () => {
    expect(() => {
      requireDType("take", "indices", "f32", ["i32"]);
    }).toThrow('take: indices must be i32, got f32. Convert it: cast(indices, "i32")');
  });
});
