// The discrete Fourier transform of the reference: the sum of its definition. Imports nothing from bindings/.
// Read next: array.ts.
import type { NdArray } from "./array.ts";
import { at, build } from "./array.ts";

type Pair = readonly [real: NdArray, imag: NdArray];

const absolute = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** cos and sin of 2π t / n, 0 ≤ t < n: by way of an angle of at most π / 4, so that it is exact to rounding. */
function root(t: number, n: number): readonly [cosine: number, sine: number] {
  if (8 * t > 4 * n) {
    const [c, s] = root(n - t, n);
    return [c, -s];
  }
  if (8 * t > 2 * n) {
    // A quarter turn before.
    const angle = (2 * Math.PI * (4 * t - n)) / (4 * n);
    return [-Math.sin(angle), Math.cos(angle)];
  }
  const angle = (2 * Math.PI * t) / n;
  return 8 * t > n
    ? [Math.sin((2 * Math.PI * (n - 4 * t)) / (4 * n)), Math.cos((2 * Math.PI * (n - 4 * t)) / (4 * n))]
    : [Math.cos(angle), Math.sin(angle)];
}

/** Along one axis after the other; the inverse is divided by the length. */
export function transformed(x: Pair, axes: readonly number[], isInverse: boolean): Pair {
  return axes.reduce(([real, imag], axis) => {
    const { shape } = real;
    const place = absolute(axis, shape.length);
    const n = shape[place]!;
    const roots = Array.from({ length: n }, (_, t) => root(t, n));
    const sums = (part: 0 | 1): NdArray =>
      build(shape, (index) => {
        // Neumaier's sum: the reference should not be what is off.
        let [sum, lost] = [0, 0];
        const add = (term: number): void => {
          const next = sum + term;
          lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
          sum = next;
        };
        const source = [...index];
        for (let k = 0; k < n; k++) {
          source[place] = k;
          const [cosine, sine] = roots[(index[place]! * k) % n]!;
          const turned = isInverse ? sine : -sine;
          const [a, b] = [at(real, source), at(imag, source)];
          add(part === 0 ? a * cosine : a * turned);
          add(part === 0 ? -b * turned : b * cosine);
        }
        sum += lost;
        return isInverse ? sum / n : sum;
      });
    return [sums(0), sums(1)];
  }, x);
}

/** The first n / 2 + 1 places of the last axis named. */
export function halved(x: Pair, axes: readonly number[]): Pair {
  const cut = (part: NdArray): NdArray => {
    const place = absolute(axes.at(-1)!, part.shape.length);
    const shape = part.shape.map((extent, axis) => (axis === place ? Math.floor(extent / 2) + 1 : extent));
    return build(shape, (index) => at(part, index));
  };
  return [cut(x[0]), cut(x[1])];
}
