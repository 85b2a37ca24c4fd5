// A block of the WASM heap that belongs to tensors: counted, and given back when the last holder lets go. Contents stay as they
// are unless a result is written over them. While they do, a kernel's own form of them (transformed filters) is kept beside.
// Read next: backend.ts.
import type { DType } from "../../core/dtype.ts";
import type { Backend, Storage } from "../backend.ts";
import type { Heap } from "./heap.ts";
import { bytesFor } from "./heap.ts";

/** A backend whose memory is a heap. */
export interface HeapOwner extends Backend {
  readonly heap: Heap;
}

export class WasmStorage implements Storage {
  readonly backend: HeapOwner;
  readonly dtype: DType;
  readonly size: number;
  readonly bytes: number;
  readonly pointer: number;
  private holders = 1;
  /** Where other forms of the contents lie; 0 for one that was asked for once. Most storages have none. */
  private forms: Map<string, number> | undefined;

  private constructor(backend: HeapOwner, dtype: DType, size: number, pointer: number) {
    this.backend = backend;
    this.dtype = dtype;
    this.size = size;
    this.bytes = bytesFor(dtype, size);
    this.pointer = pointer;
  }

  /** New storage held once; `op` names who asked, should memory run out. */
  static allocate(backend: HeapOwner, dtype: DType, size: number, op: string): WasmStorage {
    return new WasmStorage(backend, dtype, size, backend.heap.allocate(bytesFor(dtype, size), op));
  }

  get isShared(): boolean {
    return this.holders > 1;
  }

  retain(): void {
    this.holders++;
  }

  release(): void {
    if (--this.holders > 0) return;
    this.overwritten();
    this.backend.heap.release(this.pointer);
  }

  /**
   * The address of the form `key` of the contents, which `make` writes to a block of that many bytes. 0 for the first who
   * asks: contents that are used once, like parameters between two steps of training, are not worth it. 0 also where
   * memory is short.
   */
  prepared(key: string, bytes: number, make: (pointer: number) => void): number {
    this.forms ??= new Map<string, number>();
    const known = this.forms.get(key);
    if (known === undefined) this.forms.set(key, 0);
    if (known !== 0) return known ?? 0;
    const { heap } = this.backend;
    let pointer: number;
    try {
      pointer = heap.allocate(bytes, "prepare");
    } catch {
      return 0;
    }
    try {
      make(pointer);
    } catch (error) {
      heap.release(pointer);
      throw error;
    }
    this.forms.set(key, pointer);
    return pointer;
  }

  /** The contents are others now: their other forms are let go. */
  overwritten(): void {
    for (const pointer of this.forms?.values() ?? []) if (pointer !== 0) this.backend.heap.release(pointer);
    this.forms = undefined;
  }
}
