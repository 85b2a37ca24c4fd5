// Profiles of the devices in a browser's IndexedDB: kept over the browser's end, not taken by another machine, and no obstacle where a
// page may store nothing. Read next: bindings/engine/dispatch/profile-store.ts; test/engine/profile.test.ts for files in Node.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Profile, ProfileReport } from "../../bindings/index.ts";
import type { StaticServer } from "../../scripts/static-server.ts";
import { serveFolder } from "../../scripts/static-server.ts";
import { isLoaded, writeScriptedPage } from "./scripted.ts";
import { Visitor } from "./visit.ts";

/** What a page tells of its profile. */
interface Told {
  readonly report: ProfileReport;
  readonly profile: Profile;
}

/** One thread each: what is kept, not how fast the machine is. */
const cpuOnly = `threads: 1, webgpu: "off"`;
const home = mkdtempSync(join(tmpdir(), "athanor-profiles-"));
const site = join(home, "site");
const servers: StaticServer[] = [];
let visitor: Visitor;
let address = "";

beforeAll(async () => {
  await writeScriptedPage(site, "bindings/index.ts");
  const server = await serveFolder(site);
  servers.push(server);
  address = server.address;
  visitor = await Visitor.arrive(join(home, "profile"));
});

afterAll(async () => {
  await visitor.leave();
  for (const server of servers) server.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

/** Opens the page anew, starts the engine after `before`, and waits until its figures are settled. */
async function start(options: string, before = "", at = address): Promise<Told> {
  visitor.complaints.length = 0;
  await visitor.open("about:blank");
  await visitor.open(at);
  await visitor.until(isLoaded);
  const told = await visitor.evaluate(`(async () => {
    ${before};
    const { init, explain, exportProfile, matmul, ones } = ours;
    await init({ ${options} });
    await explain(matmul(ones([8, 8]), ones([8, 8])));
    const { profile: report } = await init();
    return JSON.stringify({ report, profile: JSON.parse(exportProfile()) });
  })()`);
  return JSON.parse(String(told)) as Told;
}

describe("a page that may store", () => {
  let first: Told;

  beforeAll(async () => {
    first = await start(`tune: "force"`);
    const { report } = await start(`${cpuOnly}, tune: "force"`);
    expect(report).toMatchObject({ origin: "measured", place: 'IndexedDB "athanor"' });
  });

  test("measures its devices and keeps what it found", () => {
    expect(first.report).toMatchObject({ origin: "measured", place: 'IndexedDB "athanor"' });
    expect(first.profile.devices.wasm?.measured).toBe(true);
    expect(first.profile.devices.webgpu?.measured).toBe(true);
  });

  test("finds it when the browser was closed and is opened again", async () => {
    await visitor.leave();
    visitor = await Visitor.arrive(join(home, "profile"));
    const again = await start("");
    expect(again.report).toMatchObject({ origin: "stored", measuredAt: first.report.measuredAt });
    expect(again.profile).toEqual(first.profile);
    expect(visitor.complaints).toEqual([]);
  });

  test.each([
    ["another build of the kernels", `${cpuOnly}, simd: "strict"`, ""],
    [
      "another browser",
      cpuOnly,
      `Object.defineProperty(navigator, "userAgent", { get: () => "Another browser, a year later" })`,
    ],
  ])("does not take it for %s", async (_, options, before) => {
    const same = await start(cpuOnly);
    expect(same.report).toMatchObject({ origin: "stored" });
    const other = await start(options, before);
    expect(other.report.origin).toBe("measured");
    expect(other.report.machine).not.toBe(same.report.machine);
    expect((await start(cpuOnly)).report).toEqual(same.report);
  });

  test("does not take what lies under its key and is none of its profiles", async () => {
    const { report } = await start(cpuOnly);
    const put = (text: string): string => `await new Promise((resolve, reject) => {
      const opening = indexedDB.open("athanor", 1);
      opening.onsuccess = () => {
        const { result: database } = opening;
        const change = database.transaction("profiles", "readwrite");
        change.objectStore("profiles").put(${text}, ${JSON.stringify(report.machine)});
        change.oncomplete = () => resolve(database.close());
        change.onerror = reject;
      };
    })`;
    for (const text of [`"{"`, `{ some: "object" }`, JSON.stringify(JSON.stringify({ ...first.profile }))])
      expect((await start(cpuOnly, put(text))).report.origin).toBe("measured");
    expect((await start(cpuOnly)).report.origin).toBe("stored");
  });
});

describe("a page that may not store", () => {
  const multiplied = `ours.matmul(ours.ones([3, 4]), ours.ones([4, 2])).data().then((data) => [...data].join())`;
  const refused = (how: string): string => `Object.defineProperty(globalThis, "indexedDB", { ${how} })`;
  const denied = `throw new DOMException("denied", "SecurityError")`;

  test.each([
    ["no database", refused("value: undefined"), "kept nowhere"],
    ["a database that throws when it is named", refused(`get() { ${denied}; }`), "denied"],
    ["a database that throws when it is opened", refused(`value: { open() { ${denied}; } }`), "kept in memory: denied"],
    [
      "a database that is refused later",
      refused(`value: { open() {
        const opening = { error: new DOMException("not allowed", "InvalidStateError") };
        setTimeout(() => opening.onerror(), 0);
        return opening;
      } }`),
      "kept in memory: not allowed",
    ],
    [
      "a database that never answers",
      refused("value: { open: () => ({}) }"),
      "kept in memory: the database does not answer",
    ],
  ])("%s: it is measured, and the report says why it is not kept", async (_, before, reason) => {
    const { report } = await start(cpuOnly, before);
    expect(report).toMatchObject({ origin: "measured", place: null });
    expect(report.detail).toContain(reason);
    expect(await visitor.evaluate(multiplied)).toBe("4,4,4,4,4,4");
    expect(visitor.complaints).toEqual([]);
  });

  test("a sandboxed page, which has no origin", async () => {
    const server = await serveFolder(site, { policy: "sandbox allow-scripts", isolated: false });
    servers.push(server);
    const { report } = await start(cpuOnly, "", server.address);
    expect(report).toMatchObject({ origin: "measured", place: null });
    expect(report.detail).toContain("kept in memory: ");
    expect(await visitor.evaluate(multiplied)).toBe("4,4,4,4,4,4");
  });
});
