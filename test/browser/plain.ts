// A page that is not cross-origin isolated, with a Content-Security-Policy: everything works on one thread, and init says why.
// Read next: browser.test.ts, which serves it.
import * as athanor from "../../bindings/index.ts";
import { check, page } from "./report.ts";
import { multiplies } from "./threads.ts";

await page(async () => {
  await check("a page without isolation: one thread, and the report says why", async () => {
    const { threads } = await athanor.init({ webgpu: "off" });
    if (threads.used !== 1 || !threads.detail.includes("not cross-origin isolated")) throw new Error(threads.detail);
    await multiplies();
    await athanor.shutdown();
  });
});
