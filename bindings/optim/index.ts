// Optimisers, their pure rules, schedules and clipping: the public face of bindings/optim.
export type { AdamOptions } from "./adam.ts";
export { adam, adamW } from "./adam.ts";
export { clipGradients, globalNorm } from "./clip.ts";
export type { OptimizerOptions } from "./optimizer.ts";
export { Adam, AdamW, Optimizer, SGD } from "./optimizer.ts";
export type { Rule, RuleState, Updated } from "./rule.ts";
export type { Schedule } from "./schedule.ts";
export { cosine, exponentialDecay, stepDecay, warmup } from "./schedule.ts";
export type { SgdOptions } from "./sgd.ts";
export { sgd } from "./sgd.ts";
