// What a user's WASM module finds when it is started, on the thread of the caller and on workers alike: the engine's memory, and
// `abort`, which AssemblyScript calls where an assertion fails. Imports nothing, since it is part of the worker's script.
// Read next: kernels.ts and worker.ts, which start such modules; ../../ops/custom/wasm-module.ts, which reads them before.

/** The imports of a module whose only memory is the engine's. */
export function ownImports(memory: WebAssembly.Memory): WebAssembly.Imports {
  const abort = (): never => {
    throw new WebAssembly.RuntimeError("abort was called");
  };
  return { env: { memory, abort } };
}
