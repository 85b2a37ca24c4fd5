// The table of elementwise ops: one row for every function that `elementwise(...)` made in bindings/ops.
// The type says so: an op without a row does not compile. Add a row to the family file its op belongs to.
// Read next: arithmetic.ts for rows, spec.ts for their fields, structured.ts for all other ops.
import type * as ops from "../../bindings/ops/index.ts";
import { activation } from "./activation.ts";
import { arithmetic } from "./arithmetic.ts";
import { comparison } from "./comparison.ts";
import { exponential } from "./exponential.ts";
import type { ElementwiseRows, ElementwiseSpec } from "./spec.ts";

/** The exports of bindings/ops that carry an elementwise descriptor and their expression. */
export type ElementwiseName = keyof ElementwiseRows<typeof ops>;

export const elementwise: Readonly<Record<ElementwiseName, ElementwiseSpec>> = {
  ...arithmetic,
  ...exponential,
  ...comparison,
  ...activation,
};
