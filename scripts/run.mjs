// Runs a TypeScript file of this package: `node scripts/run.mjs scripts/build.ts [arguments]`.
// It bundles the file with esbuild, because Node 20 cannot strip types and has no notion of our ".ts" imports, and imports
// the result. It knows nothing of what the scripts do; scripts find the package through process.cwd().
// Read next: scripts/build.ts.
import { mkdirSync, rmSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node scripts/run.mjs <file.ts> [arguments]");
  process.exit(2);
}

// Inside node_modules, so that bare imports resolve from the bundle as they do from the source.
const folder = resolve("node_modules/.cache/athanor/scripts");
mkdirSync(folder, { recursive: true });
const outfile = resolve(folder, `${basename(script, ".ts")}-${process.pid}.mjs`);
process.once("exit", () => rmSync(outfile, { force: true }));
await build({
  entryPoints: [script],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
process.argv = [process.argv[0] ?? "node", resolve(script), ...args];
process.setSourceMapsEnabled(true);
await import(pathToFileURL(outfile).href);
