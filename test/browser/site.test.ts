// The benchmark page as its visitors use it: under a path of a file host, by mouse and keyboard, on a desk and on a phone.
// Says that figures are there and make sense, never how large they are. Read next: visit.ts, site/README.md.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSite, siteFolder } from "../../scripts/site.ts";
import type { StaticServer } from "../../scripts/static-server.ts";
import { serveFolder } from "../../scripts/static-server.ts";
import { Visitor } from "./visit.ts";

/** What the visitor downloads, as far as it is looked at. */
interface Downloaded {
  readonly machine: { readonly devices: readonly { readonly name: string; readonly used: boolean }[] };
  readonly speed: Readonly<
    Record<
      string,
      readonly {
        readonly size: number;
        readonly samples: Readonly<Record<string, { readonly resident: number; readonly roundTrip: number }>>;
        readonly choice?: { readonly device: string };
      }[]
    >
  >;
  readonly training: readonly { readonly losses: readonly number[]; readonly seconds: number }[];
  readonly conformance: readonly {
    readonly op: string;
    readonly passed: number;
    readonly failures: readonly unknown[];
  }[];
}

const isReady = `document.documentElement.dataset.ready === "yes"`;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const isIdle = (button: string): string => `!document.querySelector("${button}").disabled`;
const stepOf = (lane: string): string =>
  `Number.parseInt(document.querySelector("[data-lane=${lane}] dd")?.textContent ?? "0")`;

let visitor: Visitor;
const servers: StaticServer[] = [];

async function host(base: string, isolated: boolean): Promise<string> {
  const server = await serveFolder(siteFolder, { base, isolated });
  servers.push(server);
  return server.address;
}

beforeAll(async () => {
  await buildSite();
  visitor = await Visitor.arrive();
});

afterAll(async () => {
  await visitor.leave();
  for (const server of servers) server.close();
});

