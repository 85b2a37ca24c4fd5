// Reads the pending graph below some values into a closed description: what a plan is made from and cached by.
// Equal nodes are shared here. Leaves (stored values, numbers) become parameters, so their contents are not part of the key.
// Knows nothing of devices but where leaves live. Read next: fuse.ts.
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/shape.ts";
import type { ConstantAttributes, MapAttributes, Op } from "../ops/descriptor.ts";
import type { DeviceName, Node, Value } from "./node.ts";

/** A value of the captured graph, by index. */
export interface CapturedValue {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Position among `Capture.inputs`, for stored values. */
  readonly input: number | undefined;
  /** Position among `Capture.scalars`, for numbers. */
  readonly scalar: number | undefined;
}

/** A node of the captured graph; operands are value indexes. */
export interface CapturedNode {
  readonly op: Op<unknown>;
  readonly attributes: unknown;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Set by `withDevice`. */
  readonly device: DeviceName | undefined;
}

/** A pending graph, cut off at stored values and numbers. */
export interface Capture {
  /** Equal for graphs that can run the same plan. */
  readonly key: string;
  readonly values: readonly CapturedValue[];
  /** In topological order. */
  readonly nodes: readonly CapturedNode[];
  /** The stored values read, in order. */
  readonly inputs: readonly Value[];
  /** The numbers read, in order, and the values that stand for them. */
  readonly scalars: readonly number[];
  readonly scalarValues: readonly Value[];
  /** Indexes of the values to store. */
  readonly wanted: readonly number[];
  /** The values to store: what was asked for, then what must be kept for others. */
  readonly targets: readonly Value[];
  /** The recorded nodes covered, for settling after the run. */
  readonly covered: readonly Node[];
}

/** Ops whose results are kept if a tensor still holds them: they are dear to compute again. */
const isDear = (node: Node): boolean => node.op.kind === "kernel" || node.op.kind === "reduce";

/** How a capture treats what it meets. */
export interface CaptureOptions {
  /** Values that will be bound later: leaves although nothing is stored. */
  readonly placeholders?: ReadonlySet<Value>;
  /** Keep nothing but the roots: a trace owns its whole graph. */
  readonly rootsOnly?: boolean;
}

/**
 * Captures the work below `roots`. Beside the roots the run will keep values that pending nodes outside of it need, and
 * results of kernels and reductions that a tensor still holds.
 */
export function capture(roots: readonly Value[], options: CaptureOptions = {}): Capture {
  const { placeholders, rootsOnly = false } = options;
  const values: CapturedValue[] = [];
  const nodes: CapturedNode[] = [];
  const inputs: Value[] = [];
  const scalars: number[] = [];
  const scalarValues: Value[] = [];
  const covered: Node[] = [];
  const indexes = new Map<Value, number>();
  const shared = new Map<string, readonly number[]>();
  const inside = new Map<Value, number>();
  const keys: string[] = [];

  const addLeaf = (value: Value): void => {
    indexes.set(value, values.length);
    if (value.isConstant) {
      values.push({ shape: value.shape, dtype: value.dtype, input: undefined, scalar: scalars.length });
      scalars.push((value.node?.attributes as ConstantAttributes).value);
      scalarValues.push(value);
      keys.push(`#${value.dtype}`);
    } else {
      values.push({ shape: value.shape, dtype: value.dtype, input: inputs.length, scalar: undefined });
      inputs.push(value);
      keys.push(`@${value.dtype}[${value.shape.join()}]${residence(value)}`);
    }
  };

  const addNode = (node: Node): void => {
    const operands = node.inputs.map((value) => indexes.get(value) ?? -1);
    for (const value of node.inputs) inside.set(value, (inside.get(value) ?? 0) + 1);
    covered.push(node);
    const key = nodeKey(node, operands);
    let outputs = shared.get(key);
    if (outputs === undefined) {
      outputs = node.outputs.map(
        ({ shape, dtype }) => values.push({ shape, dtype, input: undefined, scalar: undefined }) - 1,
      );
      nodes.push({ op: node.op, attributes: node.attributes, inputs: operands, outputs, device: node.device });
      shared.set(key, outputs);
      keys.push(key);
    }
    const own = outputs;
    node.outputs.forEach((value, index) => indexes.set(value, own[index] ?? -1));
  };

  const isLeaf = (value: Value): boolean =>
    value.isStored || value.isConstant || value.node === undefined || placeholders?.has(value) === true;
  // An explicit stack: recorded chains may be thousands of nodes deep.
  const stack: { value: Value; next: number }[] = roots.map((value) => ({ value, next: 0 })).reverse();
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { value } = top;
    if (indexes.has(value)) stack.pop();
    else if (isLeaf(value)) {
      addLeaf(value);
      stack.pop();
    } else {
      const node = value.node;
      const operand = node?.inputs[top.next++];
      if (operand !== undefined) stack.push({ value: operand, next: 0 });
      else {
        if (node !== undefined) addNode(node);
        stack.pop();
      }
    }
  }

  const targets: Value[] = [...new Set(roots)].filter((value) => !value.isStored);
  const asked = new Set(targets);
  for (const node of rootsOnly ? [] : covered) {
    for (const value of node.outputs) {
      if (asked.has(value) || value.isStored) continue;
      const neededOutside = value.consumers > (inside.get(value) ?? 0);
      const held = value.holders > value.consumers && isDear(node);
      if (neededOutside || held) targets.push(value);
    }
  }
  const wanted = targets.map((value) => indexes.get(value) ?? -1);
  return {
    key: `${keys.join(";")}>${wanted.join()}`,
    values,
    nodes,
    inputs,
    scalars,
    scalarValues,
    wanted,
    targets,
    covered,
  };
}

function residence(value: Value): string {
  const names: DeviceName[] = [...value.copies.keys()];
  return names.length === 0 ? "host" : names.sort().join("+");
}

function nodeKey(node: Node, operands: readonly number[]): string {
  const attributes =
    node.op.kind === "map"
      ? String((node.attributes as MapAttributes).expression.id)
      : JSON.stringify(node.attributes, node.op.kind === "assemble" ? spellNumbers : undefined);
  const [first] = node.outputs;
  return `${node.device ?? ""}${node.op.kind}:${node.op.name}(${operands.join()})${attributes}${first?.dtype ?? ""}[${first?.shape.join() ?? ""}]`;
}

/** JSON has no word for infinities, NaN and −0, which a fill may be. */
function spellNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return Object.is(value, -0) ? "-0" : String(value);
}
