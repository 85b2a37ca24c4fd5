// Finds a WebGPU adapter, opens a device, and watches over it: error scopes, loss, disposal.
// Nothing here is global: two devices live side by side, and a process ends although one was left open.
// Knows no tensors, buffers or shaders. Read next: limits.ts, submission.ts, backend.ts.
import { BackendError } from "../../../core/errors.ts";
import type { AdapterDescription, GPULimits } from "./description.ts";
import { findGPU, firstLines } from "./find.ts";
import { hasExactHalves } from "./half-trial.ts";
import { halfFeature } from "./features.ts";
import { featuresOf, languageFeaturesOf, limitsOf, readLimits, subgroupSizesOf } from "./limits.ts";
import type { MatrixReport } from "./matrix-units.ts";
import { matrixFlags, matrixReport } from "./matrix-units.ts";
import { whenTold } from "./polling.ts";
import { Submission } from "./submission.ts";

const mapRead = 0x1; // GPUMapMode.READ

export class Device {
  readonly gpu: GPUDevice;
  readonly limits: GPULimits;
  readonly adapter: AdapterDescription;
  /** What became of the wish for subgroup matrices. */
  readonly matrices: MatrixReport;
  /** Rejects when the device is lost or disposed; never resolves. */
  readonly lost: Promise<never>;
  /** What the device came from. Held here because in Node a device whose instance was collected ends the process. */
  readonly origin: readonly object[];
  /** Why the device cannot be used any more. */
  #ended: string | undefined;
  /** Errors that no read has reported yet. */
  readonly #unreported = new Set<BackendError>();
  /** Errors outside any submission: the next read throws them. */
  readonly #uncaptured: BackendError[] = [];
  /** Those who wait for work of this device. */
  readonly #waiting = new Set<(error: BackendError) => void>();
  /** Settles when every submission so far has. */
  #tail: Promise<void> = Promise.resolve();
  #reject: (error: BackendError) => void = () => undefined;

  readonly queue: GPUQueue;

