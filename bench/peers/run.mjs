// `npm run bench:peers`: installs the peers beside this file where they are missing or older than the lock file, bundles
// race.ts (see scripts/bundle-and-import.mjs for why) to where both their packages and ours resolve, and imports it.
// Read next: race.ts.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleAndImport } from "../../scripts/bundle-and-import.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const installed = resolve(here, "node_modules/.package-lock.json");
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(resolve(here, "package-lock.json")).mtimeMs) {
  console.error("installing the peers in bench/peers …");
  const options = { cwd: here, stdio: ["ignore", 2, 2], shell: process.platform === "win32" };
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts"], options);
  if (status !== 0) process.exit(status ?? 1);
}

await bundleAndImport(resolve(here, "race.ts"), resolve(here, "node_modules/.cache/athanor"));
