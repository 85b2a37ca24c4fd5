// The heap of the WASM backend: TypeScript hands out blocks of linear memory, kernels only receive pointers.
// Blocks are 64-byte aligned and come in size classes (four to a doubling) with a free list each. The only file that
// touches `memory.buffer`: growth detaches views, so none is ever kept. Read next: backend.ts, program.ts.
import type { ArrayOf, DType } from "../../core/dtype.ts";
import { bytesOf, viewArray } from "../../core/dtype.ts";
import { showBytes } from "../../core/bytes.ts";
import { BackendError } from "../../core/errors.ts";
import type { MemoryReport } from "../backend.ts";

const alignment = 64;
const page = 65536;
const guardBytes = 64;
const guardPattern = 0xa5;

/** Rounds a request up to its size class: 64, 80→128, … four classes to each doubling. */
export function sizeClass(bytes: number): number {
  const units = Math.max(1, Math.ceil(bytes / alignment));
  if (units <= 8) return units * alignment;
  const step = 2 ** (Math.floor(Math.log2(units - 1)) - 2);
  return Math.ceil(units / step) * step * alignment;
}

export class Heap {
  private readonly memory: WebAssembly.Memory;
  private readonly base: number;
  /** The last of 4 GiB's pages stays unused so that no end pointer wraps to 0. */
  private readonly limit: number;
  private top: number;
  private readonly free = new Map<number, number[]>();
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
    const size = sizeClass(bytes + 2 * padding);
    const list = this.free.get(size);
    let pointer = list?.pop();
    if (pointer === undefined) {
      pointer = this.top;
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
    const size = sizeClass(bytes + 2 * padding);
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [pointer - padding]);
    else list.push(pointer - padding);
  }

  /** A fresh view of `length` elements. Use it at once: the next allocation may detach it. */
  view<D extends DType>(dtype: D, pointer: number, length: number): ArrayOf[D] {
    return viewArray(dtype, this.memory.buffer, pointer, length);
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
    return [...this.guards.keys()].filter((pointer) => !this.isIntact(pointer));
  }

  private paintGuards(pointer: number, bytes: number): void {
    this.guards.set(pointer, bytes);
    this.view("u8", pointer - guardBytes, guardBytes).fill(guardPattern);
    this.view("u8", pointer + bytes, guardBytes).fill(guardPattern);
  }

  private isIntact(pointer: number): boolean {
    const bytes = this.guards.get(pointer) ?? 0;
    const isPainted = (byte: number): boolean => byte === guardPattern;
    return (
      this.view("u8", pointer - guardBytes, guardBytes).every(isPainted) &&
      this.view("u8", pointer + bytes, guardBytes).every(isPainted)
    );
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
