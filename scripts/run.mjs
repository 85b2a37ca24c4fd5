// Runs a TypeScript file of this package: `node scripts/run.mjs scripts/build.ts [arguments]`.
// It knows nothing of what the scripts do; scripts find the package through process.cwd().
// Read next: bundle-and-import.mjs for how, scripts/build.ts for the first of them.
import { resolve } from "node:path";
import { bundleAndImport } from "./bundle-and-import.mjs";

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node scripts/run.mjs <file.ts> [arguments]");
  process.exit(2);
}

process.argv = [process.argv[0] ?? "node", resolve(script), ...args];
await bundleAndImport(script, resolve("node_modules/.cache/athanor/scripts"));
