// What a row of the spec table is: the tables are typed over the op names. What a row holds is bindings/testing/spec.ts.
// Rows say what is right (an f64 reference, written from the definition), where to look, and how exact the answer must be.
// Read next: elementwise.ts for the shortest rows, bindings/testing/samples.ts for the samples that follow from them.
import type { Tensor } from "../../bindings/ops/tensor.ts";
import type { ElementwiseSpec, ErrorRow, StructuredSpec } from "../../bindings/testing/spec.ts";

export type * from "../../bindings/testing/spec.ts";
export { ulps, ulpsOfSum } from "../../bindings/testing/spec.ts";

/** An elementwise op with options: one entry for every setting that is worth a look. */
export interface ParametricSpec {
  readonly variants: readonly (ElementwiseSpec & {
    readonly label: string;
    readonly call: (...tensors: Tensor[]) => Tensor;
  })[];
  readonly errors?: readonly ErrorRow[];
}

/** A row for every elementwise op that a module of bindings/ops exports: one too few or too many does not compile. */
export type ElementwiseRows<Module> = {
  readonly [
    K in keyof Module as Module[K] extends { readonly op: { readonly kind: "map" }; readonly build: unknown }
      ? K
      : never
  ]: ElementwiseSpec;
};

/** A row for each of these ops. */
export type StructuredRows<Names extends string> = Readonly<Record<Names, StructuredSpec>>;
