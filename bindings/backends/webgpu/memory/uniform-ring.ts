// Numbers that change from run to run (learning rates, positions): one uniform buffer for all programs, written like a ring
// and bound with dynamic offsets, so that a bind group outlives them. What an open command list still has to read is never
// overwritten: the ring asks for the list to be submitted first.
// Knows no programs. Read next: ../run/batches.ts, which writes it before each submit; ../run/program.ts.
import type { Device } from "../device/device.ts";
import { usages } from "../device/usages.ts";

const firstCapacity = 64 * 1024;

export class UniformRing {
  readonly #device: Device;
  #buffer: GPUBuffer | undefined;
  #mirror: Uint32Array<ArrayBuffer> = new Uint32Array(firstCapacity / 4);
  /** Bytes of the mirror that the open list uses, not yet written: [from, to). */
  #from = 0;
  #to = 0;
  /** Changes whenever the buffer does: bind groups made before are of no use then. */
  generation = 0;
  /** Changes whenever the ring begins anew: what was put before may be overwritten then. */
  round = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  get buffer(): GPUBuffer {
    this.#buffer ??= this.#device.gpu.createBuffer({
      label: "athanor numbers",
      size: this.#mirror.byteLength,
      usage: usages.uniform,
    });
    return this.#buffer;
  }

  /** Makes room for `bytes` in one piece; `submit` gets rid of the open list where it stands in the way. */
  reserve(bytes: number, submit: () => void): void {
    if (this.#to + bytes <= this.#mirror.byteLength) return;
    submit();
    this.#from = this.#to = 0;
    this.round++;
    if (bytes <= this.#mirror.byteLength) return;
    this.#mirror = new Uint32Array(2 ** Math.ceil(Math.log2(bytes / 4)));
    // Work on the queue keeps the old buffer alive.
    this.#buffer?.destroy();
    this.#buffer = undefined;
    this.generation++;
  }

  /** Takes a block of words, for which there is room; returns where it lies. */
  put(words: ArrayLike<number>): number {
    const offset = this.#to;
    this.#mirror.set(words, offset / 4);
    const { uniformAlignment } = this.#device.limits;
    this.#to = Math.ceil((offset + words.length * 4) / uniformAlignment) * uniformAlignment;
    return offset;
  }

  /** Writes what was put since the last time. Called before the list that reads it is submitted. */
  write(): void {
    const end = Math.min(this.#to, this.#mirror.byteLength);
    if (end <= this.#from) return;
    this.#device.queue.writeBuffer(this.buffer, this.#from, this.#mirror, this.#from / 4, (end - this.#from) / 4);
    this.#from = this.#to;
  }
}
