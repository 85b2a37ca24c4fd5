// Linear algebra: re-exports only.
export type { EigenDecomposition } from "./eigh.ts";
export { eigh, eigvalsh } from "./eigh.ts";
