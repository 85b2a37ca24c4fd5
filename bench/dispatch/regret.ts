// What placement costs on this machine: the same work on the CPU alone, on the GPU alone, and where athanor places it, in turns.
// Read next: dispatch.ts, which prints it; ../ours.ts for what is computed.
import type { DeviceName, Storage } from "../../bindings/backends/backend.ts";
import { tensor } from "../../bindings/engine/creation.ts";
import { defaultEngine, jit, tensorsOf, withDevice } from "../../bindings/engine/index.ts";
import { cast } from "../../bindings/ops/comparison.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";
import { initialState, trainingStep } from "../our-nets.ts";
import { forward } from "../ours.ts";
import { inputShapes, inputsOf } from "../work/operands.ts";
import type { Task } from "../work/task.ts";
import type { Work } from "../work/work.ts";

export type Where = DeviceName | "auto";

/** Milliseconds of one run in each place, and the device that "auto" ended on. */
export interface Regret {
  readonly milliseconds: ReadonlyMap<Where, number>;
  readonly chosen: string;
}

interface Runner {
  run(): Promise<void>;
  /** Where the last result lies. */
  place(): string;
  dispose(): void;
}

/** Milliseconds for all turns of one work, of one turn, and of a run after which a single one has to do. */
const [budget, turnLength, patience] = [600, 15, 400];
/** Runs until placement has settled: shaders are compiled, and what stays the same is known to. */
const settling = 8;

/** Measures one piece of work everywhere; undefined where a device cannot do it. */
export async function regretOf(work: Work, places: readonly Where[]): Promise<Regret> {
  const runners = new Map<Where, Runner>();
  const best = new Map<Where, number>();
  try {
    for (const where of places) {
      const runner = within(where, () => runnerOf(work.task));
      runners.set(where, runner);
      let single = await timed(where, runner, 1);
      for (let run = 1; run < settling && single * run < patience; run++)
        single = Math.min(single, await timed(where, runner, 1));
      best.set(where, single);
    }
    const end = performance.now() + budget;
    do {
      for (const [where, runner] of runners) {
        const known = best.get(where) ?? 0;
        if (known > patience) continue;
        const runs = Math.max(1, Math.ceil(turnLength / Math.max(known, 1e-3)));
        best.set(where, Math.min(known, await timed(where, runner, runs)));
      }
    } while (performance.now() < end);
    return { milliseconds: best, chosen: runners.get("auto")?.place() ?? "" };
  } finally {
    for (const runner of runners.values()) runner.dispose();
  }
}

const within = <T>(where: Where, body: () => T): T => withDevice(where, body);

async function timed(where: Where, runner: Runner, runs: number): Promise<number> {
  const begun = performance.now();
  for (let run = 0; run < runs; run++) await within(where, () => runner.run());
  return (performance.now() - begun) / runs;
}

/** A task whose first result is read by the host at every run; a training step that leaves everything where it is. */
function runnerOf(task: Task): Runner {
  const shapes = inputShapes(task);
  const operands = inputsOf(task).map((data, index) => tensor(data, { shape: shapes[index] ?? [] }));
  if (task.op === "train") return trainingRunner(task, operands);
  if (task.op === "infer") throw new RangeError("inference is not among the work that dispatch is measured by");
  let place = "";
  const compute = forward(task);
  return {
    // Recording is synchronous and so within the device asked for; the reading is not.
    run: () => {
      const results = tensorsOf(compute(...(operands as [Tensor, Tensor, Tensor])));
      const [result] = results;
      return result!.data().then(() => {
        place = placeOf(result!);
        for (const done of results) done.dispose();
      });
    },
    place: () => place,
    dispose: () => {
      for (const operand of operands) operand.dispose();
    },
  };
}

function trainingRunner(task: Task & { readonly op: "train" }, [x, y, ...values]: readonly Tensor[]): Runner {
  const labels = cast(y!, "i32");
  const step = jit(trainingStep(task), { donate: [0, 1] });
  let next = { values, state: initialState(task, values), loss: tensor(0) } as ReturnType<typeof step>;
  return {
    run: async () => {
      next.loss.dispose();
      next = step(next.values, next.state, x!, labels);
      await Promise.all([...defaultEngine().backends.values()].map((backend) => backend.idle()));
    },
    place: () => placeOf(next.loss),
    dispose: () => {
      step.dispose();
      for (const held of [x!, y!, labels, next.loss, ...next.values, ...tensorsOf(next.state)]) held.dispose();
    },
  };
}

function placeOf(result: Tensor): string {
  const { copies } = defaultEngine().valueOf(result, "bench");
  return [...copies.values()].map((copy) => (copy as Storage).backend.name).join("+");
}
