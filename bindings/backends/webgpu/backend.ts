// The GPU as a backend: storage, transfers and programs over one WebGPU device of its own.
// Puts the parts together and holds none of their knowledge; nothing is shared between two backends.
// Read next: device/device.ts, run/program.ts, run/readback.ts.
import type { DType, TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import type { Fold } from "../../graph/place.ts";
import type { Segment } from "../../graph/step.ts";
import type { KernelCall, Method } from "../../ops/descriptor.ts";
import type { Backend, KernelTiming, MemoryReport, Program, Storage } from "../backend.ts";
import { Forms } from "../forms.ts";
import type { AdapterDescription, GPUCounts, GPULimits } from "./device/description.ts";
import type { Device, DeviceOptions } from "./device/device.ts";
import { openDevice } from "./device/device.ts";
import type { MatrixFunctions, MatrixReport } from "./device/matrix-units.ts";
import { shaders } from "./generated/shaders.ts";
import { refusal } from "./kernels/dispatches.ts";
import { foldMethod } from "./kernels/fold-method.ts";
import { methodOf } from "./kernels/method.ts";
import { BufferPool } from "./memory/buffer-pool.ts";
import { refusesCount, refusesSizes, wordBytes } from "./memory/parts.ts";
import type { GPUForm } from "./memory/storage.ts";
import { GPUStorage, widen } from "./memory/storage.ts";
import { UniformRing } from "./memory/uniform-ring.ts";
import { elementsOfWord, wordsFor } from "./memory/words.ts";
import { Batches } from "./run/batches.ts";
import { Pipelines } from "./run/pipelines.ts";
import { GPUProgram } from "./run/program.ts";
import { Readback } from "./run/readback.ts";
import { columnFolds } from "./variants/columns.ts";
import { folds } from "./variants/folds.ts";
import type { Tuned } from "./variants/products.ts";
import { productVariants } from "./variants/products.ts";
import type { Choose } from "./variants/tuner.ts";
import type { Bench } from "./variants/tuner.ts";
import { Tuner } from "./variants/tuner.ts";
import { windows } from "./variants/windows.ts";
import { ShaderLibrary } from "./wgsl/shader-library.ts";

const isVariant = (name: string): boolean =>
  [productVariants, folds, columnFolds, windows].some(({ variantOf }) => variantOf(name) !== undefined);

/** Uploads of at least so many bytes do without a buffer of their own where the free one is still in use. */
const largeUpload = 4 * 2 ** 20;

/** Bytes of what is kept of tensors in other forms (transformed filters) at most. WebGPU does not tell how much there is. */
const mostPrepared = 256 * 2 ** 20;

/** A compiled segment whose shaders can be compiled ahead of the first run. */
export interface WebGPUProgram extends Program {
  /** Compiles the shaders without blocking the caller. */
  compileAhead(): Promise<void>;
  /** Whether all shaders are compiled. */
  readonly isReady: boolean;
}

/** The GPU backend, with what placement, fusion and reports want to know of it. */
export interface WebGPUBackend extends Backend {
  readonly name: "webgpu";
  readonly adapter: AdapterDescription;
  readonly limits: GPULimits;
  /** The most buffers an elementwise step may read beside the one it writes. At least 7. */
  readonly maxInputs: number;
  readonly hasHalves: boolean;
  /** What became of the wish for subgroup matrices. */
  readonly subgroupMatrices: MatrixReport;
  /** What was made of the device so far. */
  readonly counts: GPUCounts;
  compile(segment: Segment): WebGPUProgram;
  /**
   * The variants of kernels that were measured best on this device, by bucket of shapes: `{"matmul:0,9,9,9": "64x64/8x8"}`.
   * Plain data, to be kept with a profile.
   */
  readonly tuned: Tuned;
  /** Uses what was measured before, for programs compiled from now on. */
  adoptTuned(tuned: Tuned): void;
  /**
   * Measures the variants for shapes that were met and not measured yet, for about `milliseconds` (200 when absent); resolves
   * with the number of shapes measured. A software GPU measures only when it is asked with `evenInSoftware`.
   */
  tune(options?: { readonly milliseconds?: number; readonly evenInSoftware?: boolean }): Promise<number>;
  /** Rejects when the device is lost or the backend disposed; never resolves. */
  readonly lost: Promise<never>;
}

/** Where the GPU comes from. */
export interface WebGPUOptions {
  /** A WebGPU entry point (`navigator.gpu`) other than the runtime's own. */
  readonly gpu?: unknown;
  /** The device's name in error messages and profilers. */
  readonly label?: string;
  readonly powerPreference?: "low-power" | "high-performance";
  /** Behave as on a device with these smaller limits. */
  readonly limits?: Partial<GPULimits>;
  /** The only optional features that may be used; all that there are when absent. */
  readonly features?: readonly string[];
  /** Open a device with WebGPU's default limits and no optional feature, whatever the adapter has. */
  readonly base?: boolean;
  /**
   * Take the device's own conversions of halves as exact, or as not. They are tried when the device is opened if this is absent,
   * and used only if they are exact.
   */
  readonly trustHalves?: boolean;
  /** Multiply by the device's units for small matrices, where it has them. They are an experiment of Chromium: off by default. */
  readonly subgroupMatrices?: boolean;
  /** WGSL in place of the language's own for these. */
  readonly matrixFunctions?: MatrixFunctions;
}

/**
 * Opens the GPU, or says in one sentence why there is none.
 *
 * In browsers, Deno and Bun it is `navigator.gpu`; in Node the optional package `webgpu`.
 */
export async function createWebGPU(
  options: WebGPUOptions = {},
): Promise<WebGPUBackend | { readonly unavailable: string }> {
  const device = await openDevice(options as DeviceOptions);
  return "unavailable" in device ? device : new GPUBackend(device, options.matrixFunctions);
}

class GPUBackend implements WebGPUBackend {
  readonly name = "webgpu";
  readonly workers = 1;
  readonly readsSynchronously = false;
  readonly #device: Device;
  readonly #pool: BufferPool;
  readonly #pipelines: Pipelines;
  readonly #readback: Readback;
  readonly #library: ShaderLibrary;
  readonly #ring: UniformRing;
  readonly #batches: Batches;
  readonly #forms: Forms<GPUForm>;
  readonly timings?: (body: () => void) => Promise<readonly KernelTiming[]>;
  readonly #tuner: Tuner;
  #bindGroups = 0;

  constructor(device: Device, functions: MatrixFunctions | undefined) {
    this.#device = device;
    this.#ring = new UniformRing(device);
    this.#batches = new Batches(device, this.#ring);
    this.#pool = new BufferPool(device, () => this.#batches.current);
    this.#forms = new Forms<GPUForm>(
      {
        allocate: (bytes, op) => ({ parts: this.#pool.acquireParts(op, bytes, "exact"), origin: undefined }),
        release: ({ parts }) => {
          for (const part of parts) this.#pool.release(part);
        },
      },
      mostPrepared,
    );
    this.#pipelines = new Pipelines(device);
    this.#readback = new Readback(device, this.#batches);
    this.#library = new ShaderLibrary(shaders, device.adapter.features, functions);
    this.#tuner = new Tuner(device.limits, isVariant);
    if (device.adapter.features.includes("timestamp-query")) this.timings = (body) => this.#batches.time(body);
  }

  get adapter(): AdapterDescription {
    return this.#device.adapter;
  }

  get limits(): GPULimits {
    return this.#device.limits;
  }

  get subgroupMatrices(): MatrixReport {
    return this.#device.matrices;
  }

  get maxInputs(): number {
    return this.#device.limits.maxStorageBuffers - 1;
  }

  get hasHalves(): boolean {
    return this.#library.elements.hasHalves;
  }

  get counts(): GPUCounts {
    return {
      submits: this.#batches.submits,
      bindGroups: this.#bindGroups,
      buffers: this.#pool.made,
      pipelines: this.#pipelines.count,
      dispatches: this.#batches.dispatches,
    };
  }

  get lost(): Promise<never> {
    return this.#device.lost;
  }

  refusesDType(dtype: DType): string | undefined {
    return refusal(dtype);
  }

  refusesCount(elements: number): string | undefined {
    return refusesCount(elements);
  }

  refusesSizes(sizes: readonly number[], isElementwise: boolean): string | undefined {
    return refusesSizes(sizes, isElementwise, this.#device.limits);
  }

  hasKernel(kernel: string, dtype: DType): boolean {
    return this.#library.has(kernel, dtype);
  }

  methodOf(call: KernelCall): Method | undefined {
    return methodOf(call, this.#device.limits, (...kernel) => this.#tuner.variantFor(...kernel));
  }

  methodOfFold(fold: Fold): Method | undefined {
    return foldMethod(fold, this.#device.limits, (...kernel) => this.#tuner.variantFor(...kernel));
  }

  bytesOf(dtype: DType): number {
    return wordBytes / elementsOfWord(dtype);
  }

  upload(data: TypedArray, dtype: DType): Storage {
    const reason = refusal(dtype);
    if (reason !== undefined) throw new BackendError("tensor", reason);
    const bytes = wordsFor(dtype, data.length) * wordBytes;
    // A large buffer that collected work still reads is rather waited for than doubled.
    const parts = this.#pool.acquireParts("tensor", bytes, bytes < largeUpload ? "written" : "any");
    if (!parts.every((part) => this.#pool.isFreeToWrite(part))) this.#batches.submit();
    if (data.length > 0) {
      const widened = widen(data, dtype);
      // Some runtimes refuse views of shared memory.
      const own = (widened.buffer instanceof ArrayBuffer ? widened : widened.slice()) as Uint32Array<ArrayBuffer>;
      let from = 0;
      for (const part of parts) {
        const count = part.bytes / wordBytes;
        this.#device.queue.writeBuffer(part.buffer, 0, own, from, count);
        from += count;
      }
    }
    return new GPUStorage(this, this.#pool, dtype, data.length, parts);
  }

  async download(storage: Storage): Promise<TypedArray> {
    if (!(storage instanceof GPUStorage) || storage.backend !== this) {
      throw new BackendError("data", "the storage belongs to another backend");
    }
    return this.#readback.request(storage);
  }

  downloadSync(_storage: Storage): TypedArray {
    throw new BackendError(
      "dataSync",
      'a GPU cannot be read without waiting. Use await x.data(), or compute on the CPU: withDevice("wasm", …)',
    );
  }

  compile(segment: Segment): WebGPUProgram {
    return this.#compile(segment, (...kernel) => this.#tuner.choose(...kernel));
  }

  get tuned(): Tuned {
    return this.#tuner.tuned;
  }

  adoptTuned(tuned: Tuned): void {
    this.#tuner.adopt(tuned);
  }

  async tune({ milliseconds = 200, evenInSoftware = false } = {}): Promise<number> {
    if (this.#device.adapter.isFallback && !evenInSoftware) return 0;
    const compile: Bench["compile"] = (segment, choose) => this.#compile(segment, choose);
    return await this.#tuner.measure({ backend: this, compile, time: this.timings }, milliseconds);
  }

  #compile(segment: Segment, choose: Choose): WebGPUProgram {
    this.#device.requireAlive("compile");
    return new GPUProgram(
      {
        backend: this,
        device: this.#device,
        pool: this.#pool,
        batches: this.#batches,
        ring: this.#ring,
        pipelines: this.#pipelines,
        library: this.#library,
        forms: this.#forms,
        choose,
        count: () => {
          this.#bindGroups += 1;
        },
      },
      segment,
    );
  }

  async idle(): Promise<void> {
    if (!this.#device.hasEnded) this.#batches.submit();
    return this.#device.idle();
  }

  memory(): MemoryReport {
    return { ...this.#pool.memory(), prepared: this.#forms.bytes };
  }

  dispose(): void {
    this.#device.dispose();
  }
}
