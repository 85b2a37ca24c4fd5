// Contractions of the reference: einsum as the loop it denotes, and NumPy's matmul from its definition.
// Imports nothing from bindings/. Read next: array.ts.
import type { NdArray } from "./array.ts";
import { at, atBroadcast, build, commonShape, countOf, eachIndex } from "./array.ts";
import { total } from "./reduction.ts";

/** Einstein's sum: every label of the inputs that the output lacks is summed over. */
export function einsum(spec: string, ...operands: readonly NdArray[]): NdArray {
  const [left = "", right] = spec.replaceAll(" ", "").split("->");
  const labels = left.split(",").map((part) => Array.from(part));
  const extents = new Map<string, number>();
  labels.forEach((part, i) => part.forEach((label, axis) => extents.set(label, operands[i]!.shape[axis]!)));
  const all = labels.flat();
  const output =
    right === undefined
      ? [...new Set(all)].filter((label) => all.filter((l) => l === label).length === 1).sort()
      : Array.from(right);
  const inner = [...extents.keys()].filter((label) => !output.includes(label));
  return build(
    output.map((label) => extents.get(label)!),
    (index) => {
      const terms: number[] = [];
      eachIndex(
        inner.map((label) => extents.get(label)!),
        (offsets) => {
          const position = (label: string): number =>
            output.includes(label) ? index[output.indexOf(label)]! : offsets[inner.indexOf(label)]!;
          terms.push(labels.reduce((value, part, i) => value * at(operands[i]!, part.map(position)), 1));
        },
      );
      return total(terms);
    },
  );
}

/** NumPy's matmul: vectors are rows on the left and columns on the right, leading axes broadcast. */
export function matmul(a: NdArray, b: NdArray): NdArray {
  const left: NdArray = a.shape.length === 1 ? { shape: [1, ...a.shape], data: a.data } : a;
  const right: NdArray = b.shape.length === 1 ? { shape: [...b.shape, 1], data: b.data } : b;
  const m = left.shape.at(-2)!;
  const n = right.shape.at(-1)!;
  const batch = commonShape([left.shape.slice(0, -2), right.shape.slice(0, -2)]);
  const stretched = (x: NdArray): NdArray => ({ shape: x.shape, data: x.data });
  const out = build([...batch, m, n], (index) => {
    const row = index.at(-2)!;
    const column = index.at(-1)!;
    const lead = index.slice(0, -2);
    const terms: number[] = [];
    for (let k = 0; k < left.shape.at(-1)!; k++) {
      terms.push(matrixAt(stretched(left), lead, row, k) * matrixAt(stretched(right), lead, k, column));
    }
    return total(terms);
  });
  const shape = [...batch, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return { shape, data: out.data };
}

// The batch axes broadcast, the matrix axes do not (a matrix axis of size 1 has only index 0 anyway).
function matrixAt(x: NdArray, lead: readonly number[], row: number, column: number): number {
  return atBroadcast(x, [...lead, row, column]);
}

/** Products of all elements of `a` with all of `b`, flattened as NumPy's outer does. */
export function outer(a: NdArray, b: NdArray): NdArray {
  return build([countOf(a.shape), countOf(b.shape)], ([i, j]) => a.data[i!]! * b.data[j!]!);
}

/** Sums over pairs of axes of a and b. */
export function tensordot(a: NdArray, b: NdArray, axesA: readonly number[], axesB: readonly number[]): NdArray {
  const name = (i: number): string => String.fromCharCode(97 + i);
  const labelsA = a.shape.map((_, axis) => name(axis));
  const labelsB = b.shape.map((_, axis) =>
    axesB.includes(axis) ? labelsA[axesA[axesB.indexOf(axis)]!]! : name(a.shape.length + axis),
  );
  const output = [
    ...labelsA.filter((_, axis) => !axesA.includes(axis)),
    ...labelsB.filter((_, axis) => !axesB.includes(axis)),
  ];
  return einsum(`${labelsA.join("")},${labelsB.join("")}->${output.join("")}`, a, b);
}
