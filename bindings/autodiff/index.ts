// Differentiation: re-exports only.
export type { GradOptions } from "./grad.ts";
export { grad, valueAndGrad, vjp } from "./grad.ts";
export type { GradcheckOptions } from "./gradcheck.ts";
export { gradcheck } from "./gradcheck.ts";
