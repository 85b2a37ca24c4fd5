// Tensors larger than a buffer may be lie in several: parts of a power of two of words each, the last one shorter. This is
// how a tensor is cut, and how a shader that was written for one array sees the parts.
// Read next: ../wgsl/uses.ts, which finds the array in a text; ../kernels/dispatches.ts, storage.ts.
import { showBytes } from "../../../core/bytes.ts";
import { BackendError } from "../../../core/errors.ts";
import type { Slot } from "../../../graph/step.ts";
import type { GPULimits } from "../device/description.ts";
import { largestBuffer } from "../device/limits.ts";
import type { Binding, Dispatch } from "../wgsl/operands.ts";
import { arrayAt, withUses } from "../wgsl/uses.ts";
import { wordsOf } from "./words.ts";

/** Bytes of a word: an element, or two halves. */
export const wordBytes = 4;

/** Parts of a tensor at most: a shader sees few buffers. */
export const mostParts = 4;

/** Words of a whole part. */
export function partWords(limits: GPULimits): number {
  return 2 ** Math.floor(Math.log2(largestBuffer(limits) / wordBytes));
}

/** In how many parts so many words lie. */
export function partCount(words: number, limits: GPULimits): number {
  return words * wordBytes <= largestBuffer(limits) ? 1 : Math.ceil(words / partWords(limits));
}

/** Bytes of each part of a tensor. Throws a BackendError for one that is too large in parts, too. */
export function partBytes(op: string, bytes: number, limits: GPULimits): number[] {
  const count = partCount(bytes / wordBytes, limits);
  if (count === 1) return [bytes];
  const whole = partWords(limits) * wordBytes;
  if (count > mostParts) {
    throw new BackendError(
      op,
      `a buffer of ${showBytes(bytes)} is more than this GPU allows (${String(mostParts)} pieces of ${showBytes(whole)}). Split the tensor, or compute it on the CPU: withDevice("wasm", …)`,
    );
  }
  return Array.from({ length: count }, (_, part) => Math.min(whole, bytes - part * whole));
}

/** Elements that shaders other than elementwise ones can count: they do so in i32, and add a chunk or two before they compare. */
const mostCounted = 2 ** 31 - 2 ** 20;

/** Why no shader can walk so many elements; undefined if one can. Operands that are spread may have more than any buffer. */
export function refusesCount(elements: number): string | undefined {
  if (elements <= mostCounted) return undefined;
  return `a shader counts ${String(mostCounted)} elements at most, these are ${String(elements)}`;
}

/** Why a kernel cannot see tensors of so many words at once; undefined if it can. */
export function refusesSizes(sizes: readonly number[], isElementwise: boolean, limits: GPULimits): string | undefined {
  const counts = sizes.map((size) => partCount(size, limits));
  const largest = Math.max(...sizes);
  if (counts.some((count) => count > mostParts))
    return `a tensor of ${showBytes(largest * wordBytes)} is more than this GPU allows`;
  if (!isElementwise && largest > mostCounted) return refusesCount(largest);
  const all = counts.reduce((sum, count) => sum + count, 0);
  // With nothing in parts the limit was kept when kernels were put together.
  if (isElementwise || all === sizes.length || all <= limits.maxStorageBuffers) return undefined;
  return `its tensors lie in ${String(all)} buffers, and this GPU shows a shader ${String(limits.maxStorageBuffers)}`;
}

/** The dispatch with every array that lies in parts read and written part by part. */
export function inParts(dispatch: Dispatch, slots: readonly Slot[], limits: GPULimits): Dispatch {
  let { text } = dispatch;
  const bindings: Binding[] = [];
  let next = Math.max(...dispatch.bindings.map(({ binding }) => binding)) + 1;
  for (const own of dispatch.bindings) {
    const slot = own.access === "uniform" ? undefined : slots[own.source];
    const count = slot === undefined ? 1 : partCount(wordsOf(slot), limits);
    if (count === 1) {
      bindings.push(own);
      continue;
    }
    const [first, last] = own.range ?? [0, count - 1];
    const parts = Array.from({ length: last - first + 1 }, (_, at) => ({
      binding: at === 0 ? own.binding : next++,
      part: first + at,
    }));
    for (const part of parts) bindings.push({ ...own, ...part });
    text = cut(text, own, parts, Math.log2(partWords(limits)));
  }
  return text === dispatch.text ? dispatch : { ...dispatch, text, bindings };
}

/** A part of an array and its binding. */
interface Part {
  readonly binding: number;
  readonly part: number;
}

/** The text with the array at a binding cut into parts of 2^shift words. */
function cut(text: string, { binding, access }: Binding, numbers: readonly Part[], shift: number): string {
  const declaration = arrayAt(text, binding);
  if (declaration === undefined) return text;
  const { name, type } = declaration;
  const bits = type === "f16" ? shift + 1 : shift;
  const mode = access === "read" ? "read" : "read_write";
  const parts = numbers.map(
    ({ binding: number, part }) =>
      `@group(0) @binding(${String(number)}) var<storage, ${mode}> ${name}_${String(part)}: array<${type}>;`,
  );
  const cases = (body: (part: string) => string): string =>
    numbers
      .map(
        ({ part }) =>
          `    case ${String(part)}u: { ${body(`${name}_${String(part)}[i & ${String(2 ** bits - 1)}u]`)} }`,
      )
      .join("\n");
  const read = `fn ${name}_read(i: u32) -> ${type} {
  switch i >> ${String(bits)}u {
${cases((element) => `return ${element};`)}
    default: { return ${type}(); }
  }
}`;
  const write = `fn ${name}_write(i: u32, value: ${type}) {
  switch i >> ${String(bits)}u {
${cases((element) => `${element} = value;`)}
    default: { }
  }
}`;
  const rest = withUses(text.replace(declaration.text, ""), name, {
    read: (index) => `${name}_read(u32(${index}))`,
    write: (index, value) => `${name}_write(u32(${index}), ${value})`,
  });
  return [...parts, read, ...(access === "write" ? [write] : []), rest].join("\n");
}
