// Rows of bindings/ops/recurrent.ts and attention.ts, and of scan, which is no op but goes through the same checks.
// Read next: spec.ts, ../reference/recurrent.ts, ../reference/attention.ts.
import * as athanor from "../../bindings/index.ts";
import type { AttentionOptions } from "../../bindings/index.ts";
import type { NdArray } from "../reference/array.ts";
import { array, build } from "../reference/array.ts";
import type { AttentionSetting } from "../reference/attention.ts";
import * as attention from "../reference/attention.ts";
import type { Weights } from "../reference/recurrent.ts";
import * as recurrent from "../reference/recurrent.ts";
import type { OperandSpec, Sample, StructuredRows } from "./spec.ts";
import { ulps, ulpsOfSum } from "./spec.ts";

const f64 = (specs: readonly OperandSpec[]): OperandSpec[] => specs.map((spec) => ({ ...spec, dtype: "f64" }));

/** Batch, inputs, hidden units; biases or none. */
function cellOperands(
  lead: readonly number[],
  inputs: number,
  hidden: number,
  gates: number,
  biased: boolean,
): OperandSpec[] {
  const bias: OperandSpec = { shape: [gates * hidden], domain: [-0.5, 0.5] };
  return [
    { shape: [...lead, inputs] },
    { shape: [...lead, hidden], domain: [-1, 1] },
    { shape: [inputs, gates * hidden], domain: [-0.7, 0.7] },
    { shape: [hidden, gates * hidden], domain: [-0.7, 0.7], layout: "transposed" },
    ...(biased ? [bias, bias] : []),
  ];
}

type Tensors = readonly athanor.Tensor[];

const weightsOf = ([inputWeight, hiddenWeight, inputBias, hiddenBias]: Tensors): athanor.CellWeights => ({
  inputWeight: inputWeight!,
  hiddenWeight: hiddenWeight!,
  ...(inputBias && { inputBias }),
  ...(hiddenBias && { hiddenBias }),
});

function lstm(label: string, lead: readonly number[], biased: boolean, more: Partial<Sample> = {}): Sample {
  const [x, h, ...weights] = cellOperands(lead, 4, 3, 4, biased);
  return {
    label,
    operands: [x!, h!, { ...h!, domain: [-2, 2] }, ...weights],
    call: (input, hidden, cell, ...rest) => athanor.lstmCell(input, [hidden, cell], weightsOf(rest)),
    reference: (input, hidden, cell, ...rest) => recurrent.lstmCell(input, hidden, cell, rest as unknown as Weights),
    against: (input, hidden, cell, ...rest) => {
      const results = recurrent.lstmCell(input, hidden, cell, rest as unknown as Weights);
      return results.map(({ shape }) => build(shape, () => 1));
    },
    ...more,
  };
}

function gru(label: string, lead: readonly number[], biased: boolean, more: Partial<Sample> = {}): Sample {
  return {
    label,
    operands: cellOperands(lead, 4, 3, 3, biased),
    call: (input, hidden, ...rest) => athanor.gruCell(input, hidden, weightsOf(rest)),
    reference: (input, hidden, ...rest) => recurrent.gruCell(input, hidden, rest as unknown as Weights),
    against: (_input, hidden) => build(hidden.shape, () => 1),
    ...more,
  };
}

interface Lengths {
  readonly query: readonly number[];
  readonly key: readonly number[];
  readonly value: readonly number[];
  readonly mask?: OperandSpec;
}

function attend(
  label: string,
  { query, key, value, mask }: Lengths,
  options: Omit<AttentionOptions, "mask"> = {},
  more: Partial<Sample> = {},
): Sample {
  const setting = (given: NdArray | undefined): AttentionSetting =>
    given === undefined
      ? options
      : {
          ...options,
          mask: mask?.dtype === "bool" ? { ...given, data: given.data.map((x) => (x === 0 ? -Infinity : 0)) } : given,
        };
  return {
    label,
    operands: [{ shape: query }, { shape: key }, { shape: value }, ...(mask === undefined ? [] : [mask])],
    call: (q, k, v, ...given) =>
      athanor.scaledDotProductAttention(q, k, v, { ...options, ...(given[0] && { mask: given[0] }) }),
    reference: (q, k, v, given) => attention.attention(q, k, v, setting(given)),
    against: (q, k, v, given) => attention.attentionMagnitude(q, k, v, setting(given)),
    ...more,
  };
}

