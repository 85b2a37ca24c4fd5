// The start of a Node process to its first result, ours against other libraries. Read next: ../start.ts, which runs them.
import type { Row } from "../row.ts";
import type { Program } from "../start.ts";
import { ourProgram, startTimes } from "../start.ts";
import { versionOf } from "./versions.ts";

const jax: Program = {
  name: `jax-js ${versionOf("@jax-js/jax")}`,
  source: `
    if (typeof navigator === "undefined") Object.assign(globalThis, { navigator: { userAgent: "node", hardwareConcurrency: 1 } });
    const { defaultDevice, init, numpy: np } = await import("@jax-js/jax");
    await init("wasm");
    defaultDevice("wasm");
    const x = np.array([[1, 2], [3, 4]]);
    console.log((await np.matmul(x.ref, x).data())[0]);
    process.exit();`,
  folder: "bench/peers",
};

const tfjs: Program = {
  name: `tfjs-wasm ${versionOf("@tensorflow/tfjs-core")}`,
  source: `
    import * as tf from "@tensorflow/tfjs-core";
    import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
    import { resolve } from "node:path";
    setWasmPaths(resolve("bench/peers/node_modules/@tensorflow/tfjs-backend-wasm/dist") + "/");
    await tf.setBackend("wasm");
    const x = tf.tensor2d([[1, 2], [3, 4]]);
    console.log((await tf.matMul(x, x).data())[0]);
    process.exit();`,
  folder: "bench/peers",
};

/** Rows of start/first-result against the peers. */
export async function startRows(): Promise<readonly Row[]> {
  const shared = { name: "start/first-result", backend: "wasm", threads: 1, unit: "ms" };
  const times = await startTimes([ourProgram, jax, tfjs]);
  const [ours = Number.NaN] = times;
  return [jax, tfjs].map(({ name }, index) => ({
    ...shared,
    value: ours,
    versus: name,
    ratio: times[index + 1]! / ours,
  }));
}
