// Joins elementwise steps over the same elements into one loop with several results: what they read is read once, what they
// have in common is computed once, and what only the later one needs is never stored.
// A GPU kernel sees few buffers, which decides there how many are joined. Read next: cluster.ts, which brings steps of the
// CPU together before; ../expr/to-wasm.ts, ../backends/webgpu/kernels/map-shader.ts.
import { bytesOf } from "../core/dtype.ts";
import { sizeOf } from "../core/shape.ts";
import type { Expression } from "../expr/expression.ts";
import { input, inputTypes, substitute, topological } from "../expr/expression.ts";
import type { Cluster } from "./cluster.ts";
import { Sequence } from "./cluster.ts";
import type { MapResult, MapStep, SlotView, Step } from "./step.ts";
import { groupsOf, viewsOf } from "./step.ts";

/** When maps are joined. */
interface Habits {
  /** Whether a loop over these inputs and results is too large. */
  readonly isTooLarge: (inputs: readonly SlotView[], results: readonly MapResult[]) => boolean;
  /** A loop of its own is worth it up to this many bytes that need not be read or written again. */
  readonly worthwhile: number;
}

/** Nodes of the expressions of a loop beyond which it is not joined with more. */
const maxNodes = 160;
/** Pointers of a loop on the CPU. */
const maxOperands = 16;
/** Buffers that every GPU shows a shader. */
const maxBuffers = 8;

const onCpu: Habits = {
  isTooLarge: (inputs, results) => inputs.length + results.length > maxOperands,
  worthwhile: 4096,
};

const onGpu: Habits = {
  isTooLarge: (inputs, results) => {
    const written = new Set(results.map(({ output }) => output.slot));
    const read = new Set(inputs.map(({ slot }) => slot));
    // A buffer cannot be read and written by one kernel.
    return written.size + read.size > maxBuffers || [...written].some((slot) => read.has(slot));
  },
  // A launch costs more than a few bytes.
  worthwhile: 1,
};

/** The steps of a segment of the GPU with its maps joined. `isNeeded` tells whether a slot is read outside of it. */
export function joinMapsOnGpu(steps: readonly Step[], isNeeded: (slot: number) => boolean): Step[] {
  return joinMaps({ steps, rows: 1 }, isNeeded, onGpu);
}

/** The steps of a cluster with its maps joined. `isNeeded` tells whether a slot is read outside of the cluster. */
export function joinMaps(cluster: Cluster, isNeeded: (slot: number) => boolean, habits: Habits = onCpu): Step[] {
  const sequence = new Sequence<Step>((step) => [step]);
  for (const step of cluster.steps)
    sequence.add(
      step,
      (earlier) => earlier.kind === "map" && step.kind === "map" && sizeOf(earlier.shape) === sizeOf(step.shape),
      (earlier, later) => (earlier.kind === "map" && later.kind === "map" ? join(earlier, later, habits) : undefined),
    );
  const steps = sequence.items;
  return steps.map((step) => {
    if (step.kind !== "map" || step.also === undefined) return step;
    const others = new Set(steps.flatMap((other) => (other === step ? [] : viewsOf(other).map(({ slot }) => slot))));
    const kept = resultsOf(step).filter(({ output: { slot } }) => isNeeded(slot) || others.has(slot));
    return pack(step, kept, step.inputs);
  });
}

/** Both maps in one loop. */
function join(a: MapStep, b: MapStep, { isTooLarge, worthwhile }: Habits): MapStep | undefined {
  const shape = finer(a.shape, b.shape);
  const first = shape === undefined ? undefined : reshapeMap(a, shape);
  const second = shape === undefined ? undefined : reshapeMap(b, shape);
  if (first === undefined || second === undefined) return undefined;
  const results = resultsOf(first);
  const made = new Map(results.map((result) => [result.output.slot, result]));
  // What the second reads or writes of the first's results, and what it writes of the first's operands, must be the same element.
  const touchesOthers =
    viewsOf(second).some((view) => {
      const result = made.get(view.slot);
      return result !== undefined && !isSameView(view, result.output);
    }) ||
    resultsOf(second).some(({ output }) =>
      first.inputs.some((view) => view.slot === output.slot && !isSameView(view, output)),
    );
  if (touchesOthers) return undefined;

  const inputs = [...first.inputs];
  const saved = second.inputs.filter(
    (view) => made.has(view.slot) || inputs.some((other) => isSameView(other, view) && moves(view)),
  );
  if (saved.length === 0 || bytesSaved(saved, second.shape) < worthwhile) return undefined;
  const types = second.inputs.map((view) => view.dtype);
  const replacements = second.inputs.map((view, index): Expression => {
    const result = made.get(view.slot);
    if (result !== undefined) return result.expression;
    const known = inputs.findIndex((other) => isSameView(other, view));
    return input(known >= 0 ? known : inputs.push(view) - 1, types[index] ?? "f32");
  });
  const later = resultsOf(second).map(({ expression, output }): MapResult => {
    return { expression: substitute(expression, replacements), output };
  });
  const rewritten = new Set(later.map(({ output }) => output.slot));
  const kept = results.filter(({ output }) => !rewritten.has(output.slot));
  const label = first.label === second.label ? first.label : `${first.label}, ${second.label}`;
  const joined = pack({ ...first, label, groups: groupsOf([a, b]) }, [...kept, ...later], inputs);
  const all = resultsOf(joined);
  const nodes = new Set(all.flatMap(({ expression }) => topological(expression))).size;
  return isTooLarge(joined.inputs, all) || nodes > maxNodes ? undefined : joined;
}

