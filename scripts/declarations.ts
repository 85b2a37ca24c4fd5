// Emits dist/**/*.d.ts, file by file and without checking types: `isolatedDeclarations` makes that possible and fast.
// Type errors are found by `npm run check`; a build stays usable while one is being worked on.
// Read next: tsconfig.json, bundle.ts.
import { readFileSync } from "node:fs";
import ts from "typescript";
import { hashFiles, listFiles, whenChanged, writeWhenChanged } from "./files.ts";

export async function emitDeclarations(): Promise<void> {
  const files = listFiles("bindings", ".ts").filter((file) => !file.includes("/generated/") && !file.endsWith(".d.ts"));
  if (files.length === 0) return;
  const hash = hashFiles([...files, "bindings/tsconfig.json", "scripts/declarations.ts"], ts.version);
  const outputs = files.map((file) => file.replace("bindings/", "dist/").replace(/\.ts$/, ".d.ts"));
  await whenChanged("build/declarations.hash", hash, outputs, () => {
    for (const [index, file] of files.entries()) writeWhenChanged(outputs[index] ?? "", declarationOf(file));
  });
}

function declarationOf(file: string): string {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(file, "utf8"), {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      declaration: true,
      isolatedDeclarations: true,
      verbatimModuleSyntax: true,
      stripInternal: true,
    },
  });
  const [first] = diagnostics;
  if (first !== undefined) throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`);
  // Without a library TypeScript prints a class member whose name is a symbol twice, which is an error to whoever checks it.
  const once = outputText
    .replace(/^( +(?:readonly )?\[Symbol\.\w+\]: .*\n)((?:(?!\}).*\n)*?)\1/gm, "$1$2")
    .replace(/^( +)(\[Symbol\.\w+\]): .*\n((?:(?!\}).*\n)*?)(?=\1\2\()/gm, "$3");
  // `Symbol.dispose` is younger than ES2022, and who names that as the library has not got its declaration otherwise.
  const library = once.includes("[Symbol.dispose]") ? '/// <reference lib="esnext.disposable" />\n' : "";
  // A declaration names its neighbours as a consumer finds them: "./shape.ts" is shape.js (and shape.d.ts) in dist/.
  return library + once.replace(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"');
}
