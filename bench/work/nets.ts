// The nets that are trained and run, as data: shapes of parameters, learning rates, and the layers of the inference nets.
// Knows no library. Read next: operands.ts for the values; ../our-nets.ts for what the training nets compute.

/**
 * mlp: 784 → 128 → 10 with relu. lenet: LeNet-5 with relu and max pooling. resblock: relu(x + norm(conv(relu(norm(conv(x))))))
 * with 3×3 convolutions and batch norm over the batch (ε = 10⁻⁵), its mean over positions, 64 → 10. lstm: 28 steps of 28 inputs
 * through LSTM(128), gates in the order input, forget, cell, output, the last state through 128 → 10.
 */
export type TrainingNet = "mlp" | "lenet" | "resblock" | "lstm";

/** The update: Adam (0.9, 0.999, 10⁻⁸) for mlp, plain gradient descent for the others. */
export const learningRates: Readonly<Record<TrainingNet, number>> = {
  mlp: 0.001,
  lenet: 0.01,
  resblock: 0.01,
  lstm: 0.1,
};

/** Channels and edge of the ResNet block. */
export const block = { channels: 64, edge: 32 } as const;

/** Steps, inputs a step and hidden units of the LSTM. */
export const recurrence = { steps: 28, inputs: 28, hidden: 128 } as const;

/** Shape of the images (or sequences) of one batch. */
export function imageShape(net: TrainingNet, batch: number): readonly number[] {
  switch (net) {
    case "mlp":
      return [batch, 784];
    case "lenet":
      return [batch, 28, 28, 1];
    case "resblock":
      return [batch, block.edge, block.edge, block.channels];
    case "lstm":
      return [batch, recurrence.steps, recurrence.inputs];
  }
}

/** One parameter. Weights start at random, scaled by their fan-in; others at `fill`. */
export interface ParameterSpec {
  readonly shape: readonly number[];
  readonly fill?: 0 | 1;
}

const weight = (...shape: number[]): ParameterSpec => ({ shape });
const zeros = (size: number): ParameterSpec => ({ shape: [size], fill: 0 });
const ones = (size: number): ParameterSpec => ({ shape: [size], fill: 1 });
const { channels } = block;
const gates = 4 * recurrence.hidden;

/** The parameters of the training nets, in the order every library takes them. */
export const trainingParameters: Readonly<Record<TrainingNet, readonly ParameterSpec[]>> = {
  mlp: [weight(784, 128), zeros(128), weight(128, 10), zeros(10)],
  lenet: [
    ...[weight(5, 5, 1, 6), zeros(6), weight(5, 5, 6, 16), zeros(16)],
    ...[weight(400, 120), zeros(120), weight(120, 84), zeros(84), weight(84, 10), zeros(10)],
  ],
  resblock: [
    ...[weight(3, 3, channels, channels), ones(channels), zeros(channels)],
    ...[weight(3, 3, channels, channels), ones(channels), zeros(channels)],
    ...[weight(channels, 10), zeros(10)],
  ],
  lstm: [
    ...[weight(recurrence.inputs, gates), weight(recurrence.hidden, gates), zeros(gates)],
    ...[weight(recurrence.hidden, 10), zeros(10)],
  ],
};

/**
 * Operations of products and convolutions in a step. Forward, gradient of the weights and gradient of the input cost the
 * same; what nobody asks for, the gradient of the images, is left out.
 */
export function trainingFlops(net: TrainingNet, batch: number): number {
  // Weight by weight: how often it is applied to one image, and how many of the three products there are.
  const { steps, hidden } = recurrence;
  const uses: Readonly<Record<TrainingNet, readonly (readonly [times: number, products: number])[]>> = {
    mlp: [2, 3].map((products) => [1, products] as const),
    lenet: [[28 * 28, 2] as const, [10 * 10, 3] as const, ...[3, 3, 3].map((products) => [1, products] as const)],
    resblock: [[block.edge ** 2, 2] as const, [block.edge ** 2, 3] as const, [1, 3] as const],
    lstm: [[steps, 2] as const, [steps - 1, 3] as const, [hidden / hidden, 3] as const],
  };
  const weights = trainingParameters[net].filter(({ fill }) => fill === undefined);
  return weights.reduce((total, { shape }, index) => {
    const [times, products] = uses[net][index]!;
    return total + 2 * batch * times * products * shape.reduce((size, extent) => size * extent, 1);
  }, 0);
}