const square = (batch: readonly number[], length: number, depth: number): Lengths => {
  const shape = [...batch, length, depth];
  return { query: shape, key: shape, value: shape };
};

const big = { gradient: false, gpu: true } as const;
const ofSums = { floor: 0.5, ulps: 32 } as const;
const onlyFirst = { ...ofSums, second: false } as const;

const attentionSamples: readonly Sample[] = [
  attend("[2,3,4]", square([2], 3, 4)),
  attend("keys and values of other lengths", { query: [2, 5, 3], key: [2, 9, 3], value: [2, 9, 2] }),
  attend("causal", square([2], 9, 3), { causal: true }, { gpu: true }),
  attend("causal, more queries than keys", { query: [11, 3], key: [4, 3], value: [4, 5] }, { causal: true }),
  attend("causal, fewer queries than keys", { query: [3, 2], key: [10, 2], value: [10, 2] }, { causal: true }),
  attend("another scale", square([], 5, 3), { scale: 0.3 }),
  attend("a mask of floats", { ...square([2], 5, 3), mask: { shape: [2, 5, 5] } }, {}, { gpu: true }),
  attend("a mask over keys", { ...square([2], 5, 3), mask: { shape: [2, 1, 5] } }),
  // Moves all scores of a query alike, so its gradient is 0 and all that is seen of it is rounding.
  attend("a mask over queries", { ...square([2], 5, 3), mask: { shape: [5, 1] } }, {}, { gradient: false }),
  attend("a mask of one axis", { ...square([2], 5, 3), mask: { shape: [5] } }),
  attend("a transposed mask", { ...square([], 11, 3), mask: { shape: [11, 11], layout: "transposed" } }),
  attend("a boolean mask", { ...square([2], 6, 3), mask: { shape: [6, 6], dtype: "bool" } }, {}, { gpu: true }),
  attend(
    "a query that sees nothing",
    { ...square([], 3, 2), mask: { shape: [3, 3], dtype: "bool", values: [1, 0, 1, 0, 0, 0, 1, 1, 1] } },
    {},
    { gpu: true },
  ),
  attend("batches broadcast", { query: [2, 3, 4, 2], key: [3, 5, 2], value: [2, 1, 5, 3] }, {}, { gpu: true }),
  attend(
    "three batch axes",
    { query: [2, 1, 2, 3, 2], key: [2, 1, 4, 2], value: [1, 2, 1, 4, 2] },
    {},
    { gradient: onlyFirst },
  ),
  attend("no keys", { query: [2, 3, 4], key: [2, 0, 4], value: [2, 0, 5] }, {}, { gradient: false, gpu: true }),
  attend("no queries", { query: [0, 4], key: [3, 4], value: [3, 5] }, {}, { gradient: false }),
  attend("[2,37,19]", square([2], 37, 19), {}, big),
  attend("[1,300,20] causal, more than a block of keys", square([1], 300, 20), { causal: true }, big),
  attend("[250] queries, [530] keys", { query: [250, 9], key: [530, 9], value: [530, 70] }, {}, { gradient: false }),
  {
    ...attend("strided operands", square([2], 6, 5)),
    operands: [
      { shape: [2, 6, 5], layout: "transposed" },
      { shape: [2, 6, 5], layout: "sliced" },
      { shape: [2, 6, 5], layout: "broadcast" },
    ],
    gpu: true,
  },
  {
    ...attend("large scores", square([], 12, 4)),
    operands: [{ shape: [12, 4], domain: [-40, 40] }, { shape: [12, 4], domain: [-40, 40] }, { shape: [12, 4] }],
    gradient: false,
    gpu: true,
  },
  {
    ...attend("f64", square([2], 4, 3), { causal: true }),
    operands: f64([{ shape: [2, 4, 3] }, { shape: [2, 4, 3] }, { shape: [2, 4, 3] }]),
  },
];