/** The map with other results, of which at least one is left, over those of `inputs` that they read. */
function pack(step: MapStep, results: readonly MapResult[], inputs: readonly SlotView[]): MapStep {
  const used = new Set(results.flatMap(({ expression }) => [...inputTypes(expression).keys()]));
  const order = [...used].sort((x, y) => x - y);
  const renumbered = inputs.map((view, index) => input(Math.max(0, order.indexOf(index)), view.dtype));
  const [main, ...also] = results.map(({ expression, output }): MapResult => {
    return { expression: substitute(expression, renumbered), output };
  });
  if (main === undefined) throw new Error("a map without results");
  const { kind, label, groups = [], shape } = step;
  const read = order.flatMap((index) => inputs[index] ?? []);
  return { kind, label, groups, shape, ...main, inputs: read, ...(also.length === 0 ? {} : { also }) };
}

/** What a map computes, its first result included. */
export function resultsOf(step: MapStep): MapResult[] {
  return [{ expression: step.expression, output: step.output }, ...(step.also ?? [])];
}

function isSameView(a: SlotView, b: SlotView): boolean {
  return (
    a.slot === b.slot && a.offset === b.offset && a.strides.every((stride, axis) => stride === (b.strides[axis] ?? 0))
  );
}

const moves = (view: SlotView): boolean => view.strides.some((stride) => stride !== 0);

function bytesSaved(views: readonly SlotView[], shape: readonly number[]): number {
  return views.reduce((sum, view) => {
    const elements = shape.reduce((size, extent, axis) => size * (view.strides[axis] === 0 ? 1 : extent), 1);
    return sum + elements * bytesOf(view.dtype);
  }, 0);
}

/** Of two shapes of equally many elements the one whose axes are parts of the other's; undefined if neither is. */
function finer(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  if (parts(a, b) !== undefined) return b;
  return parts(b, a) === undefined ? undefined : a;
}

/** For every axis of `fine` the axis of `coarse` it is a part of. */
function parts(coarse: readonly number[], fine: readonly number[]): number[] | undefined {
  const owners: number[] = [];
  let axis = 0;
  let rest = coarse[0] ?? 1;
  for (const extent of fine) {
    while (rest === 1 && axis + 1 < coarse.length) rest = coarse[++axis] ?? 1;
    if (rest % extent !== 0) return undefined;
    rest /= extent;
    owners.push(axis);
  }
  return rest === 1 && axis >= coarse.length - 1 ? owners : undefined;
}

/** The map over a finer shape; undefined if a loop over its innermost axis would not walk element by element. */
function reshapeMap(step: MapStep, shape: readonly number[]): MapStep | undefined {
  const owners = parts(step.shape, shape);
  if (owners === undefined) return undefined;
  const refine = (view: SlotView): SlotView => {
    const strides = new Array<number>(shape.length).fill(0);
    let inside = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (owners[axis] !== owners[axis + 1]) inside = 1;
      strides[axis] = (view.strides[owners[axis] ?? 0] ?? 0) * inside;
      inside *= shape[axis] ?? 1;
    }
    return { ...view, strides };
  };
  const refined: MapStep = {
    ...step,
    shape,
    inputs: step.inputs.map(refine),
    output: refine(step.output),
    ...(step.also === undefined
      ? {}
      : { also: step.also.map(({ expression, output }) => ({ expression, output: refine(output) })) }),
  };
  const inner = (view: SlotView): number => view.strides.at(-1) ?? 0;
  const walks =
    resultsOf(refined).every(({ output }) => inner(output) === 1) &&
    refined.inputs.every((view) => inner(view) === 1 || inner(view) === 0);
  return walks ? refined : undefined;
}
