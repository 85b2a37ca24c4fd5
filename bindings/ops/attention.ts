// Scaled dot-product attention as one kernel that stores no array of queries times keys, and one for its gradients.
// What the kernels do not do is said in ordinary ops that do make that array: f64, gradients of a mask, and the
// gradients of the gradients. Read next: attention-arguments.ts for the operands, assembly/attention/attention.ts for the method.
import { add, div, mul, sub } from "./arithmetic.ts";
import type { AttentionOptions } from "./attention-arguments.ts";
import { attentionArguments } from "./attention-arguments.ts";
import { attentionGradientScratch, attentionScratch } from "./attention-scratch.ts";
import { reshaped, sum, sumTo } from "./broadcasting.ts";
import { converted, equal, greater, isFinite, where } from "./comparison.ts";
import { matmul, strideOf } from "./contraction.ts";
import type { KernelCall, KernelOp, KernelOperand } from "./descriptor.ts";
import { exp } from "./exponential.ts";
import { iota } from "./iota.ts";
import { concat, stack } from "./joining.ts";
import { range, transpose } from "./movement.ts";
import { max } from "./reduction.ts";
import { stopGradient } from "./stop-gradient.ts";
import type { Spec, Tensor } from "./tensor.ts";
import { recorderOf } from "./tensor.ts";

/** How the scores of a node are masked. */
interface Masking {
  readonly causal: boolean;
  readonly masked: boolean;
}

interface Lengths {
  readonly batch0: number;
  readonly batch1: number;
  readonly queries: number;
  readonly keys: number;
  readonly depth: number;
  readonly width: number;
}

function lengthsOf(inputs: readonly Spec[]): Lengths {
  const [query, key, value, mask] = inputs.map(({ shape }) => shape);
  const batch = (fromEnd: number): number =>
    [query, key, value, mask].map((shape) => shape?.at(-fromEnd) ?? 1).find((extent) => extent !== 1) ?? 1;
  return {
    batch0: batch(4),
    batch1: batch(3),
    queries: query?.at(-2) ?? 0,
    keys: key?.at(-2) ?? 0,
    depth: query?.at(-1) ?? 0,
    width: value?.at(-1) ?? 0,
  };
}

/** Workgroups for a product's result of `rows` by `columns`. */
const tiles = (rows: number, columns: number): number => Math.ceil(rows / 16) * Math.ceil(columns / 64);

/** What the kernels share: the words, and workgroups for each product of the batch. */
function call(
  kernel: string,
  inputs: readonly KernelOperand[],
  { causal, masked }: Masking,
  groups: (lengths: Lengths) => number,
  scratch: (lengths: Lengths) => (workers: number) => number,
): KernelCall {
  const lengths = lengthsOf(inputs);
  const { batch0, batch1, queries, keys, depth, width } = lengths;
  const strides = inputs
    .slice(0, 4)
    .flatMap((operand) => [2, 1, 4, 3].map((fromEnd) => strideOf(operand.layout, fromEnd)));
  return {
    kernel,
    dtype: "f32",
    words: [batch0, batch1, queries, keys, depth, width, Number(causal) + 2 * Number(masked), ...strides],
    workgroups: batch0 * batch1 * groups(lengths),
    scratch: scratch(lengths),
  };
}

function flops(inputs: readonly Spec[], { causal }: Masking, perScore: (lengths: Lengths) => number): number {
  const lengths = lengthsOf(inputs);
  const { batch0, batch1, queries, keys } = lengths;
  return (batch0 * batch1 * queries * keys * 2 * perScore(lengths)) / (causal ? 2 : 1);
}

/** Query, key, value and mask are walked by strides; what belongs to the result is contiguous. */
const accepts: KernelOp<Masking>["accepts"] = (layout, index) =>
  index < 4 && layout.strides.every((stride) => stride >= 0);

const attentionOp: KernelOp<Masking> = {
  kind: "kernel",
  name: "scaledDotProductAttention",
  call: (inputs, _outputs, masking) =>
    call("attention", inputs, masking, ({ queries, width }) => tiles(queries, width), attentionScratch),
  accepts,
  gradient: ({ inputs, outputs: [result, logarithms], cotangents: [slope], attributes, wanted, pullback }) => {
    const [query, key, value, mask] = inputs;
    if (!query || !key || !value || !mask || !result || !logarithms || !slope) return [];
    const statistics = stack([logarithms, sum(mul(slope, result), { axis: -1 })], { axis: -1 });
    const all = [query, key, value, mask, slope, statistics];
    const gradients: (Tensor | undefined)[] = [undefined, undefined, undefined, undefined];
    if (wanted.slice(0, 3).includes(true)) {
      const batch = slope.shape.slice(0, -2);
      const [keys = 0, depth = 0] = key.shape.slice(-2);
      const both = depth + (value.shape.at(-1) ?? 0);
      const specs = [
        { shape: [...batch, ...query.shape.slice(-2)], dtype: "f32" as const },
        { shape: [...batch, keys, both], dtype: "f32" as const },
      ];
      const [forQuery, side] = recorderOf("attentionGradient", all).record(gradientOp, all, attributes, specs);
      if (forQuery === undefined || side === undefined) return [];
      gradients[0] = sumTo(forQuery, query.shape);
      gradients[1] = sumTo(range(side, side.rank - 1, 0, depth), key.shape);
      gradients[2] = sumTo(range(side, side.rank - 1, depth, both), value.shape);
    }
    if (wanted[3] === true) {
      const [found] = pullback((bias) => [composed(query, key, value, bias, attributes)], [mask], [slope]);
      gradients[3] = found;
    }
    return gradients;
  },
  flops: (inputs, _outputs, masking) => flops(inputs, masking, ({ depth, width }) => depth + width),
  work: "contraction",
};

