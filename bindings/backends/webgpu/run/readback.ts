// Reads from the GPU: all that are asked for in one turn share one mapped staging buffer, and one command list and submit
// with the work that was collected before.
// Staging buffers are kept and used again. Knows no shaders. Read next: ../memory/storage.ts, which narrows what is read.
import type { TypedArray } from "../../../core/dtype.ts";
import { BackendError } from "../../../core/errors.ts";
import type { Device } from "../device/device.ts";
import type { Submission } from "../device/submission.ts";
import { usages } from "../device/usages.ts";
import type { GPUStorage } from "../memory/storage.ts";
import { narrow } from "../memory/storage.ts";
import type { Batches } from "./batches.ts";

interface Request {
  readonly storage: GPUStorage;
  readonly resolve: (data: TypedArray) => void;
  readonly reject: (error: unknown) => void;
}

interface Staging {
  readonly buffer: GPUBuffer;
  readonly capacity: number;
}

const keptStaging = 4;
const largestKept = 64 * 2 ** 20;

export class Readback {
  readonly #device: Device;
  readonly #batches: Batches;
  #waiting: Request[] = [];
  #free: Staging[] = [];

  constructor(device: Device, batches: Batches) {
    this.#device = device;
    this.#batches = batches;
  }

  /** The elements of a storage as they are after all work submitted so far. */
  request(storage: GPUStorage): Promise<TypedArray> {
    this.#device.requireAlive("data");
    storage.requireHeld("data");
    if (storage.size === 0)
      return this.#device.confirm(storage.origin).then(() => narrow(new ArrayBuffer(0), 0, 0, storage.dtype));
    // Held until the copy is submitted; after that the queue's order protects it.
    storage.retain();
    return new Promise<TypedArray>((resolve, reject) => {
      this.#waiting.push({ storage, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const requests = this.#waiting;
    this.#waiting = [];
    // One staging buffer cannot be larger than the device allows: what does not fit goes into another.
    const limit = this.#device.limits.maxBufferSize;
    let batch: Request[] = [];
    let bytes = 0;
    for (const request of requests) {
      if (batch.length > 0 && bytes + request.storage.bytes > limit) {
        void this.#read(batch, bytes);
        batch = [];
        bytes = 0;
      }
      batch.push(request);
      bytes += request.storage.bytes;
    }
    if (batch.length > 0) void this.#read(batch, bytes);
  }

  async #read(batch: readonly Request[], bytes: number): Promise<void> {
    let staging: Staging | undefined;
    try {
      const { target, submission } = this.#submit(batch, bytes);
      staging = target;
      await this.#device.map(staging.buffer, bytes);
      const mapped = staging.buffer.getMappedRange(0, bytes);
      let offset = 0;
      for (const { storage, resolve, reject } of batch) {
        const data = narrow(mapped, offset, storage.size, storage.dtype);
        offset += storage.bytes;
        const { origin } = storage;
        // The copy fails with what it reads, also with what others asked for: each is told of its own failure first.
        this.#device
          .confirm(origin)
          .then(() => this.#device.confirm(submission))
          .then(() => resolve(data), reject);
      }
      staging.buffer.unmap();
      this.#keep(staging);
    } catch (error) {
      staging?.buffer.destroy();
      const wrapped = this.#explain(error);
      for (const { reject } of batch) reject(wrapped);
    }
  }

  #submit(batch: readonly Request[], bytes: number): { readonly target: Staging; readonly submission: Submission } {
    try {
      this.#device.requireAlive("data");
      const target = this.#staging(bytes);
      const submission = this.#batches.finishWith("data", [], (encoder) => {
        let offset = 0;
        for (const { storage } of batch) {
          for (const part of storage.parts) {
            encoder.copyBufferToBuffer(part.buffer, 0, target.buffer, offset, part.bytes);
            offset += part.bytes;
          }
        }
      });
      return { target, submission };
    } finally {
      for (const { storage } of batch) storage.release();
    }
  }

  #explain(error: unknown): unknown {
    if (error instanceof BackendError) return error;
    try {
      this.#device.requireAlive("data");
    } catch (ended) {
      return ended;
    }
    return new BackendError("data", `reading back failed: ${error instanceof Error ? error.message : String(error)}`);
  }

  #staging(bytes: number): Staging {
    const index = this.#free.findIndex(({ capacity }) => capacity >= bytes && capacity <= Math.max(bytes * 4, 4096));
    const [known] = index < 0 ? [] : this.#free.splice(index, 1);
    if (known !== undefined) return known;
    const capacity = Math.min(
      Math.max(2 ** Math.ceil(Math.log2(bytes)), 4096),
      Math.max(this.#device.limits.maxBufferSize, bytes),
    );
    return {
      capacity,
      buffer: this.#device.gpu.createBuffer({ label: "athanor staging", size: capacity, usage: usages.readback }),
    };
  }

  #keep(staging: Staging): void {
    if (staging.capacity > largestKept) {
      staging.buffer.destroy();
      return;
    }
    this.#free.push(staging);
    if (this.#free.length > keptStaging) this.#free.shift()?.buffer.destroy();
  }
}
