// athanor as a contender, on one of its devices. Read next: work.ts for the tasks.
import { readFileSync } from "node:fs";
import { valueAndGrad } from "../bindings/autodiff/index.ts";
import type { DeviceName } from "../bindings/backends/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, jit, tensorsOf, withDevice } from "../bindings/engine/index.ts";
import { crossEntropy } from "../bindings/nn/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { RuleState } from "../bindings/optim/index.ts";
import { adam, sgd } from "../bindings/optim/index.ts";
import type { Contender, Prepared } from "./contender.ts";
import type { Task, TrainingTask } from "./work.ts";
import { inputShapes, learningRates } from "./work.ts";

/** Our engine on `device`, which must be in use. */
export function ours(device: DeviceName): Contender {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  const backend = defaultEngine().backends.get(device);
  if (backend === undefined) throw new RangeError(`${device} is not in use`);
  return {
    name: "athanor",
    version,
    backend: device,
    threads: backend.workers,
    supports: () => true,
    prepare: (task, inputs) => {
      const prepared = withDevice(device, () => prepare(task, inputs));
      const run = (): unknown => withDevice(device, () => prepared.run());
      if (backend.readsSynchronously) return Promise.resolve({ ...prepared, run });
      return Promise.resolve({ ...prepared, run: () => (run(), backend.idle()) });
    },
  };
}

function prepare(task: Task, inputs: readonly Float32Array[]): Prepared {
  const shapes = inputShapes(task);
  const operands = inputs.map((data, index) => tensor(data, { shape: shapes[index] ?? [] }));
  return task.op === "train" ? training(task, operands) : single(operands, forward(task));
}

type Forward = (x: Tensor, y: Tensor) => Tensor | readonly Tensor[];

/** The first tensor that `compute` returns is the result to compare. */
function single(operands: readonly Tensor[], compute: Forward): Prepared {
  const compiled = jit((x: Tensor, y: Tensor) => tensorsOf(compute(x, y)));
  const [x = tensor(0), y = x] = operands;
  let last: readonly Tensor[] = [];
  return {
    run: () => {
      for (const old of last) old.dispose();
      last = compiled(x, y);
    },
    result: () => last[0]?.data() ?? [],
    dispose: () => {
      compiled.dispose();
      for (const held of [...last, ...operands]) held.dispose();
    },
  };
}

function forward(task: Exclude<Task, TrainingTask>): Forward {
  switch (task.op) {
    case "matmul":
      return (x, y) => ops.matmul(x, y);
    case "conv": {
      const { stride, depthwise, inputs } = task;
      return (x, filter) => ops.conv2d(x, filter, { stride, padding: "same", groups: depthwise ? inputs : 1 });
    }
    case "pool": {
      const pool = task.kind === "max" ? ops.maxPool2d : ops.avgPool2d;
      return (x) => pool(x, { window: task.window, stride: task.stride });
    }
    case "map":
      return maps[task.name];
    case "sum":
      return (x) => ops.sum(x);
    case "softmax":
      return (x) => x.softmax();
    case "eigh":
      return (x) => {
        const { values, vectors } = ops.eigh(x);
        return [values, vectors];
      };
  }
}

const maps = {
  add: (x: Tensor, y: Tensor) => x.add(y),
  exp: (x: Tensor) => x.exp(),
  tanh: (x: Tensor) => x.tanh(),
  sigmoid: (x: Tensor) => x.sigmoid(),
  gelu: (x: Tensor) => ops.gelu(x.mul(1.1).add(0.1), { approximate: "tanh" }),
} as const;

interface Carried {
  readonly values: readonly Tensor[];
  readonly state: RuleState;
  readonly loss: Tensor;
}

function training({ net }: TrainingTask, [x, y, ...values]: readonly Tensor[]): Prepared {
  const rule = net === "mlp" ? adam() : sgd();
  const rate = learningRates[net];
  const labels = y!.cast("i32");
  const compiled = jit(
    (parameters: readonly Tensor[], state: RuleState, images: Tensor, classes: Tensor): Carried => {
      const lossOf = (current: readonly Tensor[]): Tensor => crossEntropy(nets[net](current, images), classes);
      const [loss, gradients] = valueAndGrad(lossOf)(parameters);
      const next = rule.update(parameters, gradients, state, rate);
      return { values: tensorsOf(next.parameters), state: next.state, loss };
    },
    { donate: [0, 1] },
  );
  let carried: Carried = { values, state: rule.initialState(values), loss: tensor(0) };
  return {
    run: () => {
      carried.loss.dispose();
      carried = compiled(carried.values, carried.state, x!, labels);
    },
    result: () => carried.loss.data(),
    dispose: () => {
      compiled.dispose();
      for (const held of [x!, y!, labels, carried.loss, ...carried.values, ...tensorsOf(carried.state)]) held.dispose();
    },
  };
}

const dense = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => ops.matmul(x, weight).add(bias);

const nets = {
  mlp: ([w1, b1, w2, b2]: readonly Tensor[], x: Tensor): Tensor => dense(dense(x, w1!, b1!).relu(), w2!, b2!),
  lenet: ([f1, c1, f2, c2, w1, b1, w2, b2, w3, b3]: readonly Tensor[], x: Tensor): Tensor => {
    const coarse = ops.maxPool2d(ops.conv2d(x, f1!, { padding: "same" }).add(c1!).relu(), { window: 2 });
    const fine = ops.maxPool2d(ops.conv2d(coarse, f2!).add(c2!).relu(), { window: 2 });
    const hidden = dense(dense(fine.flatten(1), w1!, b1!).relu(), w2!, b2!);
    return dense(hidden.relu(), w3!, b3!);
  },
} as const;
