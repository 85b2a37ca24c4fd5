// How a row kernel finds its operands: bindings, and the place of the element at (row, column) in each view.
// Offsets, strides and extents are numbers of the uniform block, as in ../wgsl/operands.ts; what depends on the row alone is computed
// once for a row. Knows no expressions. Read next: row-shader.ts; ../../../graph/row-view.ts, which cuts views into rows.
import type { DType } from "../../../core/dtype.ts";
import type { Rows, Walk } from "../../../graph/row-view.ts";
import { isDense, isStill, splitView } from "../../../graph/row-view.ts";
import type { Slot, SlotView } from "../../../graph/step.ts";
import type { Elements } from "../wgsl/elements.ts";
import type { Binding, Block } from "../wgsl/operands.ts";
import { addScalar } from "../wgsl/operands.ts";

/** An operand as text, and whether it differs within a row. */
export interface RowOperand {
  readonly text: string;
  readonly dtype: DType;
  readonly isWide: boolean;
}

interface Bound {
  readonly slot: number;
  readonly dtype: DType;
  readonly name: string;
  readonly isWritten: boolean;
}

/** Text made here speaks of `row` and, within a row, of `column`; the uniform block is called `numbers`. */
export class RowOperands {
  /** Statements that must stand where `row` is known, before any of the texts. */
  readonly lines: string[] = [];
  readonly #bound: Bound[] = [];
  readonly #known = new Map<string, RowOperand>();
  readonly #frame: Rows;
  readonly #block: Block;
  readonly #elements: Elements;
  #places = 0;

  constructor(frame: Rows, block: Block, elements: Elements) {
    this.#frame = frame;
    this.#block = block;
    this.#elements = elements;
  }

  /** The value of a view walked along `shape`, as a register value; the same view has the same text. */
  read(view: SlotView, shape: readonly number[], slot: Slot | undefined): RowOperand {
    const split = this.#split(view, shape);
    const key = JSON.stringify([view.slot, view.offset, split.lead, split.trail]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#read(view, shape, slot);
    this.#known.set(key, made);
    return made;
  }

  /** Where a result walked along `shape` is written: the text before the assignment. */
  write(view: SlotView, shape: readonly number[]): string {
    return `${this.#bind(view, true)}[${this.#place(view, shape)}]`;
  }

  #read(view: SlotView, shape: readonly number[], slot: Slot | undefined): RowOperand {
    if (slot?.kind === "scalar") {
      const name = `scalar${String(this.#places++)}`;
      return { text: addScalar(this.#block, "numbers", name, slot), dtype: view.dtype, isWide: false };
    }
    const name = this.#bind(view, false);
    const isWide = !isStill(this.#split(view, shape).trail);
    return { text: this.#elements.read(name, this.#place(view, shape), view.dtype), dtype: view.dtype, isWide };
  }

  #split(view: SlotView, shape: readonly number[]): { readonly lead: Walk; readonly trail: Walk } {
    const split = splitView(shape, view.strides, this.#frame);
    if (split === undefined) throw new RangeError("a row kernel was given a view that does not go along its rows");
    return split;
  }

  #bind({ slot, dtype }: SlotView, isWritten: boolean): string {
    const known = this.#bound.find((bound) => bound.slot === slot);
    if (known !== undefined) return known.name;
    const name = `${isWritten ? "output" : "x"}${String(this.#bound.length)}`;
    this.#bound.push({ slot, dtype, name, isWritten });
    return name;
  }

  #place(view: SlotView, shape: readonly number[]): string {
    const { lead, trail } = this.#split(view, shape);
    const own = String(this.#places++);
    this.#block.add(`offset${own}`, "u32", { value: view.offset });
    const start = [`numbers.offset${own}`, ...this.#steps(lead, "row", `lead${own}`)];
    this.lines.push(`let start${own} = ${start.join(" + ")};`);
    const within = isDense(trail) && !isStill(trail) ? ["column"] : this.#steps(trail, "column", `trail${own}`);
    return [`start${own}`, ...within].join(" + ");
  }

  /** What each axis of a walk adds, from the number of the element in it. */
  #steps(walk: Walk, position: string, name: string): string[] {
    if (isStill(walk)) return [];
    let rest = position;
    const terms: string[] = [];
    for (let axis = walk.shape.length - 1; axis >= 0; axis--) {
      const stride = `${name}Stride${String(axis)}`;
      this.#block.add(stride, "u32", { value: walk.strides[axis] ?? 0 });
      if (axis === 0) terms.push(`${rest} * numbers.${stride}`);
      else {
        const extent = `${name}Extent${String(axis)}`;
        this.#block.add(extent, "u32", { value: walk.shape[axis] ?? 1 });
        terms.push(`${rest} % numbers.${extent} * numbers.${stride}`);
        rest = `(${rest} / numbers.${extent})`;
      }
    }
    return terms;
  }

  /** Declarations of the bindings. */
  declare(): string {
    return this.#bound
      .map(
        ({ name, dtype, isWritten }, at) =>
          `@group(0) @binding(${String(at)}) var<storage, ${isWritten ? "read_write" : "read"}> ${name}: array<${this.#elements.typeOf(dtype)}>;`,
      )
      .join("\n");
  }

  /** The bindings declared by `declare`. */
  bindings(): Binding[] {
    return this.#bound.map(({ slot, isWritten }, at) => ({
      binding: at,
      access: isWritten ? "write" : "read",
      source: slot,
    }));
  }
}
