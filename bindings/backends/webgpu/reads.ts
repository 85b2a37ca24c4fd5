// How a shader reads the elements of its operands: as they are stored, or out of words that hold halves.
// A file that reads an operand `x` only by `x_at` has that function at its line "// @insert reads".
// Read next: matmul-shader.ts, kernel-shader.ts.
import type { SlotView } from "../../graph/step.ts";
import { insert } from "./attachment.ts";

/** An operand that is read so. */
export interface Read {
  /** Its name in the file. */
  readonly name: string;
  readonly view: SlotView | undefined;
  /** Whether it is read in vectors of four. */
  readonly isVector?: boolean;
}

/** The text with its reading functions. */
export function withReads(template: string, operands: readonly Read[]): string {
  let text = template;
  const functions = operands.map(({ name, view, isVector = false }) => {
    const isHalf = view?.dtype === "f16";
    const stored = isHalf ? (isVector ? "vec2<u32>" : "u32") : isVector ? "vec4<Scalar>" : "Scalar";
    text = text.replace(`> ${name}: array<Scalar>;`, `> ${name}: array<${stored}>;`);
    const element = `${name}[at]`;
    const bits = `${name}[at >> 1u] >> (16u * (u32(at) & 1u))`;
    const value = isHalf ? (isVector ? `half_quad(${element})` : `half_value(${bits})`) : element;
    return `fn ${name}_at(at: i32) -> ${isVector ? "vec4<Scalar>" : "Scalar"} { return ${value}; }`;
  });
  return insert(text, "reads", functions.join("\n"));
}
