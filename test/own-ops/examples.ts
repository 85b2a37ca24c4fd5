// The examples of docs/own-ops as their readers would try them: their files, the same as JavaScript, and what they print when every
// kind of op passes testOp on every device. Read next: docs/own-ops.md; ../package.test.ts and ../browser/bundles.test.ts, which run them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";
import { expect } from "vitest";

export const examples = "docs/own-ops";
/** The source of the module whose bytes stand in rms-norm.ts. */
export const exampleKernel = "rms-norm.assembly.ts";
export const exampleFiles: readonly string[] = readdirSync(examples).filter(
  (name) => name.endsWith(".ts") && name !== exampleKernel,
);

/** The examples as modules of JavaScript, by file name. `test.js` runs them. */
export function exampleModules(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    exampleFiles.map((file) => {
      const { code } = transformSync(readFileSync(join(examples, file), "utf8"), { loader: "ts", format: "esm" });
      return [file.replace(/\.ts$/, ".js"), code];
    }),
  );
}

/** Fails unless these lines say that the three ops passed on the four devices. */
export function expectExamplesPassed(output: string): void {
  const lines = output.split("\n").filter((line) => / on (wasm|webgpu)/.test(line));
  const devices = ["wasm", "wasm-relaxed", "wasm-threads", "webgpu"];
  const wanted = ["softCap", "rmsNorm", "median"].flatMap((op) => devices.map((device) => `${op} on ${device}`));
  expect(
    lines.map((line) => line.split(":")[0]),
    output,
  ).toEqual(wanted);
  for (const line of lines) expect(line).toMatch(/: \d+ checks of \d+ samples, all passed; largest error \d+\.\d ulp$/);
}
