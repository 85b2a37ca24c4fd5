// Turns build/*.wasm, shaders/*.wgsl and the worker's script into TypeScript modules, so that a user needs no path to any file.
// One module per wasm artefact: a dynamic import then downloads only the one that the machine can run. Its bytes are deflated
// before they become base64, because servers compress base64 badly: 57 kB travel in place of 79.
// Shaders lose comments and indentation, nothing else: error messages of a driver still quote readable lines.
// Read next: bindings/backends/wasm, bindings/backends/webgpu, where these modules are loaded.
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { deflateRawSync } from "node:zlib";
import { build } from "esbuild";
import { artefacts } from "./compile-kernels.ts";
import { listFiles, writeWhenChanged } from "./files.ts";

export function inlineWasm(): void {
  for (const name of artefacts) {
    const source = `build/${name}.wasm`;
    if (!existsSync(source)) continue;
    const bytes = deflateRawSync(readFileSync(source), { level: 9 }).toString("base64");
    const text = `// Built from assembly/ by \`npm run build\`.\nexport const deflated: string = "${bytes}";\n`;
    writeWhenChanged(`bindings/backends/wasm/generated/${name}.ts`, text);
  }
}

/** The script of a worker thread as text: a worker starts from it without a file of its own. */
export async function inlineWorker(): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: ["bindings/backends/wasm/worker.ts"],
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    logLevel: "warning",
  });
  const text = `// Built from bindings/backends/wasm/worker.ts by \`npm run build\`.\nexport const workerSource: string = ${JSON.stringify(outputFiles[0]?.text ?? "")};\n`;
  writeWhenChanged("bindings/backends/wasm/generated/worker.ts", text);
}

export function inlineShaders(): void {
  const rows = listFiles("shaders", ".wgsl").map(
    (file) => `  ${JSON.stringify(basename(file, ".wgsl"))}: ${JSON.stringify(strip(readFileSync(file, "utf8")))},\n`,
  );
  const text = `// Built from shaders/ by \`npm run build\`.\nexport const shaders: Record<string, string> = {\n${rows.join("")}};\n`;
  writeWhenChanged("bindings/backends/webgpu/generated/shaders.ts", text);
}

/** Removes comments, indentation and empty lines; keeps the "@insert" marks, which are comments that mean something. */
function strip(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .split("\n")
    .map((line) => (line.trim().startsWith("// @insert") ? line.trim() : line.replace(/\/\/.*$/, "").trim()))
    .filter((line) => line !== "")
    .join("\n");
}
