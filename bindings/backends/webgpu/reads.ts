// How a shader reads the elements of its operands: as they are stored, or out of words that hold halves.
// A file that reads `a` and `b` only by `a_at` and `b_at` has these functions at its line "// @insert reads".
// Read next: matmul-shader.ts, tile.ts.
import type { SlotView } from "../../graph/step.ts";
import { insert } from "./attachment.ts";

/** The text with its reading functions; `isVector` tells of each operand whether it is read in vectors of four. */
export function withReads(
  template: string,
  [a, b]: readonly SlotView[],
  isVector: readonly [boolean, boolean] = [false, false],
): string {
  let text = template;
  const functions = [a, b].map((view, at) => {
    const name = at === 0 ? "a" : "b";
    const isWide = isVector[at] === true;
    const isHalf = view?.dtype === "f16";
    const stored = isHalf ? (isWide ? "vec2<u32>" : "u32") : isWide ? "vec4<Scalar>" : "Scalar";
    text = text.replace(`> ${name}: array<Scalar>;`, `> ${name}: array<${stored}>;`);
    const element = `${name}[at]`;
    const bits = `${name}[at >> 1u] >> (16u * (u32(at) & 1u))`;
    const value = isHalf ? (isWide ? `half_quad(${element})` : `half_value(${bits})`) : element;
    return `fn ${name}_at(at: i32) -> ${isWide ? "vec4<Scalar>" : "Scalar"} { return ${value}; }`;
  });
  return insert(text, "reads", functions.join("\n"));
}
