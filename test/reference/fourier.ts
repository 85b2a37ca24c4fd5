// The discrete Fourier transform of the reference: the sum of its definition. Imports nothing from bindings/.
// Read next: array.ts.
import type { NdArray } from "./array.ts";
import { at, build, countOf } from "./array.ts";
import { total } from "./reduction.ts";

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
  return axes.reduce((part, axis) => alongOne(part, axis, isInverse), x);
}

function alongOne([real, imag]: Pair, axis: number, isInverse: boolean): Pair {
  const { shape } = real;
  const place = absolute(axis, shape.length);
  const n = shape[place]!;
  const roots = Array.from({ length: n }, (_, t) => root(t, n));
  // From one element of a line to the next.
  const step = countOf(shape.slice(place + 1));
  const sums: [number[], number[]] = [[], []];
  const [ofReal, ofImag] = [new Array<number>(2 * n).fill(0), new Array<number>(2 * n).fill(0)];
  for (let position = 0; position < real.data.length; position++) {
    const line = Math.floor(position / step) % n;
    const start = position - line * step;
    for (let k = 0; k < n; k++) {
      const [cosine, sine] = roots[(line * k) % n]!;
      const turned = isInverse ? sine : -sine;
      const [a, b] = [real.data[start + k * step]!, imag.data[start + k * step]!];
      ofReal[2 * k] = a * cosine;
      ofReal[2 * k + 1] = -b * turned;
      ofImag[2 * k] = a * turned;
      ofImag[2 * k + 1] = b * cosine;
    }
    for (const [i, terms] of [ofReal, ofImag].entries()) sums[i]!.push(total(terms) / (isInverse ? n : 1));
  }
  return [
    { shape, data: sums[0] },
    { shape, data: sums[1] },
  ];
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
