// Writes the shader of a map step: one invocation an element, out[place] = expression(inputs[place]…), for every result.
// Where a result is stored as halves in words an invocation computes two elements, since it has to write a whole word of them.
// Its text depends on the expressions, the types and the layout classes; sizes are in the uniform block.
// Read next: ../wgsl/operands.ts, which finds the elements, and expr/to-wgsl.ts, which prints the expressions.
import type { DType } from "../../../core/dtype.ts";
import { BackendError } from "../../../core/errors.ts";
import { sizeOf } from "../../../core/shape.ts";
import { input } from "../../../expr/expression.ts";
import { cast } from "../../../expr/primitives/logic.ts";
import { allToWGSL } from "../../../expr/to-wgsl.ts";
import { resultsOf } from "../../../graph/join-maps.ts";
import type { KernelStep, MapResult, MapStep, Slot, SlotView } from "../../../graph/step.ts";
import { whole } from "../../../graph/step.ts";
import type { GPULimits } from "../device/description.ts";
import { partBytes, partCount, partWords, wordBytes } from "../memory/parts.ts";
import { elementsOfWord, wordsOf } from "../memory/words.ts";
import type { Elements } from "../wgsl/elements.ts";
import { halvesInPairs, unrounded } from "../wgsl/elements.ts";
import type { Binding, Dispatch } from "../wgsl/operands.ts";
import { Block, isLinear, Operands } from "../wgsl/operands.ts";
import type { Workshop } from "./dispatches.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";

/** Invocations of a workgroup of generated shaders. */
const workgroupSize = 256;

/** The dispatches of a map step over at least one element: one, or several where too many operands lie in parts. */
export function mapDispatches(
  step: MapStep,
  slots: readonly Slot[],
  library: ShaderLibrary,
  limits: GPULimits,
): Dispatch[] {
  const size = sizeOf(step.shape);
  const views = [...step.inputs, ...resultsOf(step).map(({ output }) => output)];
  const isTensor = ({ slot }: SlotView): boolean => slots[slot]?.kind !== "scalar";
  const cut = views.filter((view) => isTensor(view) && partsOf(slots[view.slot], limits) > 1);
  const buffers = new Set(views.filter(isTensor).map(({ slot }) => slot));
  let bindings = buffers.size;
  for (const slot of new Set(cut.map((view) => view.slot))) bindings += partsOf(slots[slot], limits) - 1;
  if (bindings <= limits.maxStorageBuffers) return [mapDispatch(step, slots, library, [0, size])];
  // What does not fit in parts either is refused before it is cut.
  for (const { slot } of cut) partBytes(step.label, wordsOf(slots[slot]!) * wordBytes, limits);
  // Cut where any operand that is walked element by element goes over to its next part.
  const ends = new Set([size]);
  for (const { strides, offset, dtype } of cut) {
    if (!isLinear(step.shape, strides)) continue;
    const whole = elementsOfPart(dtype, limits);
    // Words of halves stay whole.
    for (let end = whole - (offset % whole); end < size; end += whole) ends.add(end - (end % 2));
  }
  const sorted = [0, ...[...ends].sort((a, b) => a - b)];
  return sorted.slice(1).map((end, at): Dispatch => {
    const range = [sorted[at] ?? 0, end] as const;
    const dispatch = mapDispatch(step, slots, library, range);
    return { ...dispatch, bindings: dispatch.bindings.map((binding) => within(binding, step, views, range, limits)) };
  });
}

/** The launches of a kernel that cannot store its result of `size` halves: in f32, then rounded by another. */
export function convertedBehind(
  step: KernelStep,
  slots: readonly Slot[],
  { library, limits, temporary }: Workshop,
  size: number,
  make: (step: KernelStep) => Dispatch[],
): Dispatch[] {
  const raw = temporary("f32", size);
  const rounding: MapStep = {
    ...{ kind: "map", label: step.label, shape: [size] },
    expression: cast(input(0, "f32"), "f16"),
    inputs: [whole(raw, "f32")],
    output: { slot: step.outputs[0]?.slot ?? -1, dtype: "f16", offset: 0, strides: [1] },
  };
  return [...make({ ...step, outputs: [whole(raw, "f32")] }), ...mapDispatches(rounding, slots, library, limits)];
}

/** The binding narrowed to the parts that elements of a range lie in, where all its views are walked element by element. */
function within(
  binding: Binding,
  { shape }: MapStep,
  views: readonly SlotView[],
  [from, to]: readonly [number, number],
  limits: GPULimits,
): Binding {
  const own = binding.access === "uniform" ? [] : views.filter(({ slot }) => slot === binding.source);
  if (own.length === 0 || !own.every(({ strides }) => isLinear(shape, strides))) return binding;
  const whole = elementsOfPart(own[0]?.dtype ?? "f32", limits);
  const first = Math.min(...own.map(({ offset }) => Math.floor((offset + from) / whole)));
  const last = Math.max(...own.map(({ offset }) => Math.floor((offset + to - 1) / whole)));
  return { ...binding, range: [first, last] };
}

