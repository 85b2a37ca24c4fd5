// Reads a WASM module that a user gives as bytes: that it lives in the engine's memory and keeps nothing of its own there, and
// that its functions have the signature of kernels; and writes it anew with the memory import that an engine needs.
// Knows the binary format as far as imports, types, exports and data. Read next: kernel-op.ts; backends/wasm/kernels.ts.
import { ParameterError } from "../../core/errors.ts";
import { Bytes } from "../../expr/wasm-bytes.ts";
import type { KernelModuleBytes } from "../descriptor.ts";

const sections = { type: 1, import: 2, function: 3, memory: 5, export: 7, start: 8, data: 11 } as const;
const kinds = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
const functionType = 0x60;
const i32 = 0x7f;
/** Pages of 64 KiB that 32-bit memory has at most. */
const allPages = 65536;

/** A read position in a module. */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte(): number {
    const value = this.#bytes[this.at];
    if (value === undefined || this.at >= this.end) throw new RangeError("it is cut off");
    this.at++;
    return value;
  }

  /** Unsigned LEB128. */
  unsigned(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  }

  name(): string {
    const length = this.unsigned();
    if (this.at + length > this.end) throw new RangeError("it is cut off");
    const text = new TextDecoder().decode(this.#bytes.slice(this.at, this.at + length));
    this.at += length;
    return text;
  }

  /** Skips the flags and bounds of a memory or table. */
  limits(): void {
    const flags = this.byte();
    this.unsigned();
    if ((flags & 1) !== 0) this.unsigned();
    if ((flags & 4) !== 0) throw new TypeError("its memory has 64-bit addresses; compile it for wasm32");
  }
}

/** A user's module, read and found usable. */
export class UserModule implements KernelModuleBytes {
  readonly #op: string;
  readonly #bytes: Uint8Array;
  /** Whether each type is that of kernels; undefined where types are of a newer kind than we read. */
  #types: boolean[] | undefined = [];
  /** Types of the functions, imported ones first. */
  readonly #functions: number[] = [];
  readonly #exported = new Map<string, number>();
  /** Where the import of the memory has its limits, and the import section its size. */
  #limits: readonly [from: number, to: number] | undefined;
  #importSection: { readonly size: number; readonly from: number; readonly to: number } | undefined;

  /** Throws a ParameterError that names the op where the bytes are no such module. */
  constructor(op: string, bytes: unknown) {
    this.#op = op;
    if (!(bytes instanceof Uint8Array) && !(bytes instanceof ArrayBuffer))
      throw new ParameterError(op, `wasm.bytes must be a Uint8Array with a module, got ${typeof bytes}`);
    // The caller's buffer may change.
    this.#bytes = Uint8Array.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
    try {
      this.#read();
    } catch (cause) {
      throw this.#refusal(cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #refusal(what: string, cause?: unknown): ParameterError {
    return new ParameterError(this.#op, `its WebAssembly module cannot be used: ${what}`, { cause });
  }

  #read(): void {
    const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    if (magic.some((byte, index) => this.#bytes[index] !== byte)) throw new TypeError("these bytes are no module");
    const reader = new Reader(this.#bytes, magic.length, this.#bytes.length);
    while (reader.at < reader.end) {
      const section = reader.byte();
      const sizeAt = reader.at;
      const size = reader.unsigned();
      const from = reader.at;
      if (from + size > reader.end) throw new RangeError("it is cut off");
      if (section === sections.import) this.#importSection = { size: sizeAt, from, to: from + size };
      this.#readSection(section, new Reader(this.#bytes, from, from + size));
      reader.at = from + size;
    }
    if (this.#limits === undefined)
      throw new TypeError(
        'it does not import its memory as "env" "memory" (asc --importMemory, wasm-ld --import-memory)',
      );
  }

  #readSection(section: number, reader: Reader): void {
    switch (section) {
      case sections.type:
        this.#readTypes(reader);
        break;
      case sections.import:
        for (let rest = reader.unsigned(); rest > 0; rest--) this.#readImport(reader);
        break;
      case sections.function:
        for (let rest = reader.unsigned(); rest > 0; rest--) this.#functions.push(reader.unsigned());
        break;
      case sections.memory:
        if (reader.unsigned() > 0) throw new TypeError("it has a memory of its own in place of importing the engine's");
        break;
      case sections.export:
        for (let rest = reader.unsigned(); rest > 0; rest--) {
          const name = reader.name();
          const kind = reader.byte();
          const index = reader.unsigned();
          if (kind === kinds.function) this.#exported.set(name, index);
        }
        break;
      case sections.start:
        throw new TypeError("it has a start function, which would run on every thread");
      case sections.data:
        if (reader.unsigned() > 0)
          throw new TypeError(
            "it has data of its own, which would be written over the engine's memory. Compute constants, or make them an input",
          );
        break;
      default:
    }
  }

  #readTypes(reader: Reader): void {
    for (let rest = reader.unsigned(); rest > 0; rest--) {
      if (reader.byte() !== functionType) {
        this.#types = undefined;
        return;
      }
      const list = (): number[] => Array.from({ length: reader.unsigned() }, () => reader.byte());
      const parameters = list();
      const results = list();
      this.#types?.push(parameters.length === 3 && parameters.every((type) => type === i32) && results.length === 0);
    }
  }

  #readImport(reader: Reader): void {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.byte();
    const from = reader.at;
    if (module === "env" && name === "memory" && kind === kinds.memory) {
      reader.limits();
      this.#limits = [from, reader.at];
      return;
    }
    if (module === "env" && name === "abort" && kind === kinds.function) {
      this.#functions.push(reader.unsigned());
      return;
    }
    throw new TypeError(
      `it imports "${module}" "${name}", which is not there: only "env" "memory" and "env" "abort" are`,
    );
  }

  /** Throws a ParameterError unless there is a function of this name that can be called as a kernel. */
  requireKernel(name: unknown): asserts name is string {
    const known = [...this.#exported.keys()].join(", ");
    const index = typeof name === "string" ? this.#exported.get(name) : undefined;
    if (index === undefined)
      throw this.#refusal(`it exports no function ${String(name)}${known === "" ? "" : `; it has ${known}`}`);
    if (this.#types?.[this.#functions[index] ?? -1] === false)
      throw this.#refusal(
        `${String(name)} must take three i32 (args, worker, workers) and return nothing. Other signatures cannot be called`,
      );
  }

  /** The module for memory that is shared between threads, or not, of any size. */
  bytes(isShared: boolean): Uint8Array<ArrayBuffer> {
    const section = this.#importSection;
    const limits = this.#limits;
    if (section === undefined || limits === undefined) throw new Error("a module without imports was let in");
    const flags = isShared ? [3] : [0];
    const bounds = new Bytes().unsigned(0);
    if (isShared) bounds.unsigned(allPages);
    const written = [...flags, ...bounds.list];
    const content = section.to - section.from + written.length - (limits[1] - limits[0]);
    return Uint8Array.from([
      ...this.#bytes.subarray(0, section.size),
      ...new Bytes().unsigned(content).list,
      ...this.#bytes.subarray(section.from, limits[0]),
      ...written,
      ...this.#bytes.subarray(limits[1]),
    ]);
  }
}
