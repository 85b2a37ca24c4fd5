// Puts the body of a row function into a WebAssembly module: types, imports, the function, its literals.
// Knows the binary format's sections and nothing of expressions. Read next: to-wasm.ts, which writes the body.
import { Bytes, opcodes, valueTypes } from "./wasm-bytes.ts";

/** A function the body calls: `arity` operands and a result of one value type. */
export interface Imported {
  readonly name: string;
  readonly arity: number;
  readonly type: number;
}

/** What a module is made of. */
export interface RowParts {
  readonly body: Bytes;
  /** Locals after the parameter: first the i32 ones, then the v128 ones. */
  readonly integers: number;
  readonly vectors: number;
  /** Functions 0, 1, … of the body's calls. */
  readonly imported: readonly Imported[];
  readonly shared: boolean;
  /** Written to memory at `address` when the module starts. */
  readonly data: readonly number[];
  readonly address: number;
}

/** The bytes of a module that exports `row(cursor)`. */
export function rowModule(parts: RowParts): Uint8Array<ArrayBuffer> {
  const { body, integers, vectors, imported, data, address } = parts;
  const signature = ({ arity, type }: Imported): number => (arity << 8) | type;
  const kinds = [...new Set(imported.map(signature))];
  const types = [
    new Bytes().byte(0x60, 1, valueTypes.i32, 0),
    ...kinds.map((kind) => {
      const type = kind & 0xff;
      return new Bytes().byte(0x60, kind >> 8, ...new Array<number>(kind >> 8).fill(type), 1, type);
    }),
  ];
  const memory = new Bytes().name("env").name("memory").byte(2);
  if (parts.shared) memory.byte(3).unsigned(1).unsigned(65536);
  else memory.byte(0).unsigned(0);
  const imports = imported.map((helper) =>
    new Bytes()
      .name("kernels")
      .name(helper.name)
      .byte(0)
      .unsigned(1 + kinds.indexOf(signature(helper))),
  );
  const locals = new Bytes().unsigned(2);
  locals.unsigned(integers).byte(valueTypes.i32).unsigned(vectors).byte(valueTypes.v128);
  const code = new Bytes().append(locals).append(body);
  const module = new Bytes()
    .byte(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    .section(1, types)
    .section(2, [...imports, memory])
    .section(3, [new Bytes().unsigned(0)])
    .section(7, [new Bytes().name("row").byte(0).unsigned(imported.length)])
    .section(10, [new Bytes().unsigned(code.list.length).append(code)]);
  if (data.length > 0) {
    const segment = new Bytes().byte(0).integer(address).byte(opcodes.end).unsigned(data.length);
    module.section(11, [segment.byte(...data)]);
  }
  return Uint8Array.from(module.list);
}
