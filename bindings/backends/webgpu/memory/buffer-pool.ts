// GPU memory: buffers by capacity with free lists, counted. A released buffer may be handed out at once, because the queue
// runs in order: work submitted before the release is done with it before work submitted after begins. What the host
// writes is the exception: it overtakes work that is collected but not submitted yet (`isFreeToWrite`).
// Knows no dtypes and no programs. Read next: storage.ts, ../run/program.ts.
import { showBytes } from "../../../core/bytes.ts";
import { BackendError } from "../../../core/errors.ts";
import type { MemoryReport } from "../../backend.ts";
import type { Device } from "../device/device.ts";
import { largestBuffer } from "../device/limits.ts";
import type { Submission } from "../device/submission.ts";
import { usages } from "../device/usages.ts";
import { partBytes } from "./parts.ts";

/** A buffer out of the pool, at least as large as was asked for. */
export interface PooledBuffer {
  /** Distinct for every buffer ever made; bind groups are cached by it. */
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Bytes taken from the device. */
  readonly capacity: number;
  /** How the allocation went, where that was asked (large buffers). */
  readonly allocation: Submission | undefined;
  /** Bytes asked for by the present holder. */
  bytes: number;
  /** The latest command list that uses it, by its number (batches.ts). */
  lastList: number;
  isFree: boolean;
  /** Who had it last and comes back for it (`reclaim`). */
  owner: Owner | undefined;
}

/** One who takes buffers of the same sizes again and again. */
export interface Owner {
  isGone: boolean;
}

/**
 * What a buffer is for. Results and temporaries of a program come back in the same sizes at every run: large ones are cut to
 * measure ("exact"). Other sizes go by class ("any"). What the host writes at once ("written") must not be in use by work that
 * is collected and not submitted.
 */
export type Purpose = "exact" | "any" | "written";

/** From this size on the device is asked whether it had the memory; each question costs a promise. */
const largeBytes = 64 * 2 ** 20;

/** Free buffers are given back when they exceed both this and what is in use. */
const keptBytes = 256 * 2 ** 20;

/** Smaller buffers always go by class: there would be too many sizes. */
const exactFrom = 64 * 1024;

/** Free buffers from this size on go to whoever asks, and all do where more than so many bytes are idle. */
const sharedFrom = 256 * 1024;
const mostIdleShare = 32 * 2 ** 20;

export class BufferPool {
  readonly #device: Device;
  readonly #free = new Map<number, PooledBuffer[]>();
  /** The number of the command list that is being collected. */
  readonly #currentList: () => number;
  #inUse = 0;
  #reserved = 0;
  #idle = 0;
  #peak = 0;
  /** Buffers ever made. */
  made = 0;

  constructor(device: Device, currentList: () => number) {
    this.#device = device;
    this.#currentList = currentList;
  }

  /** A buffer of at least `bytes` with unspecified content. Throws a BackendError when it cannot exist. */
  acquire(op: string, bytes: number, purpose: Purpose = "any", owner?: Owner): PooledBuffer {
    this.#device.requireAlive(op);
    const capacity = this.#capacityFor(bytes, purpose);
    const taken = this.#take(capacity, purpose) ?? this.#create(op, bytes, capacity);
    taken.isFree = false;
    taken.owner = owner;
    this.#count(taken, bytes);
    return taken;
  }

  /** The buffers of a tensor: one, or parts where it is larger than one may be. */
  acquireParts(op: string, bytes: number, purpose: Purpose = "any", owner?: Owner): PooledBuffer[] {
    const parts: PooledBuffer[] = [];
    try {
      for (const part of partBytes(op, bytes, this.#device.limits)) parts.push(this.acquire(op, part, purpose, owner));
      return parts;
    } catch (error) {
      for (const part of parts) this.release(part);
      throw error;
    }
  }

  /** Takes a certain free buffer again; false if somebody else has it, or it is no more. */
  reclaim(buffer: PooledBuffer, bytes: number): boolean {
    if (!buffer.isFree) return false;
    const list = this.#free.get(buffer.capacity) ?? [];
    const at = list.lastIndexOf(buffer);
    if (at < 0) return false;
    list.splice(at, 1);
    this.#idle -= buffer.capacity;
    buffer.isFree = false;
    this.#count(buffer, bytes);
    return true;
  }

  /** Whether the host may write the buffer now: nothing that is collected and not submitted reads or writes it. */
  isFreeToWrite(buffer: PooledBuffer): boolean {
    return buffer.lastList < this.#currentList();
  }

  /** Gives a buffer back. */
  release(buffer: PooledBuffer): void {
    this.#inUse -= buffer.bytes;
    if (buffer.allocation?.failure !== undefined) {
      this.#destroy(buffer);
      return;
    }
    buffer.isFree = true;
    const list = this.#free.get(buffer.capacity);
    if (list === undefined) this.#free.set(buffer.capacity, [buffer]);
    else list.push(buffer);
    this.#idle += buffer.capacity;
    if (this.#idle > Math.max(keptBytes, this.#inUse)) this.trim();
  }

  /** Gives free buffers back to the device, except those that collected work still uses. */
  trim(): void {
    this.#idle = 0;
    for (const [capacity, list] of this.#free) {
      const kept = list.filter((buffer) => !this.isFreeToWrite(buffer));
      for (const buffer of list) if (this.isFreeToWrite(buffer)) this.#destroy(buffer);
      if (kept.length === 0) this.#free.delete(capacity);
      else this.#free.set(capacity, kept);
      this.#idle += kept.length * capacity;
    }
  }

  memory(): Omit<MemoryReport, "prepared"> {
    return { inUse: this.#inUse, reserved: this.#reserved, peak: this.#peak };
  }

  #count(buffer: PooledBuffer, bytes: number): void {
    buffer.bytes = bytes;
    this.#inUse += bytes;
    this.#peak = Math.max(this.#peak, this.#inUse);
  }

  /** A free buffer, one that nobody will come back for if possible. */
  #take(capacity: number, purpose: Purpose): PooledBuffer | undefined {
    const list = this.#free.get(capacity) ?? [];
    let chosen = -1;
    let foreign = -1;
    list.forEach((buffer, at) => {
      if (purpose === "written" && !this.isFreeToWrite(buffer)) return;
      if (buffer.owner !== undefined && !buffer.owner.isGone) foreign = at;
      // The oldest one: a loop goes on with few.
      else if (buffer.id < (list[chosen]?.id ?? Infinity)) chosen = at;
    });
    // Small ones are left to those who will come back for them, as long as they are few.
    if (chosen < 0 && (capacity >= sharedFrom || this.#idle > mostIdleShare)) chosen = foreign;
    const [taken] = chosen < 0 ? [] : list.splice(chosen, 1);
    if (taken !== undefined) this.#idle -= capacity;
    return taken;
  }

  #destroy(buffer: PooledBuffer): void {
    buffer.isFree = false;
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
    return { id: this.made++, buffer, bytes, capacity, allocation, lastList: 0, isFree: false, owner: undefined };
  }

  /** Large buffers for programs have their own size; others a multiple of an eighth of the next power of two. */
  #capacityFor(bytes: number, purpose: Purpose): number {
    const limit = largestBuffer(this.#device.limits);
    if (purpose === "exact" && bytes >= exactFrom) return Math.min(Math.ceil(bytes / 16) * 16, limit);
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
