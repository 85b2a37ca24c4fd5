// How the elements of tensors lie in the buffers that shaders see, how they are read into registers and how they are stored:
// the one place that knows both forms of halves. Where the shaders of a device have 16-bit floats, halves are an array of these;
// elsewhere two share a 32-bit word. A kernel computes in f32 either way and rounds when it stores.
// Knows text, no buffers. Read next: uses.ts; expr/to-wgsl.ts for the other types; ../device/half-trial.ts for which devices.
import type { DType } from "../../../core/dtype.ts";
import type { Expression } from "../../../expr/expression.ts";
import { fromStorage, toStorage, wgslStorageType } from "../../../expr/to-wgsl.ts";
import { arrayAt, withUses } from "./uses.ts";

/** The forms in which a device's shaders see elements. */
export interface Elements {
  /** Whether halves are elements by themselves. */
  readonly hasHalves: boolean;
  /** The type of an array's elements, as WGSL. */
  typeOf(dtype: DType): string;
  /** The value of the element at a place (u32 text) of an array. */
  read(name: string, place: string, dtype: DType): string;
  /** What is stored for a value in a register; of halves in words its bits. */
  stored(value: string, dtype: DType): string;
}

/** Two halves share a word: without any feature of the device. */
export const halvesInWords: Elements = {
  hasHalves: false,
  typeOf: wgslStorageType,
  read: (name, place, dtype) =>
    fromStorage(
      dtype === "f16" ? `${name}[(${place}) >> 1u] >> (16u * ((${place}) & 1u))` : `${name}[${place}]`,
      dtype,
    ),
  stored: toStorage,
};

/**
 * Halves are 16-bit floats: for devices with `shader-f16`. Only what is read and stored goes through them: some compilers leave
 * out a conversion to a half and back (lavapipe's does), so a value that goes on in a register is rounded by integers.
 */
export const halvesAlone: Elements = {
  hasHalves: true,
  typeOf: (dtype) => (dtype === "f16" ? "f16" : wgslStorageType(dtype)),
  read: (name, place, dtype) => (dtype === "f16" ? `f32(${name}[${place}])` : fromStorage(`${name}[${place}]`, dtype)),
  stored: (value, dtype) => (dtype === "f16" ? `f16(${value})` : toStorage(value, dtype)),
};

/** Two halves share a word that devices with `shader-f16` take apart and put together: for kernels that make whole words. */
export const halvesInPairs: Elements = {
  hasHalves: false,
  typeOf: wgslStorageType,
  read: (name, place, dtype) =>
    dtype === "f16"
      ? `f32(bitcast<vec2<f16>>(${name}[(${place}) >> 1u] >> (16u * ((${place}) & 1u))).x)`
      : halvesInWords.read(name, place, dtype),
  stored: (value, dtype) =>
    dtype === "f16" ? `bitcast<u32>(vec2<f16>(f16(${value}), f16(0.0)))` : toStorage(value, dtype),
};

/** What is computed of an expression before it is stored: storing rounds to halves, so that need not be done before. */
export function unrounded(expression: Expression): Expression {
  const isRounding =
    expression.dtype === "f16" && expression.kind === "apply" && expression.primitive.result === "cast";
  const [source] = isRounding ? expression.operands : [];
  return source?.dtype === "f32" ? source : expression;
}

/** Whether results of this type are stored by twos, as one word. */
export const isInPairs = ({ hasHalves }: Elements, dtype: DType | undefined): boolean => dtype === "f16" && !hasHalves;

/**
 * The function `leave` that stores a result at its index in `output`, or where halves lie in words two neighbours, the first of
 * them at an even index; TOGETHER is how many. Both go through `epilogue` before.
 */
export function leaveText(inPairs: boolean): string {
  const body = inPairs
    ? "output[index >> 1u] = half_pair(vec2<f32>(epilogue(value, index), epilogue(next, index + 1u)));"
    : "output[index] = epilogue(value, index);";
  return `const TOGETHER = ${inPairs ? "2" : "1"};
fn leave(index: u32, value: Scalar, next: Scalar) {
  ${body}
}`;
}

/** An array that a kernel was written for as one of f32. */
export interface Operand {
  readonly binding: number;
  readonly dtype: DType;
}

/**
 * A text that was written for arrays of f32 (by this name or as `Scalar`, or vectors of them), with those operands that
 * are halves declared, read and stored as such. Where halves lie in words they can be read only, and results stored by `leaveText`.
 */
export function withHalves(text: string, operands: readonly Operand[], elements: Elements): string {
  const halves = operands.filter(({ dtype }) => dtype === "f16");
  // What comments say of arrays is no use of them.
  const bare = halves.length === 0 ? text : text.replace(/\/\/(?! @insert).*$/gm, "");
  return halves.reduce((before, { binding }) => {
    const declaration = arrayAt(before, binding);
    if (declaration === undefined) return before;
    const { name, type, text: declared } = declaration;
    const [vector] = /^vec\d/.exec(type) ?? [];
    const form = elements.hasHalves ? alone(name, vector) : inWords(name, vector);
    const rest = withUses(before.replace(declared, "// @insert array"), name, form);
    const redeclared = declared.replace(`array<${type}>`, `array<${form.type}>`);
    return rest.replace("// @insert array", () => [redeclared, ...form.functions].join("\n"));
  }, bare);
}

/** How a kernel sees halves in place of an array of f32. */
interface Form {
  readonly type: string;
  readonly functions: readonly string[];
  readonly read: (index: string) => string;
  readonly write: (index: string, value: string) => string;
}

function alone(name: string, vector: string | undefined): Form {
  const [type, value] = ["f16", "f32"].map((element) => (vector === undefined ? element : `${vector}<${element}>`));
  return {
    type: String(type),
    functions: [],
    read: (index) => `${String(value)}(${name}[${index}])`,
    write: (index, computed) => `${name}[${index}] = ${String(type)}(${computed})`,
  };
}

/** Whole vectors are read and stored as words, single elements only read. */
function inWords(name: string, vector: string | undefined): Form {
  if (vector !== undefined) {
    const isQuad = vector === "vec4";
    return {
      type: isQuad ? "vec2<u32>" : "u32",
      functions: [],
      read: (index) => `${isQuad ? "half_quad" : "half_two"}(${name}[${index}])`,
      write: (index, computed) => `${name}[${index}] = ${isQuad ? "half_pairs" : "half_pair"}(${computed})`,
    };
  }
  return {
    type: "u32",
    functions: [`fn ${name}_at(at: u32) -> f32 { return half_value(${name}[at >> 1u] >> (16u * (at & 1u))); }`],
    read: (index) => `${name}_at(u32(${index}))`,
    write: (index) => {
      throw new RangeError(`a kernel cannot store single halves in words: ${name}[${index}]`);
    },
  };
}