describe("the benchmark page, isolated, under a path", () => {
  const folder = mkdtempSync(join(tmpdir(), "athanor-download-"));

  beforeAll(async () => {
    await visitor.look({ width: 1280 });
    await visitor.saveTo(folder);
    await visitor.open(await host("/some/where/", true));
    await visitor.until(isReady);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("says what the machine offers", async () => {
    const cards = await visitor.text("#machine-cards");
    expect(cards).toMatch(/WebAssembly with relaxed SIMD, \d+ threads/);
    expect(cards).toMatch(/GPU\s+(software|in use)/);
    expect(await visitor.evaluate(`document.querySelector("#threads-offer").hidden`)).toBe(true);
  });

  test("measures a work on every device and says what dispatch would choose", async () => {
    await visitor.click("#speed-one");
    await visitor.until(`${isIdle("#speed-one")} && document.querySelector("#speed-status").innerText === "Measured."`);
    const rows = (await visitor.evaluate(
      `[...document.querySelectorAll("#speed-table tbody tr")].map((row) => [...row.cells].map((cell) => cell.innerText))`,
    )) as string[][];
    expect(rows.length).toBeGreaterThanOrEqual(3);
    for (const [size, single, threads] of rows.slice(0, 3)) {
      expect(size).toMatch(/^\d+ × \d+$/);
      for (const time of [single, threads]) expect(time).toMatch(/^[\d.,]+ (µs|ms|s)$/);
    }
    expect(rows[0]?.[3]).toMatch(/^[\d.,]+ (µs|ms|s)$/);
    expect(rows[0]?.[4]).toMatch(/^(CPU|GPU)$/);
    expect(await visitor.text("#speed-verdict")).toMatch(/ahead/);
    expect(await visitor.evaluate(inkOf("#speed-chart canvas"))).toBeGreaterThan(500);
    await visitor.mouse("mouseMoved", ...(await visitor.middleOf("#speed-chart .u-over")));
    await visitor.until(`document.querySelector("#speed-readout").innerText.includes("CPU, 1 thread: ")`);
  });

  test("is used by keyboard: arrows choose the rate, and the figures follow", async () => {
    await visitor.evaluate(`document.querySelector("input[name=quantity]").focus()`);
    await visitor.press("ArrowRight");
    expect(await visitor.text("#speed-table tbody td")).toMatch(/^[\d.,]+ GFLOP\/s$/);
  });

  test("stops at once when told to", async () => {
    await visitor.click("#speed-all");
    await visitor.until(`document.querySelector("#speed-status").innerText.startsWith("Measuring")`);
    await visitor.click("#speed-stop");
    await visitor.until(isIdle("#speed-all"));
    expect(await visitor.text("#speed-status")).toMatch(/^Stopped/);
    await visitor.click("#speed-one");
    await visitor.until(`${isIdle("#speed-one")} && document.querySelector("#speed-status").innerText === "Measured."`);
  });

  test("does one thing at a time: who begins ends what another section does", async () => {
    await visitor.click("#speed-all");
    await visitor.until(`document.querySelector("#speed-status").innerText.startsWith("Measuring")`);
    await visitor.click("#conformance-quick");
    await visitor.until(
      `${isIdle("#speed-all")} && document.querySelector("#speed-status").innerText.startsWith("Stopped")`,
    );
    await visitor.until(`document.querySelector("#conformance-status").innerText.startsWith("Checking")`);
    await visitor.click("#speed-one");
    await visitor.until(`document.querySelector("#conformance-status").innerText.startsWith("Stopped")`);
    await visitor.until(`${isIdle("#speed-one")} && document.querySelector("#speed-status").innerText === "Measured."`);
  });

  test("trains on both devices and reads what is drawn", async () => {
    await visitor.click("#learning-train");
    await visitor.until(`${stepOf("threads")} > 100 && ${stepOf("gpu")} > 0`, 100);
    await visitor.click("#learning-train");
    await visitor.until(`document.querySelector("#learning-status").innerText === "Paused."`);
    expect(await visitor.evaluate(inkOf("#learning-chart canvas"))).toBeGreaterThan(500);
    expect(await visitor.text("#reading-answer")).toBe("Draw a digit.");
    const [x, y] = await visitor.middleOf("#reading-pad");
    await visitor.mouse("mousePressed", x, y - 70);
    for (let step = -7; step <= 7; step++) await visitor.mouse("mouseMoved", x, y + 10 * step);
    await visitor.mouse("mouseReleased", x, y + 70);
    await visitor.until(`/^Read as \\d/.test(document.querySelector("#reading-answer").innerText)`, 20);
    const shares = (await visitor.evaluate(
      `[...document.querySelectorAll("#reading-bars .share")].map((share) => Number.parseFloat(share.innerText))`,
    )) as number[];
    expect(shares).toHaveLength(10);
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(100, 0);
  });

  test("runs the conformance suite", async () => {
    for (const backend of ["wasm", "wasm-threads", "webgpu"])
      await visitor.click(`#conformance-backends input[value=${backend}]`);
    await visitor.click("#conformance-quick");
    await visitor.until(`/checks passed/.test(document.querySelector("#conformance-status").innerText)`, 120);
    expect(await visitor.text("#conformance-status")).toMatch(/^[\d,]+ checks passed, 0 failed\.$/);
    expect(await visitor.text("#conformance-cards")).toMatch(/wasm-relaxed\s+passing[\s\S]*20 ops passed/);
  });

  test("hands out what it found as JSON", async () => {
    await visitor.click("#download");
    const file = join(folder, "athanor-results.json");
    await expect.poll(() => existsSync(file) && readFileSync(file, "utf8").endsWith("}")).toBe(true);
    const { machine, speed, training, conformance } = JSON.parse(readFileSync(file, "utf8")) as Downloaded;
    expect(machine.devices.map(({ name, used }) => [name, used])).toEqual([
      ["wasm", true],
      ["webgpu", true],
    ]);
    const [first] = speed.matmul ?? [];
    expect(Object.keys(first?.samples ?? {})).toEqual(["single", "threads", "gpu"]);
    for (const { resident, roundTrip } of Object.values(first?.samples ?? {}))
      expect([resident > 0, roundTrip > 0]).toEqual([true, true]);
    expect(["wasm", "webgpu"]).toContain(first?.choice?.device);
    const [cpu, gpu] = training;
    // It learns, and both devices begin with the same loss of the same digits.
    expect(mean(cpu?.losses.slice(-20) ?? [])).toBeLessThan(0.6 * (cpu?.losses[0] ?? 0));
    expect(gpu?.losses[0]).toBeCloseTo(cpu?.losses[0] ?? 0, 4);
    expect(conformance).toHaveLength(20);
    expect(conformance.every(({ passed, failures }) => passed > 0 && failures.length === 0)).toBe(true);
  });

  test.each([
    [1280, "light"],
    [1280, "dark"],
    [360, "light"],
    [360, "dark"],
  ] as const)("fits a window of %i pixels, %s", async (width, scheme) => {
    await visitor.look({ width, scheme });
    await visitor.until(
      `innerWidth === ${width} && document.querySelector("#speed-chart canvas").clientWidth < ${width}`,
    );
    expect(await visitor.evaluate("document.documentElement.scrollWidth")).toBe(width);
    const paper = await visitor.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(paper).toBe(scheme === "light" ? "rgb(248, 245, 240)" : "rgb(19, 17, 15)");
    mkdirSync("build/pictures", { recursive: true });
    const picture = await visitor.picture();
    writeFileSync(`build/pictures/site-${width}-${scheme}.png`, picture);
    expect(picture.length).toBeGreaterThan(10_000);
  });

  test("the browser has nothing to complain about", () => {
    expect(visitor.complaints).toEqual([]);
  });
});

describe("the benchmark page on a plain host of files", () => {
  test("runs on one thread, says why, and gets threads when asked", async () => {
    await visitor.look({ width: 1280 });
    await visitor.open(await host("/", false));
    await visitor.until(isReady);
    expect(await visitor.text("#machine-cards")).toMatch(
      /Threads\s+off\s+1 of \d+ threads: this page is not cross-origin isolated/,
    );
    expect(await visitor.evaluate(`document.querySelectorAll("#speed-key li").length`)).toBe(2);
    await visitor.click("#threads-on");
    await visitor.until(`${isReady} && crossOriginIsolated`);
    expect(await visitor.text("#machine-cards")).toMatch(/Threads\s+in use/);
    expect(await visitor.evaluate(`document.querySelectorAll("#speed-key li").length`)).toBe(3);
  });
});

/** Pixels of a canvas that are drawn on. */
function inkOf(selector: string): string {
  return `(() => {
    const canvas = document.querySelector(${JSON.stringify(selector)});
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, index) => index % 4 === 3 && value > 0).length;
  })()`;
}
