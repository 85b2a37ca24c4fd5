// What the engine costs on the GPU beside its kernels: microseconds of encoding one, milliseconds until a new program goes round, and
// what a training step that has gone round still asks for: submits and bind groups, on any adapter; no row where there is none.
// ratio is the goal ÷ the value. Read next: overhead.ts, measurements.ts.
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { createWebGPU } from "../bindings/backends/webgpu/backend.ts";
import { median } from "../bindings/core/median.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, init, jit, shutdown, tensorsOf, withDevice } from "../bindings/engine/index.ts";
import { input } from "../bindings/expr/expression.ts";
import * as scalar from "../bindings/expr/primitives/index.ts";
import type { MapStep, Segment, Slot, SlotView } from "../bindings/graph/step.ts";
import type { Measurement } from "./measurements.ts";
import { initialState, trainingStep } from "./our-nets.ts";
import { ours } from "./ours.ts";
import type { Row } from "./row.ts";
import { inputShapes, inputsOf } from "./work/operands.ts";
import type { InferenceTask, TrainingTask } from "./work/task.ts";

const kernels = 200;

/** Dawn's device that computes nothing, so that encoding has the processor to itself; undefined without the package `webgpu`. */
async function nullDevice(): Promise<WebGPUBackend | undefined> {
  const name = "webgpu";
  const dawn = await (import(name) as Promise<{ readonly create: (flags: string[]) => unknown }>).catch(
    () => undefined,
  );
  if (dawn === undefined) return undefined;
  const backend = await createWebGPU({ gpu: dawn.create(["backend=null"]) });
  return "unavailable" in backend ? undefined : backend;
}

/** A chain of 200 elementwise kernels on 64 numbers, each on what the one before gives. */
function chain(): Segment {
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
  return { slots: Array.from({ length: kernels + 1 }, (_, index) => slot(index)), steps, buffers: [256] };
}

/** Microseconds of encoding one kernel of the chain, run again and again, its share of the submits included. */
async function encoding(gpu: WebGPUBackend): Promise<number> {
  const program = gpu.compile(chain());
  await program.compileAhead();
  let state = gpu.upload(new Float32Array(64), "f32");
  const value = await perKernel(gpu, 300, () => {
    const [next = state] = program.run([state], []);
    state.release();
    state = next;
  });
  state.release();
  program.dispose();
  return value;
}

/**
 * The host's microseconds of a call for each kernel that it launches, in the middle of so many calls. The device is waited for
 * between them, so that it takes nothing of the processor from the next one.
 */
async function perKernel(gpu: WebGPUBackend, calls: number, call: () => void): Promise<number> {
  // Shaders are there, operands come round, and the JavaScript engine has compiled what runs often.
  for (let warm = 0; warm < calls; warm++) {
    call();
    await gpu.idle();
  }
  const before = gpu.counts.dispatches;
  const times: number[] = [];
  for (let timed = 0; timed < calls; timed++) {
    const begun = performance.now();
    call();
    times.push(1000 * (performance.now() - begun));
    await gpu.idle();
  }
  return median(times) / ((gpu.counts.dispatches - before) / calls);
}

const netTasks = (["mlp", "lenet", "lstm"] as const).map((net): TrainingTask => ({ op: "train", net, batch: 4 }));

/** Whole steps of compiled functions, from the call to its return: binding, encoding, submitting. */
const stepTasks: readonly (TrainingTask | InferenceTask)[] = [...netTasks, { op: "infer", net: "resnet18" }];

/** Microseconds of a whole step for each of its kernels. */
async function stepEncoding(gpu: WebGPUBackend, task: TrainingTask | InferenceTask): Promise<number> {
  const prepared = await ours("webgpu").prepare(task, inputsOf(task));
  // What the contender waits for is waited for outside of the clock.
  const value = await perKernel(gpu, 1000, () => void prepared.run());
  prepared.dispose();
  return value;
}

/** On the device that computes nothing, as the GPU of an engine of its own; no rows without it. */
const onNothing = (name: string, measure: (gpu: WebGPUBackend) => Promise<number>): Measurement => ({
  name,
  long: false,
  measure: async () => {
    await init({ threads: 1, webgpu: "off", tune: "off" });
    try {
      const gpu = await nullDevice();
      if (gpu === undefined) return [];
      defaultEngine().backends.set("webgpu", gpu);
      return [{ ...row(name, await measure(gpu), "µs", 4), backend: "webgpu (null)" }];
    } finally {
      await shutdown();
    }
  },
});

/** Engines of their own that run a program for the first time. */
const firstRounds = 9;

/**
 * Milliseconds of the first three steps of a net in an engine that knows no program yet, until the loss is read: recording,
 * planning, texts of shaders, pipelines and bind groups. The median of several engines, so of JavaScript that has run before.
 */
const onNew = (task: TrainingTask): Measurement => {
  const name = `overhead/gpu-first/${task.op}-${task.net}`;
  return {
    name,
    long: false,
    measure: async () => {
      const times: number[] = [];
      const once = onNothing(name, async () => {
        const prepared = await ours("webgpu").prepare(task, inputsOf(task));
        const begun = performance.now();
        for (let step = 0; step < 3; step++) await prepared.run();
        await prepared.result();
        times.push(performance.now() - begun);
        prepared.dispose();
        return 0;
      });
      for (let round = 0; round < firstRounds; round++) if ((await once.measure()).length === 0) return [];
      const shared = { name, backend: "webgpu (null)", threads: 1, unit: "ms", versus: null, ratio: null };
      return [{ ...shared, value: median(times) }];
    },
  };
};

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
  onNothing("overhead/gpu-encode", encoding),
  onGpu("overhead/gpu-encode/real", async (gpu) => [row("overhead/gpu-encode/real", await encoding(gpu), "µs", 4)]),
  ...stepTasks.map((task) => onNothing(`overhead/gpu-encode/${task.op}-${task.net}`, (gpu) => stepEncoding(gpu, task))),
  ...netTasks.map(onNew),
  onGpu("overhead/gpu-step", async (gpu) => {
    const { submits, bindGroups } = await steady(gpu);
    return [
      row("overhead/gpu-step/submits", submits, "a step", 1),
      row("overhead/gpu-step/bind-groups", bindGroups, "a step", 0),
    ];
  }),
];
