// Cells of recurrent networks in f64, gate by gate and unit by unit from the published formulas.
// Imports nothing from bindings/. Read next: array.ts, ../specs/sequence.ts.
import type { NdArray } from "./array.ts";
import { at, build } from "./array.ts";
import { sigmoid } from "./functions.ts";

/** Σ x · weight + bias for one unit of a gate. */
function unit(x: NdArray, weight: NdArray, bias: NdArray | undefined, row: number, column: number): number {
  let sum = bias === undefined ? 0 : bias.data[column]!;
  for (let k = 0; k < weight.shape[0]!; k++) sum += x.data[row * weight.shape[0]! + k]! * at(weight, [k, column]);
  return sum;
}

const rowOf = (shape: readonly number[], index: readonly number[]): number =>
  index.slice(0, -1).reduce((row, i, axis) => row * shape[axis]! + i, 0);

export type Weights = readonly [inputWeight: NdArray, hiddenWeight: NdArray, inputBias?: NdArray, hiddenBias?: NdArray];

/** [h′, c′] of an LSTM with the gates i, f, g, o side by side. */
export function lstmCell(x: NdArray, h: NdArray, c: NdArray, [w, u, b, d]: Weights): [NdArray, NdArray] {
  const size = c.shape.at(-1)!;
  const gate = (index: readonly number[], number: number): number => {
    const row = rowOf(c.shape, index);
    const column = number * size + index.at(-1)!;
    return unit(x, w, b, row, column) + unit(h, u, d, row, column);
  };
  const cell = build(
    c.shape,
    (index) => sigmoid(gate(index, 1)) * at(c, index) + sigmoid(gate(index, 0)) * Math.tanh(gate(index, 2)),
  );
  return [build(c.shape, (index) => sigmoid(gate(index, 3)) * Math.tanh(at(cell, index))), cell];
}

/** h′ of a GRU with the gates r, z, n side by side. */
export function gruCell(x: NdArray, h: NdArray, [w, u, b, d]: Weights): NdArray {
  const size = h.shape.at(-1)!;
  return build(h.shape, (index) => {
    const row = rowOf(h.shape, index);
    const input = (number: number): number => unit(x, w, b, row, number * size + index.at(-1)!);
    const hidden = (number: number): number => unit(h, u, d, row, number * size + index.at(-1)!);
    const reset = sigmoid(input(0) + hidden(0));
    const update = sigmoid(input(1) + hidden(1));
    const candidate = Math.tanh(input(2) + reset * hidden(2));
    return (1 - update) * candidate + update * at(h, index);
  });
}
