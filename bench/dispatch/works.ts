// All that regret is measured on: every op at three sizes, gradients and compositions, the work of ../work/work.ts that both
// devices can do, and training steps. Read next: op-works.ts for the ops; regret.ts, which measures.
import { grad } from "../../bindings/autodiff/index.ts";
import { tensor } from "../../bindings/engine/creation.ts";
import { defaultEngine, evaluate, jit, tensorsOf, withDevice } from "../../bindings/engine/index.ts";
import * as ops from "../../bindings/ops/index.ts";
import type { Tensor } from "../../bindings/ops/tensor.ts";
import type { Profile } from "../../bindings/engine/dispatch/profile.ts";
import type { PlannedDevice } from "../../bindings/graph/plan.ts";
import { initialState, trainingStep } from "../our-nets.ts";
import { forward } from "../ours.ts";
import { inputShapes, inputsOf } from "../work/operands.ts";
import type { Task } from "../work/task.ts";
import { works } from "../work/work.ts";
import type { Decision } from "./decisions.ts";
import { decide, decideGraph } from "./decisions.ts";
import type { OpWork, Scale } from "./op-works.ts";
import { drawn, opWorks, scales } from "./op-works.ts";

/** One computation that can be run again and again, each time within the device asked for. */
export interface Runner {
  /** Makes the operands of the next run; it is not counted. */
  makeReady?(): Promise<void>;
  /** Recording is synchronous and so within the device asked for; what is waited for is not. */
  run(): Promise<void>;
  /** Where the last result lies. */
  place(): string;
  dispose(): void;
}

export interface DispatchWork {
  readonly name: string;
  /** Left out by --quick. */
  readonly long: boolean;
  prepare(): Runner;
  /** What each device alone is predicted to take, in microseconds; undefined where there is no choice. */
  predict?(profile: Profile, devices: readonly PlannedDevice[]): Alone;
}

type Alone = Decision["alone"];

type Compute = (...operands: Tensor[]) => Tensor | readonly Tensor[];

