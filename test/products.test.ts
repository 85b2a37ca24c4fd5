// Matrix products of every way the CPU kernel has: single rows and columns, few rows, blocks read in place and packed, edges
// of all widths, transposed operands, three types; on both builds. Compared with sums in f64.
// Read next: assembly/products/matmul.ts for the ways; specs/contraction.ts for the rules.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as athanor from "../bindings/index.ts";

const rows = [1, 2, 3, 5, 6, 7, 8, 9, 16, 61, 121];
const columns = [1, 2, 4, 7, 8, 11, 33, 70, 517];
const depths = [1, 3, 31, 34, 300];

interface Operand {
  readonly shape: readonly [number, number];
  readonly values: Float64Array;
}

/** Whole numbers from −15 to 15, without a period that roundings could follow. */
function operand(height: number, width: number, seed: number): Operand {
  let state = seed;
  const values = Float64Array.from({ length: height * width }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) % 31) - 15;
  });
  return { shape: [height, width], values };
}

type DType = "f32" | "f64" | "i32";
const arrays = { f32: Float32Array, f64: Float64Array, i32: Int32Array } as const;

/** Scaled so that sums round in the floating types; exact in i32. */
const scales = { f32: 1 / 3, f64: 1 / 3, i32: 1 } as const;

function typed({ shape, values }: Operand, dtype: DType): athanor.Tensor {
  const scale = scales[dtype];
  return athanor.tensor(new arrays[dtype](values.map((value) => value * scale)), { shape });
}

/** The largest error over the sums of magnitudes, in units of the type's precision. */
function largestError(result: ArrayLike<number>, a: Operand, b: Operand, dtype: DType): number {
  const [m, k] = a.shape;
  const n = b.shape[1];
  const round = dtype === "f32" ? Math.fround : (value: number): number => value;
  const x = a.values.map((value) => round(value * scales[dtype]));
  const y = b.values.map((value) => round(value * scales[dtype]));
  const precision = dtype === "f32" ? 2 ** -24 : 2 ** -53;
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      let magnitude = 0;
      for (let l = 0; l < k; l++) {
        const term = (x[i * k + l] ?? 0) * (y[l * n + j] ?? 0);
        sum += term;
        magnitude += Math.abs(term);
      }
      const error = Math.abs((result[i * n + j] ?? NaN) - sum) / (magnitude * precision || 1);
      worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    }
  }
  return worst;
}

const transposes = [
  { transposeA: false, transposeB: false },
  { transposeA: true, transposeB: false },
  { transposeA: false, transposeB: true },
] as const;

const turned = ({ shape: [height, width], values }: Operand): Operand => {
  return {
    shape: [width, height],
    values: values.map((_, index) => values[(index % height) * width + Math.floor(index / height)] ?? 0),
  };
};

async function error(m: number, k: number, n: number, dtype: DType, way: (typeof transposes)[number]): Promise<number> {
  const [a, b] = [operand(m, k, 3), operand(k, n, 5)];
  using x = typed(way.transposeA ? turned(a) : a, dtype);
  using y = typed(way.transposeB ? turned(b) : b, dtype);
  using product = athanor.matmul(x, y, way);
  return largestError(await product.data(), a, b, dtype);
}

describe.each(["strict", "relaxed"] as const)("%s", (simd) => {
  beforeAll(() => athanor.init({ simd, webgpu: "off", tune: "off" }));
  afterAll(() => athanor.shutdown());

  test.each(rows)("%d rows of f32", async (m) => {
    for (const n of columns)
      for (const k of depths)
        for (const way of transposes)
          expect(await error(m, k, n, "f32", way), `${m}x${k}x${n} ${JSON.stringify(way)}`).toBeLessThan(8);
  });

  test.each(["f64", "i32"] as const)("%s", async (dtype) => {
    for (const m of [1, 2, 5, 8, 61])
      for (const n of [1, 3, 10, 300])
        for (const k of [1, 33, 300])
          for (const way of transposes)
            expect(await error(m, k, n, dtype, way), `${m}x${k}x${n} ${JSON.stringify(way)}`).toBeLessThan(
              dtype === "i32" ? 1e-9 : 8,
            );
  });
});
