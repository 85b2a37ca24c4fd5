// The package as npm publishes it, for tests that use it as strangers do: made from what was built, unpacked where programs in
// `folder` find it by its name. Nothing is fetched and no script runs. Read next: package.test.ts, browser/bundles.test.ts.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Puts the packed package into `folder`/node_modules. */
export function unpackPackage(folder: string): void {
  const home = join(folder, "node_modules", "athanor");
  mkdirSync(home, { recursive: true });
  const flags = ["--ignore-scripts", "--silent", "--offline", "--pack-destination", folder];
  execFileSync("npm", ["pack", ...flags], { shell: process.platform === "win32" });
  const archive = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  execFileSync("tar", ["-xzf", archive, "--strip-components=1", "-C", home]);
  rmSync(archive);
}
