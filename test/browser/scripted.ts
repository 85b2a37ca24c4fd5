// A page that does nothing but offer a module of ours to whoever visits it: the module's exports are in `globalThis.ours`.
// Read next: visit.ts; profiles.test.ts and lost.test.ts, which visit such pages.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Writes the page for a module into a folder, as a classic script: modules are refused to a page without an origin. */
export async function writeScriptedPage(folder: string, entry: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await build({
    ...{ entryPoints: [entry], bundle: true, format: "iife", globalName: "ours", target: "es2022" },
    ...{ outfile: join(folder, "page.js"), external: ["node:*", "webgpu"], logLevel: "error" },
  });
  const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="page.js"></script><body>`;
  writeFileSync(join(folder, "index.html"), page);
}

/** True in a page that has loaded. */
export const isLoaded = `globalThis.ours !== undefined && document.readyState === "complete"`;
