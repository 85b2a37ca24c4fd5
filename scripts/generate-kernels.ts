// Writes assembly/generated/elementwise.ts, one AssemblyScript row function per elementwise op, the table that finds them, and
// assembly/generated/functions.ts, the transcendental functions of f32.
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
const entry = "scripts/elementwise.ts";
const target = "assembly/generated/elementwise.ts";
const functionsTarget = "assembly/generated/functions.ts";
const tableTarget = "bindings/backends/wasm/generated/singles.ts";

interface Generator {
  readonly generateElementwise: () => string;
  readonly generateFunctions: () => string;
  readonly generateSingles: () => string;
}

export async function generateKernels(): Promise<void> {
  if (!existsSync(entry)) return;
  const outfile = resolve(`node_modules/.cache/athanor/scripts/generator-${String(process.pid)}.mjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  try {
    const generator = (await import(pathToFileURL(outfile).href)) as Generator;
    const { generateElementwise, generateFunctions, generateSingles } = generator;
    if (writeWhenChanged(functionsTarget, generateFunctions())) console.log(`wrote ${functionsTarget}`);
    if (writeWhenChanged(target, generateElementwise())) console.log(`wrote ${target}`);
    writeWhenChanged(tableTarget, generateSingles());
  } finally {
    await rm(outfile, { force: true });
  }
}