  constructor(
    gpu: GPUDevice,
    adapter: AdapterDescription,
    origin: readonly object[],
    limits: GPULimits,
    matrices: MatrixReport,
  ) {
    this.gpu = gpu;
    this.queue = gpu.queue;
    this.matrices = matrices;
    this.origin = origin;
    this.adapter = adapter;
    this.limits = limits;
    this.lost = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    // Nobody may be waiting when it happens.
    this.lost.catch(() => undefined);
    void gpu.lost.then(({ reason, message }) => {
      const cause = message === "" ? reason : firstLines(message);
      this.#end(
        `the device was lost (${cause}). Its data is gone: call shutdown(), then init(), and make the tensors anew from data on the host`,
      );
    });
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#uncaptured.push(new BackendError("webgpu", firstLines(event.error.message)));
    });
  }

  /** True once the device was lost or disposed. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Throws if the device was lost or disposed. */
  requireAlive(op: string): void {
    if (this.#ended !== undefined) throw new BackendError(op, this.#ended);
  }

  /**
   * Runs `action` and collects what the device finds wrong with it. `explain` makes the error from the device's message;
   * the failure of a parent (its data, a shader that did not compile) explains more and goes first.
   */
  guard(
    parents: Iterable<Submission>,
    filter: GPUErrorFilter,
    explain: (message: string) => BackendError,
    action: () => void,
  ): Submission {
    const submission = new Submission(parents);
    this.openScope(filter);
    try {
      action();
    } finally {
      this.closeScope(submission, explain);
    }
    return submission;
  }

  /** Begins to collect what the device finds wrong. Scopes lie inside each other. */
  openScope(filter: GPUErrorFilter): void {
    this.gpu.pushErrorScope(filter);
  }

  /** Ends the innermost scope; `submission` is settled with what it found. */
  closeScope(submission: Submission, explain: (message: string) => BackendError): void {
    // A scope on a lost device rejects; the loss itself is reported by `lost`.
    const found = this.gpu.popErrorScope().catch(() => null);
    this.#tail = this.#tail.then(async () => {
      const error = await found;
      this.#settle(submission, error === null ? undefined : explain(firstLines(error.message)));
    });
  }

  /** For a submission that the device finds nothing wrong with: it goes as those do that it depends on. */
  follow(submission: Submission): void {
    if (submission.isFree) submission.settle(undefined);
    else this.#tail = this.#tail.then(() => this.#settle(submission, undefined));
  }

  #settle(submission: Submission, failure: BackendError | undefined): void {
    submission.settle(failure);
    if (submission.failure !== undefined) this.#unreported.add(submission.failure);
  }

  /** The outcome of `work`, or a rejection when the device is lost before. (Promise.race would leave a trace on `lost` for ever.) */
  orLost<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      const done = (): boolean => this.#waiting.delete(reject);
      work.then(resolve, reject).then(done, done);
      if (this.#ended !== undefined) reject(new BackendError("webgpu", this.#ended));
    });
  }

  /** Maps a buffer for reading. */
  map(buffer: GPUBuffer, bytes: number): Promise<void> {
    return this.#finished(buffer.mapAsync(mapRead, 0, bytes));
  }

  #finished<T>(work: Promise<T>): Promise<T> {
    return whenTold(this.gpu, this.orLost(work));
  }

  /** Waits until it is known how `submission` went, and throws if it failed. */
  async confirm(submission: Submission | undefined): Promise<void> {
    const stray = this.#uncaptured.shift();
    if (stray !== undefined) throw stray;
    if (submission === undefined || submission.hasSucceeded) return;
    await this.orLost(this.#tail);
    if (submission.failure === undefined) return;
    this.#unreported.delete(submission.failure);
    throw submission.failure;
  }

  /** Waits for all submitted work and throws the first error that nobody has seen. */
  async idle(): Promise<void> {
    this.requireAlive("idle");
    await this.#finished(this.queue.onSubmittedWorkDone());
    await this.orLost(this.#tail);
    const [first] = [...this.#uncaptured.splice(0), ...this.#unreported];
    this.#unreported.clear();
    if (first !== undefined) throw first;
  }

  dispose(): void {
    this.#end("the backend was disposed. Call init() again to use the GPU");
    this.gpu.destroy();
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    const error = new BackendError("webgpu", why);
    this.#reject(error);
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}

/** Options of `openDevice`. */
export interface DeviceOptions {
  readonly gpu?: GPU;
  readonly label?: string;
  readonly powerPreference?: "low-power" | "high-performance";
  readonly limits?: Partial<GPULimits>;
  readonly features?: readonly string[];
  readonly base?: boolean;
  /** Take conversions of halves as exact, or as not, instead of trying them. */
  readonly trustHalves?: boolean;
  readonly subgroupMatrices?: boolean;
}

/** A device with all the adapter offers unless less was asked for, or one sentence on why there is none. */
export async function openDevice(options: DeviceOptions): Promise<Device | { readonly unavailable: string }> {
  try {
    const { subgroupMatrices = false } = options;
    const gpu = options.gpu ?? (await findGPU(subgroupMatrices ? matrixFlags : []));
    if (typeof gpu === "string") return { unavailable: gpu };
    const adapter = await gpu.requestAdapter({ powerPreference: options.powerPreference ?? "high-performance" });
    if (adapter === null)
      return { unavailable: "WebGPU is here but offers no adapter: no supported GPU or driver was found" };
    const among = options.base === true ? [] : options.features;
    const features = featuresOf(adapter, among, subgroupMatrices);
    const device = await adapter.requestDevice({
      label: options.label ?? "athanor",
      requiredFeatures: features,
      requiredLimits: options.base === true ? {} : limitsOf(adapter),
    });
    const hasHalves = features.includes(halfFeature) && (options.trustHalves ?? (await hasExactHalves(device)));
    const used = hasHalves ? features : features.filter((feature) => feature !== halfFeature);
    const inUse = [...used, ...languageFeaturesOf(gpu, among)];
    const matrices = matrixReport(subgroupMatrices, adapter.info, inUse);
    const subgroups = { ...subgroupSizesOf(adapter, features), matrices: matrices.configurations };
    return new Device(
      device,
      describe(adapter, inUse),
      [gpu, adapter],
      readLimits(device.limits, subgroups, options.limits),
      matrices,
    );
  } catch (error) {
    return {
      unavailable: `WebGPU could not be started: ${error instanceof Error ? firstLines(error.message) : String(error)}`,
    };
  }
}

function describe(adapter: GPUAdapter, features: readonly string[]): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  // Software implementations say so in one of two ways, depending on the age of the runtime.
  const isFallback =
    adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|software/i.test(`${architecture} ${description}`);
  return { vendor, architecture, device, description, isFallback, features };
}
