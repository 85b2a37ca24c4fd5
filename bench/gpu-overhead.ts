// What a training step that has gone round still asks of the GPU: submits and bind groups. On any adapter, a software one
// included; no row where there is none. ratio is the goal ÷ the value. Read next: overhead.ts, measurements.ts.
import type { WebGPUBackend } from "../bindings/backends/webgpu/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, init, jit, shutdown, tensorsOf, withDevice } from "../bindings/engine/index.ts";
import type { Measurement } from "./measurements.ts";
import { initialState, trainingStep } from "./our-nets.ts";
import type { Row } from "./row.ts";
import { inputShapes, inputsOf } from "./work/operands.ts";
import type { TrainingTask } from "./work/task.ts";

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
const onGpu = (name: string, measure: (gpu: WebGPUBackend) => Promise<readonly Row[]>): Measurement => ({
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
  onGpu("overhead/gpu-step", async (gpu) => {
    const { submits, bindGroups } = await steady(gpu);
    return [
      row("overhead/gpu-step/submits", submits, "a step", 1),
      row("overhead/gpu-step/bind-groups", bindGroups, "a step", 0),
    ];
  }),
];
