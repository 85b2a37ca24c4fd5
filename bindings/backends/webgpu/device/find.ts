// Where WebGPU comes from on this host, if it has any. Apart from the backend, which is loaded only where there is one.
// Read next: device.ts, which opens a device of what is found.

/** `navigator.gpu` where there is one, else the optional package `webgpu` (Dawn for Node, with these flags), else a sentence. */
export async function findGPU(flags: readonly string[] = []): Promise<GPU | string> {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: GPU } };
  if (navigator?.gpu !== undefined) return navigator.gpu;
  const { process } = globalThis as { readonly process?: { readonly versions?: { readonly node?: string } } };
  if (process?.versions?.node === undefined) return "this runtime has no WebGPU (navigator.gpu is missing)";
  // The name is a variable, and marked, so that bundlers leave the import alone.
  const name = "webgpu";
  try {
    const dawn = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as {
      readonly create: (flags: string[]) => GPU;
    };
    return dawn.create([...flags]);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === "ERR_MODULE_NOT_FOUND")
      return "Node has no WebGPU of its own and the optional package webgpu is not installed: npm install webgpu";
    return `the package webgpu could not be loaded: ${error instanceof Error ? firstLines(error.message) : String(error)}`;
  }
}

/** The beginning of a driver's message on one line: what follows is a listing of the shader. */
export function firstLines(message: string): string {
  return message.trim().split("\n").slice(0, 6).join(" ").slice(0, 600);
}
