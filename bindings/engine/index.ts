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
} from "./explanation.ts";
export { explain } from "./explain.ts";
export { checkGuards, memoryGuards } from "./guards.ts";
export { init, memory, shutdown } from "./init.ts";
export type { JitFunction, JitOptions } from "./jit.ts";
export { jit } from "./jit.ts";
export type { ScanOptions } from "./scan.ts";
export { scan } from "./scan.ts";
export type { Tree } from "./scopes.ts";
export { mapTree, tensorsOf } from "./scopes.ts";
export type { Correction, Curve, DeviceProfile, Link, Profile, Rate } from "./profile.ts";
export type { DeviceReport, InitOptions, InitReport } from "./start.ts";
export type { TraceEvent } from "./trace-events.ts";
export { calibrate, exportProfile, importProfile } from "./tune.ts";
export type { CalibrateOptions, ProfileReport, TuneMode } from "./tuning.ts";
export type { Unique, UniqueOptions } from "./unique.ts";
export { unique } from "./unique.ts";
