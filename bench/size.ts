// What a page downloads to compute: the whole face of the core, minified, with the one build of the kernels that a browser loads.
// Read next: measurements.ts; ../scripts/bundle.ts for how the package is built.
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { Measurement } from "./measurements.ts";
import type { Row } from "./row.ts";

/** Kilobytes (1000 bytes) after gzip. */
const limit = 110;

/** The build that current browsers take without cross-origin isolation. */
const artefact = "relaxed";

/** Bytes after gzip of the files that a page loads first, and of the chunk with the kernels. */
async function gzipped(): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: 'export * from "./bindings/index.ts";', resolveDir: resolve("."), loader: "ts" },
    outdir: "unwritten",
    write: false,
    metafile: true,
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    charset: "utf8",
    external: ["node:*", "webgpu"],
    logLevel: "error",
  });
  const loaded = new Set<string>();
  const load = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of metafile.outputs[name]!.imports) if (kind === "import-statement") load(path);
  };
  for (const [name, { entryPoint, inputs }] of Object.entries(metafile.outputs)) {
    const isKernels = Object.keys(inputs).some((path) => path.endsWith(`wasm/generated/${artefact}.ts`));
    if (entryPoint === "<stdin>" || isKernels) load(name);
  }
  const files = outputFiles.filter(({ path }) => [...loaded].some((name) => path.endsWith(name)));
  if (files.length < 2) throw new Error("the bundle has no chunk with the kernels");
  return files.reduce((total, { contents }) => total + gzipSync(contents, { level: 9 }).length, 0);
}

export const sizeMeasurement: Measurement = {
  name: "size/core",
  long: false,
  measure: async (): Promise<readonly Row[]> => {
    const value = (await gzipped()) / 1000;
    const shared = { name: "size/core", backend: "wasm", threads: 1, unit: "kB gzip", versus: "goal" };
    const problem = value > limit ? { problem: `more than ${limit} kB` } : {};
    return [{ ...shared, value, ratio: limit / value, ...problem }];
  },
};
