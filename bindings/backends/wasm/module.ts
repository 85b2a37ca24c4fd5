// Finds and starts the right artefact of the kernel module: base or relaxed SIMD, by what the engine validates.
// Knows nothing of programs. Read next: kernels.ts, which gives exported functions places in the table.
import { BackendError } from "../../core/errors.ts";

/** The artefacts the build makes from assembly/. The shared pair serves threads. */
export type Artefact = "base" | "relaxed";

/** A started kernel module with its memory. */
export interface KernelModule {
  readonly artefact: Artefact;
  readonly memory: WebAssembly.Memory;
  readonly exports: Readonly<Record<string, WebAssembly.ExportValue>>;
  readonly table: WebAssembly.Table;
  /** First byte of memory the module does not use. */
  readonly heapBase: number;
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

/** Loads an artefact: relaxed where it validates unless `strict` results are asked for. */
export async function loadKernels(choice: Artefact | "auto"): Promise<KernelModule> {
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
  const { bytes } =
    artefact === "relaxed" ? await import("./generated/relaxed.ts") : await import("./generated/base.ts");
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 });
  const { instance } = await WebAssembly.instantiate(decodeBase64(bytes), { env: { memory, abort } });
  const { table, heapBase } = instance.exports;
  if (!(table instanceof WebAssembly.Table) || typeof heapBase !== "function") {
    throw new BackendError(
      "init",
      "the kernel module lacks its table or heapBase; build it again with npm run build:kernels",
    );
  }
  return { artefact, memory, exports: instance.exports, table, heapBase: (heapBase as () => number)() >>> 0 };
}

function abort(): never {
  throw new BackendError("wasm", "a kernel stopped: this is a defect of athanor; please report it");
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
