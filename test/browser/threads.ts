// Threads in a page: the main thread works together with workers and never sleeps, which a browser would forbid.
// Read next: ../../bindings/backends/wasm/threads.ts.
import * as athanor from "../../bindings/index.ts";
import { check } from "./report.ts";

export async function checkThreads(): Promise<void> {
  await check("threads: an isolated page has them without being told", async () => {
    const { threads } = await athanor.init({ webgpu: "off" });
    if (threads.used < Math.min(2, navigator.hardwareConcurrency)) throw new Error(threads.detail);
    await multiplies();
    await athanor.shutdown();
  });
}

/** A product large enough to be shared. */
export async function multiplies(): Promise<void> {
  const product = athanor.matmul(athanor.ones([300, 200]), athanor.ones([200, 300]));
  const data = await product.data();
  if (!data.every((value) => value === 200)) throw new Error("the product is wrong");
}
