// numpy-ts, eagerly: its own WebAssembly kernels behind NumPy's names, f32 throughout. Read next: ../contender.ts.
import type { NDArray } from "numpy-ts";
import * as np from "numpy-ts";
import type { Contender } from "../contender.ts";
import type { MapName, Task } from "../work.ts";
import { inputShapes } from "../work.ts";
import { versionOf } from "./versions.ts";

export function numpyts(): Contender {
  // Its heap does not grow, and the default is soon exhausted.
  np.configureWasm({ maxMemory: 2 ** 30 });
  return {
    ...{ name: "numpy-ts", version: versionOf("numpy-ts"), backend: "wasm", threads: 1 },
    supports: ({ op }) => op !== "conv" && op !== "pool" && op !== "train",
    prepare: (task, inputs) => {
      const operands = inputShapes(task).map((shape, index) =>
        np.array(inputs[index] as never, "float32").reshape(...shape),
      );
      const compute = forward(task);
      const [x, y = x] = operands;
      let last: (NDArray | number)[] = [];
      return Promise.resolve({
        run: () => {
          for (const old of last) if (typeof old !== "number") old.dispose();
          last = compute(x as NDArray, y as NDArray);
        },
        result: () => (typeof last[0] === "number" ? [last[0]] : (last[0]!.data as Float32Array)),
        dispose: () => {
          for (const held of [...last, ...operands]) if (typeof held !== "number") held.dispose();
        },
      });
    },
  };
}

type Compute = (x: NDArray, y: NDArray) => (NDArray | number)[];

/** The result first, then what has to be disposed with it. */
function forward(task: Task): Compute {
  switch (task.op) {
    case "matmul":
      return (x, y) => [np.matmul(x, y) as NDArray];
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
    case "eigh":
      return (x) => {
        const { w, v } = np.linalg.eigh(x) as unknown as { w: NDArray; v: NDArray };
        return [w, v];
      };
    case "conv":
    case "pool":
    case "train":
      throw new Error(`no ${task.op}`);
  }
}

const maps: Readonly<Record<MapName, Compute>> = {
  add: (x, y) => [np.add(x, y) as NDArray],
  exp: (x) => [np.exp(x) as NDArray],
  tanh: (x) => [np.tanh(x) as NDArray],
  sigmoid: (x) => {
    const parts: NDArray[] = [];
    const keep = (part: unknown): NDArray => (parts.unshift(part as NDArray), part as NDArray);
    keep(np.reciprocal(keep(np.add(keep(np.exp(keep(np.negative(x)))), 1))));
    return parts;
  },
  gelu: (x) => {
    const parts: NDArray[] = [];
    const keep = (part: unknown): NDArray => (parts.unshift(part as NDArray), part as NDArray);
    const z = keep(np.add(keep(np.multiply(x, 1.1)), 0.1));
    const cube = keep(np.multiply(keep(np.multiply(z, z)), z));
    const inner = keep(np.multiply(keep(np.add(keep(np.multiply(cube, 0.044715)), z)), Math.sqrt(2 / Math.PI)));
    keep(np.multiply(keep(np.multiply(z, 0.5)), keep(np.add(keep(np.tanh(inner)), 1))));
    return parts;
  },
};
