// The table of elementwise ops: one row for every function that `elementwise(...)` made in bindings/ops.
// The type says so: an op without a row does not compile. Add a row to the family file its op belongs to.
// Read next: arithmetic.ts for rows, spec.ts for their fields, structured.ts for all other ops.
import type * as ops from "../../bindings/ops/index.ts";
import { activation } from "./activation.ts";
import { arithmetic } from "./arithmetic.ts";
import { comparison } from "./comparison.ts";
import { exponential } from "./exponential.ts";
import type { ElementwiseSpec } from "./spec.ts";

type Ops = typeof ops;

/** The exports of bindings/ops that carry an elementwise descriptor and their expression. */
export type ElementwiseName = {
  [K in keyof Ops]: Ops[K] extends { readonly op: { readonly kind: "map" }; readonly build: unknown } ? K : never;
}[keyof Ops];

export const elementwise: Readonly<Record<ElementwiseName, ElementwiseSpec>> = {
  ...arithmetic,
  ...exponential,
  ...comparison,
  ...activation,
};
