// The heap of the WASM backend: TypeScript hands out blocks of linear memory, kernels only receive pointers.
// Blocks are 64-byte aligned and come in size classes (four to a doubling) with a free list each. The only file that
// touches `memory.buffer`: growth detaches views, so none is ever kept. Read next: backend.ts, program.ts.
import type { ArrayOf, DType } from "../../core/dtype.ts";
import { bytesOf, viewArray } from "../../core/dtype.ts";
import { showBytes } from "../../core/bytes.ts";
import { BackendError } from "../../core/errors.ts";
import { halfBits } from "../../core/half.ts";
import type { MemoryReport } from "../backend.ts";

const alignment = 64;
const page = 65536;
const guardBytes = 64;
const guardPattern = 0xa5;

/** The size class of a request of at most 4 GiB: 64, 128 … 512 bytes are 1 to 8, then there are four classes to each doubling. */
function classOf(bytes: number): number {
  const units = Math.max(1, Math.ceil(bytes / alignment));
  if (units <= 8) return units;
  // Of three leading bits, rounded up, and how far they are shifted; by integers, since this runs at every allocation.
  const shift = 29 - Math.clz32(units - 1);
  return 4 * shift + ((units - 1) >>> shift) + 1;
}

/** Bytes of the blocks of a class. */
function bytesOfClass(index: number): number {
  if (index <= 8) return index * alignment;
  const shift = (index - 5) >>> 2;
  return (index - 4 * shift) * alignment * 2 ** shift;
}

export class Heap {
  private readonly memory: WebAssembly.Memory;
  private readonly base: number;
  /** The last of 4 GiB's pages stays unused so that no end pointer wraps to 0. */
  private readonly limit: number;
  private top: number;
  /** Blocks that wait for reuse, by size class. */
  private readonly free: (number[] | undefined)[] = [];
  /** Bytes asked for, by block pointer. */
  private readonly blocks = new Map<number, number>();
  private guarded = false;
  private readonly guards = new Map<number, number>();
  private inUse = 0;
  private peak = 0;

  /** `base` is the first byte the module does not use itself; the memory can grow to `pages` pages of 64 KiB. */
  constructor(memory: WebAssembly.Memory, base: number, pages: number) {
    this.memory = memory;
    this.limit = Math.min(pages, 65535) * page;
    this.base = Math.ceil(base / alignment) * alignment;
    this.top = this.base;
  }

  /** A block of at least `bytes` bytes; throws a BackendError when memory runs out. `counted` blocks appear in `report`. */
  allocate(bytes: number, op = "allocate", counted = true): number {
    const padding = this.guarded ? guardBytes : 0;
    // What memory cannot hold is refused before it gets a size class: those are for sizes of 32 bits.
    if (bytes > this.limit) this.reserve(op, bytes, bytes);
    const index = classOf(bytes + 2 * padding);
    let pointer = this.free[index]?.pop();
    if (pointer === undefined) {
      pointer = this.top;
      const size = bytesOfClass(index);
      this.reserve(op, bytes, pointer + size);
      this.top += size;
    }
    const inner = pointer + padding;
    this.blocks.set(inner, bytes);
    if (this.guarded) this.paintGuards(inner, bytes);
    if (counted) {
      this.inUse += bytes;
      this.peak = Math.max(this.peak, this.inUse);
    }
    return inner;
  }

  /** Gives a block back. */
  release(pointer: number, counted = true): void {
    const bytes = this.blocks.get(pointer);
    if (bytes === undefined) return;
    const padding = this.guards.has(pointer) ? guardBytes : 0;
    if (padding > 0) this.checkGuard(pointer);
    this.guards.delete(pointer);
    this.blocks.delete(pointer);
    if (counted) this.inUse -= bytes;
    (this.free[classOf(bytes + 2 * padding)] ??= []).push(pointer - padding);
  }

  /** A fresh view of `length` elements. Use it at once: the next allocation may detach it. */
  view<D extends DType>(dtype: D, pointer: number, length: number): ArrayOf[D] {
    return viewArray(dtype, this.memory.buffer, pointer, length);
  }

  /** Writes a number as an element. */
  put(dtype: DType, pointer: number, value: number): void {
    this.view(dtype, pointer, 1)[0] = dtype === "f16" ? halfBits(value) : value;
  }

  /** The most bytes there can be. */
  get capacity(): number {
    return this.limit - this.base;
  }

  report(): Omit<MemoryReport, "prepared"> {
    return { inUse: this.inUse, reserved: this.top - this.base, peak: this.peak };
  }

  private reserve(op: string, bytes: number, end: number): void {
    const available = this.memory.buffer.byteLength;
    if (end <= available) return;
    const pages = Math.ceil((end - available) / page);
    try {
      if (end > this.limit) throw new RangeError("beyond the end of memory");
      // Growing by an eighth at least keeps the number of growths small.
      const generous = Math.min(Math.max(pages, available / page / 8), (this.limit - available) / page);
      this.memory.grow(Math.max(pages, Math.floor(generous)));
    } catch (cause) {
      const use = `${showBytes(this.inUse)} of at most ${showBytes(this.limit)} are in use`;
      throw new BackendError(
        op,
        `out of memory on wasm: asked for ${showBytes(bytes)}, ${use}. Dispose tensors, use smaller batches, or scope(() => …)`,
        { cause },
      );
    }
  }

  /** Puts a painted zone around every block allocated from now on. */
  setGuards(on: boolean): void {
    this.guarded = on;
  }

  /** Pointers of live blocks whose surroundings were written to. */
  brokenGuards(): number[] {
    const memory = new Uint8Array(this.memory.buffer);
    return [...this.guards.keys()].filter((pointer) => !this.isIntact(pointer, memory));
  }

  private paintGuards(pointer: number, bytes: number): void {
    this.guards.set(pointer, bytes);
    this.view("u8", pointer - guardBytes, guardBytes).fill(guardPattern);
    this.view("u8", pointer + bytes, guardBytes).fill(guardPattern);
  }

  private isIntact(pointer: number, memory = new Uint8Array(this.memory.buffer)): boolean {
    const end = pointer + (this.guards.get(pointer) ?? 0);
    // A loop, because the suite looks at all blocks after every case.
    for (let i = 0; i < guardBytes; i++) {
      if (memory[pointer - guardBytes + i] !== guardPattern || memory[end + i] !== guardPattern) return false;
    }
    return true;
  }

  private checkGuard(pointer: number): void {
    if (this.isIntact(pointer)) return;
    throw new BackendError(
      "heap",
      `a kernel wrote outside of the block of ${String(this.blocks.get(pointer) ?? 0)} bytes at ${String(pointer)}`,
    );
  }
}

/** Bytes of `size` elements. */
export function bytesFor(dtype: DType, size: number): number {
  return bytesOf(dtype) * size;
}
