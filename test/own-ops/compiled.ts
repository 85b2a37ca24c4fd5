// AssemblyScript compiled in memory, as a user would with asc: the modules that tests give to defineOp.
// Read next: polar.ts, an op made of one.

/** What is used of asc. */
interface Compiler {
  main(
    flags: readonly string[],
    files: {
      readFile(name: string): string | null;
      writeFile(name: string, content: Uint8Array | string): void;
      listFiles(): readonly string[];
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

/** Its own types would come with AssemblyScript's Array for the whole program, so they are not asked for. */
const compiler: string = "assemblyscript/asc";

/** The module that a source compiles to. Flags are asc's. */
export async function compiled(
  source: string,
  flags: readonly string[] = ["--importMemory"],
): Promise<Uint8Array<ArrayBuffer>> {
  const { default: asc } = (await import(/* @vite-ignore */ compiler)) as { readonly default: Compiler };
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const all = ["module.ts", "--outFile", "module.wasm", "--runtime", "stub", "--optimizeLevel", "2", "--noAssert"];
  const { error, stderr } = await asc.main([...all, "--config", "none", ...flags], {
    readFile: (name) => (name === "module.ts" ? source : null),
    writeFile: (name, content) => {
      if (name === "module.wasm") bytes = Uint8Array.from(content as Uint8Array);
    },
    listFiles: () => [],
  });
  if (bytes === undefined || error !== null) throw new Error(`asc failed: ${stderr.toString()}`, { cause: error });
  return bytes;
}
