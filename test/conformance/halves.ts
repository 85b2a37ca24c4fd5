// Cases in f16 for every op that takes floats, made from its cases in f32: operands rounded to halves, the same reference over
// them, and a result that is right if some number within the tolerance of f32 rounds to it. So what an op does in between has
// to be done in f32, and rounded once.
// Read next: table.ts, which adds them; bindings/testing/compare.ts, which judges; docs/types.md for the rule.
import type { DType } from "../../bindings/core/dtype.ts";
import * as linalg from "../../bindings/linalg/index.ts";
import { representable } from "../../bindings/testing/compare.ts";
import type { Case } from "../../bindings/testing/samples.ts";

/** Ops that name the type of their result themselves. */
const named: readonly string[] = ["cast"];

/**
 * Not tried here. Factorisations and transforms of halves are those of the same numbers in f32 (test/halves/host.test.ts), and their
 * rows make the matrices that they take by products, which round. A loop rounds at every step. What stores weights in bytes
 * takes f32 and says so.
 */
const without: readonly string[] = [
  ...Object.keys(linalg).filter((name) => name !== "norm"),
  "matrixNorm",
  "scan",
  "quantizeMatrix",
  "dequantizeMatrix",
  "quantizedMatmul",
];

/** Gradients of other ops are made of expressions, sums and these: they are tried on the CPU, and on a GPU that has halves. */
const withKernels: readonly string[] = ["conv2d", "maxPool2d", "scaledDotProductAttention", "softmax", "sort"];

/**
 * Cases in f16, made from some of an op's cases in f32: one with gradients, for the CPU, and where these have kernels of their own
 * for the GPU; one for every device, amid others in one plan where the op has a kernel.
 */
export function halfCases(op: string, cases: readonly Case[]): Case[] {
  if (without.includes(op)) return [];
  const fitting = cases.filter(isFitting);
  const sloped = fitting.find(({ gradient }) => gradient !== false);
  const everywhere = fitting.find(({ gpu, fusion }) => gpu && fusion) ?? fitting.find(({ gpu }) => gpu);
  return [
    ...(sloped === undefined
      ? []
      : [{ ...inHalves(op, sloped), gpu: sloped.gpu && withKernels.includes(op), fusion: false }]),
    ...(everywhere === undefined
      ? []
      : [
          {
            ...inHalves(op, everywhere),
            label: `f16 everywhere ${everywhere.label}`,
            gradient: false as const,
            fusion: !everywhere.elementwise,
          },
        ]),
  ];
}

/** Floats in f32 and nothing in f64. Special points and extremes are about where f32 ends. */
function isFitting({ operands, result, results = [], label }: Case): boolean {
  const types = new Set<DType>([...operands.map(({ dtype }) => dtype), result, ...results]);
  if (types.has("f64") || / (special|extremes|gradient over the domain)$/.test(label)) return false;
  return operands.some(({ dtype, values }) => dtype === "f32" && values.length > 0);
}

function inHalves(op: string, sample: Case): Case {
  const halved = (dtype: DType): DType => (dtype === "f32" ? "f16" : dtype);
  const keepsResult = named.includes(op);
  const { result, results, gradient } = sample;
  return {
    ...sample,
    label: `f16 ${sample.label}`,
    operands: sample.operands.map((operand) => ({
      ...operand,
      dtype: halved(operand.dtype),
      values: operand.dtype === "f32" ? operand.values.map((value) => representable(value, "f16")) : operand.values,
    })),
    result: keepsResult ? result : halved(result),
    results: keepsResult ? results : results?.map(halved),
    gradient: gradient === false ? false : { ...gradient, second: false },
  };
}
