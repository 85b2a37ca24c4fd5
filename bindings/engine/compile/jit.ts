// jit: records a function once with placeholders and keeps its plan; later calls only bind inputs and run.
// Inside a transform, inside another trace, or before the devices are started a jitted function is simply its graph.
// Read next: ../engine.ts for plans, autodiff/ for transforms.
import type { DeviceName } from "../../backends/backend.ts";
import type { DType, TypedArray } from "../../core/dtype.ts";
import { ParameterError } from "../../core/errors.ts";
import type { Shape } from "../../core/shape.ts";
import type { Capture } from "../../graph/capture.ts";
import { capture } from "../../graph/capture.ts";
import { Value } from "../../graph/node.ts";
import type { ConstantAttributes } from "../../ops/descriptor.ts";
import type { Spec, Tensor } from "../../ops/tensor.ts";
import { isTensor } from "../../ops/tensor.ts";
import { defaultEngine, engineOf } from "../default.ts";
import { LeastRecentlyUsed } from "../least-recently-used.ts";
import type { Engine, Trace } from "../engine.ts";
import type { PlacedPlan } from "./jit-plans.ts";
import { carriedResults, dropPlans, planFor } from "./jit-plans.ts";
import type { Result } from "../run.ts";
import { mustWait, runAtOnce } from "../run.ts";
import { requireFunction, tensorsOf } from "../scopes.ts";
import { CallPattern, flatten, signature } from "./signature.ts";

/** Options of `jit`. */
export interface JitOptions {
  /**
   * Arguments whose tensors the call uses up: they are disposed, and results are written over them where the graph allows
   * it and nobody else holds them. Parameters and optimiser state of a training step stay where they are.
   */
  readonly donate?: readonly number[];
}

/** A compiled function. `dispose` lets go of its plans and of the tensors it captured. */
export interface JitFunction<Arguments extends readonly unknown[], Result> {
  (...args: Arguments): Result;
  /** Signatures traced so far. */
  readonly traces: number;
  dispose(): void;
}

/** Traces a jitted function keeps; the signature unused for longest is traced again when it comes back. */
const maxTraces = 64;

/** Where an input of the captured graph comes from at a call. */
export type Source =
  | { readonly kind: "argument"; readonly index: number }
  | { readonly kind: "captured"; readonly value: Value }
  | { readonly kind: "key"; readonly refresh: () => TypedArray; readonly shape: Shape; readonly dtype: DType };

export interface Traced {
  readonly captured: Capture;
  readonly sources: readonly Source[];
  /** The argument leaves that the caller gives away. */
  readonly donated: readonly number[];
  /** Whether a source is an argument that is given away and not returned as it is. */
  readonly given: readonly boolean[];
  readonly isGiving: boolean;
  /** For such an argument, the plan's result that takes its place in a loop. */
  readonly carried: ReadonlyMap<number, number>;
  /** For every scalar of the graph, the argument leaf it is, or its fixed value. */
  readonly scalarSources: readonly (number | { readonly fixed: number })[];
  /** Rebuilds the result tree from one tensor per leaf. */
  readonly rebuild: Builder;
  /** Result leaf → index among the plan's results, or a leaf that is an argument or a captured value itself. */
  readonly leaves: readonly (number | Source)[];
  /** Shape and type of each of the plan's results. */
  readonly specs: readonly Spec[];
  /** Made in one epoch of the engine's planner. */
  readonly plans: PlacedPlan[];
  epoch: number;
  /** What sources were bound to at the last call, and at how many calls they have been. */
  readonly bound: { value: Value; calls: number }[];
}

/** Makes a tree of results from one tensor per leaf. */
type Builder = (make: (leaf: number) => Tensor) => unknown;

/**
 * A function that is traced once per signature (structure of the arguments, shapes, dtypes) and from then on only run.
 * Arguments are trees of tensors and numbers; numbers become scalars whose values may change from call to call. The
 * function must be pure: everything else it reads is fixed at the first call. Returns a tree of tensors.
 */
