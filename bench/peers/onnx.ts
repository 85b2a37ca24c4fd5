// Writes a chain of ONNX operators as a model file: just enough of protobuf and of onnx.proto3. Read next: ort.ts.

/** Numbers are integers unless wrapped. */
type Attribute = number | string | readonly number[] | { readonly float: number };

export interface Operator {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  /** Constant operands have data. */
  readonly data?: Float32Array;
}

const utf8 = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

type Field = readonly [id: number, value: number | string | Uint8Array];

/** A message: numbers as varints, the rest with their length. */
function message(...fields: readonly Field[]): Uint8Array {
  const parts = fields.map(([id, value]) => {
    if (typeof value === "number") return Uint8Array.from([...varint(id * 8), ...varint(value)]);
    const body = typeof value === "string" ? utf8.encode(value) : value;
    return Buffer.concat([Uint8Array.from([...varint(id * 8 + 2), ...varint(body.length)]), body]);
  });
  return Buffer.concat(parts);
}

function attribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === "object" && "float" in value) {
    // Field 2 in its 32 bits.
    const bits = new Uint8Array(Float32Array.of(value.float).buffer);
    return Buffer.concat([message([1, name], [20, 1]), Uint8Array.of(2 * 8 + 5), bits]);
  }
  const [kind, ...fields]: readonly [number, ...Field[]] =
    typeof value === "number"
      ? [2, [3, value]]
      : typeof value === "string"
        ? [3, [4, value]]
        : [7, ...value.map((entry): Field => [8, entry])];
  return message([1, name], ...fields, [20, kind]);
}

function valueInfo({ name, shape }: Value): Uint8Array {
  const dimensions = message(...shape.map((size): Field => [1, message([1, size])]));
  return message([1, name], [2, message([1, message([1, 1], [2, dimensions])])]);
}

function initializer({ name, shape, data }: Value): Uint8Array {
  const raw = new Uint8Array(data!.buffer, data!.byteOffset, data!.byteLength);
  return message(...shape.map((size): Field => [1, size]), [2, 1], [8, name], [9, raw]);
}

/** A model of opset 20 with one output, f32 throughout. */
export function model(operators: readonly Operator[], values: readonly Value[], output: Value): Uint8Array {
  const nodes = operators.map(({ type, inputs, output: result, attributes = {} }): Field => {
    const listed = Object.entries(attributes).map(([name, value]): Field => [5, attribute(name, value)]);
    return [1, message(...inputs.map((name): Field => [1, name]), [2, result], [4, type], ...listed)];
  });
  const constants = values.filter(({ data }) => data).map((value): Field => [5, initializer(value)]);
  const inputs = values.filter(({ data }) => !data).map((value): Field => [11, valueInfo(value)]);
  const graph = message(...nodes, [2, "work"], ...constants, ...inputs, [12, valueInfo(output)]);
  return message([1, 9], [7, graph], [8, message([1, ""], [2, 20])]);
}
