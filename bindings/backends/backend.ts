// The contract every device fulfils: storage, transfers, and programs compiled from segments of steps.
// Backends see bytes, layouts and expressions; they know no tensor, no op and no engine.
// Read next: wasm/backend.ts and webgpu/backend.ts.
import type { DType, TypedArray } from "../core/dtype.ts";
import type { Stored } from "../graph/node.ts";
import type { Device } from "../graph/place.ts";
import type { Segment } from "../graph/step.ts";

export type { DeviceName } from "../graph/node.ts";

/** A piece of this backend's memory. */
export interface Storage extends Stored {
  readonly backend: Backend;
}

/** Bytes on one device. */
export interface MemoryReport {
  /** Held by tensors, what is prepared of them included, and by running programs. */
  readonly inUse: number;
  /** Taken from the device, free lists included. */
  readonly reserved: number;
  /** The most ever in use. */
  readonly peak: number;
  /** Weights that were met again, in the form in which kernels read them: let go with the tensors, or for others. */
  readonly prepared: number;
}

/** What one kernel took by the device's own clock. */
export interface KernelTiming {
  readonly label: string;
  /** The step of the segment that it belongs to; a step may be several kernels. */
  readonly step: number;
  readonly microseconds: number;
}

/** Told how many microseconds a step of a segment took. */
export type StepClock = (step: number, microseconds: number) => void;

/** A compiled segment. It owns no storage between runs. */
export interface Program {
  /**
   * Runs the segment. `inputs[i]` binds the slot of kind input and index i; likewise `scalars`. Returns the storages
   * of the output slots by index, each held once for the caller: new ones, or inputs that `given` allows to overwrite.
   * Synchronous on both devices: on the GPU it submits. With a `clock`, which only the CPU has, steps run apart so that each can
   * be timed; a GPU has `Backend.timings`.
   */
  run(inputs: readonly Storage[], scalars: readonly number[], given?: readonly boolean[], clock?: StepClock): Storage[];
  /** Whether a run would not wait for a compiler; always when absent. */
  readonly isReady?: boolean;
  /** Compiles what is not compiled yet without blocking the caller. */
  compileAhead?(): Promise<void>;
  /** Lets go of what was compiled for this program only. */
  dispose(): void;
}

/** What placement asks of a device, and all that it takes to run programs on it. */
export interface Backend extends Device {
  /** Number of threads that run a program; 1 on the GPU. */
  readonly workers: number;
  /** True if reading back can be done without waiting. */
  readonly readsSynchronously: boolean;
  /** Whether all kernels read and store halves themselves; else, and when absent, they become f32 before and are rounded behind. */
  readonly hasHalves?: boolean;
  /** Resolves when everything that runs programs has started. */
  started?(): Promise<void>;
  /** Which forms of kernels were found fastest, by kernel and shape; absent where kernels have one form. */
  readonly tuned?: Readonly<Record<string, string>>;
  /** Takes over what was found before; programs compiled afterwards use it. */
  adoptTuned?(tuned: Readonly<Record<string, string>>): void;
  /** Measures the forms for shapes that were met; resolves with how many shapes. Does nothing on software adapters. */
  tune?(options?: { readonly milliseconds?: number }): Promise<number>;
  /** New storage holding a copy of host data. Throws a BackendError naming the size when memory runs out. */
  upload(data: TypedArray, dtype: DType): Storage;
  /** A host copy of the elements, once the work before it is done. */
  download(storage: Storage): Promise<TypedArray>;
  /** The same at once; throws where `readsSynchronously` is false. */
  downloadSync(storage: Storage): TypedArray;
  /** Prepares a segment. Throws a BackendError if a kernel is missing. */
  compile(segment: Segment): Program;
  /**
   * The times of the kernels of the programs that `body` runs, in their order; present where the device can tell. Each kernel
   * then runs by itself, so all of it takes longer than it would.
   */
  readonly timings?: (body: () => void) => Promise<readonly KernelTiming[]>;
  /** Resolves when all submitted work is done. */
  idle(): Promise<void>;
  memory(): MemoryReport;
  /** Frees everything. The backend cannot be used afterwards. */
  dispose(): void;
}