/** Operands that stay; the host reads the first result of every run. */
function reading(operands: readonly Tensor[], compute: Compute): Runner {
  let place = "";
  return {
    run: () => {
      const results = tensorsOf(compute(...operands));
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

/**
 * Operands that the GPU has just made and nobody else has: what is measured goes on there or moves them. The host reads the first
 * result, or waits for all where they stay.
 */
function continuing(operands: readonly Tensor[], compute: Compute, isRead: boolean): Runner {
  let made: readonly Tensor[] = [];
  let place = "";
  const forget = (): void => {
    for (const old of made) old.dispose();
  };
  return {
    makeReady: async () => {
      forget();
      made = withDevice("webgpu", () => operands.map((operand) => operand.mul(1.5)));
      await evaluate(...made);
      await idle();
    },
    run: async () => {
      const results = tensorsOf(compute(...made));
      await (isRead ? results[0]!.data() : evaluate(...results).then(idle));
      place = placeOf(results[0]!);
      for (const done of results) done.dispose();
    },
    place: () => place,
    dispose: () => {
      forget();
      for (const operand of operands) operand.dispose();
    },
  };
}

const ofOp = (name: string, { operands, compute }: OpWork, long: boolean): DispatchWork => ({
  name,
  long,
  prepare: () => reading(operands.map(drawn), compute),
  predict: (profile, devices) =>
    decideGraph(
      profile,
      (operand) => tensorsOf(compute(...operands.map(({ shape, dtype = "f32" }) => operand(shape, dtype)))),
      "read",
      devices,
    ).alone,
});

const onGpu = (name: string, { operands, compute }: OpWork, isRead: boolean, long: boolean): DispatchWork => ({
  name,
  long,
  prepare: () => continuing(operands.map(drawn), compute, isRead),
});

const ofTask = (name: string, task: Task, long: boolean): DispatchWork => ({
  name,
  long,
  prepare: () => {
    if (task.op === "infer") throw new RangeError("inference is not among the work that dispatch is measured by");
    const shapes = inputShapes(task);
    const operands = inputsOf(task).map((data, index) => tensor(data, { shape: shapes[index] ?? [] }));
    return task.op === "train" ? training(task, operands) : reading(operands, forward(task));
  },
  predict: (profile, devices) => decide(task, profile, task.op === "train" ? "resident" : "read", devices).alone,
});

/** Waits for all that was given to the devices. */
const idle = async (): Promise<void> => {
  await Promise.all([...defaultEngine().backends.values()].map((backend) => backend.idle()));
};

/** A step that leaves its state where it makes it. */
function training(task: Task & { readonly op: "train" }, [x, y, ...values]: readonly Tensor[]): Runner {
  const labels = ops.cast(y!, "i32");
  const step = jit(trainingStep(task), { donate: [0, 1] });
  let next = { values, state: initialState(task, values), loss: tensor(0) } as ReturnType<typeof step>;
  return {
    run: async () => {
      next.loss.dispose();
      next = step(next.values, next.state, x!, labels);
      await idle();
    },
    place: () => placeOf(next.loss),
    dispose: () => {
      step.dispose();
      for (const held of [x!, y!, labels, next.loss, ...next.values, ...tensorsOf(next.state)]) held.dispose();
    },
  };
}

function placeOf(result: Tensor): string {
  return [...defaultEngine().valueOf(result, "bench").copies.keys()].join("+");
}

const mean =
  (compute: (...operands: Tensor[]) => Tensor): ((...operands: Tensor[]) => Tensor) =>
  (...operands) =>
    compute(...operands)
      .square()
      .mean();

/** Gradients and things that people write, at the sizes named. */
const compositions: Readonly<Record<string, OpWork>> = {
  "gradient/softmax-256": {
    operands: [{ shape: [256, 256] }],
    compute: (x) => grad(mean((a) => ops.softmax(a)))(x),
  },
  "gradient/conv2d-28x32": {
    operands: [{ shape: [1, 28, 28, 32] }, { shape: [3, 3, 32, 32] }],
    compute: (x, filter) =>
      tensorsOf(
        grad(
          mean((a, f) => ops.conv2d(a, f, { padding: "same" })),
          { argnums: [0, 1] },
        )(x, filter),
      ),
  },
  "gradient/maxPool2d-56x32": {
    operands: [{ shape: [1, 56, 56, 32] }],
    compute: (x) => grad(mean((a) => ops.maxPool2d(a, { window: 2 })))(x),
  },
  "gradient/matmul-256": {
    operands: [{ shape: [256, 256] }, { shape: [256, 256] }],
    compute: (x, y) =>
      tensorsOf(
        grad(
          mean((a, b) => ops.matmul(a, b)),
          { argnums: [0, 1] },
        )(x, y),
      ),
  },
  "chain/elementwise-1M": {
    operands: [{ shape: [1024, 1024] }],
    compute: (x) => x.mul(2).add(1).tanh().mul(x).exp().sum(),
  },
  "chain/products-128": {
    operands: [{ shape: [128, 128] }],
    compute: (x) => Array.from({ length: 8 }).reduce<Tensor>((y) => ops.matmul(y, x).tanh(), x),
  },
  "chain/standardise-1024": {
    operands: [{ shape: [1024, 1024] }],
    compute: (x) => x.sub(x.mean({ axis: 0 })).div(ops.std(x, { axis: 0 }).add(1e-5)),
  },
  "chain/mlp-64": {
    operands: [{ shape: [64, 784] }, { shape: [784, 256] }, { shape: [256, 256] }, { shape: [256, 10] }],
    compute: (x, a, b, c) => ops.softmax(ops.matmul(ops.matmul(ops.matmul(x, a).relu(), b).relu(), c)),
  },
};

/** Tasks that both devices can do. */
export const isShared = (task: Task): boolean =>
  task.op !== "infer" &&
  !(task.op === "linalg" && task.name !== "eigh") &&
  !(task.op === "matmul" && task.dtype !== "f32");

/** Ops of which each class of work has one, on operands that lie on the GPU. */
const continued = ["tanh", "add", "sum", "softmax", "matmul", "conv2d", "maxPool2d", "eigh", "gruCell"];

const scaled = (scale: Scale): readonly DispatchWork[] => {
  const all = opWorks(scale);
  const long = scale !== "medium";
  return [
    ...[...all].map(([name, work]) => ofOp(`${scale}/${name}`, work, long)),
    ...continued.flatMap((name) =>
      [true, false].map((isRead) =>
        onGpu(`on-gpu/${scale}/${name}${isRead ? "" : "/stays"}`, all.get(name)!, isRead, long),
      ),
    ),
  ];
};

/** Everything, small before large. Without the long ones every op is there at its middle size. */
export const dispatchWorks: readonly DispatchWork[] = [
  ...scales.flatMap(scaled),
  ...Object.entries(compositions).map(([name, work]) => ofOp(name, work, false)),
  ...works.flatMap(({ name, task, long }) => (isShared(task) ? ofTask(name, task, long) : [])),
];
