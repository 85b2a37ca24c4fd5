// AssemblyScript compiled in memory, as a user would with asc: the modules that tests give to defineOp.
// Read next: polar.ts, an op made of one.
import asc from "assemblyscript/asc";

/** The module that a source compiles to. Flags are asc's. */
export async function compiled(
  source: string,
  flags: readonly string[] = ["--importMemory"],
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const all = ["module.ts", "--outFile", "module.wasm", "--runtime", "stub", "--optimizeLevel", "2", "--noAssert"];
  const { error, stderr } = await asc.main([...all, "--config", "none", ...flags], {
    readFile: (name) => (name === "module.ts" ? source : null),
    writeFile: (name, content) => {
      if (name === "module.wasm") bytes = Uint8Array.from(content as Uint8Array);
    },
    listFiles: () => [],
  });
  if (bytes === undefined || error !== null)
    throw new Error(`asc failed: ${(stderr as unknown as { toString(): string }).toString()}`, { cause: error });
  return bytes;
}
