// The convolution layers of sequences, images and volumes: filters and biases drawn, checked and kept.
// Read next: ../ops/convolution.ts for paddings and layouts, pooling.ts.
import { ParameterError } from "../core/errors.ts";
import { requireInteger } from "../core/shape.ts";
import type { Conv2dOptions } from "../ops/convolution.ts";
import { conv2d } from "../ops/convolution.ts";
import type { Conv1dOptions } from "../ops/sequence-convolution.ts";
import { conv1d } from "../ops/sequence-convolution.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Conv3dOptions } from "../ops/volume-convolution.ts";
import { conv3d } from "../ops/volume-convolution.ts";
import { layerDefault, uniformWithin } from "./initialisers.ts";
import type { LinearOptions } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

type Geometry = "stride" | "padding" | "dilation" | "groups" | "dataFormat" | "strict";

/** Options of `Conv2d`. */
export interface ConvolutionOptions extends LinearOptions, Pick<Conv2dOptions, Geometry> {}

/** Options of `Conv1d`. */
export interface SequenceConvolutionOptions extends LinearOptions, Pick<Conv1dOptions, Geometry> {}

/** Options of `Conv3d`. */
export interface VolumeConvolutionOptions extends LinearOptions, Pick<Conv3dOptions, Geometry> {}

interface Drawing {
  readonly isBiased: boolean;
  readonly initialiser: NonNullable<LinearOptions["initialiser"]>;
  readonly generator: LinearOptions["generator"] | undefined;
}

/** What a layer keeps: `weight` [...window, inChannels / groups, outChannels], and a bias unless it is turned off. */
function parametersOf(
  layer: string,
  inChannels: number,
  outChannels: number,
  window: readonly (readonly [name: string, size: number])[],
  groups: number,
  { isBiased, initialiser, generator }: Drawing,
): { readonly weight: Parameter; readonly bias: Parameter | undefined } {
  const draw = generator === undefined ? {} : { generator };
  requireInteger(layer, "inChannels", inChannels, 1);
  requireInteger(layer, "outChannels", outChannels, 1);
  requireInteger(layer, "groups", groups, 1);
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new ParameterError(
      layer,
      `groups must divide both channel counts, got ${groups} for ${inChannels} → ${outChannels}`,
    );
  }
  for (const [name, size] of window) requireInteger(layer, `kernel ${name}`, size, 1);
  const sizes = window.map(([, size]) => size);
  const shape = [...sizes, inChannels / groups, outChannels];
  const weight = new Parameter(initialiser(shape, draw));
  const bound = 1 / Math.sqrt((sizes.reduce((product, size) => product * size, 1) * inChannels) / groups);
  return { weight, bias: isBiased ? new Parameter(uniformWithin(bound)([outChannels], draw)) : undefined };
}

/** The bias of a layer as an option of its op. */
const biasOf = ({ bias }: { readonly bias: Parameter | undefined }): { readonly bias?: Tensor } =>
  bias === undefined ? {} : { bias: bias.value };

/**
 * Cross-correlation of sequences with learned filters: [N, L, inChannels] → [N, L', outChannels] (or channels second with
 * `dataFormat: "NCL"`). `weight` is [length, inChannels / groups, outChannels], `bias` [outChannels]. No padding when absent.
 */
export class Conv1d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<Conv1dOptions, Geometry>;

  constructor(inChannels: number, outChannels: number, kernel: number, options: SequenceConvolutionOptions = {}) {
    super();
    const { bias: isBiased = true, initialiser = layerDefault, generator, ...geometry } = options;
    const drawing = { isBiased, initialiser, generator };
    const window = [["length", kernel]] as const;
    const { weight, bias } = parametersOf("Conv1d", inChannels, outChannels, window, geometry.groups ?? 1, drawing);
    this.options = geometry;
    this.weight = weight;
    this.bias = bias;
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight.value, { ...this.options, ...biasOf(this) });
  }
}

/**
 * Cross-correlation of images with learned filters: [N, H, W, inChannels] → [N, H', W', outChannels] (or channels first
 * with `dataFormat: "NCHW"`). `weight` is [height, width, inChannels / groups, outChannels], `bias` [outChannels].
 * No padding when absent.
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<Conv2dOptions, Geometry>;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number],
    options: ConvolutionOptions = {},
  ) {
    super();
    const { bias: isBiased = true, initialiser = layerDefault, generator, ...geometry } = options;
    const drawing = { isBiased, initialiser, generator };
    const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    const window = [
      ["height", height],
      ["width", width],
    ] as const;
    const { weight, bias } = parametersOf("Conv2d", inChannels, outChannels, window, geometry.groups ?? 1, drawing);
    this.options = geometry;
    this.weight = weight;
    this.bias = bias;
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight.value, { ...this.options, ...biasOf(this) });
  }
}

/**
 * Cross-correlation of volumes with learned filters: [N, D, H, W, inChannels] → [N, D', H', W', outChannels] (or channels
 * second with `dataFormat: "NCDHW"`). `weight` is [depth, height, width, inChannels / groups, outChannels], `bias`
 * [outChannels]. No padding when absent.
 */
export class Conv3d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly options: Pick<Conv3dOptions, Geometry>;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number, number],
    options: VolumeConvolutionOptions = {},
  ) {
    super();
    const { bias: isBiased = true, initialiser = layerDefault, generator, ...geometry } = options;
    const drawing = { isBiased, initialiser, generator };
    const [depth, height, width] = typeof kernel === "number" ? [kernel, kernel, kernel] : kernel;
    const window = [
      ["depth", depth],
      ["height", height],
      ["width", width],
    ] as const;
    const { weight, bias } = parametersOf("Conv3d", inChannels, outChannels, window, geometry.groups ?? 1, drawing);
    this.options = geometry;
    this.weight = weight;
    this.bias = bias;
  }

  forward(x: Tensor): Tensor {
    return conv3d(x, this.weight.value, { ...this.options, ...biasOf(this) });
  }
}
