// The package as a stranger gets it: packed, unpacked into an empty project's node_modules, and the examples of docs/own-ops
// type-checked and run there. Nothing is fetched. Read next: docs/own-ops.md, which shows the same files.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compiled } from "./own-ops/compiled.ts";
import { exampleFiles, exampleKernel, exampleModules, examples, expectExamplesPassed } from "./own-ops/examples.ts";
import { unpackPackage } from "./setup/packed.ts";

let project = "";

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "athanor-package-"));
  unpackPackage(project);
  // The optional package that brings WebGPU to Node.
  symlinkSync(resolve("node_modules/webgpu"), join(project, "node_modules/webgpu"), "junction");
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  for (const file of exampleFiles) cpSync(join(examples, file), join(project, file));
});
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

type Resolution = "bundler" | "nodenext";
const library = ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts"];

/** What TypeScript says of files of the project. */
function messagesOf(files: readonly string[], resolution: Resolution, lib: string[]): string[] {
  const isNode = resolution === "nodenext";
  const program = ts.createProgram(
    files.map((file) => join(project, file)),
    {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: isNode ? ts.ModuleKind.NodeNext : ts.ModuleKind.ESNext,
      moduleResolution: isNode ? ts.ModuleResolutionKind.NodeNext : ts.ModuleResolutionKind.Bundler,
      lib,
      types: [],
    },
  );
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}

for (const resolution of ["bundler", "nodenext"] as const) {
  test(`the examples compile with modules resolved as ${resolution}`, () => {
    // The first sample of the README, as it stands there.
    const [, sample = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync("README.md", "utf8")) ?? [];
    expect(sample).toContain("matmul");
    writeFileSync(join(project, "readme.ts"), sample);
    expect(messagesOf([...exampleFiles, "readme.ts"], resolution, library)).toEqual([]);
  });
}

test("every face compiles with nothing but ES2022, and declarations are checked too", () => {
  const { exports } = JSON.parse(readFileSync(join(project, "node_modules/athanor/package.json"), "utf8")) as {
    exports: Record<string, unknown>;
  };
  const faces = Object.keys(exports).filter((face) => !face.endsWith(".json"));
  const lines = faces.map((face, index) => `export * as face${index} from "athanor${face.slice(1)}";\n`);
  writeFileSync(join(project, "faces.ts"), lines.join(""));
  expect(messagesOf(["faces.ts"], "nodenext", ["lib.es2022.d.ts"])).toEqual([]);
});

test("the examples pass the checks of testOp on every device", { timeout: 240_000 }, () => {
  for (const [name, text] of Object.entries(exampleModules())) writeFileSync(join(project, name), text);
  const output = execFileSync(process.execPath, [...process.execArgv, "test.js"], {
    cwd: project,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  expectExamplesPassed(output);
});

test("the bytes in rms-norm.ts are those of its source", async () => {
  const bytes = await compiled(readFileSync(join(examples, exampleKernel), "utf8"), [
    "--importMemory",
    "--optimizeLevel",
    "3",
  ]);
  expect(readFileSync(join(examples, "rms-norm.ts"), "utf8")).toContain(`"${Buffer.from(bytes).toString("base64")}"`);
});

test("docs/own-ops.md shows the examples as they are", () => {
  const page = readFileSync("docs/own-ops.md", "utf8");
  const shown = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
  for (const file of [...exampleFiles, exampleKernel]) {
    const text = readFileSync(join(examples, file), "utf8");
    expect(shown.includes(text), `${file} is not in docs/own-ops.md, or not as it is`).toBe(true);
  }
});
