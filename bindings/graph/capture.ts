// Reads the pending graph below some values into a closed description: what a plan is made from and cached by.
// Equal nodes are shared here. Leaves (stored values, numbers) become parameters, so their contents are not part of the key.
// Knows nothing of devices but where leaves live. Read next: fuse.ts.
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/shape.ts";
import { textOf } from "../core/shape.ts";
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

/** Ops whose results are kept if a tensor still holds them: they are dear to compute again. Those rounded to halves too. */
const isDear = (node: Node): boolean => {
  if (node.op.kind !== "map") return node.op.kind === "kernel" || node.op.kind === "reduce";
  const [source] = node.inputs;
  return (
    node.outputs[0]?.dtype === "f16" && node.op.name === "cast" && source?.node !== undefined && isDear(source.node)
  );
};

/** Captures so far: a value that bears another number was not met by this one. */
let captures = 0;

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
  const shared = new Map<string, readonly number[]>();
  const keys: string[] = [];
  const number = ++captures;

  const note = (value: Value, index: number): void => {
    value.capture = number;
    value.captureIndex = index;
    value.captureConsumers = 0;
  };

  const addLeaf = (value: Value): void => {
    note(value, values.length);
    if (value.isConstant) {
      values.push({ shape: value.shape, dtype: value.dtype, input: undefined, scalar: scalars.length });
      scalars.push((value.node?.attributes as ConstantAttributes).value);
      scalarValues.push(value);
      keys.push(`#${value.dtype}`);
    } else {
      values.push({ shape: value.shape, dtype: value.dtype, input: inputs.length, scalar: undefined });
      inputs.push(value);
      keys.push(`@${value.dtype}[${textOf(value.shape)}]${residence(value)}`);
    }
  };

  const addNode = (node: Node): void => {
    const operands: number[] = [];
    for (const value of node.inputs) {
      operands.push(value.captureIndex);
      value.captureConsumers++;
    }
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
    for (const [index, value] of node.outputs.entries()) note(value, outputs[index] ?? -1);
  };

  const isLeaf = (value: Value): boolean =>
    value.isStored || value.isConstant || value.node === undefined || placeholders?.has(value) === true;
  // An explicit stack: recorded chains may be thousands of nodes deep. Beside each value the operand to look at next.
  const stack = [...roots].reverse();
  const next = roots.map(() => 0);
  for (let value = stack.at(-1); value !== undefined; value = stack.at(-1)) {
    const isMet = value.capture === number;
    if (!isMet && !isLeaf(value)) {
      const node = value.node;
      const position = next[next.length - 1] ?? 0;
      next[next.length - 1] = position + 1;
      const operand = node?.inputs[position];
      if (operand !== undefined) {
        if (operand.capture !== number) {
          stack.push(operand);
          next.push(0);
        }
        continue;
      }
      if (node !== undefined) addNode(node);
    } else if (!isMet) addLeaf(value);
    stack.pop();
    next.pop();
  }

  const targets: Value[] = [...new Set(roots)].filter((value) => !value.isStored);
  const asked = new Set(targets);
  for (const node of rootsOnly ? [] : covered) {
    for (const value of node.outputs) {
      if (asked.has(value) || value.isStored) continue;
      const neededOutside = value.consumers > value.captureConsumers;
      const held = value.holders > value.consumers && isDear(node);
      if (neededOutside || held) targets.push(value);
    }
  }
  const wanted = targets.map((value) => value.captureIndex);
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

function residence({ copies }: Value): string {
  if (copies.size === 0) return "host";
  if (copies.size > 1) return [...copies.keys()].sort().join("+");
  return copies.has("wasm") ? "wasm" : "webgpu";
}

function nodeKey(node: Node, operands: readonly number[]): string {
  const attributes =
    node.op.kind === "map"
      ? String((node.attributes as MapAttributes).expression.id)
      : JSON.stringify(node.attributes, hasAnyNumber(node.op) ? spellNumbers : undefined);
  const [first] = node.outputs;
  const identity = node.op.kind === "kernel" ? (node.op.identity ?? "") : "";
  return `${node.device ?? ""}${node.op.kind}:${node.op.name}${identity}(${operands.join()})${attributes}${first === undefined ? "" : `${first.dtype}[${textOf(first.shape)}]`}`;
}

/** Ops whose attributes may hold any number: a fill, and what a user says. */
const hasAnyNumber = (op: Op<unknown>): boolean =>
  op.kind === "assemble" || (op.kind === "kernel" && op.identity !== undefined);

/** JSON has no word for infinities, NaN and −0. */
function spellNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return Object.is(value, -0) ? "-0" : String(value);
}
