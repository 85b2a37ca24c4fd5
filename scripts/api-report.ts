// The public declarations of every face, one line or block per name, sorted: a text whose diff is the change of the API.
// Declarations are printed by TypeScript itself and cut to what a caller sees: no bodies, no private members, no comments.
// Knows nothing of what the names mean. Read next: docs.ts.
import ts from "typescript";

export function apiReport(entries: readonly string[]): string {
  const program = ts.createProgram(entries, compilerOptions());
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true });
  const sections = entries.map((entry) => {
    const file = program.getSourceFile(entry);
    const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
    const names = module === undefined ? [] : checker.getExportsOfModule(module);
    const lines = names
      .map((symbol) => ({ name: symbol.name, text: describe(symbol, checker, printer) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ text }) => text);
    return `## ${importName(entry)}\n\n\`\`\`ts\n${lines.join("\n")}\n\`\`\`\n`;
  });
  return `# Public names\n\nBuilt by \`npm run docs\`.\n\n${sections.join("\n")}`;
}

function importName(entry: string): string {
  return entry.replace(/^bindings\//, "athanor/").replace(/\/index\.ts$/, "");
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile("tsconfig.json", (path) => ts.sys.readFile(path)) as { config: object };
  return ts.parseJsonConfigFileContent(config, ts.sys, ".").options;
}

function describe(symbol: ts.Symbol, checker: ts.TypeChecker, printer: ts.Printer): string {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const declarations = target.declarations ?? [];
  const texts = declarations.map((declaration) => {
    if (ts.isFunctionDeclaration(declaration) || ts.isVariableDeclaration(declaration)) {
      const type = checker.getTypeOfSymbolAtLocation(target, declaration);
      const flags = ts.TypeFormatFlags.NoTruncation;
      return `${symbol.name}: ${checker.typeToString(type, declaration, flags)}`;
    }
    if (ts.isClassDeclaration(declaration)) return describeClass(symbol.name, declaration, checker);
    return printer.printNode(ts.EmitHint.Unspecified, declaration, declaration.getSourceFile()).replace(/^export /, "");
  });
  return [...new Set(texts)].join("\n");
}

function describeClass(name: string, declaration: ts.ClassDeclaration, checker: ts.TypeChecker): string {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  const members = declaration.members
    .filter((member) => (ts.getCombinedModifierFlags(member) & hidden) === 0)
    .filter((member) => member.name === undefined || !ts.isPrivateIdentifier(member.name))
    .map((member) => `  ${describeMember(member, checker)}`);
  const heritage = (declaration.heritageClauses ?? []).map((clause) => ` ${clause.getText()}`).join("");
  return `class ${name}${heritage} {\n${members.join("\n")}\n}`;
}

/** A member up to its body or initial value. */
function describeMember(member: ts.ClassElement, checker: ts.TypeChecker): string {
  const body = "body" in member ? (member.body as ts.Node | undefined) : undefined;
  const end = body?.getStart() ?? member.getEnd();
  const text = member.getSourceFile().text.slice(member.getStart(), end);
  if (ts.isPropertyDeclaration(member) && member.initializer !== undefined) {
    const type = checker.typeToString(checker.getTypeAtLocation(member), member, ts.TypeFormatFlags.NoTruncation);
    return `${
      ts
        .getModifiers(member)
        ?.map((word) => `${word.getText()} `)
        .join("") ?? ""
    }${member.name.getText()}: ${type};`;
  }
  return text.replace(/\s+/g, " ").trim().replace(/;?$/, ";");
}
