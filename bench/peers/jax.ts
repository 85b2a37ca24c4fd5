// jax-js under jit on its WebAssembly backend. Its operations use their operands up unless handed a .ref. It has channels
// first, no optimisers and no pooling of its own, so those are written here and in jax-nets.ts. Read next: ../contender.ts.
import type { Array as JaxArray } from "@jax-js/jax";
import type { Contender, Prepared } from "../contender.ts";
import { inputShapes } from "../work/operands.ts";
import type { ConvolutionTask, MapName, PoolingTask, SingleTask } from "../work/task.ts";
import { channelsFirst, channelsLast, outputsFirst, outputsLast, permuted, reordered } from "./layout.ts";
import { trainer } from "./jax-nets.ts";
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

  function single(task: SingleTask, inputs: readonly Float32Array[]): Prepared {
    const images = task.op === "conv" || task.op === "pool";
    const operands = inputShapes(task).map((shape, index) => {
      if (!images) return array(inputs[index]!, shape);
      // The second operand of a gradient may be another image.
      const isImage = index === 0 || task.op === "pool" || (task.op === "conv" && task.gives === "filterGradient");
      const order = isImage ? channelsFirst : outputsFirst;
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
        if (!images) return data as Float32Array;
        const isFilter = task.op === "conv" && task.gives === "filterGradient";
        return permuted(data as Float32Array, first!.shape, isFilter ? outputsLast : channelsLast);
      },
      dispose: () => {
        tree.dispose([...last, ...operands]);
        compiled.dispose();
      },
    };
  }

  function forward(task: SingleTask): (...operands: JaxArray[]) => JaxArray[] {
    switch (task.op) {
      case "matmul":
        return (x, y) => [
          np.matmul(task.transposed === "a" ? np.transpose(x!) : x!, task.transposed === "b" ? np.transpose(y!) : y!),
        ];
      case "conv":
        return convolution(task);
      case "pool":
        return pooling(task);
      case "map":
        return maps[task.name];
      case "sum":
        return (x) => [np.sum(x!)];
      case "softmax":
        return (x) => [nn.softmax(x!)];
      case "layerNorm":
        return (x, scale, shift) => {
          const centred = x!.ref.sub(np.mean(x!, -1, { keepdims: true }));
          const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
          return [
            centred
              .div(np.sqrt(variance.add(1e-5)))
              .mul(scale!)
              .add(shift!),
          ];
        };
      case "attention": {
        const attend = (query: JaxArray, key: JaxArray, value: JaxArray): JaxArray => {
          const scores = np.matmul(query, np.matrixTranspose(key)).mul(1 / Math.sqrt(task.depth));
          return np.matmul(nn.softmax(scores), value);
        };
        if (task.gives === "output") return (query, key, value) => [attend(query!, key!, value!)];
        return (query, key, value, dy) => {
          const inner = (q: JaxArray, k: JaxArray, v: JaxArray): JaxArray => np.sum(attend(q, k, v).mul(dy!));
          return jax.grad(inner, { argnums: [0, 1, 2] })(query!, key!, value!) as unknown as JaxArray[];
        };
      }
      case "layer":
        return (x, weight, bias) => [nn.gelu(np.matmul(x!, weight!).add(bias!), { approximate: true })];
      case "convAxes":
        throw new Error("no convAxes");
      case "linalg":
        if (task.name === "eigh") return (x) => np.linalg.eigh(x!);
        if (task.name === "cholesky") return (x) => [np.linalg.cholesky(x!)];
        return (x) => {
          const [u, s, vh] = np.linalg.svd(x!, { fullMatrices: false });
          return [s, u, vh];
        };
    }
  }

  function convolution({ batch, edge, inputs, outputs, window, stride, depthwise, gives }: ConvolutionTask) {
    const options = { featureGroupCount: depthwise ? inputs : 1 };
    const convolve = (x: JaxArray, filter: JaxArray): JaxArray =>
      lax.convGeneralDilated(x, filter, [stride, stride], "SAME", options);
    if (gives === "output") return (x?: JaxArray, filter?: JaxArray) => [convolve(x!, filter!)];
    if (gives === "inputGradient")
      return (dy?: JaxArray, filter?: JaxArray) => {
        const inner = (x: JaxArray): JaxArray => np.sum(convolve(x, filter!).mul(dy!));
        return [jax.grad(inner)(np.zeros([batch, inputs, edge, edge])) as JaxArray];
      };
    return (x?: JaxArray, dy?: JaxArray) => {
      const inner = (filter: JaxArray): JaxArray => np.sum(convolve(x!, filter).mul(dy!));
      return [jax.grad(inner)(np.zeros([outputs, depthwise ? 1 : inputs, window, window])) as JaxArray];
    };
  }

  function pooling({ kind, window, stride, gives }: PoolingTask) {
    const pooled = (x: JaxArray): JaxArray => pool(x, kind === "max" ? np.max : np.mean, window, stride);
    if (gives === "output") return (x?: JaxArray) => [pooled(x!)];
    return (x?: JaxArray, dy?: JaxArray) => {
      const inner = (images: JaxArray): JaxArray => np.sum(pooled(images).mul(dy!));
      return [jax.grad(inner)(x!) as JaxArray];
    };
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

  return {
    ...{ name: "jax-js", version: versionOf("@jax-js/jax"), backend: "wasm", threads: 1 },
    // Its step of the larger ResNet block takes a quarter of a minute.
    supports: (task) =>
      task.op !== "infer" &&
      task.op !== "convAxes" &&
      !(task.op === "layer" && task.product.op === "conv") &&
      // Its solve fails under jit, its eigh of 512 takes five seconds.
      !(
        task.op === "linalg" &&
        (task.name === "solve" || task.name === "qr" || (task.name === "eigh" && task.rows > 256))
      ) &&
      !((task.op === "matmul" || task.op === "map") && task.dtype !== "f32") &&
      !(task.op === "train" && task.net === "resblock" && task.batch > 4),
    prepare: (task, operands) => {
      const inputs = operands as readonly Float32Array[];
      // onnxruntime leaves a global Worker behind, by which jax-js would take its memory to be shared.
      globalThis.Worker = Worker;
      return Promise.resolve(task.op === "train" ? trainer(jax)(task, inputs) : single(task as SingleTask, inputs));
    },
  };
}
