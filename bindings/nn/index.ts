// Neural networks: the public face of bindings/nn.
export * from "./activations.ts";
export type { ConvolutionOptions } from "./convolution.ts";
export { Conv2d } from "./convolution.ts";
export { Dropout } from "./dropout.ts";
export * as initialisers from "./initialisers.ts";
export type { Initialiser } from "./initialisers.ts";
export type { LinearOptions } from "./linear.ts";
export { Linear } from "./linear.ts";
export type { CrossEntropyOptions, Loss, LossOptions, Reduction } from "./losses.ts";
export { bceWithLogits, crossEntropy, huber, mae, mse, nll } from "./losses.ts";
export type { AnyModule } from "./module.ts";
export { Module } from "./module.ts";
export { Parameter, withValues } from "./parameter.ts";
export { AvgPool2d, Flatten, MaxPool2d } from "./pooling.ts";
export type { Layer } from "./sequential.ts";
export { Sequential, sequential } from "./sequential.ts";
