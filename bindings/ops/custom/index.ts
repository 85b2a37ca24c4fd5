// What users who define ops of their own see: re-exports only. Read next: define-op.ts.
export type {
  Attribute,
  Attributes,
  ExpressionDefinition,
  ExpressionOp,
  GradientArguments,
  Gradients,
  KernelDefinition,
  KernelFunction,
  OperandInfo,
  ParameterValue,
  Scalar,
  Settings,
  WasmKernel,
  WgslKernel,
} from "./definition.ts";
export { defineOp } from "./define-op.ts";
export type { ArrayView } from "../descriptor.ts";
