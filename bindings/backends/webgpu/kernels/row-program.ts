// The steps of a row kernel as expressions of a row's elements: what is loaded, folded and stored, and in which phase. A phase
// is a walk over the row; it makes the folds that need nothing but folds of earlier phases, and stores what is known by then.
// Knows expressions, no text of loops. Read next: row-operands.ts for what is loaded; row-shader.ts, which prints phases.
import type { DType } from "../../../core/dtype.ts";
import { sizeOf } from "../../../core/shape.ts";
import type { Expression } from "../../../expr/expression.ts";
import { input, substitute } from "../../../expr/expression.ts";
import { fromStorage } from "../../../expr/to-wgsl.ts";
import { resultsOf } from "../../../graph/join-maps.ts";
import type { MapStep, ReduceStep, RowKernelStep, Slot, SlotView } from "../../../graph/step.ts";
import { unrounded } from "../wgsl/elements.ts";
import type { RowOperand, RowOperands } from "./row-operands.ts";

/** A fold of a row. Its result is called `total` and its number. */
export interface Fold {
  readonly combiner: ReduceStep["combiner"];
  readonly dtype: DType;
  readonly source: Expression;
  readonly phase: number;
}

/** A result of the kernel: for every element of a row, or one for the row. */
export interface Store {
  readonly place: string;
  readonly dtype: DType;
  /** Of halves not rounded yet. */
  readonly value: Expression;
  readonly isWide: boolean;
  readonly phase: number;
}

/** What an expression depends on. */
interface Nature {
  readonly isWide: boolean;
  /** The first phase in which it can be computed. */
  readonly phase: number;
}

export class RowProgram {
  readonly folds: Fold[] = [];
  readonly stores: Store[] = [];
  /** The text of every input of the expressions. */
  readonly texts: string[] = [];
  readonly #leaves: Nature[] = [];
  readonly #inputs = new Map<string, Expression>();
  readonly #values = new Map<number, Expression>();
  readonly #natures = new Map<Expression, Nature>();
  readonly #step: RowKernelStep;
  readonly #slots: readonly Slot[];
  readonly #operands: RowOperands;

  constructor(step: RowKernelStep, slots: readonly Slot[], operands: RowOperands) {
    this.#step = step;
    this.#slots = slots;
    this.#operands = operands;
    for (const own of step.steps) {
      if (own.kind === "map") this.#map(own);
      else this.#fold(own);
    }
  }

  /** Walks over the row that it takes. */
  get phases(): number {
    const last = [...this.folds, ...this.stores.filter(({ isWide }) => isWide)].map(({ phase }) => phase + 1);
    return Math.max(0, ...last);
  }

  /** What an expression depends on. */
  natureOf(expression: Expression): Nature {
    const known = this.#natures.get(expression);
    if (known !== undefined) return known;
    let nature: Nature = { isWide: false, phase: 0 };
    if (expression.kind === "input") nature = this.#leaves[expression.index] ?? nature;
    if (expression.kind === "apply") {
      const own = expression.operands.map((operand) => this.natureOf(operand));
      nature = { isWide: own.some(({ isWide }) => isWide), phase: Math.max(0, ...own.map(({ phase }) => phase)) };
    }
    this.#natures.set(expression, nature);
    return nature;
  }

  #map(step: MapStep): void {
    const values = step.inputs.map((view) => this.#valueOf(view, step.shape));
    for (const { expression, output } of resultsOf(step))
      this.#store(output, step.shape, substitute(expression, values));
  }

  #fold(step: ReduceStep): void {
    const { rows, length } = this.#step;
    const source =
      step.input === undefined || step.prologue !== undefined
        ? this.#attached(step.prologue, [])
        : this.#valueOf({ ...step.input, strides: [length, 1] }, [rows, length]);
    if (source === undefined) throw new RangeError("a fold without a source");
    const { phase } = this.natureOf(source);
    const number = this.folds.push({ combiner: step.combiner, dtype: step.dtype, source, phase }) - 1;
    const total = this.#leaf(
      { text: fromStorage(`total${String(number)}`, step.dtype), dtype: step.dtype, isWide: false },
      phase + 1,
    );
    const value = this.#attached(step.epilogue, [total]) ?? total;
    this.#store({ ...step.output, strides: [1] }, [rows], value);
  }

  #attached(attachment: ReduceStep["prologue"], own: readonly Expression[]): Expression | undefined {
    if (attachment === undefined) return undefined;
    const others = attachment.inputs.map((view) => this.#valueOf(view, attachment.shape));
    return substitute(attachment.expression, [...own, ...others]);
  }

  #store(view: SlotView, shape: readonly number[], value: Expression): void {
    this.#values.set(view.slot, value);
    if (this.#step.hidden.includes(view.slot)) return;
    const isWide = sizeOf(shape) !== this.#step.rows;
    const { phase } = this.natureOf(value);
    const place = this.#operands.write(view, shape);
    this.stores.push({ place, dtype: view.dtype, value: unrounded(value), isWide, phase });
  }

  #valueOf(view: SlotView, shape: readonly number[]): Expression {
    return this.#values.get(view.slot) ?? this.#leaf(this.#operands.read(view, shape, this.#slots[view.slot]), 0);
  }

  #leaf({ text, dtype, isWide }: RowOperand, phase: number): Expression {
    const known = this.#inputs.get(text);
    if (known !== undefined) return known;
    const made = input(this.texts.push(text) - 1, dtype);
    this.#leaves.push({ isWide, phase });
    this.#inputs.set(text, made);
    return made;
  }
}
