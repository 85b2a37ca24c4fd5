// Row kernels of the GPU: folds along rows, and the maps over the same rows before, between and behind them, become one step
// (softmax, layer normalisation, their gradients), which reads a row once and keeps what is between for itself.
// The order of steps is changed by cluster.ts, as for the strips of the CPU; what is asked here is whether steps fit together.
// Knows no shader. Read next: row-view.ts; ../backends/webgpu/kernels/row-shader.ts, which writes the kernel.
import { sizeOf } from "../core/shape.ts";
import { topological } from "../expr/expression.ts";
import { Sequence } from "./cluster.ts";
import { resultsOf } from "./join-maps.ts";
import type { Rows } from "./row-view.ts";
import { isDense, isStill, splitView } from "./row-view.ts";
import type { RowKernelStep, RowStep, SlotView, Step } from "./step.ts";
import { groupsOf, viewsOf, writesOf } from "./step.ts";

/** Steps that fit into one kernel; without a frame a single step that may join one. */
interface Cluster {
  readonly steps: readonly Step[];
  readonly frame: Rows | undefined;
}

/** Longer rows keep a workgroup busy for long: fewer than `enoughRows` of them are better shared by several. */
const longRow = 16384;
const enoughRows = 1024;
/** Buffers that every GPU shows a shader. */
const maxBuffers = 8;
/** Folds of a kernel, and nodes of its expressions: more would not fit into registers. */
const maxFolds = 8;
const maxNodes = 200;

/**
 * The steps with row kernels in place of those that fit together. `isKept` tells whether a slot is read outside the segment,
 * `hasHalves` whether invocations can store single halves.
 */
export function withRowKernels(steps: readonly Step[], isKept: (slot: number) => boolean, hasHalves: boolean): Step[] {
  const touching = new Map<number, Step[]>();
  for (const step of steps) {
    for (const { slot } of viewsOf(step)) {
      const known = touching.get(slot);
      if (known === undefined) touching.set(slot, [step]);
      else known.push(step);
    }
  }
  const isHidden = (slot: number, within: readonly Step[]): boolean =>
    !isKept(slot) && (touching.get(slot) ?? []).every((step) => within.includes(step));
  const join = (a: Cluster, b: Cluster): Cluster | undefined => {
    const frame = a.frame ?? b.frame;
    const all = [...a.steps, ...b.steps];
    return frame !== undefined && fits(all, frame, isHidden, hasHalves) ? { steps: all, frame } : undefined;
  };
  let clusters = steps.map((step): Cluster => ({ steps: [step], frame: frameOf(step) }));
  // A second time, for maps that came before the fold that they belong to.
  for (let turn = 0; turn < 2; turn++) {
    const sequence = new Sequence<Cluster>((cluster) => cluster.steps);
    for (const cluster of clusters) sequence.add(cluster, (earlier) => mayJoin(earlier, cluster), join);
    clusters = sequence.items;
  }
  return clusters.flatMap(({ steps: own, frame }): readonly Step[] => {
    const rowSteps = own.filter(isPart);
    if (frame === undefined || rowSteps.length < 2) return own;
    const written = rowSteps.flatMap(writesOf).map(({ slot }) => slot);
    const kernel: RowKernelStep = {
      kind: "rowKernel",
      label: [...new Set(rowSteps.map(({ label }) => label))].join("; "),
      groups: groupsOf(rowSteps),
      ...frame,
      steps: rowSteps,
      hidden: [...new Set(written)].filter((slot) => isHidden(slot, rowSteps)),
    };
    return [kernel];
  });
}

const isPart = (step: Step): step is RowStep => step.kind === "map" || step.kind === "reduce";

function frameOf(step: Step): Rows | undefined {
  if (step.kind !== "reduce" || step.inner !== 1 || step.outer === 0 || step.length < 2) return undefined;
  if (step.length > longRow && step.outer < enoughRows) return undefined;
  return { rows: step.outer, length: step.length };
}

