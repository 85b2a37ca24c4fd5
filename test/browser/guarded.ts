// An isolated page whose Content-Security-Policy allows no worker from a blob: address: one thread, and init says why.
// Read next: browser.test.ts, which serves it.
import * as athanor from "../../bindings/index.ts";
import { check, page } from "./report.ts";
import { multiplies } from "./threads.ts";

await page(async () => {
  await check("a page whose policy forbids workers: one thread, and the report says why", async () => {
    const { threads } = await athanor.init({ threads: 2, webgpu: "off" });
    if (threads.used !== 1 || !threads.detail.includes("Content-Security-Policy")) throw new Error(threads.detail);
    await multiplies();
    await athanor.shutdown();
  });
});
