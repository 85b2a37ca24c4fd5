// The published package in the hands of bundlers: packed as npm packs it, unpacked beside a small program that names it, built
// by esbuild, Vite and webpack, or not built at all, and run in a page whose policy allows no eval. So are ops of one's own.
// Read next: bundled/compute.js, the program; ../own-ops/examples.ts.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import webpack from "webpack";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveFolder } from "../../scripts/static-server.ts";
import { exampleModules, expectExamplesPassed } from "../own-ops/examples.ts";
import { unpackPackage } from "../setup/packed.ts";
import { Visitor } from "./visit.ts";

const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:";
const page = `<!doctype html><meta charset="utf-8"><title>athanor</title><body>`;
/** Bundlers name the chunks they load by themselves; what a page starts has these names. */
const entries = ["main", "worker"];

let visitor: Visitor;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "athanor-bundles-"));
  unpackPackage(folder);
  cpSync("test/browser/bundled", folder, { recursive: true });
  writeFileSync(join(folder, "index.html"), `${page}<script type="module" src="./main.js"></script>`);
  visitor = await Visitor.arrive();
});

afterAll(async () => {
  await visitor.leave();
  rmSync(folder, { recursive: true, force: true });
});

/** Builds the program into `out`, with its index.html. Returns what the bundler had to say. */
const bundlers: Readonly<Record<string, (out: string) => Promise<readonly string[]>>> = {
  async esbuild(out) {
    const { warnings } = await esbuild({
      entryPoints: entries.map((name) => join(folder, `${name}.js`)),
      ...{
        outdir: out,
        bundle: true,
        splitting: true,
        minify: true,
        format: "esm",
        target: "es2022",
        logLevel: "silent",
      },
    });
    cpSync(join(folder, "index.html"), join(out, "index.html"));
    return warnings.map(({ text }) => text);
  },
  async vite(out) {
    const said: string[] = [];
    const note = (message: string): void => void said.push(message);
    await vite({
      ...{ root: folder, base: "./", configFile: false, logLevel: "warn", build: { outDir: out, emptyOutDir: false } },
      // Chunks that are loaded on demand need modules, in workers too.
      worker: { format: "es" },
      customLogger: {
        ...{ info: () => undefined, clearScreen: () => undefined, hasErrorLogged: () => false, hasWarned: false },
        ...{ warn: note, warnOnce: note, error: note },
      },
    });
    return said;
  },
  async webpack(out) {
    const said = await new Promise<readonly string[]>((resolve, reject) => {
      webpack(
        {
          ...{ mode: "production", context: folder, entry: "./main.js", devtool: false, performance: false },
          // Minifying takes most of the time, and the others have done it.
          optimization: { minimize: false },
          output: { path: out, filename: "main.js" },
        },
        (error, stats) => {
          if (error !== null) reject(error);
          else resolve([...(stats?.compilation.errors ?? []), ...(stats?.compilation.warnings ?? [])].map(String));
        },
      );
    });
    writeFileSync(join(out, "index.html"), `${page}<script src="./main.js"></script>`);
    return said;
  },
  /** No bundler: modules as they lie in the package, found by the paths of its exports map. */
  "no bundler"(out) {
    const names = ["main.js", "worker.js", "compute.js"];
    serveAsIs(out, Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")])));
    return Promise.resolve([]);
  },
};

/** Puts modules into `out` beside the files of the package, with its paths in place of its name, and a page that loads main.js. */
function serveAsIs(out: string, modules: Readonly<Record<string, string>>): void {
  const { exports } = JSON.parse(readFileSync(join(folder, "node_modules/athanor/package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly default?: string }>>;
  };
  mkdirSync(out);
  cpSync(join(folder, "node_modules/athanor/dist"), join(out, "athanor/dist"), { recursive: true });
  for (const [name, text] of Object.entries(modules)) {
    const named = text.replace(
      /"athanor(\/\w+)?"/g,
      (_, face: string | undefined) => `"./athanor/${exports[`.${face ?? ""}`]?.default?.slice(2) ?? ""}"`,
    );
    writeFileSync(join(out, name), named);
  }
  cpSync(join(folder, "index.html"), join(out, "index.html"));
}

describe.each(Object.keys(bundlers))("%s", (name) => {
  test("builds without a word, and the page computes everywhere", async () => {
    const out = join(folder, `out-${name.replace(" ", "-")}`);
    expect(await bundlers[name]?.(out)).toEqual([]);
    const server = await serveFolder(out, { policy, base: "/deep/path/" });
    visitor.complaints.length = 0;
    try {
      await visitor.open(server.address);
      await visitor.until(`document.body.dataset.result !== undefined`, 60);
      const result = JSON.parse(String(await visitor.evaluate("document.body.dataset.result"))) as object;
      const found = {
        ...{ threads: true, product: [19, 22, 43, 50], gpu: [19, 22, 43, 50], learned: true, error: "ShapeError" },
      };
      expect(result).toEqual({ page: found, worker: found });
      expect(visitor.complaints.filter((text) => !text.includes("favicon"))).toEqual([]);
    } finally {
      server.close();
    }
  });
});

/** Runs the examples and leaves what they print, and why they failed, where the test looks. */
const printing = `
const lines = [];
console.log = (text) => lines.push(text);
await import("./test.js").catch((error) => lines.push(String(error?.stack ?? error)));
document.body.dataset.result = lines.join("\\n");`;

test("ops of one's own, of every kind, pass testOp on every device of a page", { timeout: 120_000 }, async () => {
  const out = join(folder, "out-own-ops");
  serveAsIs(out, { ...exampleModules(), "main.js": printing });
  const server = await serveFolder(out, { policy });
  try {
    await visitor.open(server.address);
    await visitor.until(`document.body.dataset.result !== undefined`, 110);
    expectExamplesPassed(String(await visitor.evaluate("document.body.dataset.result")));
  } finally {
    server.close();
  }
});