/** A quick answer to whether the two may have a kernel in common, and gain by it. */
function mayJoin(a: Cluster, b: Cluster): boolean {
  const frame = a.frame ?? b.frame;
  if (frame === undefined) return false;
  return [a, b].every(({ frame: own, steps: [step] }) => {
    if (own !== undefined) return own.rows === frame.rows && own.length === frame.length;
    return step?.kind === "map" && [frame.rows, frame.rows * frame.length].includes(sizeOf(step.shape));
  });
}

/** What a kernel makes of a slot: an element for each row, for each element, or what it cannot find again. */
type Made = "rows" | "elements" | "elsewhere";

/** Whether one kernel can do the steps. */
function fits(
  all: readonly Step[],
  frame: Rows,
  isHidden: (slot: number, within: readonly Step[]) => boolean,
  hasHalves: boolean,
): boolean {
  const steps = all.filter(isPart);
  const made = new Map<number, Made>();
  const read = new Set<number>();
  for (const step of steps) {
    for (const { view, shape } of readsOf(step, frame)) {
      const maker = made.get(view.slot);
      if (splitView(shape, view.strides, frame) === undefined) return false;
      if (maker === undefined) read.add(view.slot);
      else if (!isOfOwnRow(maker, view, shape, frame)) return false;
    }
    for (const { view, shape } of resultViews(step, frame)) {
      // One shader can neither read and write a buffer nor write an element twice.
      if (made.has(view.slot) || read.has(view.slot)) return false;
      if (splitView(shape, view.strides, frame) === undefined) return false;
      const isWhole = view.offset === 0 && isDense({ shape, strides: view.strides });
      made.set(view.slot, !isWhole ? "elsewhere" : sizeOf(shape) === frame.rows ? "rows" : "elements");
    }
  }
  const stored = [...made.keys()].filter((slot) => !isHidden(slot, all));
  // Where two halves share a word, neighbours in a row have different invocations.
  if (!hasHalves && steps.flatMap(writesOf).some(({ slot, dtype }) => dtype === "f16" && stored.includes(slot)))
    return false;
  const folds = steps.filter(({ kind }) => kind === "reduce").length;
  return read.size + stored.length <= maxBuffers && folds <= maxFolds && nodesOf(steps) <= maxNodes;
}

/** Whether a row reads only what the same row made. */
function isOfOwnRow(maker: Made, view: SlotView, shape: readonly number[], frame: Rows): boolean {
  const split = splitView(shape, view.strides, frame);
  if (maker === "elsewhere" || view.offset !== 0 || split === undefined) return false;
  const isWhole = isDense({ shape, strides: view.strides });
  if (maker === "elements") return sizeOf(shape) !== frame.rows && isWhole;
  return isDense(split.lead) && isStill(split.trail);
}

/** A view and the shape along which it is walked. */
interface Walked {
  readonly view: SlotView;
  readonly shape: readonly number[];
}

/** What a step reads. */
function readsOf(step: RowStep, { rows, length }: Rows): Walked[] {
  if (step.kind === "map") return step.inputs.map((view) => ({ view, shape: step.shape }));
  const attached = [step.prologue, step.epilogue].flatMap((attachment) =>
    (attachment?.inputs ?? []).map((view) => ({ view, shape: attachment?.shape ?? [] })),
  );
  const { input } = step;
  if (input === undefined) return attached;
  return [{ view: { ...input, strides: [length, 1] }, shape: [rows, length] }, ...attached];
}

/** What a step writes. */
function resultViews(step: RowStep, { rows }: Rows): Walked[] {
  if (step.kind === "map") return resultsOf(step).map(({ output }) => ({ view: output, shape: step.shape }));
  return [{ view: { ...step.output, strides: [1] }, shape: [rows] }];
}

function nodesOf(steps: readonly RowStep[]): number {
  const expressions = steps.flatMap((step) =>
    step.kind === "map"
      ? resultsOf(step).map(({ expression }) => expression)
      : [step.prologue, step.epilogue].flatMap((attachment) => attachment?.expression ?? []),
  );
  return expressions.reduce((sum, expression) => sum + topological(expression).length, 0);
}
