// What the engine costs beside its kernels: microseconds of replaying a compiled plan, of an eager op, of recording,
// and of encoding a kernel for the GPU.
// ratio is the goal ÷ the value. Read next: measurements.ts, sample.ts.
import { createWebGPU } from "../bindings/backends/webgpu/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, init, jit, shutdown } from "../bindings/engine/index.ts";
import { input } from "../bindings/expr/expression.ts";
import * as scalar from "../bindings/expr/primitives/index.ts";
import type { MapStep, Slot, SlotView } from "../bindings/graph/step.ts";
import { matmul } from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { Measurement } from "./measurements.ts";
import { ours } from "./ours.ts";
import type { Row } from "./row.ts";
import { sample } from "./sample.ts";

/** Microseconds, and what to dispose afterwards. */
type Measured = Promise<number>;

const tiny = (): Tensor => tensor(new Float32Array(16).fill(0.25), { shape: [4, 4] });

/** Microseconds of one run. */
async function microseconds(name: string, run: () => void): Measured {
  return 1e6 * (await sample({ run, result: () => [], dispose: () => undefined }, name));
}

/**
 * A compiled function of 200 products of 4 × 4 matrices, each needing the one before: a call whose one step into
 * WebAssembly is left out. The difference of whole calls and their kernels would be small beside both.
 */
async function plan(): Measured {
  const backend = defaultEngine().backends.get("wasm")!;
  const shared = Object.getPrototypeOf(backend) as { run: (this: unknown, ...program: readonly unknown[]) => void };
  const chain = jit((x: Tensor) => {
    let y = x;
    for (let step = 0; step < 200; step++) y = matmul(y, x);
    return y;
  });
  const x = tiny();
  chain(x).dispose();
  const { run } = shared;
  let steps = 0;
  shared.run = (_, count) => void (steps = count as number);
  try {
    const value = await microseconds("plan", () => chain(x).dispose());
    if (steps < 200) throw new Error("the plan was not replayed");
    return value;
  } finally {
    shared.run = run;
    chain.dispose();
    x.dispose();
  }
}

/** One addition of sixteen numbers: recorded, its plan looked up, run, and its result read. */
async function eager(): Measured {
  const x = tiny();
  const value = await microseconds("eager", () => {
    const y = x.add(x);
    y.dataSync();
    y.dispose();
  });
  x.dispose();
  return value;
}

const links = 100;

/** One op of a chain of 100 products of 4 × 4 matrices, read at its end, as in a loop that carries a state along. */
async function chained(): Measured {
  const x = tiny();
  const value = await microseconds("chain", () => {
    let y = matmul(x, x);
    for (let link = 1; link < links; link++) {
      const next = matmul(y, x);
      y.dispose();
      y = next;
    }
    y.dataSync();
    y.dispose();
  });
  x.dispose();
  return value / links;
}

/** One addition recorded and forgotten. */
async function record(): Measured {
  const x = tiny();
  const value = await microseconds("record", () => x.add(x).dispose());
  x.dispose();
  return value;
}

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

const goals: readonly (readonly [name: string, goal: number | null, run: () => Measured])[] = [
  ["overhead/plan-200", 10, plan],
  ["overhead/eager", 3, eager],
  ["overhead/eager-chain", 3, chained],
  ["overhead/record", null, record],
];

const encodingGoal = 4;

const encodingMeasurement: Measurement = {
  name: "overhead/gpu-encode",
  long: false,
  measure: async (): Promise<readonly Row[]> => {
    const value = await encoding();
    if (value === undefined) return [];
    const row = { name: "overhead/gpu-encode", backend: "webgpu (null)", threads: 1, value, unit: "µs" } as const;
    return [{ ...row, versus: "goal", ratio: encodingGoal / value }];
  },
};

const cpuMeasurements: readonly Measurement[] = goals.map(([name, goal, run]) => ({
  name,
  long: false,
  measure: async (): Promise<readonly Row[]> => {
    await init({ threads: 1, webgpu: "off", tune: "off" });
    const { backend } = ours("wasm");
    const value = await run().finally(shutdown);
    const versus = goal === null ? null : "goal";
    return [{ name, backend, threads: 1, value, unit: "µs", versus, ratio: goal === null ? null : goal / value }];
  },
}));

export const overheadMeasurements: readonly Measurement[] = [...cpuMeasurements, encodingMeasurement];
