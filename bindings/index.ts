// The public face of the engine: re-exports only. Layers, optimisers, training and the rest have faces of their own:
// athanor/nn, athanor/optim, athanor/data, athanor/train, athanor/linalg, athanor/random.
export * from "./autodiff/index.ts";
export type { DeviceName, MemoryReport } from "./backends/backend.ts";
export type { DType, TypedArray } from "./core/dtype.ts";
export {
  AthanorError,
  BackendError,
  DTypeError,
  DisposedError,
  FormatError,
  GradientError,
  LinAlgError,
  ParameterError,
  ShapeError,
} from "./core/errors.ts";
export type { Shape } from "./core/shape.ts";
export * from "./engine/index.ts";
export * as linalg from "./linalg/index.ts";
export * from "./ops/custom/index.ts";
export * from "./ops/index.ts";
export type { Nested, Tensor, TensorLike } from "./ops/tensor.ts";
export * from "./random/index.ts";
