// Dropout. Read next: ../random/README.md for where its numbers come from.
import { ParameterError } from "../core/errors.ts";
import { where } from "../ops/comparison.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "../random/index.ts";
import { bernoulli } from "../random/index.ts";
import { Module } from "./module.ts";

/** In training: each element becomes 0 with probability p, the others are scaled by 1 / (1 − p). In use: the identity. */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator | undefined;

  constructor(p = 0.5, options: { readonly generator?: Generator } = {}) {
    super();
    if (!(p >= 0 && p < 1)) throw new ParameterError("Dropout", `p must be in [0, 1), got ${p}`);
    this.p = p;
    this.generator = options.generator;
  }

  forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    const kept = bernoulli(1 - this.p, x.shape, this.generator === undefined ? {} : { generator: this.generator });
    return where(kept, x.mul(1 / (1 - this.p)), 0);
  }
}