/** Sums and differences of a state [2] over a sequence [n, 2]: state′ = 0.5 · state + x, result = state · x. */
function walk(initial: NdArray, xs: NdArray, reverse: boolean): [state: NdArray, results: NdArray] {
  let state = [...initial.data];
  const rows: number[][] = [];
  const steps = xs.shape[0]!;
  for (let count = 0; count < steps; count++) {
    const x = xs.data.slice(2 * (reverse ? steps - 1 - count : count)).slice(0, 2);
    rows.push(state.map((value, i) => value * x[i]!));
    state = state.map((value, i) => 0.5 * value + x[i]!);
  }
  if (reverse) rows.reverse();
  return [array([2], state), array([steps, 2], rows.flat())];
}

function walked(label: string, steps: number, reverse: boolean, more: Partial<Sample> = {}): Sample {
  return {
    label,
    operands: [{ shape: [2] }, { shape: [steps, 2] }],
    call: (initial, xs) =>
      athanor.scan(
        (state: athanor.Tensor, x: athanor.Tensor) => [state.mul(0.5).add(x), state.mul(x)] as const,
        initial,
        xs,
        { reverse },
      ),
    reference: (initial, xs) => walk(initial, xs, reverse),
    ...more,
  };
}

export const sequence: StructuredRows<"lstmCell" | "gruCell" | "scaledDotProductAttention"> = {
  lstmCell: {
    tolerance: ulpsOfSum(16),
    gradient: ofSums,
    samples: [
      lstm("[2] with biases", [2], true),
      lstm("without biases", [3], false),
      lstm("one sample", [], true, { gradient: onlyFirst }),
      {
        ...lstm("f64", [2], true, { gradient: onlyFirst }),
        operands: f64(lstm("", [2], true).operands),
      },
    ],
    errors: [
      {
        label: "weights of another size",
        shapes: [
          [2, 4],
          [2, 3],
          [2, 3],
          [4, 9],
          [3, 12],
        ],
        call: (x, h, c, inputWeight, hiddenWeight) =>
          athanor.lstmCell(x, [h, c], { inputWeight: inputWeight, hiddenWeight: hiddenWeight }),
        error: "ShapeError",
        message:
          "lstmCell: inputWeight must be [4, 12] for x [2, 4] and 4 gates of 3, got [4, 9]. Weights are [in, gates · hidden], the transpose of torch's",
      },
      {
        label: "a state of another size",
        shapes: [
          [2, 4],
          [2, 3],
          [1, 3],
          [4, 12],
          [3, 12],
        ],
        call: (x, h, c, inputWeight, hiddenWeight) =>
          athanor.lstmCell(x, [h, c], { inputWeight: inputWeight, hiddenWeight: hiddenWeight }),
        error: "ShapeError",
        message:
          "lstmCell: c must be [2, 3] for x [2, 4] and 4 gates of 3, got [1, 3]. Weights are [in, gates · hidden], the transpose of torch's",
      },
    ],
  },
  gruCell: {
    tolerance: ulpsOfSum(16),
    gradient: ofSums,
    samples: [
      gru("[2] with biases", [2], true),
      gru("without biases", [3], false),
      { ...gru("f64", [2], true, { gradient: onlyFirst }), operands: f64(cellOperands([2], 4, 3, 3, true)) },
    ],
    errors: [
      {
        label: "transposed weights",
        shapes: [
          [2, 4],
          [2, 3],
          [9, 4],
          [3, 9],
        ],
        call: (x, h, inputWeight, hiddenWeight) =>
          athanor.gruCell(x, h, { inputWeight: inputWeight, hiddenWeight: hiddenWeight }),
        error: "ShapeError",
        message:
          "gruCell: inputWeight must be [4, 9] for x [2, 4] and 3 gates of 3, got [9, 4]. Weights are [in, gates · hidden], the transpose of torch's",
      },
    ],
  },
  scaledDotProductAttention: {
    tolerance: ulpsOfSum(4),
    gradient: ofSums,
    samples: attentionSamples,
    errors: [
      {
        label: "query and key",
        shapes: [
          [5, 3],
          [6, 4],
          [6, 2],
        ],
        call: (q, k, v) => athanor.scaledDotProductAttention(q, k, v),
        error: "ShapeError",
        message:
          "scaledDotProductAttention: the last axes of query and key must be equal: query is [5, 3], key is [6, 4], value is [6, 2]",
      },
      {
        label: "key and value",
        shapes: [
          [5, 3],
          [6, 3],
          [7, 2],
        ],
        call: (q, k, v) => athanor.scaledDotProductAttention(q, k, v),
        error: "ShapeError",
        message:
          "scaledDotProductAttention: key and value must have the same length (axis −2): query is [5, 3], key is [6, 3], value is [7, 2]",
      },
      {
        label: "batches",
        shapes: [
          [2, 5, 3],
          [3, 6, 3],
          [6, 2],
        ],
        call: (q, k, v) => athanor.scaledDotProductAttention(q, k, v),
        error: "ShapeError",
        message:
          "scaledDotProductAttention: batch axes do not broadcast: query is [2, 5, 3], key is [3, 6, 3], value is [6, 2]. All axes but the last two must be equal or 1",
      },
      {
        label: "mask",
        shapes: [
          [5, 3],
          [6, 3],
          [6, 2],
          [4, 6],
        ],
        call: (q, k, v, mask) => athanor.scaledDotProductAttention(q, k, v, { mask: mask }),
        error: "ShapeError",
        message: "scaledDotProductAttention: mask [4, 6] does not broadcast to the scores [5, 6]",
      },
      {
        label: "mask of integers",
        shapes: [
          [5, 3],
          [6, 3],
          [6, 2],
          [5, 6],
        ],
        dtypes: ["f32", "f32", "f32", "i32"],
        call: (q, k, v, mask) => athanor.scaledDotProductAttention(q, k, v, { mask: mask }),
        error: "DTypeError",
        message:
          'scaledDotProductAttention: mask must be boolean (where to look) or floats (added to the scores), got i32. Convert it: cast(mask, "bool")',
      },
      {
        label: "a vector",
        shapes: [[3], [6, 3], [6, 2]],
        call: (q, k, v) => athanor.scaledDotProductAttention(q, k, v),
        error: "ShapeError",
        message: "scaledDotProductAttention: query must have axes [..., length, features], got [3]",
      },
    ],
  },
};

