// The log of function table entries in shared memory: the host appends what it puts into its table, workers read on from where
// they were and do the same, so that a table index means the same kernel everywhere.
// An entry is {address of the next, bytes of the names, bytes of the module}, then both; a module of 0 bytes names an export
// of the kernel module; of any other the first name is the function it gives, the rest are the exports it imports. The head is an entry with nothing in it.
// Read next: kernels.ts, which appends; worker.ts, which reads.
import type { Heap } from "./heap.ts";

const headerBytes = 12;

/** Something that stands in the table after what came before. */
export interface TableEntry {
  readonly address: number;
  /** The exported kernel; or the module's own function, then the functions that it imports. */
  readonly names: readonly string[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export class TableLog {
  /** Where readers begin. */
  readonly head: number;
  private readonly heap: Heap;
  private last: number;

  constructor(heap: Heap) {
    this.heap = heap;
    this.head = this.last = this.write([], new Uint8Array(0));
  }

  /** Appends an entry. It is never freed: a worker may not have read it yet, and another may still join. */
  append(names: readonly string[], bytes: Uint8Array<ArrayBuffer>): void {
    const address = this.write(names, bytes);
    this.heap.view("u32", this.last, 1)[0] = address;
    this.last = address;
  }

  private write(names: readonly string[], bytes: Uint8Array<ArrayBuffer>): number {
    const text = new TextEncoder().encode(names.join());
    const address = this.heap.allocate(headerBytes + text.length + bytes.length, "compile", false);
    this.heap.view("u32", address, 3).set([0, text.length, bytes.length]);
    this.heap.view("u8", address + headerBytes, text.length).set(text);
    this.heap.view("u8", address + headerBytes + text.length, bytes.length).set(bytes);
    return address;
  }
}

/** The entries after the one at `address`, oldest first. */
export function entriesAfter(memory: WebAssembly.Memory, address: number): TableEntry[] {
  const entries: TableEntry[] = [];
  // Growing by nothing renews the view of a memory that another thread has grown.
  memory.grow(0);
  const words = (place: number): Uint32Array => new Uint32Array(memory.buffer, place, 3);
  // What is copied is no longer shared: browsers decode and compile nothing that is.
  const copy = (place: number, length: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(new Uint8Array(memory.buffer, place, length));
  for (let next = words(address)[0] ?? 0; next !== 0; next = words(next)[0] ?? 0) {
    const [, textBytes = 0, moduleBytes = 0] = words(next);
    const text = new TextDecoder().decode(copy(next + headerBytes, textBytes));
    entries.push({
      address: next,
      names: text === "" ? [] : text.split(","),
      bytes: copy(next + headerBytes + textBytes, moduleBytes),
    });
  }
  return entries;
}