export function jit<Arguments extends readonly unknown[], R>(
  fn: (...args: Arguments) => R,
  options: JitOptions = {},
): JitFunction<Arguments, R> {
  requireFunction("jit", fn);
  const traces = new LeastRecentlyUsed<string, Traced>(maxTraces, dropTrace);
  const { donate = [] } = options;
  let latest: CallPattern<{ readonly traced: Traced; readonly device: DeviceName | undefined }> | undefined;
  const traceFor = (engine: Engine, args: Arguments): Traced => {
    const key = signature(args, engine.preferred);
    let traced = traces.get(key);
    if (traced === undefined) {
      traced = trace(engine, fn, args, donatedLeaves(args, donate));
      traces.set(key, traced);
    }
    latest = new CallPattern(args, { traced, device: engine.preferred });
    return traced;
  };
  const call = (...args: Arguments): R => {
    const alike = latest?.leavesOf(args);
    const leaves = alike ?? flatten(args);
    const first = leaves.find((leaf) => typeof leaf !== "number");
    const engine = first === undefined ? defaultEngine() : engineOf(first);
    if (engine.isTransforming || engine.trace !== undefined || engine.backends.size === 0) return fn(...args);
    const last = alike === undefined ? undefined : latest?.result;
    const traced = last !== undefined && last.device === engine.preferred ? last.traced : traceFor(engine, args);
    const result = run(engine, traced, leaves);
    if (result === undefined) return fn(...args);
    for (const leaf of traced.donated) (leaves[leaf] as Tensor).dispose();
    return result as R;
  };
  const dispose = (): void => {
    latest = undefined;
    traces.clear();
  };
  return Object.defineProperty(Object.assign(call, { dispose }), "traces", {
    get: () => traces.size,
  }) as unknown as JitFunction<Arguments, R>;
}

function dropTrace(traced: Traced): void {
  for (const source of [...traced.sources, ...traced.leaves]) {
    if (typeof source === "object" && source.kind === "captured") source.value.release();
  }
  dropPlans(traced);
}

/** The leaves, by their place among all, of the arguments given away. */
function donatedLeaves(args: readonly unknown[], donate: readonly number[]): Set<number> {
  const donated = new Set<number>();
  let leaf = 0;
  args.forEach((argument, index) => {
    const end = leaf + flatten(argument).length;
    for (; leaf < end; leaf++) if (donate.includes(index)) donated.add(leaf);
  });
  return donated;
}

/** Replaces tensors and numbers of a tree, in order. */
function replaceLeaves(tree: unknown, replace: (leaf: Tensor | number) => unknown): unknown {
  if (isTensor(tree) || typeof tree === "number") return replace(tree);
  if (Array.isArray(tree)) return tree.map((item) => replaceLeaves(item, replace));
  if (typeof tree === "object" && tree !== null) {
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, replaceLeaves(item, replace)]));
  }
  return tree;
}

/** What puts a result like this one together. Numbers in it stay as they are. */
function builderOf(result: unknown): Builder {
  let leaves = 0;
  const builderFor = (tree: unknown): Builder => {
    if (isTensor(tree)) {
      const leaf = leaves++;
      return (make) => make(leaf);
    }
    if (Array.isArray(tree)) {
      const items = tree.map(builderFor);
      return (make) => items.map((build) => build(make));
    }
    if (typeof tree !== "object" || tree === null) return () => tree;
    // Copying a record with its keys is faster than adding them one by one, and `__proto__` is a key like others.
    const empty = Object.fromEntries(Object.keys(tree).map((key) => [key, undefined as unknown]));
    const items = Object.entries(tree).map(([key, item]) => ({ key, build: builderFor(item) }));
    return (make) => {
      const record = { ...empty };
      for (const { key, build } of items) record[key] = build(make);
      return record;
    };
  };
  return builderFor(result);
}

function trace<Arguments extends readonly unknown[]>(
  engine: Engine,
  fn: (...args: Arguments) => unknown,
  args: Arguments,
  donated: ReadonlySet<number>,
): Traced {
  const state: Trace = { keys: [] };
  const placeholders = new Map<Value, number>();
  const numbers = new Map<Value, number>();
  let traced: Traced | undefined;
  const before = engine.trace;
  engine.trace = state;
  try {
    engine.scopes.run("jit", () => {
      let position = 0;
      const bound = replaceLeaves(args, (leaf) => {
        const index = position++;
        if (typeof leaf === "number") {
          const scalar = engine.scalar(leaf, "f32");
          numbers.set(engine.valueOf(scalar, "jit"), index);
          return scalar;
        }
        const value = new Value(leaf.shape, leaf.dtype, undefined);
        placeholders.set(value, index);
        return engine.handle(value);
      }) as Arguments;
      const result = fn(...bound);
      if (typeof (result as { then?: unknown } | null)?.then === "function") {
        throw new ParameterError(
          "jit",
          "the function returned a promise. A compiled function is synchronous; read its results outside",
        );
      }
      traced = analyse(engine, state, result, placeholders, numbers, donated);
    });
  } finally {
    engine.trace = before;
  }
  if (traced === undefined) throw new Error("a trace ended without a result");
  return traced;
}

