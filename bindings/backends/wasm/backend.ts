// The CPU: kernels of the WASM module on one or more threads, over a heap in linear memory. Always available, reads at once.
// Read next: module.ts (loading), heap.ts (memory), program.ts (execution), threads.ts.
import type { DType, TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import type { Segment } from "../../graph/step.ts";
import type { KernelCall, Method } from "../../ops/descriptor.ts";
import type { Backend, MemoryReport, Storage } from "../backend.ts";
import { Forms } from "../forms.ts";
import type { Company } from "./company.ts";
import { Heap } from "./heap.ts";
import { KernelTable } from "./kernels.ts";
import { methodOf } from "./method.ts";
import type { Artefact, KernelModule } from "./module.ts";
import { loadKernels } from "./module.ts";
import { WasmProgram } from "./program.ts";
import { worthSharing } from "./sharing.ts";
import { WasmStorage } from "./storage.ts";
import { Threads } from "./threads.ts";

/** Options of `createWasm`. */
export interface WasmOptions {
  /** "relaxed" may fuse multiply and add (one rounding less, different by machine); "auto" takes it where it exists. */
  readonly artefact?: Artefact | "auto";
  /** Threads that run a program, this one included; more than one need `whyNoThreads() === undefined`. */
  readonly threads?: number;
}

export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly workers: number;
  readonly readsSynchronously = true;
  readonly artefact: Artefact;
  readonly heap: Heap;
  /** Weights as kernels want them; an eighth of the heap at most. */
  readonly forms: Forms<number>;
  readonly threads: Threads | undefined;
  /** Microseconds of work from which a step is shared among threads; with 0, which tests set, all are. */
  shareFrom: number = worthSharing;
  private readonly kernels: KernelTable;
  private readonly runAlone: (records: number, count: number, worker: number, workers: number, team: number) => void;

  constructor(module: KernelModule, threads: number) {
    this.artefact = module.artefact;
    this.workers = threads;
    this.heap = new Heap(module.memory, module.heapBase, module.maximumPages);
    this.forms = new Forms(this.heap, this.heap.capacity / 8);
    this.threads = threads > 1 ? new Threads(module, this.heap, threads) : undefined;
    this.kernels = new KernelTable(module, this.heap, this.threads?.log);
    this.runAlone = module.exports.run as WasmBackend["runAlone"];
  }

  /**
   * Runs `count` records of a program: the one call into WASM per segment. `isShared` if one of them is worth sharing; `company`
   * then learns whether that pays, where the records are a whole program.
   */
  run(records: number, count: number, isShared: boolean, company?: Company): void {
    const workers = isShared && this.threads !== undefined ? this.threads.size : 1;
    if (workers === 1 || this.threads === undefined) this.runAlone(records, count, 0, 1, 0);
    else if (company === undefined || this.shareFrom === 0) this.threads.run(records, count, workers);
    else this.runAsPays(records, count, workers, this.threads, company);
  }

  private runAsPays(records: number, count: number, workers: number, threads: Threads, company: Company): void {
    const { isTogether } = company;
    const begun = performance.now();
    if (isTogether) threads.run(records, count, workers);
    else this.runAlone(records, count, 0, 1, 0);
    const microseconds = 1000 * (performance.now() - begun);
    company.ran(microseconds, isTogether ? threads.meetings() : undefined);
  }

  refusesDType(): undefined {
    return undefined;
  }

  hasKernel(kernel: string, dtype: DType): boolean {
    return this.kernels.has(kernel, dtype);
  }

  methodOf(call: KernelCall): Method | undefined {
    return methodOf(call);
  }

  started(): Promise<void> {
    return this.threads?.started() ?? Promise.resolve();
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
    return { ...this.heap.report(), prepared: this.forms.bytes };
  }

  dispose(): void {
    // The memory goes with the last reference to it.
    this.threads?.dispose();
  }
}

/** Loads the kernel module and starts the CPU backend. Throws a BackendError where WebAssembly SIMD is missing. */
export async function createWasm(options: WasmOptions = {}): Promise<WasmBackend> {
  const { artefact = "auto", threads = 1 } = options;
  return new WasmBackend(await loadKernels(artefact, threads > 1), threads);
}
