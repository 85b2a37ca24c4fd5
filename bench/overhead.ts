// What the engine costs beside its kernels: microseconds of replaying a compiled plan, of an eager op, of recording.
// ratio is the goal ÷ the value. Read next: measurements.ts, sample.ts; gpu-overhead.ts for the same on the GPU.
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, init, jit, shutdown } from "../bindings/engine/index.ts";
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
export async function microseconds(name: string, run: () => void): Measured {
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

const goals: readonly (readonly [name: string, goal: number | null, run: () => Measured])[] = [
  ["overhead/plan-200", 10, plan],
  ["overhead/eager", 3, eager],
  ["overhead/eager-chain", 3, chained],
  ["overhead/record", null, record],
];

export const overheadMeasurements: readonly Measurement[] = goals.map(([name, goal, run]) => ({
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
