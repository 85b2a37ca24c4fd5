// Rows of the functions that make tensors out of nothing. They have no operands, so a sample is one call.
// Read next: spec.ts.
import type { DType } from "../../bindings/core/dtype.ts";
import * as athanor from "../../bindings/index.ts";
import type { Tensor } from "../../bindings/index.ts";
import type { Sample, StructuredRows, StructuredSpec } from "./spec.ts";
import { ulps } from "./spec.ts";

function made(
  label: string,
  call: () => Tensor,
  shape: readonly number[],
  data: readonly number[],
  result: DType = "f32",
): Sample {
  return { label, operands: [], call, reference: () => ({ shape, data }), result };
}

function filled(count: number, value: number): number[] {
  return new Array<number>(count).fill(value);
}

function row(...samples: Sample[]): StructuredSpec {
  return { tolerance: ulps(1), gradient: false, samples };
}

export const creation: StructuredRows<"tensor" | "zeros" | "ones" | "full" | "arange" | "linspace" | "eye"> = {
  tensor: row(
    made(
      "nested",
      () =>
        athanor.tensor([
          [1, 2],
          [3, 4],
        ]),
      [2, 2],
      [1, 2, 3, 4],
    ),
    made("booleans", () => athanor.tensor([true, false]), [2], [1, 0], "bool"),
    made("Int32Array", () => athanor.tensor(new Int32Array([1, -2])), [2], [1, -2], "i32"),
    made(
      "Uint8Array with a shape",
      () => athanor.tensor(new Uint8Array([1, 2]), { shape: [2, 1] }),
      [2, 1],
      [1, 2],
      "u8",
    ),
    made("a number", () => athanor.tensor(3), [], [3]),
  ),
  zeros: row(
    made("[2,3]", () => athanor.zeros([2, 3]), [2, 3], filled(6, 0)),
    made("i32 [4]", () => athanor.zeros([4], { dtype: "i32" }), [4], filled(4, 0), "i32"),
  ),
  ones: row(
    made("[2,3]", () => athanor.ones([2, 3]), [2, 3], filled(6, 1)),
    made("bool [3]", () => athanor.ones([3], { dtype: "bool" }), [3], filled(3, 1), "bool"),
  ),
  full: row(
    made("[3]", () => athanor.full([3], 2.5), [3], filled(3, 2.5)),
    made("[0]", () => athanor.full([0], 7), [0], []),
  ),
  arange: row(
    made("4", () => athanor.arange(4), [4], [0, 1, 2, 3]),
    made("f32 1 to 2 by 0.25", () => athanor.arange(1, 2, 0.25, { dtype: "f32" }), [4], [1, 1.25, 1.5, 1.75]),
    made("down", () => athanor.arange(3, 0, -1, { dtype: "i32" }), [3], [3, 2, 1], "i32"),
  ),
  linspace: row(
    made("0 to 1 in 5", () => athanor.linspace(0, 1, 5), [5], [0, 0.25, 0.5, 0.75, 1]),
    made("without the end", () => athanor.linspace(0, 1, 4, { endpoint: false }), [4], [0, 0.25, 0.5, 0.75]),
  ),
  eye: row(
    made("3", () => athanor.eye(3), [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]),
    made("2 by 3", () => athanor.eye(2, 3), [2, 3], [1, 0, 0, 0, 1, 0]),
  ),
};
