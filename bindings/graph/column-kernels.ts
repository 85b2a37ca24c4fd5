// Column kernels of the GPU: folds of the same columns that read a tensor in common (the gradients of a norm's scale and shift) become
// one step, which goes along the columns once. The order of steps is changed by cluster.ts, as for row kernels; folds that are
// joined need nothing of each other. Knows no shader.
// Read next: row-kernels.ts; ../backends/webgpu/kernels/column-shader.ts, which writes the kernel.
import { topological } from "../expr/expression.ts";
import { Sequence } from "./cluster.ts";
import type { ColumnKernelStep, ReduceStep, Step } from "./step.ts";
import { groupsOf, writesOf } from "./step.ts";

/** Folds of a kernel at most, and nodes of their expressions: more would not fit into registers. */
const maxFolds = 4;
const maxNodes = 100;
/** Buffers that every GPU shows a shader. */
const maxBuffers = 8;

/** The steps with one step in place of folds of the same columns. */
export function withColumnKernels(steps: readonly Step[]): Step[] {
  const sequence = new Sequence<Step>((step) => [step]);
  for (const step of steps) sequence.add(step, (earlier) => haveColumns(earlier, step), join);
  return sequence.items;
}

/** The folds of a step that may be in such a kernel. */
function foldsOf(step: Step): readonly ReduceStep[] {
  if (step.kind === "columnKernel") return step.steps;
  if (step.kind !== "reduce" || step.inner < 2 || step.outer * step.length === 0) return [];
  return [step];
}

function haveColumns(a: Step, b: Step): boolean {
  const [first, second] = [foldsOf(a)[0], foldsOf(b)[0]];
  if (first === undefined || second === undefined) return false;
  return (["outer", "length", "inner", "dtype"] as const).every((size) => first[size] === second[size]);
}

function join(a: Step, b: Step): ColumnKernelStep | undefined {
  const all = [...foldsOf(a), ...foldsOf(b)];
  const [first] = all;
  const written = new Set(all.flatMap(writesOf).map(({ slot }) => slot));
  const read = all.flatMap(readsOf);
  if (first === undefined || written.size < all.length || read.some((slot) => written.has(slot))) return undefined;
  const isSmall = all.length <= maxFolds && new Set(read).size + written.size <= maxBuffers && nodesOf(all) <= maxNodes;
  if (!isSmall) return undefined;
  const { outer, length, inner, dtype } = first;
  return {
    kind: "columnKernel",
    label: [...new Set(all.map(({ label }) => label))].join("; "),
    groups: groupsOf(all),
    ...{ outer, length, inner, dtype },
    steps: all,
  };
}

function readsOf({ input, prologue, epilogue }: ReduceStep): number[] {
  const views = [...(input === undefined ? [] : [input]), ...(prologue?.inputs ?? []), ...(epilogue?.inputs ?? [])];
  return views.map(({ slot }) => slot);
}

function nodesOf(steps: readonly ReduceStep[]): number {
  return steps
    .flatMap(({ prologue, epilogue }) => [prologue, epilogue].flatMap((attachment) => attachment?.expression ?? []))
    .reduce((sum, expression) => sum + topological(expression).length, 0);
}
