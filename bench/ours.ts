// athanor as a contender, on one of its devices. Read next: our-nets.ts for whole nets, work/task.ts for the tasks.
import { readFileSync } from "node:fs";
import { vjp } from "../bindings/autodiff/index.ts";
import type { Backend, DeviceName } from "../bindings/backends/backend.ts";
import { tensor } from "../bindings/engine/creation.ts";
import { defaultEngine, jit, tensorsOf, withDevice } from "../bindings/engine/index.ts";
import * as linalg from "../bindings/linalg/index.ts";
import * as ops from "../bindings/ops/index.ts";
import type { Tensor } from "../bindings/ops/tensor.ts";
import type { Contender, Prepared } from "./contender.ts";
import { inference, training } from "./our-nets.ts";
import type { Operand } from "./work/operands.ts";
import { inputShapes } from "./work/operands.ts";
import type { ConvolutionTask, LinalgTask, SingleTask, Task } from "./work/task.ts";

export const ourVersion = (JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version;

/** Our engine on `device`, which must be in use. */
export function ours(device: DeviceName): Contender {
  const backend = defaultEngine().backends.get(device);
  if (backend === undefined) throw new RangeError(`${device} is not in use`);
  return {
    name: "athanor",
    version: ourVersion,
    backend: nameOf(backend),
    threads: backend.workers,
    // The GPU has no f64, and no kernel for weights of eight bits.
    supports: (task) =>
      !(device === "webgpu" && task.op === "matmul" && (task.dtype === "f64" || task.dtype === "int8")),
    prepare: (task, inputs) => {
      const prepared = withDevice(device, () => prepare(task, inputs));
      // With one device there is nothing to ask for, and small work is timed as a user would write it.
      const isChoice = defaultEngine().backends.size > 1;
      const run = isChoice ? (): unknown => withDevice(device, () => prepared.run()) : (): unknown => prepared.run();
      if (backend.readsSynchronously) return Promise.resolve({ ...prepared, run });
      return Promise.resolve({ ...prepared, run: () => (run(), backend.idle()) });
    },
  };
}

/** The CPU by the build of its kernels: wasm-base or wasm-relaxed. */
function nameOf(backend: Backend): string {
  const { artefact } = backend as { readonly artefact?: string };
  return artefact === undefined ? backend.name : `${backend.name}-${artefact}`;
}

function prepare(task: Task, inputs: readonly Operand[]): Prepared {
  const shapes = inputShapes(task);
  const isHalf = "dtype" in task && task.dtype === "f16";
  const operands = inputs.map((data, index) =>
    tensor(data, { shape: shapes[index] ?? [], ...(isHalf ? { dtype: "f16" } : {}) }),
  );
  if (task.op === "train") return training(task, operands);
  if (task.op === "matmul" && task.dtype === "int8") return quantized(operands);
  return single(operands, task.op === "infer" ? inference(task) : forward(task));
}

export type Forward = (...operands: [Tensor, Tensor, Tensor, ...Tensor[]]) => Tensor | readonly Tensor[];

/** The first tensor that `compute` returns is the result to compare. */
function single(operands: readonly Tensor[], compute: Forward): Prepared {
  const compiled = jit((...tensors: Tensor[]) => tensorsOf(compute(...(tensors as [Tensor, Tensor, Tensor]))));
  let last: readonly Tensor[] = [];
  return {
    run: () => {
      for (const old of last) old.dispose();
      last = compiled(...operands);
    },
    result: () => last[0]?.data() ?? [],
    dispose: () => {
      compiled.dispose();
      for (const held of [...last, ...operands]) held.dispose();
    },
  };
}

/** The weights are quantised once. */
function quantized([x, weight]: readonly Tensor[]): Prepared {
  const { values, scale, sums, rows } = ops.quantizeMatrix(weight!);
  return single([x!, values, scale, sums], (...operands) => {
    const [input, ...parts] = operands;
    return ops.quantizedMatmul(input, { values: parts[0], scale: parts[1], sums: parts[2]!, rows });
  });
}

/** What a single task computes. */
export function forward(task: SingleTask): Forward {
  switch (task.op) {
    case "matmul": {
      const options = { transposeA: task.transposed === "a", transposeB: task.transposed === "b" };
      return (x, y) => ops.matmul(x, y, options);
    }
    case "conv":
      return convolution(task);
    case "pool": {
      const pool = task.kind === "max" ? ops.maxPool2d : ops.avgPool2d;
      const compute = (x: Tensor): Tensor => pool(x, { window: task.window, stride: task.stride });
      return task.gives === "output" ? compute : (x, dy) => vjp(compute, x)[1](dy);
    }
    case "map":
      return maps[task.name];
    case "sum":
      return (x) => ops.sum(x);
    case "softmax":
      return (x) => x.softmax();
    case "layerNorm":
      return (x, scale, shift) => {
        const centred = x.sub(x.mean({ axis: -1, keepDims: true }));
        const variance = centred.square().mean({ axis: -1, keepDims: true });
        return centred.div(variance.add(1e-5).sqrt()).mul(scale).add(shift);
      };
    case "linalg":
      return decompositions[task.name];
    case "layer": {
      const product = forward(task.product) as (...operands: readonly Tensor[]) => Tensor;
      if (task.product.op === "matmul")
        return (x, weight, bias) => ops.gelu(product(x, weight).add(bias), { approximate: "tanh" });
      return (x, filter, bias, ...[shortcut]) => product(x, filter).add(bias).add(shortcut!).relu();
    }
    case "convAxes": {
      const convolve = task.axes === 1 ? ops.conv1d : ops.conv3d;
      return (x, filter) => convolve(x, filter, { padding: "same" });
    }
    case "attention":
      if (task.gives === "output") return (query, key, value) => ops.scaledDotProductAttention(query, key, value);
      return (query, key, value, ...[dy]) => vjp(ops.scaledDotProductAttention, query, key, value)[1](dy!);
  }
}

const decompositions: Readonly<Record<LinalgTask["name"], Forward>> = {
  eigh: (x) => {
    const { values, vectors } = linalg.eigh(x);
    return [values, vectors];
  },
  svd: (x) => {
    const { u, s, vt } = linalg.svd(x);
    return [s, u, vt];
  },
  qr: (x) => {
    const { q, r } = linalg.qr(x);
    return [r.abs(), q];
  },
  cholesky: (x) => linalg.cholesky(x),
  solve: (x, y) => linalg.solve(x, y),
};

function convolution(task: ConvolutionTask): Forward {
  const { stride, depthwise, inputs, gives } = task;
  const options = { stride, padding: "same", groups: depthwise ? inputs : 1 } as const;
  if (gives === "output") return (x, filter) => ops.conv2d(x, filter, options);
  // The other operand of a gradient has no say in it; a trace drops what nothing reads.
  const { batch, edge, window, outputs } = task;
  if (gives === "inputGradient") {
    const x = tensor(new Float32Array(batch * edge * edge * inputs), { shape: [batch, edge, edge, inputs] });
    return (dy, filter) => vjp((images) => ops.conv2d(images, filter, options), x)[1](dy);
  }
  const shape = [window, window, depthwise ? 1 : inputs, outputs];
  const filter = tensor(new Float32Array(shape.reduce((size, extent) => size * extent, 1)), { shape });
  return (x, dy) => vjp((filters) => ops.conv2d(x, filters, options), filter)[1](dy);
}

const maps = {
  add: (x: Tensor, y: Tensor) => x.add(y),
  exp: (x: Tensor) => x.exp(),
  tanh: (x: Tensor) => x.tanh(),
  sigmoid: (x: Tensor) => x.sigmoid(),
  gelu: (x: Tensor) => ops.gelu(x.mul(1.1).add(0.1), { approximate: "tanh" }),
} as const;
