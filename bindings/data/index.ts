// Datasets: the public face of bindings/data.
export type { Batch } from "./dataset.ts";
export { Dataset, dataset } from "./dataset.ts";
export type { Rows, Source } from "./rows.ts";
