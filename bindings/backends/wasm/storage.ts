// A block of the WASM heap that belongs to tensors: counted, and given back when the last holder lets go. Contents stay as they
// are unless a result is written over them. While they do, a kernel's own form of them (transformed filters) is kept beside.
// Read next: ../forms.ts, backend.ts.
import type { DType } from "../../core/dtype.ts";
import type { Backend, Storage } from "../backend.ts";
import type { Forms, OwnForms } from "../forms.ts";
import type { Heap } from "./heap.ts";
import { bytesFor } from "./heap.ts";

/** A backend whose memory is a heap. */
export interface HeapOwner extends Backend {
  readonly heap: Heap;
  readonly forms: Forms<number>;
}

export class WasmStorage implements Storage {
  readonly backend: HeapOwner;
  readonly dtype: DType;
  readonly size: number;
  readonly bytes: number;
  readonly pointer: number;
  private holders = 1;
  /** Most storages have none. */
  private forms: OwnForms<number> | undefined;

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

  /** The address of another form of the contents, or 0: ../forms.ts. */
  prepared(key: string, bytes: number, make: (pointer: number) => void): number {
    this.forms ??= new Map();
    return this.backend.forms.find(this.forms, key, bytes, make) ?? 0;
  }

  /** The contents are others now: their other forms are let go. */
  overwritten(): void {
    if (this.forms === undefined) return;
    this.backend.forms.drop(this.forms);
    this.forms = undefined;
  }
}