/** Gradients of the queries, and of keys and values side by side: a GPU has no ninth buffer. */
const gradientOp: KernelOp<Masking> = {
  kind: "kernel",
  name: "attentionGradient",
  call: (inputs, _outputs, masking) =>
    call(
      "attentionGradient",
      inputs,
      masking,
      ({ queries, keys, depth, width }) => tiles(queries, depth) + tiles(keys, Math.max(depth, width)),
      attentionGradientScratch,
    ),
  accepts,
  // The statistics are functions of the other operands, so their part is in the gradients of those.
  gradient: ({ inputs, cotangents, attributes, pullback }) =>
    pullback(
      (query, key, value, mask, slope) => {
        const { weights, slopes } = scoreSlopes(query, key, value, mask, slope, attributes);
        const forKey = matmul(transpose(slopes), query);
        return [matmul(slopes, key), concat([forKey, matmul(transpose(weights), slope)], { axis: -1 })];
      },
      inputs.slice(0, 5),
      cotangents,
    ),
  flops: (inputs, _outputs, masking) => flops(inputs, masking, ({ depth, width }) => 3 * depth + 2 * width),
  work: "contraction",
};

/** The weights in ordinary ops: softmax(Q Kᵀ + mask), zeros for a query that sees no key. */
function attentionWeights(query: Tensor, key: Tensor, mask: Tensor, { causal, masked }: Masking): Tensor {
  let scores = matmul(query, key, { transposeB: true });
  if (masked) scores = add(scores, mask);
  if (causal) {
    const [queries = 1, keys = 1] = scores.shape.slice(-2);
    const isLater = greater(iota(query.recorder, keys), reshaped(iota(query.recorder, queries), [queries, 1]));
    scores = where(isLater, -Infinity, scores);
  }
  if (scores.size === 0) return exp(scores);
  const largest = stopGradient(max(scores, { axis: -1, keepDims: true }));
  const powers = exp(sub(scores, where(isFinite(largest), largest, 0)));
  const total = sum(powers, { axis: -1, keepDims: true });
  return div(powers, where(equal(total, 0), 1, total));
}

/** The whole in ordinary ops. */
function composed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, masking: Masking): Tensor {
  return matmul(attentionWeights(query, key, mask, masking), value);
}

/** The weights and the cotangents of the scores, in ordinary ops. */
function scoreSlopes(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor,
  slope: Tensor,
  masking: Masking,
): { readonly weights: Tensor; readonly slopes: Tensor } {
  const weights = attentionWeights(query, key, mask, masking);
  const ofWeights = matmul(slope, value, { transposeB: true });
  const delta = sum(mul(weights, ofWeights), { axis: -1, keepDims: true });
  return { weights, slopes: mul(weights, sub(ofWeights, delta)) };
}

/**
 * softmax(query · keyᵀ · scale + mask) · value over the last two axes, as torch's function of this name: query
 * [..., L, depth], key [..., S, depth] and value [..., S, width] give [..., L, width]; the axes before broadcast.
 * `mask` is added to the scores [..., L, S], or, if boolean, says where a query may look. With `causal` query i sees the
 * keys up to i. `scale` is 1 / √depth unless given. A query that sees no key gives zeros.
 *
 * In f32 no array of L × S is stored, forward or backward (Dao et al., FlashAttention, 2022). Only second derivatives, the
 * derivative by a mask, and f64 go through that array.
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const checked = attentionArguments(query, key, value, options);
  return query.recorder.compose("scaledDotProductAttention", () => {
    const { query: q, key: k, value: v, mask, shape, masking, dtype } = checked();
    if (q.dtype !== "f32") return reshaped(composed(q, k, v, mask, masking), shape);
    const { batch0, batch1, queries, width } = lengthsOf([q, k, v, mask]);
    const batch = [batch0, batch1].slice(2 - Math.max(q.rank, k.rank, v.rank, mask.rank) + 2);
    const [result] = recorderOf("scaledDotProductAttention", [q]).record(attentionOp, [q, k, v, mask], masking, [
      { shape: [...batch, queries, width], dtype: "f32" },
      { shape: [...batch, queries], dtype: "f32" },
    ]);
    return converted(reshaped(result ?? q, shape), dtype);
  });
}
