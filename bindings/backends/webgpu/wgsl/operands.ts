// How the elementwise parts of a shader find their operands: bindings, a uniform block of numbers, and index arithmetic.
// Shapes, strides and offsets are numbers in the block, never text, so one pipeline serves every size of a layout class:
// a scalar of the run (from the block), one element for all, the linear index itself, or strides over the step's axes.
// Knows expressions only through to-wgsl.ts. Read next: ../kernels/map-shader.ts, ../kernels/reduce-shader.ts, ../kernels/kernel-shader.ts.
import type { DType } from "../../../core/dtype.ts";
import { isContiguous } from "../../../core/layout.ts";
import { sizeOf } from "../../../core/shape.ts";
import { fromStorage, wgslStorageType } from "../../../expr/to-wgsl.ts";
import type { Slot, SlotView } from "../../../graph/step.ts";
import type { Elements } from "./elements.ts";

/** A 32-bit word of a uniform block: known when compiling, or a number the caller binds at every run. */
export type Word = { readonly value: number } | { readonly scalar: number; readonly dtype: DType };

/** A buffer a dispatch sees. */
export interface Binding {
  readonly binding: number;
  readonly access: "read" | "write" | "uniform";
  /** The slot bound, or the index of the uniform block. */
  readonly source: number;
  /** Which part of a slot that lies in several buffers; the first when absent. */
  readonly part?: number;
  /** The first and last part that the dispatch touches; all when absent. */
  readonly range?: readonly [number, number];
}

/** One launch, ready to be compiled. */
export interface Dispatch {
  readonly label: string;
  /** The step of the segment it belongs to. */
  readonly step?: number;
  readonly text: string;
  readonly entry: string;
  readonly groups: number;
  readonly bindings: readonly Binding[];
  /** Present where it only makes another form of an input: what it writes to the slot `target` may be kept for the next run. */
  readonly form?: { readonly key: string; readonly input: number; readonly target: number };
  /** Uniform blocks, by `Binding.source`. */
  readonly blocks: readonly (readonly Word[])[];
}

/** The fields of a uniform block while a shader is being written. */
export class Block {
  readonly words: Word[] = [];
  readonly #fields: string[] = [];

  /** Adds a field. */
  add(name: string, type: string, word: Word): void {
    this.#fields.push(`  ${name}: ${type},`);
    this.words.push(word);
  }

  /** The struct and the variable; nothing where the block has no fields. */
  declare(name: string, binding: number): string {
    if (this.words.length === 0) return "";
    const type = name.charAt(0).toUpperCase() + name.slice(1);
    return `struct ${type} {\n${this.#fields.join("\n")}\n}\n@group(0) @binding(${String(binding)}) var<uniform> ${name}: ${type};`;
  }
}

/** Whether a view with these strides is walked element by element. */
export function isLinear(shape: readonly number[], strides: readonly number[]): boolean {
  return isContiguous({ shape, strides, offset: 0 });
}

/** Adds a number of the run to a block; returns the text of its value. A half is told as the f32 that it is. */
export function addScalar(
  block: Block,
  blockName: string,
  name: string,
  slot: Slot & { readonly kind: "scalar" },
): string {
  const dtype = slot.dtype === "f16" ? "f32" : slot.dtype;
  block.add(name, wgslStorageType(dtype), { scalar: slot.index, dtype: slot.dtype });
  return fromStorage(`${blockName}.${name}`, dtype);
}

type LayoutClass = "single" | "linear" | "strided";

function classOf(shape: readonly number[], view: SlotView): LayoutClass {
  if (view.strides.every((stride, axis) => stride === 0 || shape[axis] === 1)) return "single";
  return isLinear(shape, view.strides) ? "linear" : "strided";
}

/**
 * The operands of one expression over one shape. Text made here speaks of `index`, the linear position in the shape, as u32,
 * and of the fields of `block`, whose WGSL name is `blockName`.
 */
