// A browser's GPU goes away in the middle of fit: its device is destroyed, or the process behind it ends, as with a driver that fails.
// Training goes on on the CPU and says what was lost; afterwards a new device can be had. Read next: lost.ts, the page's side.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StaticServer } from "../../scripts/static-server.ts";
import { serveFolder } from "../../scripts/static-server.ts";
import { isLoaded, writeScriptedPage } from "./scripted.ts";
import { Visitor } from "./visit.ts";

const folder = mkdtempSync(join(tmpdir(), "athanor-lost-"));
let server: StaticServer;
let visitor: Visitor;

beforeAll(async () => {
  await writeScriptedPage(folder, "test/browser/lost.ts");
  server = await serveFolder(folder);
  visitor = await Visitor.arrive();
  await visitor.open(server.address);
  await visitor.until(isLoaded);
});

afterAll(async () => {
  await visitor.leave();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("its device is destroyed", async () => {
  expect(await visitor.evaluate(`ours.destroyed("batch 8")`)).toEqual([]);
  expect(await visitor.evaluate("ours.again()")).toBe(6);
});

test("the browser's GPU process ends", async () => {
  const training = visitor.evaluate("ours.crashed()");
  await visitor.until("ours.progress.batches > 20");
  await visitor.crashGPU();
  expect(await training).toEqual([]);
  expect(await visitor.evaluate("ours.again()")).toBe(6);
});

test("nothing was left unhandled", () => {
  expect(visitor.complaints).toEqual([]);
});
