// Turns a reduce step into one or more launches of shaders/reduce.wgsl: the operation, a prologue and an epilogue are
// pasted in; long rows are folded in chunks by many workgroups first, and the partial results once more.
// Read next: shaders/reduce.wgsl, whose two entry points and parameters these are; ../wgsl/attachment.ts.
import type { DType } from "../../../core/dtype.ts";
import { fromStorage, toStorage, wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { Attachment, ReduceStep, Slot } from "../../../graph/step.ts";
import {
  acrossText,
  hasSubgroupFold,
  subgroupParameters,
  threadOf,
  togetherBySubgroups,
  togetherInMemory,
} from "../wgsl/across.ts";
import type { Pasted } from "../wgsl/attachment.ts";
import { insert, paste, pasteEpilogue, plain, retypeOutput } from "../wgsl/attachment.ts";
import type { Elements } from "../wgsl/elements.ts";
import { withHalves } from "../wgsl/elements.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";

/** Up to this length one invocation folds a row of neighbours alone. */
const serialLength = 32;
/** Columns (inner > 1) are read side by side by neighbouring invocations, so that way pays for longer ones if there are many. */
const serialColumns = 4096;
/** The most elements one workgroup folds when there are too few results to keep the GPU busy otherwise. */
const chunkLength = 4096;
/** With this many results, rows are not cut; with this many workgroups, small ones keep a GPU as busy as large ones. */
const enoughResults = 1024;

/** The most parts of a column that one invocation folds. */
const mostParts = 128;

/** A launch of a fold. */
export interface Pass {
  readonly length: number;
  readonly chunk: number;
  readonly chunks: number;
  readonly isSerial: boolean;
}

/** How a fold of `length` elements for each of `outer · inner` results is cut. */
export function planPasses(outer: number, length: number, inner: number): Pass[] {
  const results = outer * inner;
  const isSerial = length <= serialLength || (inner > 1 && results >= serialColumns && length <= chunkLength);
  if (isSerial) return [{ length, chunk: Math.max(length, 1), chunks: 1, isSerial }];
  if (length <= chunkLength || results >= enoughResults) return [{ length, chunk: length, chunks: 1, isSerial }];
  const chunks = Math.ceil(length / chunkLength);
  return [{ length, chunk: chunkLength, chunks, isSerial }, ...planPasses(outer, chunks, inner)];
}

/** Invocations of a workgroup where there are so many results, each with one. */
export const passSize = (results: number): number => (results >= enoughResults ? 64 : 256);

/** How columns of `length` elements are cut into so many slices, each folded by one invocation, and their parts once more. */
export function columnPasses(length: number, slices: number): Pass[] {
  const chunk = Math.max(1, Math.ceil(length / slices));
  const chunks = Math.max(1, Math.ceil(length / chunk));
  const pass = { length, chunk, chunks, isSerial: true };
  return chunks === 1 ? [pass] : [pass, ...columnPasses(chunks, chunks > mostParts ? 32 : 1)];
}

/** The dispatches of a reduce step with at least one result. `temporary` makes a slot for partial results. */
export function reduceDispatches(
  step: ReduceStep,
  slots: readonly Slot[],
  library: ShaderLibrary,
  temporary: (dtype: DType, size: number) => number,
  usesSubgroups = false,
  passes: readonly Pass[] = planPasses(step.outer, step.length, step.inner),
): Dispatch[] {
  const { elements } = library;
  const template = library.template("reduce") ?? "";
  let input =
    step.input === undefined
      ? undefined
      : { slot: step.input.slot, offset: step.input.offset, dtype: step.input.dtype };
  return passes.map((pass, at): Dispatch => {
    const isLast = at === passes.length - 1;
    const results = step.outer * pass.chunks * step.inner;
    const output = isLast ? step.output.slot : temporary(step.dtype, results);
    const load =
      at === 0 && step.prologue !== undefined
        ? loaded(step.prologue, slots, step.dtype, elements)
        : loadPlainly(input?.dtype, step.dtype);
    const epilogue = pasteEpilogue(isLast ? step.epilogue : undefined, slots, step.dtype, load.next, 2, elements);
    const type = isLast ? step.output.dtype : step.dtype;
    const own: Binding[] = [
      { binding: 1, access: "write", source: output },
      { binding: 2, access: "uniform", source: 0 },
    ];
    // With a prologue the template's own input is not read, and what is not read need not be bound.
    if (at > 0 || step.prologue === undefined) own.unshift({ binding: 0, access: "read", source: input?.slot ?? 0 });
    const words = [input?.offset ?? 0, step.outer, pass.length, step.inner, pass.chunk];
    let text = retypeOutput(template, type);
    if (input !== undefined)
      text = text.replace("> input: array<Scalar>", `> input: array<${wgslStorageType(input.dtype)}>`);
    text = insert(text, "operands", "");
    text = insert(text, "load", load.text);
    text = insert(text, "combine", combineText(step.combiner, step.dtype));
    text = insert(text, "epilogue", epilogue.text);
    text = insert(text, "size", `const SIZE = ${String(passSize(results))}u;`);
    text = insertAcross(text, step, library, usesSubgroups && !pass.isSerial && hasSubgroupFold(step.dtype));
    text = withHalves(text, [{ binding: 1, dtype: type }], elements);
    input = { slot: output, offset: 0, dtype: step.dtype };
    return {
      label: isLast ? step.label : `${step.label} (part ${String(at + 1)})`,
      text: library.link(text, step.dtype),
      entry: pass.isSerial ? "serial" : "cooperative",
      groups: pass.isSerial ? Math.ceil(results / 64) : results,
      bindings: [...own, ...load.bindings, ...epilogue.bindings],
      blocks: [words.map((value): Word => ({ value })), load.block.words, epilogue.block.words],
    };
  });
}

/** How the invocations of `cooperative` put their parts together. */
function insertAcross(
  template: string,
  { combiner, dtype }: ReduceStep,
  { hasSubgroupId }: ShaderLibrary,
  usesSubgroups: boolean,
): string {
  const parts = { suffix: "", combiner, dtype };
  const together = usesSubgroups ? togetherBySubgroups([parts]) : togetherInMemory([parts]);
  let text = insert(template, "across", usesSubgroups ? acrossText(parts) : "");
  text = insert(text, "builtins", usesSubgroups ? subgroupParameters(hasSubgroupId) : "");
  text = insert(text, "thread", `let thread = ${usesSubgroups ? threadOf(hasSubgroupId) : "invocation"};`);
  return insert(text, "together", together.join("\n"));
}

function loadPlainly(from: DType | undefined, to: DType): Pasted {
  const element = "input[parameters.offset0 + index]";
  const value = from === undefined || wgslStorageType(from) === wgslStorageType(to) ? element : `Scalar(${element})`;
  return plain(`fn load(index: u32) -> Scalar { return ${value}; }`, 3);
}

/** A prologue as `load`; its result is converted where the fold has another type. */
export function loaded(
  prologue: Attachment,
  slots: readonly Slot[],
  to: DType,
  elements: Elements,
  name = "load",
  first = 3,
  blockIndex = 1,
): Pasted {
  const pasted = paste(prologue, slots, name, undefined, first, blockIndex, elements);
  const from = wgslStorageType(prologue.expression.dtype);
  if (from === wgslStorageType(to)) return pasted;
  const computed = `${name}Computed`;
  const text = pasted.text.replace(`fn ${name}(index: u32) -> ${from} {`, `fn ${computed}(index: u32) -> ${from} {`);
  return { ...pasted, text: `${text}\nfn ${name}(index: u32) -> Scalar { return Scalar(${computed}(index)); }` };
}

/** The operation and its neutral value, as `combine` and `identity`. */
export function combineText(combiner: ReduceStep["combiner"], dtype: DType): string {
  const isFloat = dtype === "f32";
  const wrap = (text: string): string => (dtype === "u8" ? `(${text}) & 255u` : text);
  const lowest = isFloat ? "-infinity_f32()" : dtype === "i32" ? "i32(-2147483648)" : "0u";
  const highest = isFloat
    ? "infinity_f32()"
    : dtype === "i32"
      ? "2147483647i"
      : dtype === "u8"
        ? "255u"
        : dtype === "bool"
          ? "1u"
          : "0xffffffffu";
  const [identity, combined] = {
    sum: ["Scalar(0)", wrap("a + b")],
    prod: ["Scalar(1)", wrap("a * b")],
    max: [lowest, isFloat ? "max_f32(a, b)" : "max(a, b)"],
    min: [highest, isFloat ? "min_f32(a, b)" : "min(a, b)"],
  }[combiner];
  const value =
    dtype === "bool" && combiner === "sum"
      ? toStorage(`(${fromStorage("a", dtype)} || ${fromStorage("b", dtype)})`, dtype)
      : (combined ?? "");
  return `fn identity() -> Scalar { return ${identity ?? ""}; }\nfn combine(a: Scalar, b: Scalar) -> Scalar { return ${value}; }`;
}
