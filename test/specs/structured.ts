// The table of ops that are not elementwise functions: one row for every other function that bindings/ops exports, and the
// rows of creation. The types say so: an op without a row does not compile.
// Read next: elementwise.ts for the other table, reduction.ts … for rows.
import type * as matrices from "../../bindings/linalg/index.ts";
import type * as ops from "../../bindings/ops/index.ts";
import { assembling } from "./assembling.ts";
import { contraction } from "./contraction.ts";
import { convolution } from "./convolution.ts";
import { convolutionRanks } from "./convolution-ranks.ts";
import { creation } from "./creation.ts";
import type { ElementwiseName } from "./elementwise.ts";
import { cumulative } from "./cumulative.ts";
import { eig } from "./eig.ts";
import { fourier } from "./fourier.ts";
import { indexing } from "./indexing.ts";
import { linalg } from "./linalg.ts";
import { movement } from "./movement.ts";
import { parametric } from "./parametric.ts";
import { pooling } from "./pooling.ts";
import { quantization } from "./quantization.ts";
import { reduction } from "./reduction.ts";
import { loops, sequence } from "./sequence.ts";
import { sorting } from "./sorting.ts";
import type { ParametricSpec, StructuredSpec } from "./spec.ts";
import { singular } from "./singular.ts";
import { systems } from "./systems.ts";

type Ops = typeof ops;

/** Exports of bindings/ops that are functions, but not made by `elementwise(...)`. */
export type OtherName = Exclude<
  { [K in keyof Ops]: Ops[K] extends (...parameters: never[]) => unknown ? K : never }[keyof Ops],
  ElementwiseName
>;

/** Exports that other ops are built from: they take regions and layouts, and are seen through the ops that use them. */
type Part = "assemble" | "region" | "aliasOf";

/** Elementwise ops with options. */
export const withOptions: Readonly<Record<keyof typeof parametric, ParametricSpec>> = parametric;

const families = {
  ...reduction,
  ...cumulative,
  ...movement,
  ...assembling,
  ...indexing,
  ...sorting,
  ...contraction,
  ...convolution,
  ...convolutionRanks,
  ...pooling,
  ...linalg,
  ...sequence,
  ...quantization,
};

/** Every remaining op. */
export const structured: Readonly<Record<Exclude<OtherName, Part | keyof typeof parametric>, StructuredSpec>> =
  families;

/** Every function of bindings/linalg. */
const decompositions: Readonly<Record<keyof typeof matrices, StructuredSpec>> = {
  ...linalg,
  ...systems,
  ...singular,
  ...fourier,
  ...eig,
};

/** The norm of vectors has a row above: that of matrices goes by another name here. */
const { norm: matrixNorm, ...matrixOps } = decompositions;

/** Functions outside bindings/ops. */
export const beyond: Readonly<Record<string, StructuredSpec>> = { ...creation, ...loops, ...matrixOps, matrixNorm };
