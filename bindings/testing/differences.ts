// Gradients of the f64 reference by central differences: what the engine's gradients are held against.
// Differences are taken of every output element before they are weighted and added, so large ones do not drown small ones.
// Knows no engine. Read next: checks.ts.
import type { NdArray } from "./array.ts";

type Reference = (...arrays: NdArray[]) => NdArray | readonly NdArray[];

function outputsOf(reference: Reference, arrays: readonly NdArray[]): readonly NdArray[] {
  const result = reference(...arrays);
  return "data" in result ? [result] : result;
}

// Steps follow the operand near 0, where logarithms and powers bend fast, and are bounded where sines do.
function stepAt(x: number): number {
  return Math.min(Math.max(Math.abs(x), 0.05), 1);
}

function moved(
  arrays: readonly NdArray[],
  shift: (array: number, element: number, value: number) => number,
): NdArray[] {
  return arrays.map((x, a) => ({ shape: x.shape, data: x.data.map((value, i) => value + shift(a, i, value)) }));
}

/** Σ_k weights·(signed sum of outputs), element by element. */
function weigh(
  weights: readonly NdArray[],
  terms: readonly (readonly [factor: number, outputs: readonly NdArray[]])[],
): number {
  let sum = 0;
  weights.forEach((weight, k) => {
    weight.data.forEach((w, i) => {
      let difference = 0;
      for (const [factor, outputs] of terms) difference += factor * outputs[k]!.data[i]!;
      sum += w * difference;
    });
  });
  return sum;
}

/** ∂(Σ weights·outputs)/∂operand for each operand in `wanted`, by differences of fourth order. */
export function gradientOf(
  reference: Reference,
  arrays: readonly NdArray[],
  weights: readonly NdArray[],
  wanted: readonly number[],
): NdArray[] {
  return wanted.map((which) => ({
    shape: arrays[which]!.shape,
    data: arrays[which]!.data.map((value, element) => {
      const h = 1e-3 * stepAt(value);
      const outputs = (steps: number): readonly NdArray[] =>
        outputsOf(
          reference,
          moved(arrays, (a, i) => (a === which && i === element ? steps * h : 0)),
        );
      return (
        weigh(weights, [
          [8, outputs(1)],
          [-8, outputs(-1)],
          [-1, outputs(2)],
          [1, outputs(-2)],
        ]) /
        (12 * h)
      );
    }),
  }));
}

/**
 * The gradient of Σ directions·gradient, that is the second derivative times a direction, by mixed differences at two
 * step sizes of which the leading error cancels.
 */
export function secondGradientOf(
  reference: Reference,
  arrays: readonly NdArray[],
  weights: readonly NdArray[],
  wanted: readonly number[],
  directions: readonly NdArray[],
): NdArray[] {
  return wanted.map((which) => ({
    shape: arrays[which]!.shape,
    data: arrays[which]!.data.map((value, element) => {
      const along = stepAt(value);
      const mixed = (h: number): number => {
        const outputs = (one: number, all: number): readonly NdArray[] =>
          outputsOf(
            reference,
            moved(arrays, (a, i) => {
              const position = wanted.indexOf(a);
              const direction = position < 0 ? 0 : directions[position]!.data[i]!;
              return all * h * direction + (a === which && i === element ? one * h * along : 0);
            }),
          );
        const terms = [
          [1, outputs(1, 1)],
          [-1, outputs(-1, 1)],
          [-1, outputs(1, -1)],
          [1, outputs(-1, -1)],
        ] as const;
        return weigh(weights, terms) / (4 * h * h * along);
      };
      return (4 * mixed(1e-3) - mixed(2e-3)) / 3;
    }),
  }));
}
