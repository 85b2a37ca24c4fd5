// The most memory that a training step takes, against the sum of all its tensors had each a place of its own.
// Read next: measurements.ts; ../bindings/graph/memory.ts, which plans the places.
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, init, memory, shutdown, tensorsOf } from "../bindings/engine/index.ts";
import { capture } from "../bindings/graph/capture.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { Measurement } from "./measurements.ts";
import { ours } from "./ours.ts";
import { initialState, training, trainingStep } from "./our-nets.ts";
import type { Row } from "./row.ts";
import { inputShapes, inputsOf } from "./work/operands.ts";
import type { TrainingTask } from "./work/task.ts";
import { sizeOf } from "./work/task.ts";
import { works } from "./work/work.ts";

const operandsOf = (task: TrainingTask): Tensor[] =>
  inputsOf(task).map((data, index) => tensor(data, { shape: inputShapes(task)[index]! }));

/** Bytes of every tensor that a step names: operands, all that is computed on the way, results. Views and shared results count once. */
function sumOfTensors(task: TrainingTask): number {
  const engine = defaultEngine();
  // A trace records without ever running.
  engine.trace = { keys: [] };
  const sum = engine.scopes.run("memory", () => {
    const [images, classes, ...parameters] = operandsOf(task);
    const state = initialState(task, parameters);
    const results = tensorsOf(trainingStep(task)(parameters, state, images!, classes!.cast("i32")));
    const { values, nodes } = capture(
      results.map((result) => engine.valueOf(result, "memory")),
      { rootsOnly: true },
    );
    const views = new Set(nodes.flatMap(({ op, outputs }) => (op.kind === "view" ? outputs : [])));
    return values.reduce((total, { shape }, index) => total + (views.has(index) ? 0 : 4 * sizeOf(shape)), 0);
  });
  engine.trace = undefined;
  return sum;
}

async function measure(name: string, task: TrainingTask): Promise<readonly Row[]> {
  await init({ threads: 1, webgpu: "off", tune: "off" });
  try {
    const { backend } = ours("wasm");
    const sum = sumOfTensors(task);
    const prepared = training(task, operandsOf(task));
    for (let step = 0; step < 3; step++) prepared.run();
    const peak = memory().wasm?.peak ?? Number.NaN;
    prepared.dispose();
    return [
      { name, backend, threads: 1, value: peak / 1024, unit: "KiB", versus: "sum of tensors", ratio: sum / peak },
    ];
  } finally {
    await shutdown();
  }
}

export const memoryMeasurements: readonly Measurement[] = works.flatMap(({ name, task, long }) =>
  task.op === "train"
    ? [
        {
          name: `memory/${name.replace("/", "-")}`,
          long,
          measure: () => measure(`memory/${name.replace("/", "-")}`, task),
        },
      ]
    : [],
);
