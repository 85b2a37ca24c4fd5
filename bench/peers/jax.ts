// jax-js under jit on its WebAssembly backend. Its operations use their operands up unless handed a .ref. It has channels
// first, no optimisers and no pooling of its own, so those are written here. Read next: ../contender.ts.
import type { Array as JaxArray } from "@jax-js/jax";
import type { Contender, Prepared } from "../contender.ts";
import type { MapName, Task, TrainingTask } from "../work.ts";
import { inputShapes, learningRates } from "../work.ts";
import { channelsFirst, channelsLast, outputsFirst, permuted, reordered } from "./layout.ts";
import { versionOf } from "./versions.ts";

export async function jaxjs(): Promise<Contender> {
  // It reads navigator.userAgent, and Node 20 has no navigator.
  if (typeof navigator === "undefined")
    Object.assign(globalThis, { navigator: { userAgent: "node", hardwareConcurrency: 1 } });
  const { Worker } = globalThis;
  const jax = await import("@jax-js/jax");
  const { lax, nn, numpy: np, tree } = jax;
  await jax.init("wasm");
  jax.defaultDevice("wasm");

  const array = (data: Float32Array, shape: readonly number[]): JaxArray =>
    np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] });

  function single(task: Exclude<Task, TrainingTask>, inputs: readonly Float32Array[]): Prepared {
    const images = task.op === "conv" || task.op === "pool";
    const operands = inputShapes(task).map((shape, index) => {
      if (!images) return array(inputs[index]!, shape);
      const order = index === 0 ? channelsFirst : outputsFirst;
      return array(permuted(inputs[index]!, shape, order), reordered(shape, order));
    });
    const compiled = jax.jit(forward(task));
    let last: JaxArray[] = [];
    return {
      run: async () => {
        tree.dispose(last);
        last = compiled(...operands.map((operand) => operand.ref)) as JaxArray[];
        await jax.blockUntilReady(last);
      },
      result: async () => {
        const [first] = last;
        const data = await first!.ref.data();
        return images ? permuted(data as Float32Array, first!.shape, channelsLast) : (data as Float32Array);
      },
      dispose: () => {
        tree.dispose([...last, ...operands]);
        compiled.dispose();
      },
    };
  }

  function forward(task: Exclude<Task, TrainingTask>): (...operands: JaxArray[]) => JaxArray[] {
    switch (task.op) {
      case "matmul":
        return (x, y) => [np.matmul(x!, y!)];
      case "conv": {
        const { stride, depthwise, inputs } = task;
        const options = { featureGroupCount: depthwise ? inputs : 1 };
        return (x, filter) => [lax.convGeneralDilated(x!, filter!, [stride, stride], "SAME", options)];
      }
      case "pool":
        return (x) => [pool(x!, task.kind === "max" ? np.max : np.mean, task.window, task.stride)];
      case "map":
        return maps[task.name];
      case "sum":
        return (x) => [np.sum(x!)];
      case "softmax":
        return (x) => [nn.softmax(x!)];
      case "eigh":
        return (x) => np.linalg.eigh(x!);
    }
  }

  const pool = (x: JaxArray, reduce: (x: JaxArray) => JaxArray, window: number, stride: number): JaxArray =>
    lax.reduceWindow(x, (values) => reduce(values), [window, window], [stride, stride]);

  const maps: Record<MapName, (...operands: JaxArray[]) => JaxArray[]> = {
    add: (x, y) => [np.add(x!, y!)],
    exp: (x) => [np.exp(x!)],
    tanh: (x) => [np.tanh(x!)],
    sigmoid: (x) => [nn.sigmoid(x!)],
    gelu: (x) => [nn.gelu(x!.mul(1.1).add(0.1), { approximate: true })],
  };

  const dense = (x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray => np.matmul(x, weight).add(bias);
  const convolved = (x: JaxArray, filter: JaxArray, bias: JaxArray, padding: "SAME" | "VALID"): JaxArray => {
    const y = lax.convGeneralDilated(x, filter, [1, 1], padding).add(np.reshape(bias, [1, -1, 1, 1]));
    return pool(nn.relu(y), np.max, 2, 2);
  };
  const nets = {
    mlp: ([w1, b1, w2, b2]: JaxArray[], x: JaxArray): JaxArray => dense(nn.relu(dense(x, w1!, b1!)), w2!, b2!),
    lenet: ([f1, c1, f2, c2, w1, b1, w2, b2, w3, b3]: JaxArray[], x: JaxArray): JaxArray => {
      const fine = convolved(convolved(x, f1!, c1!, "SAME"), f2!, c2!, "VALID");
      const hidden = nn.relu(dense(np.reshape(fine, [-1, 400]), w1!, b1!));
      return dense(nn.relu(dense(hidden, w2!, b2!)), w3!, b3!);
    },
  };

  interface Carried extends Record<string, JaxArray[]> {
    readonly values: JaxArray[];
    /** Adam's means of gradients and of their squares; empty for SGD. */
    readonly means: JaxArray[];
    readonly squares: JaxArray[];
    readonly loss: JaxArray[];
  }

  function training({ net, batch }: TrainingTask, inputs: readonly Float32Array[]): Prepared {
    const shapes = inputShapes({ op: "train", net, batch });
    const operand = (index: number): JaxArray => {
      const shape = shapes[index]!;
      if (index !== 1 && shape.length === 4) {
        const order = index === 0 ? channelsFirst : outputsFirst;
        return array(permuted(inputs[index]!, shape, order), reordered(shape, order));
      }
      // The first dense layer of LeNet takes what the convolutions left, channels first.
      if (net === "lenet" && shape[0] === 400)
        return array(permuted(inputs[index]!, [5, 5, 16, shape[1]!], [2, 0, 1, 3]), shape);
      return array(inputs[index]!, shape);
    };
    const x = operand(0);
    const classes = Float32Array.from({ length: batch * 10 }, (_, index) =>
      inputs[1]![Math.floor(index / 10)] === index % 10 ? 1 : 0,
    );
    const y = array(classes, [batch, 10]);
    const values = shapes.slice(2).map((_, index) => operand(index + 2));
    const zeros = (): JaxArray[] => (net === "mlp" ? shapes.slice(2).map((shape) => np.zeros([...shape])) : []);
    const lossOf = (current: JaxArray[], images: JaxArray, targets: JaxArray): JaxArray =>
      np.sum(nn.logSoftmax(nets[net](current, images)).mul(targets)).mul(-1 / batch);
    const compiled = jax.jit(
      (held: Carried, images: JaxArray, targets: JaxArray, rate: JaxArray, root: JaxArray): Carried => {
        const [loss, gradients] = jax.valueAndGrad(lossOf)(tree.ref(held.values), images, targets) as [
          JaxArray,
          JaxArray[],
        ];
        if (net === "lenet") {
          root.dispose();
          const next = held.values.map((p, index) => p.sub(gradients[index]!.mul(rate.ref)));
          return { values: next, means: [], squares: [], loss: [loss] };
        }
        const means = held.means.map((m, index) => m.mul(0.9).add(gradients[index]!.ref.mul(0.1)));
        const squares = held.squares.map((v, index) => v.mul(0.999).add(np.square(gradients[index]!).mul(0.001)));
        const next = held.values.map((p, index) => {
          const denominator = np.sqrt(squares[index]!.ref).mul(root.ref).add(1e-8);
          return p.sub(means[index]!.ref.div(denominator).mul(rate.ref));
        });
        return { values: next, means, squares, loss: [loss] };
      },
    );
    let held: Carried = { values, means: zeros(), squares: zeros(), loss: [] };
    let step = 0;
    return {
      run: async () => {
        step++;
        tree.dispose(held.loss);
        const corrected = net === "mlp" ? learningRates.mlp / (1 - 0.9 ** step) : learningRates.lenet;
        const root = 1 / Math.sqrt(1 - 0.999 ** step);
        held = compiled({ ...held, loss: [] }, x.ref, y.ref, np.array(corrected), np.array(root)) as Carried;
        await jax.blockUntilReady(held);
      },
      result: async () => (await held.loss[0]!.ref.data()) as Float32Array,
      dispose: () => {
        tree.dispose([held, x, y]);
        compiled.dispose();
      },
    };
  }

  return {
    ...{ name: "jax-js", version: versionOf("@jax-js/jax"), backend: "wasm", threads: 1 },
    supports: () => true,
    prepare: (task, inputs) => {
      // onnxruntime leaves a global Worker behind, by which jax-js would take its memory to be shared.
      globalThis.Worker = Worker;
      return Promise.resolve(task.op === "train" ? training(task, inputs) : single(task, inputs));
    },
  };
}
