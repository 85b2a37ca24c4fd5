// What kernel calls amount to on the GPU where its shaders go about them in another way than the CPU's kernels: the class and
// the number of operations that placement predicts with. Knows words of kernels as shaders/README.md describes them, and no costs.
// Read next: graph/place.ts, which asks; shaders/.
import type { KernelCall, Method } from "../../../ops/descriptor.ts";
import { look } from "../../../ops/descriptor.ts";
import type { GPULimits } from "../device/description.ts";
import type { ProductShape, Variant } from "../variants/products.ts";
import { directSteps, isByWinograd } from "./convolution-shader.ts";

type Choose = (kernel: string, shape: ProductShape) => Variant;

/** Comparing with an index that lies beside the last one: less than looking for it. */
const compare = 6;

/** The method of a call on a device with these limits; `choose` tells the variant of a product. Undefined where it is the op's own. */
export function methodOf(call: KernelCall, limits: GPULimits, choose: Choose): Method | undefined {
  if (isByWinograd(call, limits, choose)) return { work: "winograd" };
  const { kernel, words } = call;
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
    case "maxPool2d":
    case "avgPool2d":
    case "maxPool2dGather": {
      const { results, taps } = pooling(words);
      return { work: "indexed", flops: look * results * taps };
    }
    case "maxPool2dScatter":
    case "avgPool2dGradient": {
      // Each element asks all windows that it is in, and a maximum is found anew in each.
      const { elements, covering, taps } = pooling(words);
      return { work: "indexed", flops: look * elements * covering * (kernel === "maxPool2dScatter" ? taps : 2) };
    }
    default: {
      const steps = directSteps(call);
      return steps === undefined ? undefined : { work: "indexed", flops: look * steps };
    }
  }
}

/** Elements of the image and of the result, elements of a window, and windows that an element is in. */
function pooling(words: readonly number[]): Record<"elements" | "results" | "taps" | "covering", number> {
  const [batch = 0, height = 0, width = 0, channels = 0, outHeight = 0, outWidth = 0, ...window] = words;
  const [windowHeight = 1, windowWidth = 1, strideHeight = 1, strideWidth = 1] = window;
  return {
    elements: batch * height * width * channels,
    results: batch * outHeight * outWidth * channels,
    taps: windowHeight * windowWidth,
    covering: Math.max(1, windowHeight / strideHeight) * Math.max(1, windowWidth / strideWidth),
  };
}
