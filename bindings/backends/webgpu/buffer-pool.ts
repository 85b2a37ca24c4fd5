// GPU memory: buffers by size class with free lists, counted. A released buffer may be handed out at once, because the
// queue runs in order: work submitted before the release is done with it before work submitted after begins.
// Knows no dtypes and no programs. Read next: storage.ts, program.ts.
import { showBytes } from "../../core/bytes.ts";
import { BackendError } from "../../core/errors.ts";
import type { MemoryReport } from "../backend.ts";
import type { Device } from "./device.ts";
import type { Submission } from "./submission.ts";

// Numbers of the GPUBufferUsage flags: Node has no such global.
const mapRead = 0x1;
const copySource = 0x4;
const copyDestination = 0x8;
const uniform = 0x40;
const storage = 0x80;

/** What `createBuffer` is for. */
export const usages: { readonly storage: number; readonly uniform: number; readonly readback: number } = {
  storage: storage | copySource | copyDestination,
  uniform: uniform | copyDestination,
  readback: mapRead | copyDestination,
};

/** A buffer out of the pool, at least as large as was asked for. */
export interface PooledBuffer {
  /** Distinct for every buffer ever made; bind groups are cached by it. */
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Bytes asked for. */
  readonly bytes: number;
  /** Bytes taken from the device. */
  readonly capacity: number;
  /** How the allocation went, where that was asked (large buffers). */
  readonly allocation: Submission | undefined;
}

/** From this size on the device is asked whether it had the memory; each question costs a promise. */
const largeBytes = 64 * 2 ** 20;

/** Free buffers are given back when they exceed both this and what is in use. */
const keptBytes = 256 * 2 ** 20;

export class BufferPool {
  readonly #device: Device;
  readonly #free = new Map<number, PooledBuffer[]>();
  #inUse = 0;
  #reserved = 0;
  #idle = 0;
  #peak = 0;
  #nextId = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** A buffer of at least `bytes` with unspecified content. Throws a BackendError when it cannot exist. */
  acquire(op: string, bytes: number): PooledBuffer {
    this.#device.requireAlive(op);
    const capacity = this.#capacityFor(op, bytes);
    const known = this.#free.get(capacity)?.pop();
    let made: PooledBuffer;
    if (known === undefined) made = this.#create(op, bytes, capacity);
    else {
      this.#idle -= capacity;
      made = { ...known, bytes };
    }
    this.#inUse += bytes;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return made;
  }

  /** Gives a buffer back. */
  release(buffer: PooledBuffer): void {
    this.#inUse -= buffer.bytes;
    if (buffer.allocation?.failure !== undefined) {
      this.#destroy(buffer);
      return;
    }
    const list = this.#free.get(buffer.capacity);
    if (list === undefined) this.#free.set(buffer.capacity, [buffer]);
    else list.push(buffer);
    this.#idle += buffer.capacity;
    if (this.#idle > Math.max(keptBytes, this.#inUse)) this.trim();
  }

  /** Gives all free buffers back to the device. */
  trim(): void {
    for (const list of this.#free.values()) for (const buffer of list) this.#destroy(buffer);
    this.#free.clear();
    this.#idle = 0;
  }

  memory(): MemoryReport {
    return { inUse: this.#inUse, reserved: this.#reserved, peak: this.#peak, prepared: 0 };
  }

  #destroy(buffer: PooledBuffer): void {
    buffer.buffer.destroy();
    this.#reserved -= buffer.capacity;
  }

  #create(op: string, bytes: number, capacity: number): PooledBuffer {
    const explain = (message: string): BackendError =>
      new BackendError(op, outOfMemory(bytes, this.#reserved, message));
    let buffer: GPUBuffer | undefined;
    const make = (): void => {
      buffer = this.#device.gpu.createBuffer({
        label: `athanor ${showBytes(capacity)}`,
        size: capacity,
        usage: usages.storage,
      });
    };
    let allocation: Submission | undefined;
    try {
      if (capacity < largeBytes) make();
      else allocation = this.#device.guard([], "out-of-memory", explain, make);
    } catch (error) {
      throw explain(error instanceof Error ? error.message : String(error));
    }
    if (buffer === undefined) throw explain("no buffer was made");
    this.#reserved += capacity;
    return { id: this.#nextId++, buffer, bytes, capacity, allocation };
  }

  /** The size class: multiples of an eighth of the next power of two, so that at most a fifth or so is wasted. */
  #capacityFor(op: string, bytes: number): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const limit = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4) * 4;
    if (bytes > limit) {
      throw new BackendError(
        op,
        `a buffer of ${showBytes(bytes)} is more than this GPU allows in one piece (${showBytes(limit)}). Split the tensor, or compute it on the CPU: withDevice("wasm", …)`,
      );
    }
    const size = Math.max(bytes, 256);
    const step = Math.max(2 ** (Math.ceil(Math.log2(size)) - 3), 256);
    return Math.min(Math.ceil(size / step) * step, limit);
  }
}

function outOfMemory(bytes: number, reserved: number, message: string): string {
  return (
    `the GPU has no room for ${showBytes(bytes)} (athanor holds ${showBytes(reserved)} there; ${message}). ` +
    `Dispose tensors, use a smaller batch, or compute on the CPU: withDevice("wasm", …)`
  );
}
