// Compiles assembly/ into the four artefacts of asconfig.json: base and relaxed SIMD, each unshared and shared memory.
// Two compilers run at a time: asc uses one core and some 300 MB. Skipped when no kernel, flag or compiler version changed.
// Knows nothing of what the kernels do or how they are loaded. Read next: asconfig.json, inline-artefacts.ts.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { hashFiles, listFiles, whenChanged } from "./files.ts";

export const artefacts = ["base", "relaxed", "base-shared", "relaxed-shared"] as const;

const entry = "assembly/index.ts";
const compiler = "node_modules/assemblyscript/bin/asc.js";

export async function compileKernels(): Promise<void> {
  if (!existsSync(entry)) return;
  const version = readFileSync("node_modules/assemblyscript/package.json", "utf8");
  const hash = hashFiles([...listFiles("assembly", ".ts"), "asconfig.json"], version);
  const outputs = artefacts.map((name) => `build/${name}.wasm`);
  const ran = await whenChanged("build/kernels.hash", hash, outputs, async () => {
    const waiting: string[] = [...artefacts];
    const worker = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await compile(name);
    };
    await Promise.all([worker(), worker()]);
  });
  if (ran) console.log(`compiled ${outputs.join(", ")}`);
}

function compile(name: string): Promise<void> {
  const temporary = `build/${name}.new.wasm`;
  const flags = [entry, "--config", "asconfig.json", "--target", name, "--outFile", temporary];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [compiler, ...flags], { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code !== 0) {
        reject(new Error(`asc --target ${name} failed with exit code ${String(code)}; its messages are above`));
        return;
      }
      renameSync(temporary, `build/${name}.wasm`);
      resolve();
    });
  });
}
