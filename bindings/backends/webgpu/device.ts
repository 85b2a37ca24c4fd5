// Finds a WebGPU adapter, opens a device, and watches over it: error scopes, loss, disposal.
// Nothing here is global: two devices live side by side, and a process ends although one was left open.
// Knows no tensors, buffers or shaders. Read next: limits.ts, submission.ts, backend.ts.
import { BackendError } from "../../core/errors.ts";
import type { GPULimits } from "./limits.ts";
import { featuresOf, limitsOf, readLimits } from "./limits.ts";
import { Submission } from "./submission.ts";

/** How the adapter presents itself, for reports. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a software implementation. */
  readonly isFallback: boolean;
  /** Optional features in use. */
  readonly features: readonly string[];
}

/** The first line of a driver's message, without its trailing noise. */
function firstLines(message: string): string {
  return message.trim().split("\n").slice(0, 6).join(" ").slice(0, 600);
}

export class Device {
  readonly gpu: GPUDevice;
  readonly limits: GPULimits;
  readonly adapter: AdapterDescription;
  /** Rejects when the device is lost or disposed; never resolves. */
  readonly lost: Promise<never>;
  /** Why the device cannot be used any more. */
  #ended: string | undefined;
  /** Errors that no read has reported yet. */
  readonly #unreported = new Set<BackendError>();
  /** Settles when every submission so far has. */
  #tail: Promise<void> = Promise.resolve();
  #reject: (error: BackendError) => void = () => undefined;

  constructor(gpu: GPUDevice, adapter: AdapterDescription) {
    this.gpu = gpu;
    this.adapter = adapter;
    this.limits = readLimits(gpu.limits);
    this.lost = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    // Nobody may be waiting when it happens.
    this.lost.catch(() => undefined);
    void gpu.lost.then(({ reason, message }) => {
      const cause = message === "" ? reason : firstLines(message);
      this.#end(
        `the device was lost (${cause}). Its data is gone: call init() again and make the tensors anew from data on the host`,
      );
    });
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#unreported.add(new BackendError("webgpu", firstLines(event.error.message)));
    });
  }

  /** Throws if the device was lost or disposed. */
  requireAlive(op: string): void {
    if (this.#ended !== undefined) throw new BackendError(op, this.#ended);
  }

  /**
   * Runs `action` and collects what the device finds wrong with it. `explain` makes the error from the device's message;
   * `cause` is an earlier finding (a shader that did not compile) that explains the failure better.
   */
  guard(
    parents: Iterable<Submission>,
    filter: GPUErrorFilter,
    explain: (message: string) => BackendError,
    action: () => void,
    causes: readonly Submission[] = [],
  ): Submission {
    const submission = new Submission([...parents, ...causes]);
    this.gpu.pushErrorScope(filter);
    try {
      action();
    } finally {
      // A scope on a lost device rejects; the loss itself is reported by `lost`.
      const found = this.gpu.popErrorScope().catch(() => null);
      this.#tail = this.#tail.then(async () => {
        const error = await found;
        submission.settle(error === null ? undefined : explain(firstLines(error.message)));
        if (submission.failure !== undefined) this.#unreported.add(submission.failure);
      });
    }
    return submission;
  }

  /** Waits until it is known how `submission` went, and throws if it failed. */
  async confirm(submission: Submission | undefined): Promise<void> {
    if (submission === undefined || submission.hasSucceeded) return;
    await Promise.race([this.#tail, this.lost]);
    if (submission.failure === undefined) return;
    this.#unreported.delete(submission.failure);
    throw submission.failure;
  }

  /** Waits for all submitted work and throws the first error that nobody has seen. */
  async idle(): Promise<void> {
    this.requireAlive("idle");
    await Promise.race([this.gpu.queue.onSubmittedWorkDone(), this.lost]);
    await Promise.race([this.#tail, this.lost]);
    this.report();
  }

  /** Throws the first error that nobody has seen. */
  report(): void {
    for (const error of this.#unreported) {
      this.#unreported.clear();
      throw error;
    }
  }

  dispose(): void {
    this.#end("the backend was disposed. Call init() again to use the GPU");
    this.gpu.destroy();
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#reject(new BackendError("webgpu", why));
  }
}

/** Options of `openDevice`. */
export interface DeviceOptions {
  readonly gpu?: GPU;
  readonly label?: string;
  readonly powerPreference?: "low-power" | "high-performance";
}

/** A device with all the adapter offers, or one sentence on why there is none. */
export async function openDevice(options: DeviceOptions): Promise<Device | { readonly unavailable: string }> {
  try {
    const gpu = options.gpu ?? (await findGPU());
    if (typeof gpu === "string") return { unavailable: gpu };
    const adapter = await gpu.requestAdapter({ powerPreference: options.powerPreference ?? "high-performance" });
    if (adapter === null) return { unavailable: "WebGPU is here but offers no adapter: no supported GPU or driver was found" };
    const features = featuresOf(adapter);
    const device = await adapter.requestDevice({
      label: options.label ?? "athanor",
      requiredFeatures: features,
      requiredLimits: limitsOf(adapter),
    });
    return new Device(device, describe(adapter, features));
  } catch (error) {
    return { unavailable: `WebGPU could not be started: ${error instanceof Error ? firstLines(error.message) : String(error)}` };
  }
}

function describe(adapter: GPUAdapter, features: readonly string[]): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  // Software implementations say so in one of two ways, depending on the age of the runtime.
  const isFallback = adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|software/i.test(`${architecture} ${description}`);
  return { vendor, architecture, device, description, isFallback, features };
}

/** `navigator.gpu` where there is one, else the optional package `webgpu` (Dawn for Node), else a sentence. */
async function findGPU(): Promise<GPU | string> {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: GPU } };
  if (navigator?.gpu !== undefined) return navigator.gpu;
  const { process } = globalThis as { readonly process?: { readonly versions?: { readonly node?: string } } };
  if (process?.versions?.node === undefined) return "this runtime has no WebGPU (navigator.gpu is missing)";
  // The name is a variable so that bundlers leave the import alone.
  const name = "webgpu";
  try {
    const dawn = (await import(/* @vite-ignore */ name)) as { readonly create: (flags: string[]) => GPU };
    return dawn.create([]);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === "ERR_MODULE_NOT_FOUND") return "Node has no WebGPU of its own and the optional package webgpu is not installed: npm install webgpu";
    return `the package webgpu could not be loaded: ${error instanceof Error ? firstLines(error.message) : String(error)}`;
  }
}
