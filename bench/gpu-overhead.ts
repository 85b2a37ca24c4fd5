// What the engine costs on the GPU beside its kernels: microseconds of encoding one, and what a training step that has gone round
// still asks for: submits and bind groups, on any adapter, a software one included; no row where there is none.
// ratio is the goal ÷ the value. Read next: overhead.ts, measurements.ts.
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { createWebGPU } from "../bindings/backends/webgpu/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, init, jit, shutdown, tensorsOf, withDevice } from "../bindings/engine/index.ts";
import { input } from "../bindings/expr/expression.ts";
import * as scalar from "../bindings/expr/primitives/index.ts";
import type { MapStep, Slot, SlotView } from "../bindings/graph/step.ts";
import type { Measurement } from "./measurements.ts";
import { initialState, trainingStep } from "./our-nets.ts";
import { microseconds } from "./overhead.ts";
import type { Row } from "./row.ts";
import { inputShapes, inputsOf } from "./work/operands.ts";
import type { TrainingTask } from "./work/task.ts";

const kernels = 200;

/**
 * Encoding of one kernel for the GPU: a program of 200 elementwise kernels, run again and again by itself on Dawn's device that
 * computes nothing, its share of the submits included. Undefined where the package `webgpu` is not there.
 */
async function encoding(): Promise<number | undefined> {
  const name = "webgpu";
  const dawn = await (import(name) as Promise<{ readonly create: (flags: string[]) => unknown }>).catch(
    () => undefined,
  );
  if (dawn === undefined) return undefined;
  const backend = await createWebGPU({ gpu: dawn.create(["backend=null"]) });
  if ("unavailable" in backend) return undefined;
  const view = (slot: number): SlotView => ({ slot, dtype: "f32", offset: 0, strides: [1] });
  const slot = (index: number): Slot => {
    const { dtype, size } = { dtype: "f32", size: 64 } as const;
    if (index === 0) return { kind: "input", index: 0, dtype, size };
    return index === kernels
      ? { kind: "output", index: 0, dtype, size }
      : { kind: "temporary", buffer: 0, dtype, size };
  };
  const steps = Array.from({ length: kernels }, (_, index): MapStep => {
    const expression = scalar.add(input(0, "f32"), 1);
    return { kind: "map", label: "add", shape: [64], expression, inputs: [view(index)], output: view(index + 1) };
  });
  const program = backend.compile({
    slots: Array.from({ length: kernels + 1 }, (_, index) => slot(index)),
    steps,
    buffers: [256],
  });
  await program.compileAhead();
  let state = backend.upload(new Float32Array(64), "f32");
  const run = (): void => {
    const [next = state] = program.run([state], []);
    state.release();
    state = next;
  };
  run();
  // From here on it is known that the shaders compiled.
  await backend.idle();
  const value = await microseconds("encode", run);
  await backend.idle();
  backend.dispose();
  return value / kernels;
}

const task: TrainingTask = { op: "train", net: "mlp", batch: 4 };
const steps = 16;

/** What the device was asked for in a training step, once the loop has gone round a few times. */
async function steady(gpu: WebGPUBackend): Promise<{ readonly submits: number; readonly bindGroups: number }> {
  const shapes = inputShapes(task);
  const operands = inputsOf(task).map((data, index) => tensor(data, { shape: shapes[index] ?? [] }));
  const [x, y, ...values] = operands;
  const labels = y!.cast("i32");
  const step = jit(trainingStep(task), { donate: [0, 1] });
  let next = { values, state: initialState(task, values), loss: tensor(0) } as ReturnType<typeof step>;
  const run = async (): Promise<void> => {
    next.loss.dispose();
    next = withDevice("webgpu", () => step(next.values, next.state, x!, labels));
    await gpu.idle();
  };
  for (let warm = 0; warm < steps; warm++) await run();
  const before = gpu.counts;
  for (let timed = 0; timed < steps; timed++) await run();
  const { submits, bindGroups } = gpu.counts;
  step.dispose();
  for (const held of [x!, y!, labels, next.loss, ...next.values, ...tensorsOf(next.state)]) held.dispose();
  return { submits: (submits - before.submits) / steps, bindGroups: (bindGroups - before.bindGroups) / steps };
}

const row = (name: string, value: number, unit: string, goal: number): Row => ({
  ...{ name, backend: "webgpu", threads: 1, value, unit, versus: "goal" },
  ratio: value <= goal && goal === 0 ? 1 : goal / value,
});

/** Rows of one measurement on the GPU, or none where there is none. */
export const onGpu = (name: string, measure: (gpu: WebGPUBackend) => Promise<readonly Row[]>): Measurement => ({
  name,
  long: false,
  measure: async () => {
    await init({ threads: 1, tune: "off" });
    try {
      const gpu = defaultEngine().backends.get("webgpu") as WebGPUBackend | undefined;
      return gpu === undefined ? [] : await measure(gpu);
    } finally {
      await shutdown();
    }
  },
});

export const gpuOverheadMeasurements: readonly Measurement[] = [
  {
    name: "overhead/gpu-encode",
    long: false,
    measure: async () => {
      const value = await encoding();
      return value === undefined ? [] : [{ ...row("overhead/gpu-encode", value, "µs", 4), backend: "webgpu (null)" }];
    },
  },
  onGpu("overhead/gpu-step", async (gpu) => {
    const { submits, bindGroups } = await steady(gpu);
    return [
      row("overhead/gpu-step/submits", submits, "a step", 1),
      row("overhead/gpu-step/bind-groups", bindGroups, "a step", 0),
    ];
  }),
];
