// Quantised weights and activations, step by step as bindings/ops/quantization.ts documents them, in f32 where the engine
// rounds to f32. Imports nothing from bindings/. Read next: test/specs/quantization.ts.
import type { NdArray } from "./array.ts";
import { roundHalfEven } from "./functions.ts";

export interface Quantized {
  readonly q: number[];
  readonly scale: number[];
  readonly sums: number[];
}

/** q and scale of each column of [rows, columns]. */
export function quantize({ shape, data }: NdArray): Quantized {
  const [rows = 0, columns = 0] = shape;
  const at = (k: number, j: number): number => data[k * columns + j] ?? 0;
  const q = new Array<number>(rows * columns).fill(0);
  const scale: number[] = [];
  const sums: number[] = [];
  for (let j = 0; j < columns; j++) {
    let largest = 0;
    for (let k = 0; k < rows; k++) largest = Math.max(largest, Math.abs(at(k, j)));
    const step = largest === 0 ? 1 : Math.fround(largest / 127);
    let total = 0;
    for (let k = 0; k < rows; k++) {
      const value = Math.max(-127, Math.min(127, roundHalfEven(Math.fround(at(k, j) / step))));
      q[k * columns + j] = value;
      total += value;
    }
    scale.push(step);
    sums.push(total);
  }
  return { q, scale, sums };
}

/** The bytes in panels of eight columns by four rows. */
export function packed(matrix: NdArray): NdArray {
  const [rows = 0, columns = 0] = matrix.shape;
  const { q } = quantize(matrix);
  const shape = [Math.ceil(columns / 8), Math.ceil(rows / 4), 8, 4];
  const data: number[] = [];
  for (let panel = 0; panel < (shape[0] ?? 0); panel++)
    for (let group = 0; group < (shape[1] ?? 0); group++)
      for (let j = 8 * panel; j < 8 * panel + 8; j++)
        for (let k = 4 * group; k < 4 * group + 4; k++) {
          const value = j < columns && k < rows ? (q[k * columns + j] ?? 0) : 0;
          data.push(value < 0 ? value + 256 : value);
        }
  return { shape, data };
}

export function dequantized(matrix: NdArray): NdArray {
  const columns = matrix.shape[1] ?? 0;
  const { q, scale } = quantize(matrix);
  return { shape: matrix.shape, data: q.map((value, index) => Math.fround(value * (scale[index % columns] ?? 0))) };
}

/** Rows of x as 0 … 127 with a scale and a zero point, times the quantised matrix. */
export function product(x: NdArray, matrix: NdArray): NdArray {
  const [rows = 0, columns = 0] = matrix.shape;
  const { q, scale, sums } = quantize(matrix);
  const count = rows === 0 ? 0 : x.data.length / rows;
  const data: number[] = [];
  for (let i = 0; i < count; i++) {
    const row = Array.from({ length: rows }, (_, k) => x.data[i * rows + k] ?? 0);
    const least = Math.min(0, ...row);
    const range = Math.fround(Math.max(0, ...row) - least);
    const step = range > 0 ? Math.fround(range / 127) : 1;
    const inverse = range > 0 ? Math.fround(127 / range) : 0;
    const zero = roundHalfEven(Math.fround(-least * inverse));
    const u = row.map((value) => Math.max(0, Math.min(127, roundHalfEven(Math.fround(value * inverse)) + zero)));
    for (let j = 0; j < columns; j++) {
      const total = u.reduce((sum, value, k) => sum + value * (q[k * columns + j] ?? 0), 0) - zero * (sums[j] ?? 0);
      data.push(Math.fround(Math.fround(total) * Math.fround(step * (scale[j] ?? 0))));
    }
  }
  return { shape: [...x.shape.slice(0, -1), columns], data };
}
