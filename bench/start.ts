// From the start of a Node process to its first result, a product of two small matrices: a new process every time, against a
// process that does nothing. ratio is the other's time ÷ ours. Read next: measurements.ts; peers/start.ts for other libraries.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "esbuild";
import type { Measurement } from "./measurements.ts";
import { ourVersion } from "./ours.ts";
import type { Row } from "./row.ts";

/** A program that ends with its first result. */
export interface Program {
  readonly name: string;
  readonly source: string;
  /** Where its imports are looked up. */
  readonly folder: string;
}

export const ourProgram: Program = {
  name: `athanor ${ourVersion}`,
  source: `
    import { matmul, tensor } from "./bindings/index.ts";
    const x = tensor([[1, 2], [3, 4]]);
    console.log((await matmul(x, x).data())[0]);`,
  folder: ".",
};

export const emptyProgram: Program = { name: "empty node", source: "console.log(1);", folder: "." };

const rounds = 15;

/**
 * Milliseconds of every program from the start of its process to its end, the fastest of some rounds taken in turns. Programs
 * are bundled and minified as an application would be.
 */
export async function startTimes(programs: readonly Program[]): Promise<readonly number[]> {
  const cache = resolve("node_modules/.cache/athanor/start");
  mkdirSync(cache, { recursive: true });
  const files = programs.map((_, index) => resolve(cache, `start-${process.pid}-${index}.mjs`));
  try {
    for (const [index, program] of programs.entries()) await bundle(program, files[index]!);
    const best = programs.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < rounds; round++) {
      for (const [index, file] of files.entries()) {
        const begun = performance.now();
        const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
        const time = performance.now() - begun;
        if (status !== 0 || stdout.trim() === "") throw new Error(`${programs[index]!.name}: ${stderr}`);
        best[index] = Math.min(best[index]!, time);
      }
    }
    return best;
  } finally {
    for (const file of files) rmSync(file, { force: true });
  }
}

/** What CommonJS packages in a bundle expect to find. */
const commonJs = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const __dirname = import.meta.dirname ?? "/";`;

async function bundle({ source, folder }: Program, outfile: string): Promise<void> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: resolve(folder), loader: "ts" },
    write: false,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["webgpu"],
    banner: { js: commonJs },
    logLevel: "error",
  });
  writeFileSync(outfile, outputFiles[0]!.contents);
}

export const startMeasurement: Measurement = {
  name: "start/first-result",
  long: false,
  measure: async (): Promise<readonly Row[]> => {
    const [ours = Number.NaN, empty = Number.NaN] = await startTimes([ourProgram, emptyProgram]);
    const shared = { name: "start/first-result", backend: "wasm", threads: 1, unit: "ms" };
    return [{ ...shared, value: ours, versus: emptyProgram.name, ratio: empty / ours }];
  },
};
