// Bundles a TypeScript file with esbuild and imports the result: Node 20 cannot strip types and has no notion of our ".ts"
// imports. The bundle lies in `folder`, inside a node_modules, so that bare imports resolve from it as they do from the source.
// Knows nothing of what it runs. Read next: run.mjs and bench/peers/run.mjs, which call it.
import { mkdirSync, rmSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

export async function bundleAndImport(entry, folder) {
  mkdirSync(folder, { recursive: true });
  const outfile = resolve(folder, `${basename(entry, ".ts")}-${process.pid}.mjs`);
  process.once("exit", () => rmSync(outfile, { force: true }));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    logLevel: "warning",
  });
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(outfile).href);
}
