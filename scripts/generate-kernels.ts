// Writes assembly/generated/elementwise.ts, one AssemblyScript row function per elementwise op, and the table that finds them.
// The text comes from bindings/expr/to-assembly.ts and bindings/ops; this step only finds it, runs it and stores the result.
// The sources are bundled at run time because a descriptor is TypeScript that Node 20 cannot import.
// Read next: bindings/expr/to-assembly.ts, then compile-kernels.ts.
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { rm } from "node:fs/promises";
import { build } from "esbuild";
import { writeWhenChanged } from "./files.ts";

/** Names all elementwise ops and asks the lowering for their kernels. */
const generator = "scripts/elementwise.ts";
const target = "assembly/generated/elementwise.ts";
const tableTarget = "bindings/backends/wasm/generated/singles.ts";

interface Generator {
  readonly generateElementwise: () => string;
  readonly generateSingles: () => string;
}

export async function generateKernels(): Promise<void> {
  if (!existsSync(generator)) return;
  const outfile = resolve(`node_modules/.cache/athanor/scripts/generator-${String(process.pid)}.mjs`);
  await build({
    entryPoints: [generator],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  try {
    const { generateElementwise, generateSingles } = (await import(pathToFileURL(outfile).href)) as Generator;
    if (writeWhenChanged(target, generateElementwise())) console.log(`wrote ${target}`);
    writeWhenChanged(tableTarget, generateSingles());
  } finally {
    await rm(outfile, { force: true });
  }
}
