// Other forms of what storages hold, made by kernels for themselves: transformed filters, packed matrices. They live as long as
// the contents they were made from, and all together take a bounded part of the heap: what has not been used for longest goes
// first. Knows no kernel. Read next: storage.ts, whose contents they are forms of; program.ts, which asks for them.
import type { Heap } from "./heap.ts";

interface Form {
  readonly pointer: number;
  readonly bytes: number;
  /** The run that used it last. */
  run: number;
}

/** The forms of one storage by key; undefined for one that was asked for once. */
export type OwnForms = Map<string, Form | undefined>;

export class Forms {
  private readonly heap: Heap;
  private readonly limit: number;
  private readonly owners = new Set<OwnForms>();
  private run = 0;
  private taken = 0;

  /** All forms take at most `limit` bytes. */
  constructor(heap: Heap, limit: number) {
    this.heap = heap;
    this.limit = limit;
  }

  /** Bytes of all forms. */
  get bytes(): number {
    return this.taken;
  }

  /** Begins a run of a program: the forms it is given stay until the next begins. */
  beginRun(): void {
    this.run++;
  }

  /**
   * The address of the form `key`, which `make` writes to a block of that many bytes. 0 for the first who asks: contents
   * that are used once, like parameters between two steps of training, are not worth it. 0 also where there is no room.
   */
  find(own: OwnForms, key: string, bytes: number, make: (pointer: number) => void): number {
    const known = own.get(key);
    if (known !== undefined) {
      known.run = this.run;
      return known.pointer;
    }
    if (!own.has(key)) {
      own.set(key, undefined);
      return 0;
    }
    if (!this.makeRoom(bytes)) return 0;
    let pointer: number;
    try {
      pointer = this.heap.allocate(bytes, "prepare");
    } catch {
      return 0;
    }
    try {
      make(pointer);
    } catch (error) {
      this.heap.release(pointer);
      throw error;
    }
    this.taken += bytes;
    this.owners.add(own);
    own.set(key, { pointer, bytes, run: this.run });
    return pointer;
  }

  /** Lets go of all forms of one storage. */
  drop(own: OwnForms): void {
    for (const key of own.keys()) this.release(own, key);
    this.owners.delete(own);
    own.clear();
  }

  /** Lets go of forms that this run does not use, the oldest first, until that many bytes more are within the limit. */
  private makeRoom(bytes: number): boolean {
    if (bytes > this.limit) return false;
    while (this.taken + bytes > this.limit) {
      let oldest: { own: OwnForms; key: string; run: number } | undefined;
      for (const own of this.owners) {
        for (const [key, form] of own) {
          if (form !== undefined && form.run < (oldest?.run ?? this.run)) oldest = { own, key, run: form.run };
        }
      }
      if (oldest === undefined) return false;
      this.release(oldest.own, oldest.key);
    }
    return true;
  }

  private release(own: OwnForms, key: string): void {
    const form = own.get(key);
    own.delete(key);
    if (form === undefined) return;
    this.taken -= form.bytes;
    this.heap.release(form.pointer);
  }
}
