// Launches of a product of matrices: the variant for its shape, vectors where the operands lie so that none goes over an edge,
// and a sum over slices where k is cut. Words and bindings are those of shaders/matmul.wgsl.
// Read next: ../variants/products.ts for the choice, ../variants/tile.ts for the text, reduce-shader.ts for the sum.
import type { KernelStep, Slot } from "../../../graph/step.ts";
import { whole } from "../../../graph/step.ts";
import type { GPULimits } from "../device/description.ts";
import { partCount } from "../memory/parts.ts";
import { wordsOf } from "../memory/words.ts";
import type { MatrixPlan } from "../variants/matrix-text.ts";
import { matrixText } from "../variants/matrix-text.ts";
import type { ProductShape, Variant } from "../variants/products.ts";
import { matrixPlanOf, productVariants, suits, tileOf } from "../variants/products.ts";
import { productSegment } from "../variants/sample.ts";
import type { Loads, Tile } from "../variants/tile.ts";
import { tiled, tileM, tileN, without } from "../variants/tile.ts";
import { numbered } from "../wgsl/across.ts";
import { insert } from "../wgsl/attachment.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import { templateDispatch } from "./kernel-shader.ts";
import { foldDispatches } from "./row-launch.ts";

/** The sizes behind the words of a product. */
export function productShape(words: readonly number[]): ProductShape {
  const [batch0 = 1, batch1 = 1, m = 0, n = 0, k = 0] = words;
  return { batches: batch0 * batch1, m, n, k, isAlong: words[9] === 1 && words[10] !== 1 };
}

/** What both operands are stored in, where that is one type of floats. */
function componentsOf({ dtype, inputs }: KernelStep): ProductShape["components"] {
  if (dtype !== "f32") return undefined;
  return inputs.every((view) => view.dtype === "f16") ? "f16" : "f32";
}

/** The launches of a matmul step whose result has elements. */
export function matmulDispatches(step: KernelStep, slots: readonly Slot[], workshop: Workshop): Dispatch[] {
  const { limits, choose, temporary } = workshop;
  const shape = { ...productShape(step.words), components: componentsOf(step) };
  const variant = choose(productVariants, "matmul", shape, () => productSegment(shape));
  if (variant.tile === "rows" && suits(variant, shape, limits))
    return [rowsDispatch(step, slots, workshop, variant.usesSubgroups ?? false)];
  const plan = matrixPlanOf(variant, shape, limits);
  const tile = tileOf(variant);
  const { batches, m, n, k } = shape;
  const slice = sliceOf(variant, k, (plan ?? tile).depth);
  const slices = Math.max(1, Math.ceil(k / slice));
  if (slices === 1) return [tiledDispatch(step, slots, workshop, { tile, plan, slice })];
  const target = temporary(step.dtype, slices * batches * m * n);
  const partial = { ...step, outputs: [whole(target, step.dtype)], epilogue: undefined };
  return [
    tiledDispatch(partial, slots, workshop, { tile, plan, slice }),
    ...sumOfSlices(step, slots, workshop, target, slices, batches * m * n),
  ];
}

/** How a product is cut. */
export interface Cut {
  readonly tile: Tile;
  /** A tile by subgroup matrices instead. */
  readonly plan?: MatrixPlan | undefined;
  /** Steps of k in a slice. */
  readonly slice: number;
  /** Whether sums are made in blocks of a tile's depth. */
  readonly isBlocked?: boolean;
}

/** The launch of a product in tiles; the slices of k, if there are several, lie one after the other in the output. */
export function tiledDispatch(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  { tile, plan, slice, isBlocked = false }: Cut,
): Dispatch {
  const { batches, m, n, k } = productShape(step.words);
  const lying = loadsOf(step);
  const loadsAt = (at: 0 | 1): Loads =>
    step.dtype === "f32" && isWholeArray(step, slots, workshop.limits, at) ? lying[at] : "loose";
  const operands = [
    { name: "a", loads: loadsAt(0), isClose: "parameters.aColumn == 1" },
    { name: "b", loads: loadsAt(1), isClose: "parameters.bRow == 1" },
  ] as const;
  const { library } = workshop;
  const template = library.template("matmul") ?? "";
  const text =
    plan === undefined
      ? numbered(tiled(template, tile, operands, isBlocked), tile.usesQuads ?? false, library.hasSubgroupId)
      : matrixText(template, library.template("matmulMatrices") ?? "", plan, operands, library.matrixFunctions);
  const slices = Math.max(1, Math.ceil(k / slice));
  const sizes = plan?.tile ?? tile;
  const groups = slices * batches * Math.ceil(m / tileM(sizes)) * Math.ceil(n / tileN(sizes));
  return finished(step, slots, workshop, text, { entry: "main", groups, slice });
}

