// What kernel calls amount to on the GPU where its shaders go about them in another way than the CPU's kernels: the class, the number
// of operations and of meetings that placement predicts with. Knows words of kernels as shaders/README.md describes them, and no costs.
// Read next: window-method.ts and fold-method.ts for two kinds of them; graph/place.ts, which asks; shaders/.
import type { KernelCall, Method } from "../../../ops/descriptor.ts";
import { look } from "../../../ops/descriptor.ts";
import type { GPULimits } from "../device/description.ts";
import type { ProductShape, Variant } from "../variants/products.ts";
import { filledSteps, productVariants } from "../variants/products.ts";
import { directSteps, filledProduct, isByWinograd } from "./convolution-shader.ts";
import type { Find } from "./fold-method.ts";
import { halvings } from "./fold-method.ts";
import { cooperativeGroups } from "./kernel-shader.ts";
import { productShape } from "./matmul-shader.ts";
import { isPooling } from "./pooling-shader.ts";
import { walkingSteps } from "./window-method.ts";

/** Comparing with an index that lies beside the last one: less than looking for it. */
const compare = 6;
/** A step of the product of few rows: it fetches one element of b and up to four of a, and adds four products. */
const stepOfRows = 34;
/** A step of attention: it fetches a pair of elements, and adds a product. */
const stepOfAttention = 12;
/** Sweeps in which Jacobi's method is done with matrices of up to 32 rows, about. */
const sweeps = 7;

/** The method of a call on a device with these limits; `find` tells variants. Undefined where it is the op's own. */
export function methodOf(call: KernelCall, limits: GPULimits, find: Find): Method | undefined {
  const choose = (kernel: string, shape: ProductShape): Variant => find(productVariants, kernel, shape);
  if (isByWinograd(call, limits, choose)) return { work: "winograd" };
  const { kernel, words, workgroups } = call;
  if (isPooling(kernel)) return { flops: walkingSteps(kernel, words, find) ?? 0 };
  switch (kernel) {
    case "topK": {
      // Rows are sorted, however few are wanted of each.
      const [rows = 0, length = 0] = words;
      return { flops: look * rows * length * Math.max(1, Math.log2(length)) };
    }
    case "indexAdd":
    case "scatterAdd": {
      // Each element of the result walks all indices: no atomics.
      const [outer = 0, size = 0, inner = 0, count = 0] = words;
      return { flops: compare * outer * size * inner * count };
    }
    case "cumsum":
    case "cumprod": {
      // 256 invocations scan 2048 elements at a time: they meet twice in each of eight rounds, and before and after them.
      const [outer = 0, length = 0, inner = 0] = words;
      const elements = outer * length * inner;
      return { flops: 4 * elements, meetings: outer * inner * Math.ceil(length / 2048) * 256 * 18 };
    }
    case "reduce_argMax":
    case "reduce_argMin":
      return { meetings: cooperativeGroups(words) * 256 * 8 };
    case "matmul":
      return ofProduct(productShape(words), choose);
    case "quantizedMatmul": {
      const [, , k = 0] = words;
      return { meetings: workgroups * 64 * (halvings(64) + 2 * Math.ceil(k / 64)) };
    }
    case "attention": {
      const [batch0 = 0, batch1 = 0, queries = 0, keys = 0, depth = 0, width = 0] = words;
      // Scores are made anew for every 64 columns of the result.
      const steps = queries * keys * (depth * Math.ceil(width / 64) + width);
      const meetings = workgroups * 64 * (1 + 4 * Math.ceil(keys / 32));
      return { work: "walk", flops: stepOfAttention * batch0 * batch1 * steps, meetings };
    }
    case "eigh": {
      const [batch = 0, n = 0] = words;
      const rounds = 2 * Math.ceil(n / 2) - 1;
      return { meetings: batch * 256 * (halvings(256) + sweeps * (2 * rounds + 1)) };
    }
    default:
      return ofConvolution(call, limits, choose, find);
  }
}

/** Tiles are whole, however little of them is wanted; few rows have no tiles. */
function ofProduct(shape: ProductShape, choose: (kernel: string, shape: ProductShape) => Variant): Method {
  const variant = choose("matmul", shape);
  if (variant.tile !== "rows") return { flops: 2 * filledSteps(shape, variant) };
  const { batches, n, k, isAlong = false } = shape;
  const flops = stepOfRows * batches * n * k;
  if (!isAlong) return { work: "walk", flops, meetings: batches * Math.ceil(n / 64) * 256 };
  const each = variant.usesSubgroups === true ? 1 : halvings(64);
  return { work: "walk", flops, meetings: batches * Math.ceil(n / 4) * 64 * each };
}

function ofConvolution(
  call: KernelCall,
  limits: GPULimits,
  choose: (kernel: string, shape: ProductShape) => Variant,
  find: Find,
): Method | undefined {
  const filled = filledProduct(call, limits, choose);
  if (filled !== undefined) return { flops: 2 * filled };
  const steps = directSteps(call);
  if (steps === undefined) return undefined;
  const walked = walkingSteps(call.kernel, call.words, find);
  if (walked !== undefined) return { work: "walk", flops: walked };
  // One workgroup sums up each element of a filter's gradient.
  const meetings = call.entry === "element" ? call.workgroups * 64 * halvings(64) : 0;
  return { work: "walk", flops: look * steps, meetings };
}
