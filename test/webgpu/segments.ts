// Segments written by hand, for tests of the WebGPU backend alone: slots, views, steps, and running one of them.
// `openBackend` gives each test file a backend of its own and fails a test that leaves an unreported error behind.
// Knows no graph and no tensor. Read next: bindings/graph/step.ts, bindings/backends/webgpu/backend.ts.
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Storage } from "../../bindings/backends/backend.ts";
import type { WebGPUBackend, WebGPUOptions } from "../../bindings/backends/webgpu/backend.ts";
import { createWebGPU } from "../../bindings/backends/webgpu/backend.ts";
import type { DType, TypedArray } from "../../bindings/core/dtype.ts";
import type { Expression, Primitive } from "../../bindings/expr/expression.ts";
import { apply, input } from "../../bindings/expr/expression.ts";
import type { MapStep, ReduceStep, Segment, Slot, SlotView } from "../../bindings/graph/step.ts";

export async function open(options: WebGPUOptions = {}): Promise<WebGPUBackend> {
  const opened = await createWebGPU(options);
  if ("unavailable" in opened) throw new Error(opened.unavailable);
  return opened;
}

/** A backend for all tests of a file, in `backend` while they run. */
export function openBackend(): { readonly backend: WebGPUBackend } {
  const holder: { opened?: WebGPUBackend } = {};
  beforeAll(async () => {
    holder.opened = await open();
  });
  afterEach(async () => holder.opened?.idle());
  afterAll(() => holder.opened?.dispose());
  return {
    get backend(): WebGPUBackend {
      if (holder.opened === undefined) throw new Error("the backend is open only while tests run");
      return holder.opened;
    },
  };
}

export const source = (index: number, dtype: DType, size: number): Slot => ({ kind: "input", index, dtype, size });
export const target = (index: number, dtype: DType, size: number): Slot => ({ kind: "output", index, dtype, size });
export const between = (dtype: DType, size: number, buffer = 0): Slot => ({ kind: "temporary", buffer, dtype, size });
export const view = (slot: number, dtype: DType, strides: readonly number[], offset = 0): SlotView => ({
  slot,
  dtype,
  offset,
  strides,
});
export const x: Expression = input(0, "f32");
export const y: Expression = input(1, "f32");

export function map(
  shape: readonly number[],
  expression: Expression,
  inputs: readonly SlotView[],
  output: SlotView,
): MapStep {
  return { kind: "map", label: "map under test", shape, expression, inputs, output };
}

/** A map over whole inputs of one shape. */
export function elementwise(expression: Expression, types: readonly DType[], size: number): Segment {
  const inputs = types.map((dtype, index) => view(index, dtype, [1]));
  return {
    slots: [...types.map((dtype, index) => source(index, dtype, size)), target(0, expression.dtype, size)],
    steps: [map([size], expression, inputs, view(types.length, expression.dtype, [1]))],
    buffers: [],
  };
}

export function fold(
  step: Partial<ReduceStep> & Pick<ReduceStep, "combiner" | "outer" | "length" | "inner" | "output">,
): ReduceStep {
  const none = { input: undefined, prologue: undefined, epilogue: undefined };
  return { kind: "reduce", label: "fold under test", dtype: "f32", ...none, ...step };
}

/** Runs a segment once and reads its first result. */
export async function run(
  on: WebGPUBackend,
  segment: Segment,
  inputs: readonly (readonly [TypedArray, DType])[],
  scalars: readonly number[] = [],
): Promise<number[]> {
  const program = on.compile(segment);
  const storages = inputs.map(([data, dtype]) => on.upload(data, dtype));
  const results = program.run(storages, scalars);
  const data = await readAll(on, results);
  for (const storage of [...storages, ...results]) storage.release();
  program.dispose();
  return data[0] ?? [];
}

export function readAll(on: WebGPUBackend, storages: readonly Storage[]): Promise<number[][]> {
  return Promise.all(storages.map(async (storage) => Array.from(await on.download(storage))));
}

/** A small generator of numbers in [0, 1): the tests repeat. */
export function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An expression whose text no compiler takes. */
export function invalid(operand: Expression): Expression {
  const broken: Primitive = {
    ...{ name: "broken", arity: 1, result: "same", cost: 1 },
    wasm: { f32: { helper: "" } },
    wgsl: () => "nonsense(1)",
    derivative: () => [],
  };
  return apply(broken, [operand]);
}