/** resnet18: ResNet-18 on 112 × 112 × 3. mobilenet: MobileNet (version 1) on 224 × 224 × 3. Both give 1000 logits. */
export type InferenceNet = "resnet18" | "mobilenet";

/**
 * One layer. `of` is the value it reads: 0 the image, n what layer n - 1 gave. Windows are padded by half their size on every
 * side, dense layers read a vector, weights are HWIO (depthwise [window, window, 1, outputs]) or [inputs, outputs].
 */
export type Layer =
  | {
      readonly kind: "conv";
      readonly of: number;
      readonly inputs: number;
      readonly outputs: number;
      readonly window: number;
      readonly stride: number;
      readonly depthwise: boolean;
      /** Added before the activation: the value of a shortcut. */
      readonly plus?: number;
      readonly relu: boolean;
    }
  | { readonly kind: "maxPool"; readonly of: number; readonly window: number; readonly stride: number }
  | { readonly kind: "mean"; readonly of: number }
  | { readonly kind: "dense"; readonly of: number; readonly inputs: number; readonly outputs: number };

export const inferenceEdges: Readonly<Record<InferenceNet, number>> = { resnet18: 112, mobilenet: 224 };

/** The layers of a net; the last gives the logits. */
export const layersOf = (net: InferenceNet): readonly Layer[] => (net === "resnet18" ? resnet18() : mobilenet());

type Convolution = Extract<Layer, { kind: "conv" }>;

function convolution(of: number, inputs: number, outputs: number, window: number, stride = 1): Convolution {
  return { kind: "conv", of, inputs, outputs, window, stride, depthwise: false, relu: true };
}

function resnet18(): readonly Layer[] {
  const layers: Layer[] = [convolution(0, 3, 64, 7, 2), { kind: "maxPool", of: 1, window: 3, stride: 2 }];
  let inputs = 64;
  for (const outputs of [64, 128, 256, 512]) {
    for (const stride of [outputs === 64 ? 1 : 2, 1]) {
      const from = layers.length;
      layers.push(convolution(from, inputs, outputs, 3, stride));
      const middle = layers.length;
      const projects = inputs !== outputs;
      if (projects) layers.push({ ...convolution(from, inputs, outputs, 1, stride), relu: false });
      layers.push({ ...convolution(middle, outputs, outputs, 3), plus: projects ? layers.length : from });
      inputs = outputs;
    }
  }
  return withHead(layers, 512);
}

function mobilenet(): readonly Layer[] {
  const layers: Layer[] = [convolution(0, 3, 32, 3, 2)];
  const rest = Array.from({ length: 5 }, () => [512, 1] as const);
  const stages = [[64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], ...rest, [1024, 2], [1024, 1]] as const;
  let inputs = 32;
  for (const [outputs, stride] of stages) {
    layers.push({ ...convolution(layers.length, inputs, inputs, 3, stride), depthwise: true });
    layers.push(convolution(layers.length, inputs, outputs, 1));
    inputs = outputs;
  }
  return withHead(layers, inputs);
}

function withHead(layers: readonly Layer[], inputs: number): readonly Layer[] {
  const { length } = layers;
  return [...layers, { kind: "mean", of: length }, { kind: "dense", of: length + 1, inputs, outputs: 1000 }];
}

/** The parameters of a net: weight and bias of each layer that has them. */
export function inferenceParameters(net: InferenceNet): readonly ParameterSpec[] {
  return layersOf(net).flatMap((layer) => {
    if (layer.kind === "dense") return [weight(layer.inputs, layer.outputs), zeros(layer.outputs)];
    if (layer.kind !== "conv") return [];
    const { window, inputs, outputs, depthwise } = layer;
    return [weight(window, window, depthwise ? 1 : inputs, outputs), zeros(outputs)];
  });
}

/** Operations of a net's convolutions and products. */
export function inferenceFlops(net: InferenceNet): number {
  const edges = [inferenceEdges[net]];
  let flops = 0;
  for (const layer of layersOf(net)) {
    const edge = edges[layer.of]!;
    if (layer.kind === "mean" || layer.kind === "dense") edges.push(1);
    else edges.push(Math.floor((edge + 2 * Math.floor(layer.window / 2) - layer.window) / layer.stride) + 1);
    if (layer.kind === "dense") flops += 2 * layer.inputs * layer.outputs;
    if (layer.kind === "conv")
      flops += 2 * edges.at(-1)! ** 2 * layer.window ** 2 * layer.outputs * (layer.depthwise ? 1 : layer.inputs);
  }
  return flops;
}
