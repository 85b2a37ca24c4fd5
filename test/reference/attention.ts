// Attention in f64 from its definition: every score, every weight, one query after the other.
// Imports nothing from bindings/. Read next: array.ts, ../specs/sequence.ts.
import type { NdArray } from "./array.ts";
import { atBroadcast, commonShape, eachIndex } from "./array.ts";

export interface AttentionSetting {
  /** Added to the scores; −∞ hides. */
  readonly mask?: NdArray;
  readonly causal?: boolean;
  readonly scale?: number;
}

/** Scores of one query, and the largest sum of magnitudes that was added to make one. */
function scoresOf(
  query: readonly number[],
  keys: readonly (readonly number[])[],
  biases: readonly number[] | undefined,
  i: number,
  { causal = false, scale = 1 / Math.sqrt(query.length) }: AttentionSetting,
): { readonly scores: number[]; readonly magnitude: number } {
  let magnitude = 0;
  const scores = keys.map((key, j) => {
    let score = 0;
    let size = 0;
    for (let d = 0; d < key.length; d++) {
      const product = query[d]! * key[d]! * scale;
      score += product;
      size += Math.abs(product);
    }
    magnitude = Math.max(magnitude, size);
    return causal && j > i ? -Infinity : score + (biases === undefined ? 0 : biases[j]!);
  });
  return { scores, magnitude };
}

function weightsOf(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  if (largest === -Infinity) return scores.map(() => 0);
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** The matrix under some batch index, as rows, stretched to `rows` by `columns`. */
function matrixOf(x: NdArray, lead: readonly number[], rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => atBroadcast(x, [...lead, row, column])),
  );
}

function each(
  query: NdArray,
  key: NdArray,
  value: NdArray,
  setting: AttentionSetting,
  term: (weight: number, value: number, magnitude: number) => number,
): NdArray {
  const batch = commonShape([query, key, value].map(({ shape }) => shape.slice(0, -2)));
  const [queries, depth] = query.shape.slice(-2) as [number, number];
  const [keys, width] = value.shape.slice(-2) as [number, number];
  const data: number[] = [];
  eachIndex(batch, (lead) => {
    const rows = matrixOf(query, lead, queries, depth);
    const columns = matrixOf(key, lead, keys, depth);
    const values = matrixOf(value, lead, keys, width);
    const biases = setting.mask && matrixOf(setting.mask, lead, queries, keys);
    rows.forEach((row, i) => {
      const { scores, magnitude } = scoresOf(row, columns, biases?.[i], i, setting);
      const weights = weightsOf(scores);
      for (let w = 0; w < width; w++)
        data.push(weights.reduce((sum, weight, j) => sum + term(weight, values[j]![w]!, magnitude), 0));
    });
  });
  return { shape: [...batch, queries, width], data };
}

export function attention(query: NdArray, key: NdArray, value: NdArray, setting: AttentionSetting = {}): NdArray {
  return each(query, key, value, setting, (weight, x) => weight * x);
}

/** What rounding is measured against: Σ weight · |value|, times how much the rounding of a score moves a weight. */
export function attentionMagnitude(
  query: NdArray,
  key: NdArray,
  value: NdArray,
  setting: AttentionSetting = {},
): NdArray {
  return each(query, key, value, setting, (weight, x, magnitude) => weight * Math.abs(x) * (1 + magnitude));
}
