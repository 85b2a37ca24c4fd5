// Testing of users' ops: re-exports only. Read next: test-op.ts.
export type { NdArray } from "./array.ts";
export type { BackendName } from "./backends.ts";
export type { Check } from "./checks.ts";
export type { TestReport, TestRow } from "./report.ts";
export type { ErrorRow, GradientRule, LayoutName, OperandSpec, Range, Tolerance } from "./spec.ts";
export { ulps, ulpsOfSum } from "./spec.ts";
export type { ExpressionTest, KernelTest, OpSample, TestOptions } from "./test-op.ts";
export { testOp } from "./test-op.ts";