/** The launches that sum up slices of `size` elements in the slot `partial` and apply the step's epilogue. */
export function sumOfSlices(
  step: KernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  partial: number,
  slices: number,
  size: number,
): Dispatch[] {
  const [output] = step.outputs;
  const dtype = output?.dtype ?? step.dtype;
  return foldDispatches(
    {
      kind: "reduce",
      label: `${step.label} (sum of slices)`,
      combiner: "sum",
      dtype: step.dtype,
      outer: 1,
      length: slices,
      inner: size,
      input: { slot: partial, dtype: step.dtype, offset: 0, strides: [slices * size, size, 1] },
      prologue: undefined,
      epilogue: step.epilogue,
      output: { slot: output?.slot ?? -1, dtype, offset: 0, strides: [size, 1] },
    },
    slots,
    workshop,
  );
}

function rowsDispatch(step: KernelStep, slots: readonly Slot[], workshop: Workshop, usesSubgroups: boolean): Dispatch {
  const { library } = workshop;
  const { batches, n, k, isAlong = false } = productShape(step.words);
  // An entry point that is not run may not ask for what a device lacks, nor be compiled for nothing.
  let text = without(library.template("matmulRows") ?? "", isAlong ? "across" : "along");
  text = numbered(text, usesSubgroups, library.hasSubgroupId);
  text = insert(text, "together", (usesSubgroups ? columnsBySubgroups : columnsInMemory).join("\n"));
  return finished(step, slots, workshop, text, {
    entry: isAlong ? "along" : "across",
    groups: batches * Math.ceil(n / (isAlong ? 4 : 64)),
    slice: Math.max(1, k),
  });
}

const fourSums = [0, 1, 2, 3].map(String);

/**
 * Statements after which an invocation has the total of a column as `total`, that with its number of four, or of two as `total`
 * and `next` where these are stored together.
 */
const columnsInMemory: readonly string[] = [
  ...fourSums.map((at) => `partials[lane + 64 * ${at}] = sum${at};`),
  "for (var width = 32; width > 0; width >>= 1u) {",
  "  workgroupBarrier();",
  "  if (lane < width) {",
  "    for (var i = lane; i < 256; i += 64) {",
  "      partials[i] += partials[i + width];",
  "    }",
  "  }",
  "}",
  "workgroupBarrier();",
  "let total = partials[lane * TOGETHER % 4 * 64];",
  "let next = partials[(lane * TOGETHER + TOGETHER - 1) % 4 * 64];",
];

/** The same where each subgroup adds up its own and leaves four sums. */
const columnsBySubgroups: readonly string[] = [
  ...fourSums.map((at) => `let part${at} = subgroupAdd(sum${at});`),
  "if (member == 0u) {",
  ...fourSums.map((at) => `  partials[thread / members * 4u + ${at}u] = part${at};`),
  "}",
  "workgroupBarrier();",
  "var total = vec4<Scalar>();",
  "var next = vec4<Scalar>();",
  "for (var at = 0; at < (64 + i32(members) - 1) / i32(members); at++) {",
  "  total += partials[at * 4 + lane * TOGETHER % 4];",
  "  next += partials[at * 4 + (lane * TOGETHER + TOGETHER - 1) % 4];",
  "}",
];

/** Whether an input is one buffer: only such a one can be an array of vectors. */
export function isWholeArray(step: KernelStep, slots: readonly Slot[], limits: GPULimits, at: number): boolean {
  const slot = slots[step.inputs[at]?.slot ?? -1];
  return slot !== undefined && slot.kind !== "scalar" && partCount(wordsOf(slot), limits) === 1;
}

/** A whole number of staged steps, so that slices begin with a vector. */
export function sliceOf({ slices }: Variant, k: number, depth: number): number {
  return Math.max(depth, Math.ceil(k / slices / depth) * depth);
}

/** The launch of a text for a product whose k is cut into slices of so many steps. */
export function finished(
  step: KernelStep,
  slots: readonly Slot[],
  { library }: Workshop,
  template: string,
  { slice, ...launch }: { readonly entry: string; readonly groups: number; readonly slice: number },
): Dispatch {
  return templateDispatch({ ...step, words: [...step.words, slice] }, slots, library, template, launch);
}

/** How each operand can be loaded: in vectors where all of them begin at a multiple of four and none goes over an edge. */
function loadsOf({ inputs, words }: KernelStep): readonly [Loads, Loads] {
  const [, , m = 0, n = 0, k = 0, aRow, aColumn, aBatch0, aBatch1, bRow, bColumn, bBatch0, bBatch1] = words;
  const isFour = (...sizes: readonly (number | undefined)[]): boolean => sizes.every((size = 0) => size % 4 === 0);
  const [a, b] = inputs;
  const left = isFour(a?.offset, aBatch0, aBatch1);
  const right = isFour(b?.offset, bBatch0, bBatch1);
  return [
    left && aColumn === 1 && isFour(aRow, k) ? "along" : left && aRow === 1 && isFour(aColumn, m) ? "across" : "loose",
    right && bColumn === 1 && isFour(bRow, n)
      ? "across"
      : right && bRow === 1 && isFour(bColumn, k)
        ? "along"
        : "loose",
  ];
}
