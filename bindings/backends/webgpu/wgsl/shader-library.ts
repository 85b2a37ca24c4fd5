// The shader texts of the build: finds a kernel, and completes a text with the prelude functions it reaches.
// The prelude is cut into its top-level declarations, so that a small kernel stays small for a driver's compiler.
// Knows WGSL only as far as braces and names. Read next: shaders/README.md, and ../run/pipelines.ts, which compiles the result.
import type { DType } from "../../../core/dtype.ts";
import { wgslStorageType } from "../../../expr/to-wgsl.ts";
import { halfFeature } from "../device/features.ts";
import type { MatrixFunctions } from "../device/matrix-units.ts";
import { matrixFunctions } from "../device/matrix-units.ts";
import type { Elements } from "./elements.ts";
import { halvesAlone, halvesInWords } from "./elements.ts";

interface Declaration {
  readonly name: string;
  readonly text: string;
  readonly uses: ReadonlySet<string>;
}

/** Kernels whose text is generic in `Scalar`; the others are written for f32 (and i32 indices). */
const generic: readonly DType[] = ["f32", "i32", "u32", "u8", "bool"];
const genericKernels: Readonly<Record<string, readonly DType[]>> = {
  reduce: generic,
  reduce_argMax: generic,
  reduce_argMin: generic,
  take: generic,
  gather: generic,
  matmul: ["f32", "i32", "u32"],
  matmulRows: ["f32", "i32", "u32"],
  cumsum: ["f32", "i32", "u32"],
  indexAdd: ["f32", "i32", "u32"],
  scatterAdd: ["f32", "i32", "u32"],
  iota: ["i32"],
  sort: generic,
  searchSorted: ["f32", "i32", "u32"],
};

/** Files that are no kernels by themselves: what others are put together from, or another way to do another's work. */
const parts: readonly string[] = ["prelude", "matmulRows", "matmulMatrices", "winograd", "sortMerge"];

/** Kernels that are made from the file of another name. */
const fileOf: Readonly<Record<string, string>> = {
  reduce_sum: "reduce",
  reduce_prod: "reduce",
  reduce_max: "reduce",
  reduce_min: "reduce",
  argSort: "sort",
  cumprod: "cumsum",
  topK: "sort",
};

const packedDot = "fn dot_bytes(a: u32, b: u32) -> i32 { return dot4I8Packed(a, b); }";
// A signed byte is what an arithmetic shift leaves of a word that begins with it.
const plainDot = `fn byte_of(word: u32, at: u32) -> i32 { return bitcast<i32>(word << (24u - 8u * at)) >> 24u; }
fn dot_bytes(a: u32, b: u32) -> i32 {
  return byte_of(a, 0u) * byte_of(b, 0u) + byte_of(a, 1u) * byte_of(b, 1u)
    + byte_of(a, 2u) * byte_of(b, 2u) + byte_of(a, 3u) * byte_of(b, 3u);
}`;

export class ShaderLibrary {
  readonly #shaders: Readonly<Record<string, string>>;
  readonly #prelude: readonly Declaration[];
  readonly #byName: ReadonlyMap<string, Declaration>;

  /** The function `dot_bytes`, in one instruction where the shading language has it. */
  readonly dotText: string;

  /** Whether the shading language has the numbers of subgroups. */
  readonly hasSubgroupId: boolean;

  /** How shaders of this device see elements. */
  readonly elements: Elements;

  /** What multiplies small matrices. */
  readonly matrixFunctions: MatrixFunctions;

  /** `features`: optional features of the device and of its shading language; of `shader-f16` only where it is exact. */
  constructor(
    shaders: Readonly<Record<string, string>>,
    features: readonly string[],
    functions: MatrixFunctions = matrixFunctions,
  ) {
    this.elements = features.includes(halfFeature) ? halvesAlone : halvesInWords;
    this.matrixFunctions = functions;
    this.dotText = features.includes("packed_4x8_integer_dot_product") ? packedDot : plainDot;
    this.hasSubgroupId = features.includes("subgroup_id");
    this.#shaders = shaders;
    this.#prelude = declarationsOf(shaders.prelude ?? "");
    this.#byName = new Map(this.#prelude.map((declaration) => [declaration.name, declaration]));
  }

  /** Whether a kernel of this name can be made for this type. */
  has(kernel: string, dtype: DType): boolean {
    const name = fileOf[kernel] ?? kernel;
    return !parts.includes(name) && name in this.#shaders && (genericKernels[name] ?? ["f32"]).includes(dtype);
  }

  /** The text of a kernel file, or undefined. */
  template(kernel: string): string | undefined {
    return kernel === "prelude" ? undefined : (this.#shaders[kernel] ?? this.#shaders[fileOf[kernel] ?? ""]);
  }

  /** A complete shader: the alias of `Scalar` where it is used, the prelude declarations that are reached, and the text. */
  link(text: string, scalar: DType): string {
    const names = namesIn(text);
    const reached = this.#reached(names);
    const linked = [...reached.map(({ text: own }) => own), text].join("\n");
    const hasScalar = names.has("Scalar") || reached.some(({ uses }) => uses.has("Scalar"));
    return hasScalar ? `alias Scalar = ${wgslStorageType(scalar)};\n${linked}` : linked;
  }

  /** A text that declares everything but the prelude functions it reaches, followed by these; its own names come before ours. */
  complete(text: string): string {
    const known = new Set(declarationsOf(text).map(({ name }) => name));
    const missing = this.#reached(namesIn(text)).filter(({ name }) => !known.has(name));
    return [text, ...missing.map(({ text: own }) => own)].join("\n");
  }

  /** The prelude's declarations that names reach, in the prelude's order. */
  #reached(names: ReadonlySet<string>): Declaration[] {
    const reached = new Set<Declaration>();
    const open = [...names];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const declaration = this.#byName.get(name);
      if (declaration === undefined || reached.has(declaration)) continue;
      reached.add(declaration);
      open.push(...declaration.uses);
    }
    return this.#prelude.filter((declaration) => reached.has(declaration));
  }
}

function namesIn(text: string): Set<string> {
  return new Set(text.match(/[A-Za-z_]\w*/g) ?? []);
}

/** The top-level declarations of a WGSL text: each ends with the brace or semicolon that returns to depth 0. */
function declarationsOf(source: string): Declaration[] {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
  const found: Declaration[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === "{") depth += 1;
    else if (sign === "}") depth -= 1;
    if (depth !== 0 || (sign !== "}" && sign !== ";")) continue;
    const own = text.slice(start, at + 1).trim();
    start = at + 1;
    const name = /^(?:fn|struct|alias|const|override|var(?:<[^>]*>)?)\s+(\w+)/.exec(own)?.[1];
    if (name !== undefined) found.push({ name, text: own, uses: namesIn(own) });
  }
  return found;
}
