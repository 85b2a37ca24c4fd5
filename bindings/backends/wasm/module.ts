// Finds and starts the right artefact of the kernel module: base or relaxed SIMD, by what the engine validates.
// Knows nothing of programs. Read next: kernels.ts, which gives exported functions places in the table.
import { BackendError } from "../../core/errors.ts";
import { builtin } from "./builtin.ts";

/** The kinds of SIMD the build makes artefacts for; each comes with and without shared memory, which threads need. */
export type Artefact = "base" | "relaxed";

/** A started kernel module with its memory. */
export interface KernelModule {
  readonly artefact: Artefact;
  readonly isShared: boolean;
  /** What workers instantiate. */
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly exports: Readonly<Record<string, WebAssembly.ExportValue>>;
  readonly table: WebAssembly.Table;
  /** First byte of memory the module does not use, and the pages of 64 KiB that memory can grow to. */
  readonly heapBase: number;
  readonly maximumPages: number;
}

/** What this JavaScript engine can run, and if not, why. */
export interface WasmFeatures {
  readonly simd: boolean;
  readonly relaxed: boolean;
}

// (module (func (result v128) i32.const 0 i8x16.splat))
const simdProbe = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
// (module (func (result v128) i32.const 1 i8x16.splat i32.const 2 i8x16.splat i8x16.relaxed_swizzle))
const relaxedProbe = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

/** Probes the JavaScript engine. */
export function wasmFeatures(): WasmFeatures {
  const validates = (bytes: readonly number[]): boolean =>
    typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(bytes));
  return { simd: validates(simdProbe), relaxed: validates(relaxedProbe) };
}

/** Loads an artefact: relaxed where it validates unless `strict` results are asked for; with shared memory for threads. */
export async function loadKernels(choice: Artefact | "auto", isShared = false): Promise<KernelModule> {
  const features = wasmFeatures();
  if (!features.simd)
    throw new BackendError("init", "WebAssembly SIMD is missing in this JavaScript engine. Use one from 2021 or later");
  if (choice === "relaxed" && !features.relaxed) {
    throw new BackendError(
      "init",
      "relaxed SIMD is not available here: use Node 22 or later, or node --experimental-wasm-relaxed-simd on Node 20",
    );
  }
  const artefact: Artefact = choice === "auto" ? (features.relaxed ? "relaxed" : "base") : choice;
  const { deflated } = await artefacts[artefact][isShared ? "shared" : "own"]();
  const { memory, maximum } = isShared ? sharedMemory() : ownMemory();
  const { module, instance } = await WebAssembly.instantiate(await inflate(deflated), { env: { memory, abort } });
  const { table, heapBase } = instance.exports;
  if (!(table instanceof WebAssembly.Table) || typeof heapBase !== "function") {
    throw new BackendError(
      "init",
      "the kernel module lacks its table or heapBase; build it again with npm run build:kernels",
    );
  }
  const base = (heapBase as () => number)() >>> 0;
  const { exports } = instance;
  return { artefact, isShared, module, memory, exports, table, heapBase: base, maximumPages: maximum };
}

/** Written out one by one, so that a bundler sees each import and a user downloads only the artefact that runs. */
const artefacts = {
  base: { own: () => import("./generated/base.ts"), shared: () => import("./generated/base-shared.ts") },
  relaxed: { own: () => import("./generated/relaxed.ts"), shared: () => import("./generated/relaxed-shared.ts") },
} as const;

const initialPages = 16;
/** Shared memory reserves its maximum of addresses at once, which small devices may refuse: 4 GiB, 2 GiB, 512 MiB. */
const maxima = [65536, 32768, 8192] as const;

interface Memory {
  readonly memory: WebAssembly.Memory;
  readonly maximum: number;
}

function ownMemory(): Memory {
  const [maximum] = maxima;
  return { memory: new WebAssembly.Memory({ initial: initialPages, maximum }), maximum };
}

function sharedMemory(): Memory {
  let refusal: unknown;
  for (const maximum of maxima) {
    try {
      return { memory: new WebAssembly.Memory({ initial: initialPages, maximum, shared: true }), maximum };
    } catch (error) {
      refusal = error;
    }
  }
  throw new BackendError("init", "the host has no addresses for shared memory. Use init({ threads: 1 })", {
    cause: refusal,
  });
}

function abort(): never {
  throw new BackendError("wasm", "a kernel stopped: this is a defect of athanor; please report it");
}

/** The bytes behind base64 of deflated bytes. Every host with SIMD in WebAssembly can inflate: Node by zlib, browsers by streams. */
async function inflate(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  const zlib = builtin("node:zlib") as { inflateRawSync(data: Uint8Array): Uint8Array<ArrayBuffer> } | undefined;
  if (zlib !== undefined) return zlib.inflateRawSync(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
