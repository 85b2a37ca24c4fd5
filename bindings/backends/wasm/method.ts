// What kernel calls amount to on the CPU by the kernels that do them: convolutions are Winograd's, or walk windows as pooling does, or
// are products; running sums wait for themselves. Knows words of kernels as assembly/convolution and assembly/folds describe them.
// Read next: graph/place.ts, which asks.
import type { KernelCall, Method } from "../../ops/descriptor.ts";
import { isByWinograd } from "../../ops/scratch.ts";

/** Operations that could be done while one waits for the one before it: four lanes, and four cycles for each. */
const waiting = 16;

/** The method of a call; undefined where it is the op's own. */
export function methodOf({ kernel, words }: KernelCall): Method | undefined {
  switch (kernel) {
    case "conv2d":
    case "conv2dInputGradient":
    case "conv2dFilterGradient":
      return isByWinograd(kernel, words) ? { work: "winograd" } : walking(words);
    case "cumsum":
    case "cumprod": {
      const [outer = 0, length = 0, inner = 0] = words;
      // Columns are carried four at a time.
      return { flops: outer * length * Math.ceil(inner / 4) * waiting };
    }
    default:
      return undefined;
  }
}

/** A convolution of one channel, or of each by itself: too short a sum for the tiles of a product. A tap is a step, as in pooling. */
function walking(words: readonly number[]): Method | undefined {
  const [batch = 0, , , channels = 0, outHeight = 0, outWidth = 0, outputs = 0, high = 0, wide = 0] = words;
  const groups = words[15] ?? 1;
  if (channels !== groups) return undefined;
  return { work: "walk", flops: batch * outHeight * outWidth * outputs * high * wide };
}
