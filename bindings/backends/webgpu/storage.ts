// Storage on the GPU: a pooled buffer, the count of its holders, and how the work that fills it went.
// Bytes and booleans are 32-bit words here, widened and narrowed at the border; two halves share a word, as on the host.
// Knows no shaders. Read next: buffer-pool.ts, readback.ts.
import type { DType, TypedArray } from "../../core/dtype.ts";
import { newArray } from "../../core/dtype.ts";
import { DisposedError } from "../../core/errors.ts";
import type { Backend, Storage } from "../backend.ts";
import type { BufferPool, PooledBuffer } from "./buffer-pool.ts";
import { wordBytes } from "./parts.ts";
import type { Submission } from "./submission.ts";
import { wordsFor } from "./words.ts";

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
    if (this.#holders === 0) for (const part of this.parts) this.#pool.release(part);
  }

  /** Throws if the last holder has let go. */
  requireHeld(op: string): void {
    if (this.#holders === 0)
      throw new DisposedError(op, `storage of ${String(this.size)} ${this.dtype} on webgpu was freed`);
  }
}

/** How the allocation of all parts went, where that was asked. */
function allocationOf(parts: readonly PooledBuffer[]): Submission | undefined {
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
