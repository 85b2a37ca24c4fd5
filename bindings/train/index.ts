// Training: the public face of bindings/train.
export type { BatchLog, Callback, EarlyStoppingOptions, EpochLog } from "./callbacks.ts";
export { earlyStopping } from "./callbacks.ts";
export type { EvaluateOptions, Evaluation, FitOptions, History, LossName } from "./fit.ts";
export { evaluate, fit } from "./fit.ts";
export type { Metric } from "./metrics.ts";
export type { ProgressTarget } from "./progress.ts";
export { progressBar } from "./progress.ts";