/** Functions outside bindings/ops. */
export const loops: StructuredRows<"scan"> = {
  scan: {
    tolerance: ulps(4, 1e-6),
    samples: [
      walked("forwards", 4, false),
      walked("backwards", 4, true),
      walked("one step", 1, false),
      walked("no steps", 0, false, { gradient: false }),
      walked("40 steps", 40, false, { gradient: onlyFirst }),
    ],
    errors: [
      {
        label: "a state that grows",
        shapes: [[2], [3, 2]],
        call: (initial, xs) =>
          athanor.scan((s: athanor.Tensor, x) => [athanor.concat([s, s]), x] as const, initial, xs),
        error: "ShapeError",
        message: "scan: the state must keep its shape: it began as [2], the step returned [4]",
      },
      {
        label: "a state of another type",
        shapes: [[2], [3, 2]],
        call: (initial, xs) => athanor.scan((s: athanor.Tensor, x) => [s.cast("f64"), x] as const, initial, xs),
        error: "DTypeError",
        message:
          "scan: the state must keep its type: it began as f32, the step returned f64. Convert it in the step, or begin with f64",
      },
      {
        label: "no result",
        shapes: [[2], [3, 2]],
        call: (initial, xs) => athanor.scan(((s: athanor.Tensor) => s) as never, initial, xs),
        error: "ParameterError",
        message: "scan: the step must return [state, result], got a tensor",
      },
      {
        label: "first axes",
        shapes: [[2], [3, 2], [4, 2]],
        call: (initial, x, y) => athanor.scan((s: athanor.Tensor, [z]) => [s, z] as const, initial, [x, y] as const),
        error: "ShapeError",
        message: "scan: first axes must be equal, got [4, 2] for 3 steps",
      },
      {
        label: "unknown length",
        shapes: [[2]],
        call: (initial) => athanor.scan((s: athanor.Tensor) => [s, undefined] as const, initial, undefined),
        error: "ParameterError",
        message: "scan: xs holds no tensor, so the number of steps is not known. Give it: { length: 10 }",
      },
    ],
  },
};