const partsOf = (slot: Slot | undefined, limits: GPULimits): number =>
  slot === undefined ? 1 : partCount(wordsOf(slot), limits);

const elementsOfPart = (dtype: DType, limits: GPULimits): number => partWords(limits) * elementsOfWord(dtype);

/** Results in halves that are whole buffers are written in whole words: fewer and wider accesses to memory. */
function elementsFor(step: MapStep, { elements }: ShaderLibrary): Elements {
  const halves = resultsOf(step).filter(({ output }) => output.dtype === "f16");
  const isInWords = halves.length > 0 && halves.every(({ output }) => isWhole(step, output));
  return elements.hasHalves && isInWords ? halvesInPairs : elements;
}

/** The dispatch for the elements from the first number to below the second. */
function mapDispatch(
  step: MapStep,
  slots: readonly Slot[],
  library: ShaderLibrary,
  [from, to]: readonly [number, number],
): Dispatch {
  const elements = elementsFor(step, library);
  const block = new Block();
  const operands = new Operands(step.shape, block, "parameters", "x", elements);
  block.add("start", "u32", { value: from });
  block.add("size", "u32", { value: to });
  const inputs = step.inputs.map((view) => operands.read(view, slots[view.slot]));
  const results = resultsOf(step);
  const places = results.map(({ output }) => operands.place(output));
  const body = allToWGSL(
    results.map(({ expression }) => unrounded(expression)),
    inputs,
  );
  const count = operands.slots.length;
  const outputs = [...new Set(results.map(({ output }) => output.slot))];
  const nameOf = (slot: number): string => `output${String(outputs.indexOf(slot))}`;
  const declarations = outputs.map((slot, at) => {
    const dtype = results.find(({ output }) => output.slot === slot)?.output.dtype ?? "f32";
    return `@group(0) @binding(${String(count + at)}) var<storage, read_write> ${nameOf(slot)}: array<${elements.typeOf(dtype)}>;`;
  });
  const last = count + outputs.length;
  const isInWords = ({ output }: MapResult): boolean => output.dtype === "f16" && !elements.hasHalves;
  const inWords = results.filter(isInWords);
  const statements = [
    ...operands.coordinates(),
    ...body.lines,
    ...results.map((result, at) => {
      const { output } = result;
      const value = elements.stored(body.results[at] ?? "", output.dtype);
      const name = nameOf(output.slot);
      return isInWords(result)
        ? `${name}Word |= ${value} << (16u * side);`
        : `${name}[${places[at] ?? ""}] = ${value};`;
    }),
  ];
  const isPaired = inWords.length > 0;
  const words = inWords.map(({ output }) => nameOf(output.slot));
  for (const { output } of inWords) requireWhole(step, output);
  const text = `${operands.declare(0)}
${declarations.join("\n")}
${block.declare("parameters", last)}
@compute @workgroup_size(${String(workgroupSize)})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
${isPaired ? pairBody(statements, words) : singleBody(statements)}
}
`;
  return {
    label: step.label,
    text: library.link(text, step.output.dtype),
    entry: "main",
    groups: Math.ceil((to - from) / ((isPaired ? 2 : 1) * workgroupSize)),
    bindings: [
      ...operands.bindings(0),
      ...outputs.map((slot, at): Binding => ({ binding: count + at, access: "write", source: slot })),
      { binding: last, access: "uniform", source: 0 },
    ],
    blocks: [block.words],
  };
}

const position = `linear_workgroup(group, groups) * ${String(workgroupSize)}u + lane`;

/** One element for an invocation. */
function singleBody(statements: readonly string[]): string {
  return `  let index = parameters.start + ${position};
  if (index >= parameters.size) {
    return;
  }
${statements.map((line) => `  ${line}`).join("\n")}`;
}

/** Two elements for an invocation; it gathers the bits of halves for the arrays `words` and writes each a word. */
function pairBody(statements: readonly string[], words: readonly string[]): string {
  return `  let first = parameters.start + 2u * (${position});
  if (first >= parameters.size) {
    return;
  }
${words.map((name) => `  var ${name}Word = 0u;`).join("\n")}
  for (var side = 0u; side < 2u; side++) {
    let index = first + side;
    if (index >= parameters.size) {
      break;
    }
${statements.map((line) => `    ${line}`).join("\n")}
  }
${words.map((name) => `  ${name}[first >> 1u] = ${name}Word;`).join("\n")}`;
}

const isWhole = ({ shape }: MapStep, { offset, strides }: SlotView): boolean =>
  offset === 0 && isLinear(shape, strides);

/** Where two halves share a word results are whole buffers: lowering sees to it. */
function requireWhole(step: MapStep, output: SlotView): void {
  if (isWhole(step, output)) return;
  throw new BackendError(
    step.label,
    "halves are written in whole words: this is a defect of athanor; please report it",
  );
}
