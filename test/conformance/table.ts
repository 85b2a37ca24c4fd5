// The rows of the spec tables by op name, expanded to cases and error rows when an op's turn comes.
// Adds the refusals that follow for every elementwise op without its row's help. Read next: cases.ts.
import type { DType } from "../../bindings/core/dtype.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { ElementwiseName } from "../specs/elementwise.ts";
import { elementwise } from "../specs/elementwise.ts";
import { beyond, structured, withOptions } from "../specs/structured.ts";
import { refusals } from "../specs/refusals.ts";
import type { ErrorRow, StructuredSpec } from "../specs/spec.ts";
import type { Case } from "../../bindings/testing/samples.ts";
import { halfCases } from "./halves.ts";
import { domainsOf, elementwiseCases, structuredCases } from "../../bindings/testing/samples.ts";

export interface OpRows {
  readonly cases: readonly Case[];
  readonly errors: readonly ErrorRow[];
}

const tables = { ...structured, ...beyond };

/** Every op of the tables, elementwise ones first. */
export const opNames: readonly string[] = [
  ...Object.keys(elementwise),
  ...Object.keys(withOptions),
  ...Object.keys(tables),
];

const expanded = new Map<string, OpRows>();

/** The same cases whenever they are asked for: what they should give is then computed once for all backends. */
export function rowsOf(op: string): OpRows {
  const rows = expanded.get(op) ?? withHalves(op, expand(op));
  expanded.set(op, rows);
  return rows;
}

function withHalves(op: string, { cases, errors }: OpRows): OpRows {
  return { cases: [...cases, ...halfCases(op, cases)], errors };
}

function expand(op: string): OpRows {
  if (op in elementwise) return elementwiseRows(op as ElementwiseName);
  if (op in withOptions) {
    const { variants, errors = [] } = withOptions[op as keyof typeof withOptions];
    const cases = variants.flatMap((variant) => elementwiseCases(op, variant, variant.call, `${variant.label}: `));
    return { cases, errors: [...errors, ...(refusals[op] ?? [])] };
  }
  const spec = (tables as Readonly<Record<string, StructuredSpec | undefined>>)[op];
  if (spec === undefined) throw new Error(`no op named ${op} in test/specs`);
  return { cases: structuredCases(op, spec), errors: [...(spec.errors ?? []), ...(refusals[op] ?? [])] };
}

function elementwiseRows(op: ElementwiseName): OpRows {
  const spec = elementwise[op];
  const call = athanor[op] as (...operands: Tensor[]) => Tensor;
  const arity = domainsOf(spec).length;
  const dtype = spec.dtypes?.[0] ?? "f32";
  const errors: ErrorRow[] = [...(spec.errors ?? []), ...(refusals[op] ?? []), disposed(op, call, arity, dtype)];
  if (arity === 2) {
    errors.push({
      label: "shapes",
      shapes: [[2, 3], [4]],
      dtypes: [dtype, dtype],
      call,
      error: "ShapeError",
      message: `${op}: shapes [2, 3] and [4] do not broadcast: each axis must be equal or 1. Reshape or expandDims one of them`,
    });
  }
  return { cases: elementwiseCases(op, spec, (...tensors) => call(...tensors)), errors };
}

function disposed(op: string, call: (...operands: Tensor[]) => Tensor, arity: number, dtype: DType): ErrorRow {
  return {
    label: "disposed operand",
    shapes: Array.from({ length: arity }, () => [2]),
    dtypes: Array.from({ length: arity }, () => dtype),
    call: (...operands) => {
      operands[0]?.dispose();
      return call(...operands);
    },
    error: "DisposedError",
    message: `${op}: tensor [2] ${dtype} was disposed. Keep it: return it from scope(), or dispose it later`,
  };
}
