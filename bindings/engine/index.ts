// The engine's public face: re-exports only.
export type { CreationOptions, TensorOptions } from "./creation.ts";
export { arange, eye, full, fullLike, linspace, ones, onesLike, tensor, zeros, zerosLike } from "./creation.ts";
export { createEngine, defaultEngine, engineOf, evaluate, scope, useEngine, withDevice } from "./default.ts";
export { Engine } from "./engine.ts";
export type {
  ExplainedKernel,
  ExplainedSegment,
  ExplainedTransfer,
  Explanation,
  ExplanationData,
} from "./explain/explanation.ts";
export { explain } from "./explain/explain.ts";
export { checkGuards, memoryGuards } from "./guards.ts";
export { init, memory, shutdown } from "./init.ts";
export type { JitFunction, JitOptions } from "./compile/jit.ts";
export { jit } from "./compile/jit.ts";
export type { ScanOptions } from "./compile/scan.ts";
export { scan } from "./compile/scan.ts";
export type { Tree } from "./scopes.ts";
export { mapTree, tensorsOf } from "./scopes.ts";
export type { Correction, Curve, DeviceProfile, Link, Profile, Rate } from "./dispatch/profile.ts";
export type { DeviceReport, InitOptions, InitReport } from "./start.ts";
export type { TraceEvent } from "./explain/trace-events.ts";
export { calibrate, exportProfile, importProfile } from "./dispatch/tune.ts";
export type { CalibrateOptions, ProfileReport, TuneMode } from "./dispatch/tuning.ts";
export type { Unique, UniqueOptions } from "./unique.ts";
export { unique } from "./unique.ts";
