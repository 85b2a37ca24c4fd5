// Writes the shader of a row kernel: some invocations for each row, which walk over it phase by phase, put their folds together
// in the memory of the workgroup, and keep in registers what a later phase needs again, where a row is short enough for that.
// Its text depends on the expressions, the types, and how a row is shared out; sizes are in the uniform block.
// Read next: row-program.ts, which finds the phases; row-operands.ts; ../variants/folds.ts, which shares out rows.
import type { Expression } from "../../../expr/expression.ts";
import { letOf, toStorage, wgslStorageType, wgslType } from "../../../expr/to-wgsl.ts";
import type { RowKernelStep, Slot } from "../../../graph/step.ts";
import type { SharedRows } from "../variants/folds.ts";
import { workgroupOf } from "../variants/folds.ts";
import type { Parts } from "../wgsl/across.ts";
import {
  acrossText,
  hasSubgroupFold,
  subgroupParameters,
  threadOf,
  togetherBySubgroups,
  togetherInMemory,
  togetherInSubgroup,
} from "../wgsl/across.ts";
import type { Elements } from "../wgsl/elements.ts";
import type { Dispatch } from "../wgsl/operands.ts";
import { Block } from "../wgsl/operands.ts";
import type { ShaderLibrary } from "../wgsl/shader-library.ts";
import { combineText } from "./reduce-shader.ts";
import { RowOperands } from "./row-operands.ts";
import type { Fold } from "./row-program.ts";
import { RowProgram } from "./row-program.ts";

/** Words that an invocation keeps from phase to phase, and elements of a row that are its own, at most. */
const mostKept = 32;
const mostElements = 16;
/** Operations from which on a value is rather kept than computed again. */
const worthKeeping = 5;
/** Additions in a row, beyond which they are cut into blocks: rounding errors grow with the length of a chain. */
const blockLength = 32;

/** The dispatch of a row kernel. */
export function rowDispatch(
  step: RowKernelStep,
  slots: readonly Slot[],
  library: ShaderLibrary,
  wanted: SharedRows,
): Dispatch {
  const folds = step.steps.filter((own) => own.kind === "reduce");
  const usesSubgroups = wanted.usesSubgroups && folds.every(({ dtype }) => hasSubgroupFold(dtype));
  const variant = { ...wanted, usesSubgroups };
  const { hasSubgroupId } = library;
  const block = new Block();
  block.add("rows", "u32", { value: step.rows });
  block.add("length", "u32", { value: step.length });
  const operands = new RowOperands(step, block, library.elements);
  const program = new RowProgram(step, slots, operands);
  const size = workgroupOf(variant.lanes);
  const body = new Body(program, variant, step.length, library.elements);
  body.write();
  const bindings = operands.bindings();
  const text = `${operands.declare()}
${block.declare("numbers", bindings.length)}
const LANES = ${String(variant.lanes)}u;
const SIZE = ${String(size)}u;
${program.folds.map((fold, at) => foldText(fold, at, variant)).join("\n")}
@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,${usesSubgroups ? subgroupParameters(hasSubgroupId) : ""}
) {
  let thread = ${usesSubgroups ? threadOf(hasSubgroupId) : "invocation"};
  let lane = thread % LANES;
  let own = linear_workgroup(group, groups) * (SIZE / LANES) + thread / LANES;
  // Invocations without a row go along with the others, for barriers are for all, and store nothing.
  let isRow = own < numbers.rows;
  let row = select(0u, own, isRow);
${[...operands.lines, ...body.lines].map((line) => `  ${line}`).join("\n")}
}
`;
  return {
    label: step.label,
    text: library.link(text, "f32"),
    entry: "main",
    groups: Math.ceil(step.rows / (size / variant.lanes)),
    bindings: [...bindings, { binding: bindings.length, access: "uniform", source: 0 }],
    blocks: [block.words],
  };
}

