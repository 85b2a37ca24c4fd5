// Training: the public face of bindings/train.
export type { BatchLog, Callback, EarlyStoppingOptions, EpochLog } from "./callbacks.ts";
export { earlyStopping } from "./callbacks.ts";
export type { EvaluateOptions, Evaluation, LossName } from "./evaluate.ts";
export { evaluate } from "./evaluate.ts";
export type { FitOptions, History } from "./fit.ts";
export { fit } from "./fit.ts";
export type { Interruption } from "./recovery.ts";
export type { Metric } from "./metrics.ts";
export type { ProgressTarget } from "./progress.ts";
export { progressBar } from "./progress.ts";
