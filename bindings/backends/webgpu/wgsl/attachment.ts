// Pastes an elementwise expression into a shader that is written by hand, as the function its "@insert" line asks for:
// `load` (a value computed before it is folded) or `epilogue` (the last word on a result before it is stored).
// Knows neither matmul nor reductions. Read next: operands.ts, ../kernels/kernel-shader.ts, ../kernels/reduce-shader.ts.
import type { DType } from "../../../core/dtype.ts";
import { fromStorage, toStorage, toWGSL, wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { Attachment, Slot } from "../../../graph/step.ts";
import type { Elements } from "./elements.ts";
import { unrounded } from "./elements.ts";
import type { Binding } from "./operands.ts";
import { Block, Operands } from "./operands.ts";

/** Text and buffers of what is pasted into one shader. */
export interface Pasted {
  readonly text: string;
  readonly bindings: readonly Binding[];
  readonly block: Block;
  /** The first binding number that is free afterwards. */
  readonly next: number;
}

/** Nothing but a finished text. */
export function plain(text: string, next: number): Pasted {
  return { text, bindings: [], block: new Block(), next };
}

/**
 * A function `name(value, index)` or, without a value type, `name(index)`, that computes the attachment; halves as f32 that are
 * not rounded yet. Bindings are numbered from `first`; the uniform block is the dispatch's block number `blockIndex` and is
 * called `name` + "Numbers".
 */
export function paste(
  attachment: Attachment,
  slots: readonly Slot[],
  name: string,
  value: DType | undefined,
  first: number,
  blockIndex: number,
  elements: Elements,
): Pasted {
  const block = new Block();
  const blockName = `${name}Numbers`;
  const operands = new Operands(attachment.shape, block, blockName, `${name}Input`, elements);
  const own = value === undefined ? [] : [fromStorage("value", value)];
  const inputs = [...own, ...attachment.inputs.map((view) => operands.read(view, slots[view.slot]))];
  const { dtype } = attachment.expression;
  // The kernel rounds to halves when it stores.
  const isHalf = dtype === "f16";
  const body = toWGSL(unrounded(attachment.expression), inputs);
  const parameters = value === undefined ? "index: u32" : `value: ${wgslStorageType(value)}, index: u32`;
  const statements = [...operands.coordinates(), ...body.lines].map((line) => `  ${line}`).join("\n");
  const after = first + operands.slots.length;
  const hasBlock = block.words.length > 0;
  return {
    text: `${operands.declare(first)}
${block.declare(blockName, after)}
fn ${name}(${parameters}) -> ${isHalf ? "f32" : wgslStorageType(dtype)} {
${statements}
  return ${isHalf ? body.result : toStorage(body.result, dtype)};
}`,
    bindings: [
      ...operands.bindings(first),
      ...(hasBlock ? [{ binding: after, access: "uniform", source: blockIndex } as const] : []),
    ],
    block,
    next: hasBlock ? after + 1 : after,
  };
}

/** What becomes of a value of type `value` before it is stored: the epilogue, or nothing. Numbered as by `paste`. */
export function pasteEpilogue(
  epilogue: Attachment | undefined,
  slots: readonly Slot[],
  value: DType,
  first: number,
  blockIndex: number,
  elements: Elements,
): Pasted {
  if (epilogue !== undefined) return paste(epilogue, slots, "epilogue", value, first, blockIndex, elements);
  const type = wgslStorageType(value);
  return plain(`fn epilogue(value: ${type}, index: u32) -> ${type} { return value; }`, first);
}

/** The text with the line "// @insert name" replaced. */
export function insert(template: string, name: string, text: string): string {
  return template.replace(new RegExp(`^// @insert ${name}$`, "m"), () => text);
}

/** The text with the element type of the binding called `output` changed, where an epilogue changes the type; not to halves. */
export function retypeOutput(template: string, dtype: DType): string {
  if (dtype === "f16") return template;
  return template.replace(
    /(> output: array<)\w+(>;)/,
    (_, before: string, after: string) => before + wgslStorageType(dtype) + after,
  );
}
