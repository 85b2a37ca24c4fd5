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

/** The arrays with one element of one of them replaced. */
function replaced(arrays: readonly NdArray[], which: number, element: number, value: number): NdArray[] {
  return arrays.map((x, a) => {
    if (a !== which) return x;
    const data = x.data.slice();
    data[element] = value;
    return { shape: x.shape, data };
  });
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
        outputsOf(reference, replaced(arrays, which, element, value + steps * h));
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
  /** All operands that are wanted, a step `far` along their directions. */
  const shifted = (far: number): NdArray[] =>
    arrays.map((x, a) => {
      const direction = directions[wanted.indexOf(a)];
      if (direction === undefined) return x;
      return { shape: x.shape, data: x.data.map((value, i) => value + far * direction.data[i]!) };
    });
  const around = [1e-3, 2e-3].map((h) => ({ h, ahead: shifted(h), behind: shifted(-h) }));
  return wanted.map((which, position) => ({
    shape: arrays[which]!.shape,
    data: arrays[which]!.data.map((value, element) => {
      const along = stepAt(value);
      const [near = 0, far = 0] = around.map(({ h, ahead, behind }) => {
        const outputs = (one: number, all: number): readonly NdArray[] => {
          const step = all * h * directions[position]!.data[element]! + one * h * along;
          return outputsOf(reference, replaced(all > 0 ? ahead : behind, which, element, value + step));
        };
        const terms = [
          [1, outputs(1, 1)],
          [-1, outputs(-1, 1)],
          [-1, outputs(1, -1)],
          [1, outputs(-1, -1)],
        ] as const;
        return weigh(weights, terms) / (4 * h * h * along);
      });
      return (4 * near - far) / 3;
    }),
  }));
}
