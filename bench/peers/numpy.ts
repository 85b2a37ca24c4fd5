// numpy-ts, eagerly: its own WebAssembly kernels behind NumPy's names, f32 throughout. Read next: ../contender.ts.
import type { NDArray } from "numpy-ts";
import * as np from "numpy-ts";
import type { Contender } from "../contender.ts";
import { inputShapes } from "../work/operands.ts";
import type { MapName, Task } from "../work/task.ts";
import { versionOf } from "./versions.ts";

export function numpyts(): Contender {
  // Its heap does not grow, and the default is soon exhausted.
  np.configureWasm({ maxMemory: 2 ** 30 });
  return {
    ...{ name: "numpy-ts", version: versionOf("numpy-ts"), backend: "wasm", threads: 1 },
    // Its heap is too small for the largest product.
    supports: (task) =>
      !["conv", "convAxes", "layer", "pool", "train", "infer", "attention"].includes(task.op) &&
      // Its SVD takes a second, its eigh of 512 three quarters of a minute.
      !(
        task.op === "linalg" &&
        (task.name === "svd" || task.name === "qr" || (task.name === "eigh" && task.rows > 256))
      ) &&
      !(task.op === "matmul" && (task.dtype === "int8" || task.m * task.n > 2 ** 24)),
    prepare: (task, inputs) => {
      const type = task.op === "matmul" && task.dtype === "f64" ? "float64" : "float32";
      const operands = inputShapes(task).map((shape, index) =>
        np.array(inputs[index] as never, type).reshape(...shape),
      );
      const compute = forward(task);
      let last: (NDArray | number)[] = [];
      return Promise.resolve({
        run: () => {
          for (const old of last) if (typeof old !== "number") old.dispose();
          last = compute(...(operands as [NDArray, NDArray, NDArray]));
        },
        result: () => (typeof last[0] === "number" ? [last[0]] : (last[0]!.data as unknown as ArrayLike<number>)),
        dispose: () => {
          for (const held of [...last, ...operands]) if (typeof held !== "number") held.dispose();
        },
      });
    },
  };
}

type Compute = (x: NDArray, y: NDArray, z: NDArray) => (NDArray | number)[];

/** The result first, then what has to be disposed with it. */
function forward(task: Task): Compute {
  switch (task.op) {
    case "matmul":
      return (x, y) => [np.matmul(task.transposed === "a" ? x.T : x, task.transposed === "b" ? y.T : y) as NDArray];
    case "map":
      return maps[task.name];
    case "sum":
      return (x) => [np.sum(x) as NDArray | number];
    case "softmax":
      return (x) => {
        const shifted = np.subtract(x, np.amax(x, 1, true) as NDArray) as NDArray;
        const powers = np.exp(shifted) as NDArray;
        return [np.divide(powers, np.sum(powers, 1, true) as NDArray) as NDArray, shifted, powers];
      };
    case "layerNorm":
      return (x, scale, shift) => {
        const { parts, keep } = keeping();
        const centred = keep(np.subtract(x, keep(np.mean(x, 1, true))));
        const variance = keep(np.mean(keep(np.multiply(centred, centred)), 1, true));
        const normal = keep(np.divide(centred, keep(np.sqrt(keep(np.add(variance, 1e-5))))));
        keep(np.add(keep(np.multiply(normal, scale)), shift));
        return parts;
      };
    case "linalg":
      if (task.name === "solve") return (x, y) => [np.linalg.solve(x, y) as NDArray];
      if (task.name === "cholesky") return (x) => [np.linalg.cholesky(x) as NDArray];
      return (x) => {
        const { w, v } = np.linalg.eigh(x) as unknown as { w: NDArray; v: NDArray };
        return [w, v];
      };
    case "conv":
    case "convAxes":
    case "layer":
    case "attention":
    case "pool":
    case "train":
    case "infer":
      throw new Error(`no ${task.op}`);
  }
}

/** Collects what a composition makes, the last first. */
function keeping(): { parts: NDArray[]; keep: (part: unknown) => NDArray } {
  const parts: NDArray[] = [];
  return { parts, keep: (part) => (parts.unshift(part as NDArray), part as NDArray) };
}

const maps: Readonly<Record<MapName, Compute>> = {
  add: (x, y) => [np.add(x, y) as NDArray],
  exp: (x) => [np.exp(x) as NDArray],
  tanh: (x) => [np.tanh(x) as NDArray],
  sigmoid: (x) => {
    const { parts, keep } = keeping();
    keep(np.reciprocal(keep(np.add(keep(np.exp(keep(np.negative(x)))), 1))));
    return parts;
  },
  gelu: (x) => {
    const { parts, keep } = keeping();
    const z = keep(np.add(keep(np.multiply(x, 1.1)), 0.1));
    const cube = keep(np.multiply(keep(np.multiply(z, z)), z));
    const inner = keep(np.multiply(keep(np.add(keep(np.multiply(cube, 0.044715)), z)), Math.sqrt(2 / Math.PI)));
    keep(np.multiply(keep(np.multiply(z, 0.5)), keep(np.add(keep(np.tanh(inner)), 1))));
    return parts;
  },
};
