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

/** Elements that a case of which slopes are taken has at least, where there is one: not those that show nothing but an edge. */
const enough = 8;

/** Slopes of the second order are tried of what these consist of: compiling so many kernels would take longer than all other ops together. */
const ofParts: readonly string[] = ["lstmCell", "gruCell"];

/** Cases whose slopes are products of a few rows, where the least has larger ones: tiles take a GPU's compiler a second each. */
const narrow: Readonly<Record<string, string>> = { matmul: "batches broadcast" };

/**
 * Cases in f16, made from some of an op's cases in f32: its least one with gradients, for these alone; and one amid others in one
 * plan where the op has a kernel.
 */
export function halfCases(op: string, cases: readonly Case[]): Case[] {
  if (without.includes(op)) return [];
  const fitting = cases.filter(isFitting);
  const sloped = slopedOf(op, fitting);
  const everywhere = fitting.find(({ gpu, fusion }) => gpu && fusion) ?? fitting.find(({ gpu }) => gpu);
  return [
    ...(sloped === undefined
      ? []
      : [{ ...inHalves(op, sloped), fusion: false, isForSlopes: everywhere !== undefined }]),
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

function slopedOf(op: string, cases: readonly Case[]): Case | undefined {
  const sloped = cases.filter(({ gradient }) => gradient !== false);
  const found = sloped.find(({ label }) => label === narrow[op]) ?? leastOf(sloped);
  if (found === undefined || !ofParts.includes(op)) return found;
  return { ...found, gradient: { ...found.gradient, second: false } };
}

/** A small case, of those for the GPU and with slopes of both orders if there are any. */
function leastOf(cases: readonly Case[]): Case | undefined {
  const onGpu = cases.filter(({ gpu }) => gpu);
  const among = onGpu.length > 0 ? onGpu : cases;
  const twice = among.filter(({ gradient }) => gradient !== false && gradient.second !== false);
  const sizes = new Map((twice.length > 0 ? twice : among).map((sample) => [sample, elementsOf(sample)]));
  const least = Math.min(...[...sizes.values()].filter((size) => size >= enough));
  return [...sizes].find(([, size]) => size === least)?.[0] ?? among[0];
}

const elementsOf = ({ operands }: Case): number => operands.reduce((sum, { values }) => sum + values.length, 0);

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
    gradient,
  };
}
