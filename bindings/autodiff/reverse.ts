// Reverse-mode differentiation: walks the recorded graph backwards and records the gradient of every op, itself made of
// ops. Forward, backward and whatever uses them meet in one plan when they are read together.
// Knows nodes and op gradients, no devices. Read next: grad.ts, the public functions.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { isFloating } from "../core/dtype.ts";
import { show } from "../core/shape.ts";
import type { Engine } from "../engine/engine.ts";
import type { Node, Value } from "../graph/node.ts";
import { alias } from "../ops/alias.ts";
import type { Gradient, Op, Region } from "../ops/descriptor.ts";
import * as ops from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import { isTensor } from "../ops/tensor.ts";
import type { Part } from "./parts.ts";
import { putTogether } from "./parts.ts";

/** The nodes between `targets` and `roots` in topological order; and the values that depend on a target. */
function path(roots: readonly Value[], targets: ReadonlySet<Value>): { order: Node[]; depends: Set<Value> } {
  const order: Node[] = [];
  const depends = new Set<Value>(targets);
  const seen = new Set<Node>();
  // An explicit stack: recorded chains may be thousands of nodes deep.
  const stack: { node: Node; next: number }[] = [];
  const open = (value: Value): void => {
    const { node } = value;
    if (node === undefined || seen.has(node) || targets.has(value)) return;
    seen.add(node);
    stack.push({ node, next: 0 });
  };
  for (const root of roots) {
    open(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const operand = top.node.inputs[top.next++];
      if (operand !== undefined) open(operand);
      else {
        const { node } = top;
        stack.pop();
        if (node.inputs.some((input) => depends.has(input))) {
          for (const output of node.outputs) depends.add(output);
          order.push(node);
        }
      }
    }
  }
  return { order, depends };
}

/** What is known of the cotangents while the walk goes on: sums, and parts that wait to be put together. */
class Cotangents {
  private readonly sums = new Map<Value, Tensor>();
  private readonly parts = new Map<Value, Part[]>();

  add(value: Value, cotangent: Tensor): void {
    const sum = this.sums.get(value);
    this.sums.set(value, sum === undefined ? cotangent : ops.add(sum, cotangent));
  }

  addPart(value: Value, part: Part): void {
    const known = this.parts.get(value);
    if (known === undefined) this.parts.set(value, [part]);
    else known.push(part);
  }

  get(value: Value): Tensor | undefined {
    const parts = this.parts.get(value);
    if (parts !== undefined) {
      this.parts.delete(value);
      // The walk comes from the end: the parts are placed in the order in which they were cut.
      const whole = putTogether(parts.reverse(), value.shape);
      if (whole !== undefined) this.add(value, whole);
    }
    return this.sums.get(value);
  }
}

/** ∂(Σ cotangents · roots)/∂target for each target; undefined where no root depends on it. */
export function backward(
  engine: Engine,
  roots: readonly Tensor[],
  cotangents: readonly Tensor[],
  targets: readonly Tensor[],
): (Tensor | undefined)[] {
  const targetValues = targets.map((tensor) => engine.valueOf(tensor, "grad"));
  const rootValues = roots.map((tensor) => engine.valueOf(tensor, "grad"));
  const { order, depends } = path(rootValues, new Set(targetValues));
  const known = new Cotangents();
  rootValues.forEach((value, index) => {
    const cotangent = cotangents[index];
    if (cotangent !== undefined) known.add(value, cotangent);
  });
  const handles = new Map<Value, Tensor>();
  const handle = (value: Value): Tensor => {
    const held = handles.get(value);
    if (held !== undefined) return held;
    const made = engine.handle(value);
    handles.set(value, made);
    return made;
  };
  const pullback = (
    composition: (...operands: Tensor[]) => readonly Tensor[],
    operands: readonly Tensor[],
    those: readonly Tensor[],
  ): (Tensor | undefined)[] => {
    const fresh = operands.map(alias);
    return backward(engine, composition(...fresh), those, fresh);
  };
  for (const node of order.reverse()) {
    const reaching = node.outputs.map((output) => known.get(output));
    const gradient = node.op.gradient as Gradient<unknown> | undefined;
    if (reaching.every((cotangent) => cotangent === undefined) || gradient === undefined) continue;
    const wanted = node.inputs.map((input) => depends.has(input) && isFloating(input.dtype));
    if (!wanted.includes(true)) continue;
    const [source] = node.inputs;
    const region = regionOf(node.op, node.attributes);
    if (region !== undefined && source !== undefined) {
      const [cotangent] = reaching;
      if (cotangent !== undefined) known.addPart(source, { region, cotangent });
      continue;
    }
    const gradients = gradient({
      inputs: node.inputs.map(handle),
      outputs: node.outputs.map(handle),
      cotangents: node.outputs.map((output, index) => reaching[index] ?? zerosFor(engine, output)),
      attributes: node.attributes,
      wanted,
      pullback,
    });
    node.inputs.forEach((input, index) => {
      const part = gradients[index];
      if (part !== undefined && wanted[index] === true) known.add(input, part);
    });
  }
  return targetValues.map((value) => known.get(value));
}

/** Where a view lies in its source, if it is a region of it. */
function regionOf(op: Op<unknown>, attributes: unknown): Region | undefined {
  return op.kind === "view" ? op.region?.(attributes) : undefined;
}

function zerosFor(engine: Engine, value: Value): Tensor {
  return ops.broadcastTo(engine.scalar(0, value.dtype), value.shape);
}

/** Throws unless the value of a differentiated function is one float. */
export function checkScalar(op: string, value: unknown): asserts value is Tensor {
  if (!isTensor(value)) {
    throw new ParameterError(
      op,
      `the function must return a scalar tensor, got ${typeof value}. With more results use { hasAux: true } and return [scalar, rest]`,
    );
  }
  if (value.size !== 1)
    throw new ShapeError(
      op,
      `the function must return a scalar, got shape ${show(value.shape)}. Reduce it: .sum() or .mean(); for a vector use vjp`,
    );
  if (!isFloating(value.dtype))
    throw new ParameterError(op, `the function must return a float, got ${value.dtype}. Convert it: .cast("f32")`);
}
