// Differentiation: re-exports only.
export type { GradOptions } from "./grad.ts";
export { grad, valueAndGrad, vjp } from "./grad.ts";
