// Attention with several heads, with torch's semantics and parameter names (in camelCase, weights transposed).
// Read next: ../ops/attention.ts for the kernel.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { requireInteger, show } from "../core/shape.ts";
import { add } from "../ops/arithmetic.ts";
import { scaledDotProductAttention } from "../ops/attention.ts";
import { reshaped } from "../ops/broadcasting.ts";
import { greater, where } from "../ops/comparison.ts";
import { matmul } from "../ops/contraction.ts";
import { iota } from "../ops/iota.ts";
import { permuted, range, transpose } from "../ops/movement.ts";
import { softmax } from "../ops/softmax.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "../random/index.ts";
import { Dropout } from "./dropout.ts";
import { uniformWithin, xavierUniform } from "./initialisers.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface MultiheadAttentionOptions {
  /** Probability with which a weight is dropped in training. */
  readonly dropout?: number;
  /** Whether the projections add biases; true when absent. */
  readonly bias?: boolean;
  /** Operands are [batch, length, features] instead of [length, batch, features]. */
  readonly batchFirst?: boolean;
  /** Source of the starting values and of dropout. */
  readonly generator?: Generator;
}

/** What a call may hide. As in torch, true in a boolean mask hides. */
export interface MultiheadAttentionMasks {
  /** [queries, keys] or [batch · heads, queries, keys]: true hides; floats are added to the scores. */
  readonly attnMask?: Tensor;
  /** [batch, keys], boolean: true for keys that are padding. */
  readonly keyPaddingMask?: Tensor;
  /** Query i sees the keys 0 … i only. */
  readonly causal?: boolean;
}

/**
 * Multi-head attention (Vaswani et al., 2017): query, key and value, [length, batch, embedDim] each, are projected,
 * cut into heads, attended and projected back to [queries, batch, embedDim]. Without key and value it attends to itself.
 * Parameters are inProjWeight [embedDim, 3 · embedDim] (query, key, value), inProjBias, outProj.weight and outProj.bias.
 * No weights are returned: with dropout off none are stored.
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key?: Tensor, value?: Tensor, masks?: MultiheadAttentionMasks]
> {
  readonly numHeads: number;
  readonly batchFirst: boolean;
  readonly inProjWeight: Parameter;
  readonly inProjBias: Parameter | undefined;
  readonly outProj: Linear;
  readonly dropout: Dropout;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    requireInteger("MultiheadAttention", "embedDim", embedDim, 1);
    requireInteger("MultiheadAttention", "numHeads", numHeads, 1);
    if (embedDim % numHeads !== 0)
      throw new ParameterError("MultiheadAttention", `numHeads must divide embedDim, got ${numHeads} for ${embedDim}`);
    const { dropout = 0, bias = true, batchFirst = false, ...draw } = options;
    this.numHeads = numHeads;
    this.batchFirst = batchFirst;
    this.inProjWeight = new Parameter(xavierUniform()([embedDim, 3 * embedDim], draw));
    this.inProjBias = bias ? new Parameter(uniformWithin(0)([3 * embedDim], draw)) : undefined;
    this.outProj = new Linear(embedDim, embedDim, { bias, ...draw });
    if (this.outProj.bias !== undefined) this.outProj.bias.value = uniformWithin(0)([embedDim], draw);
    this.dropout = new Dropout(dropout, draw);
  }

  forward(query: Tensor, key: Tensor = query, value: Tensor = key, masks: MultiheadAttentionMasks = {}): Tensor {
    const [embedDim = 0] = this.inProjWeight.shape;
    for (const [name, tensor] of Object.entries({ query, key, value })) {
      if (tensor.rank !== 3 || tensor.shape[2] !== embedDim) {
        const axes = this.batchFirst ? "[batch, length, features]" : "[length, batch, features]";
        throw new ShapeError(
          "MultiheadAttention",
          `${name} must be ${axes} with ${embedDim} features, got ${show(tensor.shape)}`,
        );
      }
    }
    return query.recorder.compose("MultiheadAttention", () => {
      const [q, k, v] = this.project(query, key, value).map((tensor) => this.heads(tensor));
      const bias = this.bias(masks, q!, k!);
      const options = { ...(bias && { mask: bias }), causal: masks.causal ?? false };
      const drops = this.training && this.dropout.p > 0;
      const attended = drops ? this.dropped(q!, k!, v!, options) : scaledDotProductAttention(q!, k!, v!, options);
      const order = this.batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3];
      const side = permuted(attended, order);
      return this.outProj.forward(reshaped(side, [...side.shape.slice(0, 2), embedDim]));
    });
  }

  /** The projected operands; one product where all are the same tensor. */
  private project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const [embedDim = 0] = this.inProjWeight.shape;
    const weight = this.inProjWeight.value;
    const bias = this.inProjBias?.value;
    const product = (x: Tensor, from: number, to: number): Tensor => {
      const part = matmul(x, range(weight, 1, from * embedDim, to * embedDim));
      return bias === undefined ? part : add(part, range(bias, 0, from * embedDim, to * embedDim));
    };
    if (query !== key || key !== value) return [query, key, value].map((x, index) => product(x, index, index + 1));
    const all = product(query, 0, 3);
    return [0, 1, 2].map((index) => range(all, 2, index * embedDim, (index + 1) * embedDim));
  }

  /** [batch, heads, length, features of a head]. */
  private heads(x: Tensor): Tensor {
    const [first = 0, second = 0, embedDim = 0] = x.shape;
    const cut = reshaped(x, [first, second, this.numHeads, embedDim / this.numHeads]);
    return permuted(cut, this.batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3]);
  }

  /** Both masks as numbers to add to the scores [batch, heads, queries, keys]. */
  private bias({ attnMask, keyPaddingMask }: MultiheadAttentionMasks, query: Tensor, key: Tensor): Tensor | undefined {
    const [batch = 0, heads = 0, queries = 0] = query.shape;
    const keys = key.shape[2] ?? 0;
    const hide = (mask: Tensor): Tensor =>
      mask.dtype === "bool" ? where(mask, -Infinity, mask.recorder.scalar(0, query.dtype)) : mask;
    const padding = keyPaddingMask && reshaped(hide(keyPaddingMask), [batch, 1, 1, keys]);
    const attention =
      attnMask?.rank === 3 ? reshaped(hide(attnMask), [batch, heads, queries, keys]) : attnMask && hide(attnMask);
    if (padding === undefined || attention === undefined) return padding ?? attention;
    return add(padding, attention);
  }

  /** Attention whose weights are dropped at random, which stores them. */
  private dropped(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    { mask, causal }: { readonly mask?: Tensor; readonly causal: boolean },
  ): Tensor {
    let scores = matmul(query.mul(1 / Math.sqrt(query.shape[3] ?? 1)), transpose(key));
    if (mask !== undefined) scores = add(scores, mask);
    if (causal) {
      const [queries = 0, keys = 0] = scores.shape.slice(-2);
      const isLater = greater(iota(query.recorder, keys), reshaped(iota(query.recorder, queries), [queries, 1]));
      scores = where(isLater, -Infinity, scores);
    }
    return matmul(this.dropout.forward(softmax(scores)), value);
  }
}
