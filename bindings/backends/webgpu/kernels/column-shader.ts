// Writes the shader of a column kernel: several folds of the same columns, each with what is computed of an element before and of a
// result after it. An invocation has a slice of a column; where there are several slices a further launch folds their parts.
// A tensor that several folds read is bound once.
// Read next: ../../../graph/column-kernels.ts; reduce-shader.ts, which does single folds; ../variants/columns.ts.
import type { DType } from "../../../core/dtype.ts";
import { wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { ColumnKernelStep, ReduceStep, Slot } from "../../../graph/step.ts";
import { paste, plain } from "../wgsl/attachment.ts";
import type { Elements } from "../wgsl/elements.ts";
import { isInPairs } from "../wgsl/elements.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";
import { Block } from "../wgsl/operands.ts";
import { arrayAt } from "../wgsl/uses.ts";
import type { Workshop } from "./dispatches.ts";
import type { Pass } from "./reduce-shader.ts";
import { columnPasses, combineText, loaded } from "./reduce-shader.ts";

/** What a pass folds: the operands themselves or parts of them. */
interface Source {
  readonly slot: number;
  readonly dtype: DType;
  readonly offset: number;
}

/** The launches of the kernel, with columns cut into so many slices. */
export function columnDispatches(
  step: ColumnKernelStep,
  slots: readonly Slot[],
  workshop: Workshop,
  slices: number,
): Dispatch[] {
  let sources: readonly (Source | undefined)[] = step.steps.map(({ input }) => input);
  const passes = columnPasses(step.length, slices);
  return passes.map((pass, at) => {
    const results = step.outer * pass.chunks * step.inner;
    const isLast = at === passes.length - 1;
    const targets = step.steps.map(({ output }) => (isLast ? output.slot : workshop.temporary(step.dtype, results)));
    const dispatch = passDispatch(step, slots, workshop, pass, {
      sources,
      targets,
      isFirst: at === 0,
      isLast,
    });
    sources = targets.map((slot): Source => ({ slot, dtype: step.dtype, offset: 0 }));
    return isLast ? dispatch : { ...dispatch, label: `${step.label} (part ${String(at + 1)})` };
  });
}

interface Ends {
  readonly sources: readonly (Source | undefined)[];
  readonly targets: readonly number[];
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

function passDispatch(
  { label, dtype, outer, inner, steps }: ColumnKernelStep,
  slots: readonly Slot[],
  { library }: Workshop,
  { length, chunk, chunks }: Pass,
  { sources, targets, isFirst, isLast }: Ends,
): Dispatch {
  const { elements } = library;
  const block = new Block();
  for (const [name, value] of Object.entries({ outer, length, inner, chunk, chunks }))
    block.add(name, "i32", { value });
  const texts: string[] = [];
  const bindings: Binding[] = [{ binding: 0, access: "uniform", source: 0 }];
  const blocks: (readonly Word[])[] = [block.words];
  let next = 1;
  const add = (pasted: ReturnType<typeof paste>): void => {
    texts.push(pasted.text);
    bindings.push(...pasted.bindings);
    blocks.push(pasted.block.words);
    next = pasted.next;
  };
  steps.forEach((fold, at) => {
    const own = String(at);
    const source = sources[at];
    if (isFirst && fold.prologue !== undefined)
      add(loaded(fold.prologue, slots, dtype, elements, `load${own}`, next, blocks.length));
    else if (source !== undefined) {
      block.add(`offset${own}`, "u32", { value: source.offset });
      add(plainLoad(source, dtype, elements, own, next));
    }
    const type = isLast ? fold.output.dtype : dtype;
    const after = isLast ? fold.epilogue : undefined;
    const storage = wgslStorageType(dtype);
    add(
      after === undefined
        ? plain(`fn epilogue${own}(value: ${storage}, index: u32) -> ${storage} { return value; }`, next)
        : paste(after, slots, `epilogue${own}`, dtype, next, blocks.length, elements),
    );
    const stored = elements.typeOf(type);
    texts.push(combination(fold, dtype, own), declared(next, "read_write", `output${own}`, stored));
    bindings.push({ binding: next, access: "write", source: targets[at] ?? -1 });
    next += 1;
  });
  const each = (text: (own: string) => string): string => steps.map((_, at) => text(String(at))).join("\n");
  // Two halves that share a word are made by one invocation, one after the other.
  const inWords = steps.flatMap(({ output }, at) => (isLast && isInPairs(elements, output.dtype) ? [String(at)] : []));
  const isPaired = inWords.length > 0;
  const stored = (own: string): string => {
    const value = `epilogue${own}(total${own}, u32(index))`;
    if (inWords.includes(own)) return `  word${own} |= half_bits(${value}) << (16u * side);`;
    const isHalf = isLast && steps[Number(own)]?.output.dtype === "f16";
    return `  output${own}[index] = ${isHalf ? `f16(${value})` : value};`;
  };
  const main = `${block.declare("numbers", 0)}
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
${isPaired ? pairHead(inWords) : singleHead}
  let row = index / numbers.inner;
  let start = row % numbers.chunks * numbers.chunk;
  let stop = min(start + numbers.chunk, numbers.length);
  let base = row / numbers.chunks * numbers.length * numbers.inner + index % numbers.inner;
${each((own) => `  var total${own} = identity${own}();`)}
  // Rounding errors grow with the length of a chain of additions, so chains are cut.
  for (var first = start; first < stop; first += 32) {
${each((own) => `    var part${own} = identity${own}();`)}
    for (var position = first; position < min(first + 32, stop); position++) {
      let place = u32(base + position * numbers.inner);
${each((own) => `      part${own} = combine${own}(part${own}, load${own}(place));`)}
    }
${each((own) => `    total${own} = combine${own}(total${own}, part${own});`)}
  }
${each((own) => stored(own))}
${isPaired ? pairFoot(inWords) : ""}
}`;
  const shared = boundOnce([...texts, main].join("\n"), bindings);
  return {
    label,
    text: library.link(shared.text, dtype),
    entry: "main",
    groups: Math.ceil((outer * chunks * inner) / (isPaired ? 128 : 64)),
    bindings: shared.bindings,
    blocks,
  };
}

const declared = (binding: number, access: "read" | "read_write", name: string, type: string): string =>
  `@group(0) @binding(${String(binding)}) var<storage, ${access}> ${name}: array<${type}>;`;

/** The index of an invocation's result. */
const singleHead = `  let index = i32(linear_workgroup(group, groups) * 64u + lane);
  if (index >= numbers.outer * numbers.chunks * numbers.inner) { return; }`;

/** The same for two results, with words for those of these folds. */
const pairHead = (
  folds: readonly string[],
): string => `  let begin = 2 * i32(linear_workgroup(group, groups) * 64u + lane);
  if (begin >= numbers.outer * numbers.chunks * numbers.inner) { return; }
${folds.map((own) => `  var word${own} = 0u;`).join("\n")}
  for (var side = 0u; side < 2u; side++) {
  let index = begin + i32(side);
  if (index >= numbers.outer * numbers.chunks * numbers.inner) { break; }`;

const pairFoot = (folds: readonly string[]): string => `  }
${folds.map((own) => `  output${own}[begin / 2] = word${own};`).join("\n")}`;

function plainLoad(
  { slot, dtype }: Source,
  to: DType,
  elements: Elements,
  own: string,
  binding: number,
): ReturnType<typeof paste> {
  const [type, wanted] = [elements.typeOf(dtype), wgslStorageType(to)];
  const place = `numbers.offset${own} + index`;
  const element = dtype === "f16" ? elements.read(`input${own}`, place, dtype) : `input${own}[${place}]`;
  const value = dtype === "f16" || type === wanted ? element : `${wanted}(${element})`;
  const text = `${declared(binding, "read", `input${own}`, type)}
fn load${own}(index: u32) -> ${wanted} { return ${value}; }`;
  return { ...plain(text, binding + 1), bindings: [{ binding, access: "read", source: slot }] };
}

/** The operation of a fold under names of its own. */
function combination({ combiner }: ReduceStep, dtype: DType, own: string): string {
  return combineText(combiner, dtype)
    .replace("fn identity(", `fn identity${own}(`)
    .replace("fn combine(", `fn combine${own}(`);
}

/** The text with every tensor that is read bound once: later names for it become the first one. */
function boundOnce(
  text: string,
  bindings: readonly Binding[],
): { readonly text: string; readonly bindings: readonly Binding[] } {
  const known = new Map<string, string>();
  let result = text;
  const kept = bindings.filter(({ binding, access, source }) => {
    if (access !== "read") return true;
    const declaration = arrayAt(result, binding);
    if (declaration === undefined) return true;
    const { text: line, name, type } = declaration;
    const key = `${String(source)} ${type}`;
    const first = known.get(key);
    if (first === undefined) {
      known.set(key, name);
      return true;
    }
    result = result.replace(line, "").replace(new RegExp(`\\b${name}\\b`, "g"), first);
    return false;
  });
  return { text: result, bindings: kept };
}
