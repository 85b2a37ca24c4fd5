// Writes WebAssembly binary format: LEB128 numbers, sections, and the few instructions the emitter needs.
// Knows the encoding only. Read next: to-wasm.ts, which decides what to write.

/** Value types. */
export const valueTypes = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const;

/** Opcodes of plain instructions. */
export const opcodes = {
  block: 0x02,
  loop: 0x03,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  call: 0x10,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i32Load8: 0x2d,
  i32Load16Signed: 0x2e,
  i32Load16: 0x2f,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i32Const: 0x41,
  i32LessSigned: 0x48,
  i32LessOrEqualSigned: 0x4c,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32And: 0x71,
  i32ShiftLeft: 0x74,
} as const;

/** A growing list of bytes with the writers of the binary format. */
export class Bytes {
  readonly list: number[] = [];

  byte(...values: number[]): this {
    this.list.push(...values);
    return this;
  }

  /** Unsigned LEB128. */
  unsigned(value: number): this {
    let rest = value >>> 0;
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      this.list.push(rest === 0 ? low : low | 0x80);
    } while (rest !== 0);
    return this;
  }

  /** Signed LEB128 of a 32-bit integer. */
  signed(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.list.push(low);
        return this;
      }
      this.list.push(low | 0x80);
    }
  }

  name(text: string): this {
    const encoded = new TextEncoder().encode(text);
    return this.unsigned(encoded.length).byte(...encoded);
  }

  append(other: Bytes): this {
    for (const value of other.list) this.list.push(value);
    return this;
  }

  /** Section `id` with a counted list of entries. */
  section(id: number, entries: readonly Bytes[]): this {
    const body = new Bytes().unsigned(entries.length);
    for (const entry of entries) body.append(entry);
    return this.byte(id).unsigned(body.list.length).append(body);
  }

  /** A SIMD instruction by its opcode after the 0xFD prefix. */
  simd(opcode: number): this {
    return this.byte(0xfd).unsigned(opcode);
  }

  /** A SIMD memory instruction at a constant offset, without a promise of alignment. */
  simdMemory(opcode: number, offset = 0, lane?: number): this {
    this.simd(opcode).byte(0).unsigned(offset);
    return lane === undefined ? this : this.byte(lane);
  }

  /** A plain memory instruction at a constant offset. */
  memory(opcode: number, offset = 0): this {
    return this.byte(opcode, 0).unsigned(offset);
  }

  /** `v128.const` of sixteen bytes. */
  vector(bytes: Uint8Array): this {
    return this.simd(0x0c).byte(...bytes);
  }

  get(local: number): this {
    return this.byte(opcodes.localGet).unsigned(local);
  }

  set(local: number): this {
    return this.byte(opcodes.localSet).unsigned(local);
  }

  tee(local: number): this {
    return this.byte(opcodes.localTee).unsigned(local);
  }

  integer(value: number): this {
    return this.byte(opcodes.i32Const).signed(value);
  }
}
