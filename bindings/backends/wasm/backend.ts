// The CPU: kernels of the WASM module on one thread, over a heap in linear memory. Always available, reads at once.
// Read next: module.ts (loading), heap.ts (memory), program.ts (execution).
import type { DType, TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import type { Segment } from "../../graph/step.ts";
import type { Backend, MemoryReport, Storage } from "../backend.ts";
import { Heap } from "./heap.ts";
import { KernelTable } from "./kernels.ts";
import type { Artefact, KernelModule } from "./module.ts";
import { loadKernels } from "./module.ts";
import { WasmProgram } from "./program.ts";
import { WasmStorage } from "./storage.ts";

/** Options of `createWasm`. */
export interface WasmOptions {
  /** "relaxed" may fuse multiply and add (one rounding less, different by machine); "auto" takes it where it exists. */
  readonly artefact?: Artefact | "auto";
}

export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly workers = 1;
  readonly readsSynchronously = true;
  readonly artefact: Artefact;
  readonly heap: Heap;
  /** Runs records of {table index, arguments pointer}: the one call into WASM per segment. */
  readonly runRecords: (records: number, count: number, worker: number, workers: number) => void;
  private readonly kernels: KernelTable;

  constructor(module: KernelModule) {
    this.artefact = module.artefact;
    this.heap = new Heap(module.memory, module.heapBase);
    this.kernels = new KernelTable(module, this.heap);
    this.runRecords = module.exports.run as WasmBackend["runRecords"];
  }

  refusesDType(): undefined {
    return undefined;
  }

  hasKernel(kernel: string, dtype: DType): boolean {
    return this.kernels.has(kernel, dtype);
  }

  upload(data: TypedArray, dtype: DType): WasmStorage {
    const storage = WasmStorage.allocate(this, dtype, data.length, "upload");
    this.heap.view(dtype, storage.pointer, data.length).set(data);
    return storage;
  }

  download(storage: Storage): Promise<TypedArray> {
    return Promise.resolve(this.downloadSync(storage));
  }

  downloadSync(storage: Storage): TypedArray {
    if (!(storage instanceof WasmStorage))
      throw new BackendError("download", `the storage is on ${storage.backend.name}, not on wasm`);
    return this.heap.view(storage.dtype, storage.pointer, storage.size).slice();
  }

  compile(segment: Segment): WasmProgram {
    return new WasmProgram(this, segment, this.kernels);
  }

  idle(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryReport {
    return this.heap.report();
  }

  dispose(): void {
    // The memory goes with the last reference to it.
  }
}

/** Loads the kernel module and starts the CPU backend. Throws a BackendError where WebAssembly SIMD is missing. */
export async function createWasm(options: WasmOptions = {}): Promise<WasmBackend> {
  return new WasmBackend(await loadKernels(options.artefact ?? "auto"));
}
