// Modules that are part of Node, where the host has them. A written import of "node:…" would trouble bundlers for browsers.
// Read next: threads.ts and module.ts, which ask.

interface Host {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
}

/** The module of this name; undefined in browsers, and in Node before 20.16. */
export function builtin(name: string): unknown {
  return (globalThis as Host).process?.getBuiltinModule?.(name);
}