/** The operation of a fold under names of its own, and the memory in which its parts meet. */
function foldText({ combiner, dtype }: Fold, at: number, { lanes, usesSubgroups }: SharedRows): string {
  const type = wgslStorageType(dtype);
  const own = combineText(combiner, dtype)
    .replace(/\b(identity|combine)\(/g, `$1${String(at)}(`)
    .replaceAll("Scalar", type);
  const isWhole = lanes === workgroupOf(lanes);
  const across = usesSubgroups && isWhole ? acrossText({ suffix: String(at), combiner, dtype }) : "";
  const hasMemory = lanes > 1 && (isWhole || !usesSubgroups);
  const memory = hasMemory ? `var<workgroup> meeting${String(at)}: array<${type}, SIZE>;` : "";
  return [own, across, memory].filter((part) => part !== "").join("\n");
}

/** The statements of a row kernel. */
class Body {
  readonly lines: string[] = [];
  readonly #elements: Elements;
  readonly #program: RowProgram;
  readonly #variant: SharedRows;
  /** Elements of each invocation, rounded up to a power of two. */
  readonly #perLane: number;
  /** Names of what is the same for a whole row. */
  readonly #names = new Map<Expression, string>();
  /** What is kept from the phase that makes it, with the number of its array. */
  readonly #kept: ReadonlyMap<Expression, number>;
  /** The phase that computes a value first. */
  readonly #firsts = new Map<Expression, number>();
  #next = 0;

  constructor(program: RowProgram, variant: SharedRows, length: number, elements: Elements) {
    this.#elements = elements;
    this.#program = program;
    this.#variant = variant;
    this.#perLane = 2 ** Math.ceil(Math.log2(Math.ceil(length / variant.lanes)));
    this.#kept = this.#findKept();
  }

  write(): void {
    for (const [expression, at] of this.#kept)
      this.lines.push(`var kept${String(at)}: array<${wgslType(expression.dtype)}, ${String(this.#perLane)}>;`);
    for (let phase = 0; phase < this.#program.phases; phase++) this.#phase(phase);
    const narrow = this.#program.stores.filter(({ isWide }) => !isWide);
    if (narrow.length === 0) return;
    for (const { value } of narrow) this.#nameRowValue(value);
    this.lines.push("if (isRow && lane == 0u) {");
    for (const { place, value, dtype } of narrow)
      this.lines.push(`  ${place} = ${this.#elements.stored(this.#names.get(value) ?? "", dtype)};`);
    this.lines.push("}");
  }

  /** What a phase has to compute for every element: the sources of its folds and what it stores. */
  #rootsOf(phase: number): Expression[] {
    const { folds, stores } = this.#program;
    return [
      ...folds.filter((fold) => fold.phase === phase).map(({ source }) => source),
      ...stores.filter((store) => store.isWide && store.phase === phase).map(({ value }) => value),
    ];
  }

  #findKept(): Map<Expression, number> {
    const kept = new Map<Expression, number>();
    for (let phase = 0; phase < this.#program.phases; phase++) {
      const seen = new Set<Expression>();
      const visit = (node: Expression): void => {
        if (seen.has(node) || !this.#program.natureOf(node).isWide) return;
        seen.add(node);
        const first = this.#firsts.get(node) ?? phase;
        this.#firsts.set(node, first);
        if (first < phase && (node.kind === "input" || this.#costOf(node) >= worthKeeping)) {
          if (!kept.has(node)) kept.set(node, kept.size);
        } else if (node.kind === "apply") node.operands.forEach(visit);
      };
      this.#rootsOf(phase).forEach(visit);
    }
    const isTooMuch = this.#perLane > mostElements || kept.size * this.#perLane > mostKept;
    return isTooMuch ? new Map<Expression, number>() : kept;
  }

  /** Operations that a value takes for every element. */
  #costOf(root: Expression): number {
    const seen = new Set<Expression>();
    const visit = (node: Expression): number => {
      if (node.kind !== "apply" || seen.has(node) || !this.#program.natureOf(node).isWide) return 0;
      seen.add(node);
      return node.operands.reduce((sum, operand) => sum + visit(operand), node.primitive.cost);
    };
    return visit(root);
  }

  #phase(phase: number): void {
    const { folds, stores } = this.#program;
    const own = folds.map((fold, at) => ({ fold, at: String(at) })).filter(({ fold }) => fold.phase === phase);
    const inside: string[] = [];
    const names = new Map<Expression, string>();
    const nameOf = (node: Expression): string => this.#nameElement(node, phase, names, inside);
    for (const { fold, at } of own) {
      const value = nameOf(fold.source);
      const type = wgslStorageType(fold.dtype);
      const stored = toStorage(value, fold.source.dtype);
      const converted = wgslStorageType(fold.source.dtype) === type ? stored : `${type}(${stored})`;
      inside.push(`fold${at} = combine${at}(fold${at}, ${converted});`);
    }
    const wide = stores.filter((store) => store.isWide && store.phase === phase);
    const assignments = wide.map(
      ({ place, value, dtype }) => `  ${place} = ${this.#elements.stored(nameOf(value), dtype)};`,
    );
    if (assignments.length > 0) inside.push("if (isRow) {", ...assignments, "}");
    for (const { at } of own) this.lines.push(`var fold${at} = identity${at}();`);
    const isCut = this.#kept.size === 0 && this.#perLane > blockLength && own.length > 0;
    if (isCut) {
      for (const { at } of own) this.lines.push(`var sum${at} = identity${at}();`);
      inside.push("filled += 1u;", `if (filled == ${String(blockLength)}u) {`, "  filled = 0u;");
      for (const { at } of own)
        inside.push(`  sum${at} = combine${at}(sum${at}, fold${at});`, `  fold${at} = identity${at}();`);
      inside.push("}");
    }
    this.#loop(inside, isCut);
    if (isCut) for (const { at } of own) this.lines.push(`fold${at} = combine${at}(sum${at}, fold${at});`);
    if (own.length > 0) this.#putTogether(own.map(({ fold, at }) => ({ ...fold, suffix: at })));
  }

  #loop(inside: readonly string[], isCut: boolean): void {
    if (this.#kept.size === 0) {
      if (isCut) this.lines.push("{", "var filled = 0u;");
      this.lines.push(
        "for (var column = lane; column < numbers.length; column += LANES) {",
        ...inside.map((line) => `  ${line}`),
        "}",
      );
      if (isCut) this.lines.push("}");
      return;
    }
    this.lines.push(
      `for (var at = 0u; at < ${String(this.#perLane)}u; at++) {`,
      "  let column = lane + at * LANES;",
      "  if (column < numbers.length) {",
      ...inside.map((line) => `    ${line}`),
      "  }",
      "}",
    );
  }

  /** The name of a value of an element in a phase, with the statements that compute it. */
  #nameElement(node: Expression, phase: number, names: Map<Expression, string>, inside: string[]): string {
    if (!this.#program.natureOf(node).isWide) return this.#nameRowValue(node);
    const known = names.get(node);
    if (known !== undefined) return known;
    const name = `e${String(this.#next++)}`;
    const kept = this.#kept.get(node);
    const first = this.#firsts.get(node) ?? phase;
    if (kept !== undefined && first < phase) {
      inside.push(`let ${name} = kept${String(kept)}[at];`);
    } else {
      if (node.kind === "apply") for (const operand of node.operands) this.#nameElement(operand, phase, names, inside);
      inside.push(letOf(name, node, this.#program.texts, new Map([...this.#names, ...names])));
      if (kept !== undefined) inside.push(`kept${String(kept)}[at] = ${name};`);
    }
    names.set(node, name);
    return name;
  }

  /** The name of a value that is the same for the whole row. */
  #nameRowValue(node: Expression): string {
    const known = this.#names.get(node);
    if (known !== undefined) return known;
    if (node.kind === "apply") for (const operand of node.operands) this.#nameRowValue(operand);
    const name = `r${String(this.#next++)}`;
    this.lines.push(letOf(name, node, this.#program.texts, this.#names));
    this.#names.set(node, name);
    return name;
  }

  /** Each fold of the invocations of a row as `total`, known to all of them. */
  #putTogether(folds: readonly Parts[]): void {
    const { lanes, usesSubgroups } = this.#variant;
    if (lanes === 1) this.lines.push(...folds.map(({ suffix: at }) => `let total${at} = fold${at};`));
    else if (!usesSubgroups) this.lines.push(...togetherInMemory(folds));
    else if (lanes === workgroupOf(lanes)) this.lines.push(...togetherBySubgroups(folds));
    else this.lines.push(...togetherInSubgroup(folds, lanes));
  }
}
