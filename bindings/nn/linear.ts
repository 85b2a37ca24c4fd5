// The fully connected layer. Read next: convolution.ts.
import { ShapeError } from "../core/errors.ts";
import { requireInteger, show } from "../core/shape.ts";
import { matmul } from "../ops/contraction.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Generator } from "../random/index.ts";
import type { Initialiser } from "./initialisers.ts";
import { layerDefault, uniformWithin } from "./initialisers.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface LinearOptions {
  /** Whether b is added; true when absent. */
  readonly bias?: boolean;
  /** Starting weights; U(±1/√inFeatures) when absent. */
  readonly initialiser?: Initialiser;
  /** Source of the starting values. */
  readonly generator?: Generator;
}

/**
 * y = x · W + b over the last axis: [..., inFeatures] → [..., outFeatures].
 * `weight` is [inFeatures, outFeatures] (the transpose of torch's), `bias` [outFeatures].
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    requireInteger("Linear", "inFeatures", inFeatures, 1);
    requireInteger("Linear", "outFeatures", outFeatures, 1);
    const { bias = true, initialiser = layerDefault, ...draw } = options;
    this.weight = new Parameter(initialiser([inFeatures, outFeatures], draw));
    this.bias = bias ? new Parameter(uniformWithin(1 / Math.sqrt(inFeatures))([outFeatures], draw)) : undefined;
  }

  forward(x: Tensor): Tensor {
    const [inFeatures] = this.weight.shape;
    if (x.shape[x.rank - 1] !== inFeatures) {
      throw new ShapeError(
        "Linear",
        `the last axis must have ${inFeatures ?? 0} features, got ${show(x.shape)}. Flatten or reshape the input`,
      );
    }
    return matmul(x, this.weight.value, this.bias === undefined ? {} : { bias: this.bias.value });
  }
}
