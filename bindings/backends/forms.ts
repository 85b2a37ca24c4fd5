// Other forms of what storages hold, made by kernels for themselves: transformed filters, packed matrices. They live as long as
// the contents they were made from, and all together take a bounded part of a device's memory: what has not been used for longest
// goes first. Knows no kernel and no device. Read next: wasm/storage.ts and webgpu/memory/storage.ts, whose contents they are forms of;
// the program.ts of each, which asks for them.

/** Where the memory of forms comes from. */
interface Memory<Block> {
  /** Throws when there is none. */
  allocate(bytes: number, op: string): Block;
  release(block: Block): void;
}

interface Form<Block> {
  readonly block: Block;
  readonly bytes: number;
  /** The run that used it last. */
  run: number;
}

/** The forms of one storage by key; undefined for one that was asked for once. */
export type OwnForms<Block> = Map<string, Form<Block> | undefined>;

export class Forms<Block> {
  private readonly memory: Memory<Block>;
  private readonly limit: number;
  private readonly owners = new Set<OwnForms<Block>>();
  private run = 0;
  private taken = 0;

  /** All forms take at most `limit` bytes. */
  constructor(memory: Memory<Block>, limit: number) {
    this.memory = memory;
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
   * The form `key`, which `make` writes to a block of that many bytes. Undefined for the first who asks: contents that are
   * used once, like parameters between two steps of training, are not worth it. Undefined also where there is no room.
   */
  find(own: OwnForms<Block>, key: string, bytes: number, make: (block: Block) => void): Block | undefined {
    const known = own.get(key);
    if (known !== undefined) {
      known.run = this.run;
      return known.block;
    }
    if (!own.has(key)) {
      own.set(key, undefined);
      return undefined;
    }
    if (!this.makeRoom(bytes)) return undefined;
    let block: Block;
    try {
      block = this.memory.allocate(bytes, "prepare");
    } catch {
      return undefined;
    }
    try {
      make(block);
    } catch (error) {
      this.memory.release(block);
      throw error;
    }
    this.taken += bytes;
    this.owners.add(own);
    own.set(key, { block, bytes, run: this.run });
    return block;
  }

  /** Lets go of all forms of one storage. */
  drop(own: OwnForms<Block>): void {
    for (const key of own.keys()) this.release(own, key);
    this.owners.delete(own);
    own.clear();
  }

  /** Lets go of forms that this run does not use, the oldest first, until that many bytes more are within the limit. */
  private makeRoom(bytes: number): boolean {
    if (bytes > this.limit) return false;
    while (this.taken + bytes > this.limit) {
      let oldest: { own: OwnForms<Block>; key: string; run: number } | undefined;
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

  private release(own: OwnForms<Block>, key: string): void {
    const form = own.get(key);
    own.delete(key);
    if (form === undefined) return;
    this.taken -= form.bytes;
    this.memory.release(form.block);
  }
}