export class Operands {
  /** Distinct slots in the order of their bindings; a slot that is read in two ways is bound once. */
  readonly slots: number[] = [];
  readonly #dtypes: DType[] = [];
  readonly #views: { readonly view: SlotView; readonly place: string }[] = [];
  readonly #shape: readonly number[];
  readonly #block: Block;
  readonly #blockName: string;
  readonly #prefix: string;
  readonly #elements: Elements;
  #hasCoordinates = false;

  constructor(shape: readonly number[], block: Block, blockName: string, prefix: string, elements: Elements) {
    this.#shape = shape;
    this.#block = block;
    this.#blockName = blockName;
    this.#prefix = prefix;
    this.#elements = elements;
  }

  /** Number of elements of the shape. */
  get size(): number {
    return sizeOf(this.#shape);
  }

  /** Adds an input and returns the text of its value as a register value. */
  read(view: SlotView, slot: Slot | undefined): string {
    if (slot?.kind === "scalar") {
      const name = `${this.#prefix}Scalar${String(this.#views.length)}`;
      this.#views.push({ view, place: "" });
      return addScalar(this.#block, this.#blockName, name, slot);
    }
    let at = this.slots.indexOf(view.slot);
    if (at < 0) {
      at = this.slots.push(view.slot) - 1;
      this.#dtypes.push(view.dtype);
    }
    return this.#elements.read(`${this.#prefix}${String(at)}`, this.place(view), view.dtype);
  }

  /** The position of the current element in a view, as u32 text. */
  place(view: SlotView): string {
    const name = `${this.#prefix}Offset${String(this.#views.length)}`;
    const layout = classOf(this.#shape, view);
    const field = (key: string): string => `${this.#blockName}.${key}`;
    this.#block.add(name, "u32", { value: view.offset });
    let place = field(name);
    if (layout === "linear") place += " + index";
    if (layout === "strided") {
      this.#addCoordinates();
      view.strides.forEach((stride, axis) => {
        const key = `${this.#prefix}Stride${String(this.#views.length)}${letter(axis)}`;
        // Two's complement: a negative stride is added modulo 2^32.
        this.#block.add(key, "u32", { value: stride });
        place += ` + ${this.#prefix}At${String(axis)} * ${field(key)}`;
      });
    }
    this.#views.push({ view, place });
    return place;
  }

  /** Statements that must stand before the texts of `read` and `place`: the coordinates, where an operand is strided. */
  coordinates(): string[] {
    if (!this.#hasCoordinates) return [];
    const lines: string[] = [];
    const last = this.#shape.length - 1;
    let rest = "index";
    for (let axis = last; axis > 0; axis--) {
      const extent = `${this.#blockName}.${this.#prefix}Extent${String(axis)}`;
      const next = `${this.#prefix}Rest${String(axis)}`;
      lines.push(
        `let ${next} = ${rest} / ${extent};`,
        `let ${this.#prefix}At${String(axis)} = ${rest} - ${next} * ${extent};`,
      );
      rest = next;
    }
    lines.push(`let ${this.#prefix}At0 = ${rest};`);
    return lines;
  }

  /** Declarations of the bindings, from number `first` on. */
  declare(first: number): string {
    return this.slots
      .map((_, at) => {
        const type = this.#elements.typeOf(this.#dtypes[at] ?? "f32");
        return `@group(0) @binding(${String(first + at)}) var<storage, read> ${this.#prefix}${String(at)}: array<${type}>;`;
      })
      .join("\n");
  }

  /** The bindings declared by `declare`. */
  bindings(first: number): Binding[] {
    return this.slots.map((slot, at) => ({ binding: first + at, access: "read", source: slot }));
  }

  #addCoordinates(): void {
    if (this.#hasCoordinates) return;
    this.#hasCoordinates = true;
    this.#shape.forEach((extent, axis) => {
      if (axis > 0) this.#block.add(`${this.#prefix}Extent${String(axis)}`, "u32", { value: extent });
    });
  }
}

function letter(axis: number): string {
  return String.fromCharCode(97 + axis);
}
