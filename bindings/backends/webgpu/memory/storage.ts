// Storage on the GPU: a pooled buffer, the count of its holders, and how the work that fills it went.
// Bytes and booleans are 32-bit words here, widened and narrowed at the border; two halves share a word, as on the host.
// Contents never change, so a kernel's own form of them (transformed filters) may be kept beside.
// Knows no shaders. Read next: buffer-pool.ts, ../run/readback.ts, ../../forms.ts.
import type { DType, TypedArray } from "../../../core/dtype.ts";
import { newArray } from "../../../core/dtype.ts";
import { DisposedError } from "../../../core/errors.ts";
import type { Backend, Storage } from "../../backend.ts";
import type { Forms, OwnForms } from "../../forms.ts";
import type { Submission } from "../device/submission.ts";
import type { BufferPool, PooledBuffer } from "./buffer-pool.ts";
import { wordBytes } from "./parts.ts";
import { wordsFor } from "./words.ts";

/** Another form of a storage's contents, and what fills it, while that may still fail. */
export interface GPUForm {
  readonly parts: readonly PooledBuffer[];
  origin: Submission | undefined;
}

export class GPUStorage implements Storage {
  readonly backend: Backend;
  readonly dtype: DType;
  readonly size: number;
  /** The buffers it lies in, more than one where it is larger than one may be. */
  readonly parts: readonly PooledBuffer[];
  /** What writes the content, while it may still fail; a failed one stays. */
  #origin: Submission | undefined;
  readonly #pool: BufferPool;
  #holders = 1;
  /** Most storages have no other forms. */
  #made: { readonly forms: Forms<GPUForm>; readonly own: OwnForms<GPUForm> } | undefined;

  /** Takes over the buffers that were acquired for it. */
  constructor(backend: Backend, pool: BufferPool, dtype: DType, size: number, parts: readonly PooledBuffer[]) {
    this.backend = backend;
    this.dtype = dtype;
    this.size = size;
    this.#pool = pool;
    this.parts = parts;
    this.#origin = allocationOf(parts);
  }

  get bytes(): number {
    return wordsFor(this.dtype, this.size) * wordBytes;
  }

  get origin(): Submission | undefined {
    if (this.#origin?.hasSucceeded === true) this.#origin = undefined;
    return this.#origin;
  }

  set origin(submission: Submission | undefined) {
    this.#origin = submission;
  }

  get isShared(): boolean {
    return this.#holders > 1;
  }

  retain(): void {
    this.requireHeld("retain");
    this.#holders += 1;
  }

  release(): void {
    this.requireHeld("release");
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.forgetForms();
    for (const part of this.parts) this.#pool.release(part);
  }

  /** Another form of the contents, where one is kept: ../forms.ts. `make` is told of one that is to be filled. */
  prepared(forms: Forms<GPUForm>, key: string, bytes: number, make: (form: GPUForm) => void): GPUForm | undefined {
    this.#made ??= { forms, own: new Map() };
    return forms.find(this.#made.own, key, bytes, make);
  }

  /** Lets go of all other forms of the contents. */
  forgetForms(): void {
    this.#made?.forms.drop(this.#made.own);
    this.#made = undefined;
  }

  /** Throws if the last holder has let go. */
  requireHeld(op: string): void {
    if (this.#holders === 0)
      throw new DisposedError(op, `storage of ${String(this.size)} ${this.dtype} on webgpu was freed`);
  }
}

/** How the allocation of all parts went, where that was asked. */
function allocationOf(parts: readonly PooledBuffer[]): Submission | undefined {
  if (parts.length === 1) return parts[0]!.allocation;
  const asked = parts.flatMap(({ allocation }) => allocation ?? []);
  return asked.length < 2 ? asked[0] : asked.find((one) => !one.hasSucceeded);
}

/** Host data in the form in which the GPU stores it. */
export function widen(data: TypedArray, dtype: DType): Float32Array | Int32Array | Uint32Array {
  switch (dtype) {
    case "f32":
      return data instanceof Float32Array ? data : Float32Array.from(data);
    case "i32":
      return data instanceof Int32Array ? data : Int32Array.from(data);
    case "bool":
      return Uint32Array.from(data, (value) => (value === 0 ? 0 : 1));
    case "f16": {
      const words = new Uint32Array(wordsFor(dtype, data.length));
      new Uint16Array(words.buffer).set(data);
      return words;
    }
    default:
      return data instanceof Uint32Array ? data : Uint32Array.from(data);
  }
}

/** A copy of `size` stored elements at `offset` of mapped memory, in the host's form. */
export function narrow(mapped: ArrayBuffer, offset: number, size: number, dtype: DType): TypedArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(mapped, offset, size).slice();
    case "i32":
      return new Int32Array(mapped, offset, size).slice();
    case "u32":
      return new Uint32Array(mapped, offset, size).slice();
    case "f16":
      return new Uint16Array(mapped, offset, size).slice();
    default: {
      const array = newArray(dtype, size);
      array.set(new Uint32Array(mapped, offset, size));
      return array;
    }
  }
}
