// What attention takes: checks of query, key, value and mask, and the form in which the kernels want them: scaled
// queries, at most two batch axes, a mask of floats. Knows no kernel. Read next: attention.ts.
import type { DType } from "../core/dtype.ts";
import { computedIn, floatOf, isFloating, promote } from "../core/dtype.ts";
import { DTypeError, ParameterError, ShapeError } from "../core/errors.ts";
import type { Shape } from "../core/shape.ts";
import { broadcastPair, sameShape, show, sizeOf } from "../core/shape.ts";
import { mul } from "./arithmetic.ts";
import { broadcasted, reshaped } from "./broadcasting.ts";
import { converted, where } from "./comparison.ts";
import type { Tensor } from "./tensor.ts";
import { describe, requireArguments } from "./tensor.ts";

/** Options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /** Added to the scores, or, if boolean, true where a query may look. Broadcasts to [..., queries, keys]. */
  readonly mask?: Tensor;
  /** Query i sees the keys 0 … i only. */
  readonly causal?: boolean;
  /** Factor of the scores; 1 / √depth when absent. */
  readonly scale?: number;
}

/** Operands as the kernels want them. */
export interface AttentionOperands {
  /** Scaled, with at most two batch axes, like the others. */
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  /** Floats; one 0 where there is no mask. */
  readonly mask: Tensor;
  readonly masking: { readonly causal: boolean; readonly masked: boolean };
  /** Shape of the result, and its type where that is not the one of the operands: they are f32 in place of f16. */
  readonly shape: Shape;
  readonly dtype: DType;
}

const op = "scaledDotProductAttention";

/** Checks the arguments at once; the function returned records what prepares them. */
export function attentionArguments(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions,
): () => AttentionOperands {
  requireArguments(op, { query, key, value }, options);
  const { mask, causal = false, scale = 1 / Math.sqrt(Math.max(1, query.shape.at(-1) ?? 1)) } = options;
  if (typeof causal !== "boolean")
    throw new ParameterError(op, `causal must be true or false, got ${describe(causal)}`);
  if (!Number.isFinite(scale)) throw new ParameterError(op, `scale must be a finite number, got ${String(scale)}`);
  const batch = checkedShapes(query, key, value);
  if (mask !== undefined) checkMask(mask, [...batch, query.shape.at(-2) ?? 0, key.shape.at(-2) ?? 0]);
  const floats = mask !== undefined && mask.dtype !== "bool" ? [query, key, value, mask] : [query, key, value];
  const common = floatOf(floats.map((tensor) => tensor.dtype).reduce(promote));
  const dtype = computedIn(common);
  return () => {
    const merged = (tensor: Tensor): Tensor => {
      if (batch.length <= 2) return tensor;
      const matrix = tensor.shape.slice(-2);
      if (sizeOf(tensor.shape.slice(0, -2)) === 1) return reshaped(tensor, matrix);
      return reshaped(broadcasted(tensor, [...batch, ...matrix]), [sizeOf(batch), ...matrix]);
    };
    const prepared = (tensor: Tensor): Tensor => merged(converted(tensor, dtype));
    const zero = query.recorder.scalar(0, dtype);
    return {
      query: mul(prepared(query), scale),
      key: prepared(key),
      value: prepared(value),
      mask: mask === undefined ? reshaped(zero, [1, 1]) : merged(asBias(mask, dtype)),
      masking: { causal, masked: mask !== undefined },
      shape: [...batch, query.shape.at(-2) ?? 0, value.shape.at(-1) ?? 0],
      dtype: common,
    };
  };
}

/** The mask as numbers to add, with two axes at least. */
function asBias(mask: Tensor, dtype: "f32" | "f64" | Tensor["dtype"]): Tensor {
  const bias = mask.dtype === "bool" ? where(mask, mask.recorder.scalar(0, dtype), -Infinity) : converted(mask, dtype);
  return bias.rank >= 2 ? bias : reshaped(bias, [...new Array<number>(2 - bias.rank).fill(1), ...bias.shape]);
}

/** The batch axes, broadcast. */
function checkedShapes(query: Tensor, key: Tensor, value: Tensor): Shape {
  const shapes = `query is ${show(query.shape)}, key is ${show(key.shape)}, value is ${show(value.shape)}`;
  for (const [name, tensor] of Object.entries({ query, key, value })) {
    if (tensor.rank < 2)
      throw new ShapeError(op, `${name} must have axes [..., length, features], got ${show(tensor.shape)}`);
  }
  if (query.shape.at(-1) !== key.shape.at(-1))
    throw new ShapeError(op, `the last axes of query and key must be equal: ${shapes}`);
  if (key.shape.at(-2) !== value.shape.at(-2))
    throw new ShapeError(op, `key and value must have the same length (axis −2): ${shapes}`);
  const first = broadcastPair(query.shape.slice(0, -2), key.shape.slice(0, -2));
  const batch = first && broadcastPair(first, value.shape.slice(0, -2));
  if (batch === undefined)
    throw new ShapeError(op, `batch axes do not broadcast: ${shapes}. All axes but the last two must be equal or 1`);
  return batch;
}

function checkMask(mask: Tensor, scores: Shape): void {
  requireArguments(op, { mask });
  if (mask.dtype !== "bool" && !isFloating(mask.dtype)) {
    throw new DTypeError(
      op,
      `mask must be boolean (where to look) or floats (added to the scores), got ${mask.dtype}. Convert it: cast(mask, "bool")`,
    );
  }
  const common = broadcastPair(mask.shape, scores);
  if (common === undefined || !sameShape(common, scores))
    throw new ShapeError(op, `mask ${show(mask.shape)} does not broadcast to the scores ${show(scores)}`);
}
