// Reverse-mode differentiation: walks the recorded graph backwards and records the gradient of every op, itself made of
// ops. Forward, backward and whatever uses them meet in one plan when they are read together.
// Knows nodes and op gradients, no devices. Read next: grad.ts, the public functions.
import { ParameterError, ShapeError } from "../core/errors.ts";
import { isFloating } from "../core/dtype.ts";
import { show } from "../core/shape.ts";
import type { Engine } from "../engine/engine.ts";
import type { Node, Value } from "../graph/node.ts";
import type { Gradient } from "../ops/descriptor.ts";
import * as ops from "../ops/index.ts";
import type { Tensor } from "../ops/tensor.ts";
import { isTensor } from "../ops/tensor.ts";

/** The nodes between `targets` and `root` in topological order, root last; and the values that depend on a target. */
function path(root: Value, targets: ReadonlySet<Value>): { order: Node[]; depends: Set<Value> } {
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
  return { order, depends };
}

/** ∂(cotangent · root)/∂target for each target; undefined where root does not depend on it. */
export function backward(
  engine: Engine,
  root: Tensor,
  cotangent: Tensor,
  targets: readonly Tensor[],
): (Tensor | undefined)[] {
  const targetValues = targets.map((tensor) => engine.valueOf(tensor, "grad"));
  const rootValue = engine.valueOf(root, "grad");
  const { order, depends } = path(rootValue, new Set(targetValues));
  const cotangents = new Map<Value, Tensor>([[rootValue, cotangent]]);
  const handles = new Map<Value, Tensor>();
  const handle = (value: Value): Tensor => {
    const known = handles.get(value);
    if (known !== undefined) return known;
    const made = engine.handle(value);
    handles.set(value, made);
    return made;
  };
  for (const node of order.reverse()) {
    const reached = node.outputs.some((output) => cotangents.has(output));
    const gradient = node.op.gradient as Gradient<unknown> | undefined;
    if (!reached || gradient === undefined) continue;
    const wanted = node.inputs.map((input) => depends.has(input) && isFloating(input.dtype));
    if (!wanted.includes(true)) continue;
    const gradients = gradient({
      inputs: node.inputs.map(handle),
      outputs: node.outputs.map(handle),
      cotangents: node.outputs.map((output) => cotangents.get(output) ?? zerosFor(engine, output)),
      attributes: node.attributes,
      wanted,
    });
    node.inputs.forEach((input, index) => {
      const part = gradients[index];
      if (part === undefined || wanted[index] !== true) return;
      const sum = cotangents.get(input);
      cotangents.set(input, sum === undefined ? part : ops.add(sum, part));
    });
  }
  return targetValues.map((value) => cotangents.get(value));
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