function analyse(
  engine: Engine,
  state: Trace,
  result: unknown,
  placeholders: Map<Value, number>,
  numbers: Map<Value, number>,
  donated: ReadonlySet<number>,
): Traced {
  const tensors = tensorsOf(result);
  const values = tensors.map((tensor) => engine.valueOf(tensor, "jit"));
  const keys = new Map(state.keys.map(({ value, refresh }) => [value, refresh]));
  const open = new Set([...placeholders.keys(), ...keys.keys()]);
  // A stored value or a bare argument returned as it is needs no plan.
  const computed = values.filter((value) => !open.has(value) && !value.isStored);
  const captured = capture(computed, { placeholders: open, rootsOnly: true });
  const sourceOf = (value: Value): Source => {
    const index = placeholders.get(value);
    if (index !== undefined) return { kind: "argument", index };
    const refresh = keys.get(value);
    if (refresh !== undefined) return { kind: "key", refresh, shape: value.shape, dtype: value.dtype };
    value.retain();
    return { kind: "captured", value };
  };
  const sources = captured.inputs.map(sourceOf);
  const scalarSources = captured.scalarValues.map(
    (value) => numbers.get(value) ?? { fixed: (value.node?.attributes as ConstantAttributes).value },
  );
  const leaves = values.map((value): number | Source => {
    const index = captured.targets.indexOf(value);
    return index >= 0 ? index : sourceOf(value);
  });
  const returned = new Set(
    leaves.flatMap((leaf) => (typeof leaf === "object" && leaf.kind === "argument" ? [leaf.index] : [])),
  );
  const given = sources.map(
    (source) => source.kind === "argument" && donated.has(source.index) && !returned.has(source.index),
  );
  // Only the structure is kept: the recorded nodes go with the trace's scope.
  return {
    captured: { ...captured, targets: [], covered: [], inputs: [], scalarValues: [] },
    sources,
    donated: [...donated],
    given,
    isGiving: given.includes(true),
    scalarSources,
    rebuild: builderOf(result),
    leaves,
    specs: captured.wanted.map((value) => captured.values[value]!),
    carried: carriedResults(sources, given, captured, values, leaves),
    plans: [],
    epoch: engine.planner.epoch,
    bound: [],
  };
}

/** Whether one tensor, bound once, is all that holds the value and its memory. */
function isUnshared(inputs: readonly Value[], index: number): boolean {
  const value = inputs[index];
  if (value?.holders !== 1 || value.consumers > 0 || value.copies.isShared) return false;
  return inputs.indexOf(value) === index && !inputs.includes(value, index + 1);
}

/** Sees to it that inputs have data; false if that has to wait for the GPU. */
function storeAll(engine: Engine, inputs: readonly Value[]): boolean {
  if (inputs.every(isStored)) return true;
  const pending = inputs.filter((value) => !value.isStored && !value.isConstant);
  if (pending.length > 0 && !engine.flush(pending)) return false;
  for (const value of inputs) if (value.isConstant && !value.isStored) value.host = engine.readSync(value);
  return true;
}

const isStored = (value: Value): boolean => value.isStored;

/** The value that a source has at a call. */
function bind(engine: Engine, source: Source, args: readonly (Tensor | number)[]): Value {
  if (source.kind === "captured") return source.value;
  if (source.kind === "key") return new Value(source.shape, source.dtype, undefined, source.refresh());
  const argument = args[source.index];
  if (!isTensor(argument)) throw new ParameterError("jit", `argument leaf ${String(source.index)} is not a tensor`);
  return engine.valueOf(argument, "jit");
}

/** Runs a trace on the given leaves; undefined if the plan would have to wait for the GPU. */
function run(engine: Engine, traced: Traced, args: readonly (Tensor | number)[]): unknown {
  const { sources, given, leaves, specs } = traced;
  const inputs: Value[] = [];
  for (const source of sources) inputs.push(bind(engine, source, args));
  if (!storeAll(engine, inputs)) return undefined;
  const scalars: number[] = [];
  for (const source of traced.scalarSources) {
    const scalar = typeof source === "number" ? args[source] : source.fixed;
    scalars.push(typeof scalar === "number" ? scalar : Number.NaN);
  }
  const compiled = planFor(engine, traced, inputs);
  if (mustWait(compiled, inputs)) return undefined;
  engine.watch?.({ captured: traced.captured, compiled, inputs, scalars });
  let results: Result[];
  try {
    const free = traced.isGiving ? given.map((isGiven, index) => isGiven && isUnshared(inputs, index)) : undefined;
    const context = { op: "jit", advice: "the plan waits for webgpu", given: free, observe: engine.observe };
    results = runAtOnce(compiled, inputs, scalars, engine.backends, context);
  } finally {
    for (let index = 0; index < sources.length; index++) if (sources[index]!.kind === "key") inputs[index]!.free();
  }
  return traced.rebuild((leaf) => {
    const source = leaves[leaf];
    if (typeof source === "object") return engine.handle(bind(engine, source, args));
    const result = results[source ?? -1];
    const spec = specs[source ?? -1];
    if (result === undefined || spec === undefined) throw new Error("a compiled function lost a result");
    const value = new Value(spec.shape, spec.dtype, undefined, "host" in result ? result.host : undefined);
    if ("storage" in result) value.store(result.storage);
    return engine.handle(value);
  });
}
