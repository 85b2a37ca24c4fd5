// The two-dimensional convolution layer. Read next: ../ops/convolution.ts for paddings and layouts, pooling.ts.
import { ParameterError } from "../core/errors.ts";
import { requireInteger } from "../core/shape.ts";
import type { Conv2dOptions } from "../ops/convolution.ts";
import { conv2d } from "../ops/convolution.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { LinearOptions } from "./linear.ts";
import { layerDefault, uniformWithin } from "./initialisers.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface ConvolutionOptions
  extends LinearOptions, Pick<Conv2dOptions, "stride" | "padding" | "dilation" | "groups" | "dataFormat"> {}

/**
 * Cross-correlation of images with learned filters: [N, H, W, inChannels] → [N, H', W', outChannels] (or channels first
 * with `dataFormat: "NCHW"`). `weight` is [height, width, inChannels / groups, outChannels], `bias` [outChannels].
 * No padding when absent.
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<Conv2dOptions, "stride" | "padding" | "dilation" | "groups" | "dataFormat">;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number],
    options: ConvolutionOptions = {},
  ) {
    super();
    const { bias = true, initialiser = layerDefault, generator, ...geometry } = options;
    const draw = generator === undefined ? {} : { generator };
    const groups = geometry.groups ?? 1;
    requireInteger("Conv2d", "inChannels", inChannels, 1);
    requireInteger("Conv2d", "outChannels", outChannels, 1);
    requireInteger("Conv2d", "groups", groups, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ParameterError(
        "Conv2d",
        `groups must divide both channel counts, got ${groups} for ${inChannels} → ${outChannels}`,
      );
    }
    const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    requireInteger("Conv2d", "kernel height", height, 1);
    requireInteger("Conv2d", "kernel width", width, 1);
    const shape = [height, width, inChannels / groups, outChannels];
    this.options = geometry;
    this.weight = new Parameter(initialiser(shape, draw));
    const bound = 1 / Math.sqrt((height * width * inChannels) / groups);
    this.bias = bias ? new Parameter(uniformWithin(bound)([outChannels], draw)) : undefined;
  }

  forward(x: Tensor): Tensor {
    const bias = this.bias === undefined ? {} : { bias: this.bias.value };
    return conv2d(x, this.weight.value, { ...this.options, ...bias });
  }
}
