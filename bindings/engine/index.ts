// The engine's public face: re-exports only.
export type { CreationOptions, TensorOptions } from "./creation.ts";
export { arange, eye, full, fullLike, linspace, ones, onesLike, tensor, zeros, zerosLike } from "./creation.ts";
export { createEngine, defaultEngine, engineOf, evaluate, scope, useEngine, withDevice } from "./default.ts";
export { Engine } from "./engine.ts";
export type { ExplainedKernel, Explanation } from "./explain.ts";
export { explain } from "./explain.ts";
export { checkGuards, memoryGuards } from "./guards.ts";
export { init, memory, shutdown } from "./init.ts";
export type { JitFunction, JitOptions } from "./jit.ts";
export { jit } from "./jit.ts";
export type { ScanOptions } from "./scan.ts";
export { scan } from "./scan.ts";
export type { Tree } from "./scopes.ts";
export { mapTree, tensorsOf } from "./scopes.ts";
export type { DeviceReport, InitOptions, InitReport } from "./start.ts";
